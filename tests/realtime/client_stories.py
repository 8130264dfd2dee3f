"""What happens in one session of the client, as stories for `test_library_contract`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.realtime.stage import Stage, sound

Story = Callable[[Stage], Awaitable[None]]
STORIES: dict[str, Story] = {}

OUTSIDE = {"conversation": "none", "metadata": {"topic": "1"}, "instructions": "Sum it up."}


def story(tell: Story) -> Story:
    STORIES[tell.__name__.replace("_", " ")] = tell
    return tell


# ------------------------------------------------------------------- turns


@story
async def a_client_connects(on: Stage) -> None:
    await on.connect(shown=True)


@story
async def a_turn_is_answered(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    await on.service_sends(
        "conversation.item.input_audio_transcription.completed",
        item_id="u1", content_index=0, transcript="Is it late?",
    )  # fmt: skip
    await on.begins("r1")
    await on.speaks("r1")
    await on.speaks("r1")
    await on.service_sends("response.audio.done", response_id="r1", item_id="a_r1")
    await on.ends("r1")
    await on.user("set_model_speak_done")


@story
async def two_turns_follow_each_other(on: Stage) -> None:
    await on.connect()
    for number in "12":
        await on.user("append_audio", sound(200, int(number)))
        await on.hears_turn(f"u{number}")
        await on.begins(f"r{number}")
        await on.speaks(f"r{number}")
        await on.ends(f"r{number}")
        await on.user("set_model_speak_done")
    await on.user("set_model_speak_done")


@story
async def speech_interrupts_an_answer_that_is_generated(on: Stage) -> None:
    await on.connect()
    started = "input_audio_buffer.speech_started"
    on.on(started, lambda _event: on.listener("truncate_item", "a_r1", 0, 40))
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u2")
    await on.speaks("r1")
    await on.ends("r1", "cancelled", status_details={"reason": "turn_detected"})
    await on.service_sends(
        "conversation.item.truncated", item_id="a_r1", content_index=0, audio_end_ms=40
    )
    await on.takes_turn("u2")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")


@story
async def speech_interrupts_an_answer_that_is_only_played(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.hears_turn("u2")
    await on.user("set_model_speak_done")
    await on.begins("r2")
    await on.speaks("r2")


@story
async def speech_interrupts_an_answer_before_its_first_sound(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u2")
    await on.ends("r1", "cancelled")
    await on.takes_turn("u2")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")


@story
async def a_turn_is_never_answered(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.wait(20)


@story
async def an_answer_begins_without_a_word_before_and_ends_without_an_id(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.speaks("r1")
    await on.service_sends("response.done", response={"status": "completed", "output": []})
    await on.user("create_response")
    await on.user("set_model_speak_done")


@story
async def nobody_says_anything_for_too_long(on: Stage) -> None:
    await on.connect()
    await on.service_sends(
        "input_audio_buffer.timeout_triggered", item_id="u1", audio_start_ms=0, audio_end_ms=5000
    )
    await on.commits("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.user("set_model_speak_done")


@story
async def answers_fail_or_stay_incomplete(on: Stage) -> None:
    await on.connect()
    failed = {"type": "failed", "error": {"type": "server_error", "code": "server_error"}}
    quota = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "Nothing left."}
    details = [failed, {"type": "failed", "error": quota}]
    for number, detail in enumerate(details, start=1):
        await on.hears_turn(f"u{number}")
        await on.begins(f"r{number}")
        await on.ends(f"r{number}", "failed", status_details=detail, output=[])
    reason = {"type": "incomplete", "reason": "max_output_tokens"}
    await on.hears_turn("u3")
    await on.begins("r3")
    await on.ends("r3", "incomplete", status_details=reason, output=[])
    await on.hears_turn("u4")
    await on.begins("r4")
    await on.speaks("r4")
    await on.ends("r4", "incomplete", status_details=reason)
    await on.user("set_model_speak_done")


# -------------------------------------------------------------- cancelling


@story
async def the_user_cancels_the_answer_under_way(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.user("cancel_response")
    await on.speaks("r1")
    await on.ends("r1", "cancelled", status_details={"reason": "client_cancelled"})
    await on.user("set_model_speak_done")


@story
async def the_user_cancels_by_id(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.user("cancel_response", "r0")
    await on.speaks("r1")
    await on.user("cancel_response", "r1")
    await on.speaks("r1")
    await on.ends("r1", "cancelled")
    await on.user("set_model_speak_done")


@story
async def the_user_cancels_where_there_is_nothing(on: Stage) -> None:
    await on.connect()
    await on.user("cancel_response")
    await on.refuses("response_cancel_not_active")
    await on.hears_turn("u1")
    await on.user("cancel_response")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")


@story
async def the_user_sends_a_cancellation_by_hand(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.user("send", {"type": "response.cancel"})
    await on.speaks("r1")
    await on.ends("r1", "cancelled")
    await on.user("set_model_speak_done")


@story
async def a_listener_cancels_at_the_first_sound_and_asks_for_another_answer(on: Stage) -> None:
    await on.connect()

    def hush(_event: object) -> None:
        on.listener("cancel_response")
        on.listener("set_model_speak_done")
        on.listener("create_response")
        on.listener("off", "response.audio.delta")

    on.on("response.audio.delta", hush)
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.speaks("r1")
    await on.ends("r1", "cancelled")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")


# -------------------------------------------------------- asking for answers


@story
async def an_answer_that_is_asked_for_waits_for_the_one_under_way(on: Stage) -> None:
    await on.connect()
    await on.user("create_response", {"instructions": "Begin."})
    await on.user("create_response", {"instructions": "Go on."})
    await on.begins("r1")
    await on.speaks("r1")
    await on.user("set_model_speak_done")
    await on.ends("r1")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")
    await on.user("set_model_speak_done")


@story
async def an_answer_is_asked_for_while_somebody_speaks(on: Stage) -> None:
    await on.connect()
    started = "input_audio_buffer.speech_started"
    on.on(started, lambda _event: on.listener("create_response"))
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.user("set_model_speak_done")


@story
async def listeners_ask_for_the_next_answer(on: Stage) -> None:
    await on.connect()
    on.client.once("response.done", lambda _event: on.listener("create_response"))
    on.client.once("response.created", lambda _event: on.listener("create_response"))
    on.client.once("status_changed", lambda *_: on.listener("append_audio", sound(20, 3)))
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    for number in "23":
        await on.begins(f"r{number}")
        await on.speaks(f"r{number}")
        await on.ends(f"r{number}")


@story
async def sixteen_answers_may_wait(on: Stage) -> None:
    await on.connect()
    await on.begins("r1")
    for number in range(17):
        await on.user("create_response", {"instructions": str(number)})
    await on.ends("r1")
    await on.begins("r2")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u1")
    await on.ends("r2", "cancelled")


@story
async def a_request_is_refused_as_an_answer_is_under_way(on: Stage) -> None:
    await on.connect()
    refusal = "conversation_already_has_active_response"
    await on.user("create_response", {"instructions": "Begin."})
    await on.refuses(refusal, on.last("response.create")["event_id"])
    await on.ends("r0")
    await on.begins("r1")
    await on.ends("r1", output=[])
    await on.user("create_response")
    await on.refuses("invalid_value", on.last("response.create")["event_id"])
    await on.user("create_response")
    for number in range(2, 7):
        await on.refuses(refusal, on.last("response.create")["event_id"])
        await on.ends(f"r{number}", output=[])


@story
async def nothing_comes_of_a_request(on: Stage) -> None:
    await on.connect()
    await on.user("create_response")
    await on.user("create_response")
    await on.wait(20)
    await on.service_sends("rate_limits.updated", rate_limits=[])
    await on.begins("r1")
    await on.wait(70)
    await on.user("create_response")
    await on.service_sends("rate_limits.updated", rate_limits=[])


@story
async def an_answer_outside_the_conversation_runs_beside_another(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.user("create_response", OUTSIDE)
    await on.begins("o1", conversation_id=None, metadata=OUTSIDE["metadata"])
    await on.speaks("o1")
    await on.speaks("r1")
    await on.ends("o1", conversation_id=None, metadata=OUTSIDE["metadata"])
    await on.ends("r1")
    await on.user("set_model_speak_done")
    await on.user("create_response", {"conversation": "none"})
    await on.begins("o2", conversation_id=None)
    await on.speaks("o2")
    await on.user("create_response")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u2")
    await on.ends("o2", conversation_id=None)


# ------------------------------------------------------------ function calls


@story
async def a_function_is_called_and_answered(on: Stage) -> None:
    await on.connect()

    def answer(calls: list[object]) -> None:
        on.listener("answer_function_call", "c1", '{"on": true}')

    on.on("function_calls", answer)
    await on.hears_turn("u1")
    await on.calls("r1", "c1")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")
    await on.user("answer_function_call", "c1", "again")


@story
async def several_functions_are_answered_out_of_order(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.calls("r1", "c1", "c2", "c3")
    for call_id in ("c3", "c1", "c9", "c2"):
        await on.user("answer_function_call", call_id, f"result of {call_id}")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")


@story
async def several_rounds_of_calls_lead_to_an_answer(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    for number in "12":
        await on.calls(f"r{number}", f"c{number}")
        await on.user("answer_function_call", f"c{number}", "done")
    await on.begins("r3")
    await on.speaks("r3")
    await on.ends("r3")
    await on.user("set_model_speak_done")


@story
async def somebody_speaks_before_the_result(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.calls("r1", "c1")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u2")
    await on.user("answer_function_call", "c1", "done")
    await on.takes_turn("u2")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")


@story
async def calls_of_an_interrupted_answer_are_not_made(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.calls("r1", "c1", status="cancelled")
    await on.user("answer_function_call", "c1", "done")
    await on.wait(20)


@story
async def nobody_answers_a_call(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.calls("r1", "c1")
    await on.wait(20)
    await on.user("answer_function_call", "c1", "late")
    await on.begins("r2")
    await on.speaks("r2")


# ------------------------------------------------------------------- status


@story
async def the_user_sets_the_status(on: Stage) -> None:
    await on.connect()
    await on.user("status", "thinking")
    await on.user("status", "thinking")
    await on.user("status", "bored")
    await on.hears_turn("u1")
    await on.user("status", "idle")
    await on.begins("r1")
    await on.speaks("r1")
    await on.user("status", "listening")
    await on.speaks("r1")
    await on.ends("r1")
    await on.user("status", "thinking")
    await on.wait(20)


@story
async def the_user_says_that_playing_is_over_while_it_is_generated(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.user("set_model_speak_done")
    await on.begins("r1")
    await on.speaks("r1")
    await on.user("set_model_speak_done")
    await on.service_sends("response.audio.done", response_id="r1", item_id="a_r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.user("set_model_speak_done")
    await on.user("set_model_speak_done")


@story
async def listeners_see_a_status_that_other_listeners_set(on: Stage) -> None:
    await on.connect()
    on.on("response.done", lambda _event: on.listener("set_model_speak_done"))

    def leave(status: str, _previous: str) -> None:
        if status == "idle":
            on.listener("off_all")

    on.on("status_changed", leave)
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.hears_turn("u2")
