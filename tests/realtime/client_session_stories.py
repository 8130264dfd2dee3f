"""Sessions that come and go, sound, settings: stories for `test_library_contract`."""

from __future__ import annotations

from rtaudio_daemon import SessionPolicy
from tests.realtime.client_stories import story
from tests.realtime.stage import DETECTION, Stage, sound

# ------------------------------------------------------- sessions come and go


@story
async def an_answer_that_had_not_begun_is_asked_for_again(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.drop()
    await on.session(2)
    await on.begins("r2")
    await on.drop()
    await on.session(3)
    await on.begins("r3")
    await on.speaks("r3")
    await on.ends("r3")
    await on.user("set_model_speak_done")


@story
async def an_answer_that_had_begun_is_not_asked_for_again(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.drop()
    await on.session(2)
    await on.user("create_response")


@story
async def a_question_is_lost_again_and_again(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    for number in (2, 3, 4):
        await on.drop()
        await on.session(number)


@story
async def the_next_session_comes_too_late_for_the_question(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    on.service.refusals.append((503, {"Retry-After": "30"}, "busy"))
    await on.drop()
    await on.wait(20)
    await on.wait(20)


@story
async def a_session_is_lost_while_functions_are_called(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    await on.calls("r1", "c1")
    await on.drop()
    await on.session(2)
    await on.user("answer_function_call", "c1", "done")


@story
async def a_session_is_lost_with_what_listeners_want(on: Stage) -> None:
    await on.connect()

    def ask(change: object) -> None:
        on.listener("create_response", {"instructions": "Say hello."})
        on.listener("append_audio", sound(20, 5))

    await on.user("create_response")
    await on.begins("r1")
    await on.speaks("r1")
    await on.user("create_response")
    on.on("connection", ask)
    await on.drop()
    await on.session(2)


@story
async def a_session_is_renewed_while_nobody_speaks(on: Stage) -> None:
    await on.connect(policy=SessionPolicy(forget_after_s=0))
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.wait(1382)
    await on.user("set_model_speak_done")
    await on.session(2)
    await on.hears_turn("u2")


@story
async def what_was_said_while_there_was_no_session_is_heard_by_the_next(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(200, 1))
    await on.service_sends("input_audio_buffer.speech_started", item_id="u1")
    await on.user("append_audio", sound(200, 2))
    await on.drop()
    await on.user("append_audio", sound(200, 3))
    await on.session(2)
    await on.user("append_audio", sound(200, 4))
    await on.hears_turn("u2")


@story
async def what_was_said_too_long_ago_is_dropped(on: Stage) -> None:
    await on.connect(websocket_options={"outage_buffer": 2})
    on.service.refusals.append((503, {"Retry-After": "10"}, "busy"))
    await on.drop()
    await on.user("append_audio", sound(200, 1))
    await on.wait(15)
    await on.user("append_audio", sound(200, 2))


@story
async def messages_wait_for_the_next_session(on: Stage) -> None:
    await on.connect(websocket_options={"connect_resend": True})
    await on.drop()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    await on.user("create_conversation_item", item)
    await on.user("create_response", {"instructions": "Say hello."})
    await on.user("cancel_response")
    await on.session(2)


@story
async def nothing_is_sent_before_there_is_a_session(on: Stage) -> None:
    on.open()
    await on.user("append_audio", sound(200, 1))
    for method in ("commit_audio", "clear_audio_buffer", "create_response", "cancel_response"):
        await on.user(method)
    await on.user("update_session", {"instructions": "Be brief."})
    await on.user("set_model_speak_done")


# -------------------------------------------------------------------- sound


@story
async def the_user_clears_what_was_said(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(200, 257) + b"\1")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u1")
    await on.user("clear_audio_buffer")
    await on.service_sends("input_audio_buffer.cleared")
    await on.user("append_audio", sound(200, 2))
    await on.drop()
    await on.session(2)


@story
async def the_user_ends_the_turns(on: Stage) -> None:
    await on.connect(session_config={"voice": "alloy", "turn_detection": None})
    await on.user("append_audio", sound(200, 1))
    await on.user("commit_audio")
    await on.commits("u1")
    await on.user("create_response")
    await on.user("append_audio", sound(200, 2))
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.user("set_model_speak_done")
    await on.user("commit_audio")
    await on.commits("u2")
    await on.user("create_response")
    await on.drop()
    await on.session(2)


@story
async def the_user_ends_a_turn_that_is_empty(on: Stage) -> None:
    await on.connect(session_config={"voice": "alloy", "turn_detection": None})
    await on.user("commit_audio")
    await on.refuses("input_audio_buffer_commit_empty")
    await on.user("append_audio", sound(200, 1))
    await on.user("commit_audio")
    await on.commits("u1")


# ----------------------------------------------------------------- settings


@story
async def the_user_asks_for_the_answer_to_a_turn(on: Stage) -> None:
    detection = {**DETECTION, "create_response": False}
    await on.connect(session_config={"voice": "alloy", "turn_detection": detection})
    await on.user("append_audio", sound(200))
    await on.hears_turn("u1")
    await on.user("create_response")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.user("set_model_speak_done")
    await on.hears_turn("u2")
    await on.drop()
    await on.session(2)


@story
async def speech_does_not_interrupt_where_the_user_does_not_want_it(on: Stage) -> None:
    detection = {**DETECTION, "interrupt_response": False}
    await on.connect(session_config={"voice": "alloy", "turn_detection": detection})
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u2")
    await on.speaks("r1")
    await on.takes_turn("u2")
    await on.speaks("r1")
    await on.ends("r1")
    await on.begins("r2")
    await on.speaks("r2")
    await on.ends("r2")
    await on.user("set_model_speak_done")


@story
async def the_voice_changes_before_and_after_it_has_spoken(on: Stage) -> None:
    await on.connect()
    await on.user("update_session", {"voice": "ash"})
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.ends("r1")
    await on.user("set_model_speak_done")
    await on.user("update_session", {"voice": "cedar", "instructions": "Be brief."})
    await on.user("update_session", {"voice": "marin"})
    await on.drop()
    await on.session(2)


@story
async def a_listener_changes_settings(on: Stage) -> None:
    await on.connect()
    change = {"turn_detection": {"create_response": False}}
    on.client.once(
        "input_audio_buffer.speech_started", lambda _event: on.listener("update_session", change)
    )
    await on.hears_turn("u1")
    await on.user("update_session", {"turn_detection": None})


@story
async def a_listener_that_raises_hurts_nobody(on: Stage) -> None:
    await on.connect()

    def stumble(_event: object) -> None:
        on.lines.append("             listener: raises")
        raise ValueError("I am a listener")

    on.on("input_audio_buffer.speech_stopped", stumble)
    on.on(
        "input_audio_buffer.speech_stopped",
        lambda _event: on.listener("append_audio", sound(20, 4)),
    )
    await on.hears_turn("u1")
