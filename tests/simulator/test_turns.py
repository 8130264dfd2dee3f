"""What a client sees of a turn: the order of events, in both dialects."""

from __future__ import annotations

import asyncio
from typing import Any

from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import Caller, EnergyHearing, call, loud, quiet

SPOKEN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.created",
    "response.content_part.added",
    "response.audio_transcript.delta",
    "response.audio.delta",
    "response.audio.done",
    "response.audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
HEARD = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.created",
    "conversation.item.done",
]


def in_dialect(kinds: list[str], dialect: Dialect) -> list[str]:
    if dialect == "ga":
        return kinds
    return [kind for kind in kinds if kind != "conversation.item.done"]


async def test_a_spoken_turn_has_the_events_of_the_dialect_in_order(caller: Caller) -> None:
    caller.events.clear()
    await caller.speak(quiet(480) + loud(960) + quiet(480))
    done = await caller.until("response.done")
    assert caller.kinds() == in_dialect(HEARD + SPOKEN, caller.dialect)
    assert done["response"]["status"] == "completed"


async def test_the_turn_lies_on_the_audio_clock(caller: Caller) -> None:
    await caller.speak(quiet(960) + loud(960) + quiet(480))
    await caller.until("response.done")
    (started,) = caller.of("input_audio_buffer.speech_started")
    (stopped,) = caller.of("input_audio_buffer.speech_stopped")
    assert started["audio_start_ms"] == 960 - 300
    assert 1920 + 200 <= stopped["audio_end_ms"] < 1920 + 200 + 32
    (turn,) = caller.session.record.turns
    assert len(turn.heard) == 48 * (stopped["audio_end_ms"] - started["audio_start_ms"])


async def test_a_turn_at_the_very_start_has_no_padding_before_zero(caller: Caller) -> None:
    await caller.speak(loud(640) + quiet(480))
    started = await caller.until("input_audio_buffer.speech_started")
    assert started["audio_start_ms"] == 0


async def test_one_item_id_runs_through_the_turn(caller: Caller) -> None:
    await caller.speak(loud(640) + quiet(480))
    await caller.until("response.created")
    ids = {event["item_id"] for event in caller.events if "item_id" in event}
    ids |= {event["item"]["id"] for event in caller.events if "item" in event}
    assert len(ids) == 1


async def test_the_transcript_runs_ahead_of_the_sound(caller: Caller) -> None:
    await caller.write("one two three four five six seven eight nine ten")
    await caller.send("response.create")
    await caller.until("response.done")
    kinds = caller.kinds()
    assert kinds.index("response.audio_transcript.delta") < kinds.index("response.audio.delta")
    words = "".join(event["delta"] for event in caller.of("response.audio_transcript.delta"))
    (done,) = caller.of("response.audio_transcript.done")
    assert words == done["transcript"] == "one two three four five six seven eight nine ten"


async def test_a_burst_is_about_twenty_times_faster_than_real_time(caller: Caller) -> None:
    clock = asyncio.get_running_loop().time
    await caller.write("x" * 50)
    await caller.send("response.create")
    await caller.until("response.audio.delta")
    began = clock()
    await caller.until("response.done")
    assert len(caller.sound()) == 48 * 3000
    assert 0.1 <= clock() - began <= 0.2
    sizes = {len(event["delta"]) * 3 // 4 for event in caller.of("response.audio.delta")[:-1]}
    assert min(sizes) >= 4800
    assert max(sizes) <= 12000


async def test_in_real_time_an_answer_takes_as_long_as_it_sounds(dialect: Dialect) -> None:
    async with (
        Simulator(voice="tone", pacing="realtime") as simulator,
        call(simulator, dialect) as caller,
    ):
        clock = asyncio.get_running_loop().time
        await caller.write("x" * 50)
        await caller.send("response.create")
        await caller.until("response.audio.delta")
        began = clock()
        await caller.until("response.done")
        assert 2.7 <= clock() - began <= 3.0


async def test_the_parrot_says_back_what_it_heard(dialect: Dialect) -> None:
    async with (
        Simulator(voice="parrot", voice_detector=EnergyHearing) as simulator,
        call(simulator, dialect) as caller,
    ):
        await caller.speak(quiet(640) + loud(960) + quiet(480))
        await caller.until("response.done")
        assert caller.sound().strip(b"\x00") == loud(960).strip(b"\x00")
        (done,) = caller.of("response.audio_transcript.done")
        assert done["transcript"] == "speech of 1.5 s"


async def test_a_text_turn_has_its_events_in_order(caller: Caller) -> None:
    caller.events.clear()
    await caller.write("good morning")
    await caller.send("response.create", response=caller.in_text())
    await caller.until("response.done")
    assert caller.kinds() == in_dialect(
        [
            "conversation.item.created",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.created",
            "response.content_part.added",
            "response.text.delta",
            "response.text.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ],
        caller.dialect,
    )
    (done,) = caller.of("response.text.done")
    assert done["text"] == "good morning"


async def test_a_commit_by_hand_makes_a_turn_and_no_answer(caller: Caller) -> None:
    await caller.push_to_talk()
    caller.events.clear()
    await caller.speak(loud(500))
    await caller.send("input_audio_buffer.commit")
    await caller.send("input_audio_buffer.clear")
    await caller.until("input_audio_buffer.cleared")
    assert caller.kinds() == in_dialect(
        [
            "input_audio_buffer.committed",
            "conversation.item.created",
            "conversation.item.done",
            "input_audio_buffer.cleared",
        ],
        caller.dialect,
    )
    caller.events.clear()
    await caller.send("response.create")
    await caller.until("response.done")
    assert caller.kinds() == in_dialect(SPOKEN, caller.dialect)
    assert caller.session.record.turns[-1].heard == loud(500)


async def test_less_than_100_ms_cannot_be_committed(caller: Caller) -> None:
    await caller.push_to_talk()
    await caller.speak(loud(99))
    await caller.send("input_audio_buffer.commit")
    error = await caller.refusal()
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "only has 99.00ms of audio" in error["message"]


async def test_clearing_forgets_what_was_said(caller: Caller) -> None:
    await caller.push_to_talk()
    await caller.speak(loud(500))
    await caller.send("input_audio_buffer.clear")
    await caller.send("input_audio_buffer.commit")
    assert (await caller.refusal())["code"] == "input_audio_buffer_commit_empty"


async def test_the_input_is_transcribed_when_asked_for(caller: Caller) -> None:
    await caller.configure(transcription={"model": "whisper-1"})
    await caller.speak(loud(640) + quiet(480))
    kind = "conversation.item.input_audio_transcription.completed"
    completed = await caller.until(kind)
    (committed,) = caller.of("input_audio_buffer.committed")
    assert completed["item_id"] == committed["item_id"]
    assert completed["transcript"] == "speech of 0.9 s"
    assert completed["usage"]["type"] == "duration"


async def test_without_create_response_a_turn_is_not_answered(caller: Caller) -> None:
    await caller.configure(turn_detection={"type": "server_vad", "create_response": False})
    await caller.speak(loud(640) + quiet(480))
    await caller.send("input_audio_buffer.clear")
    await caller.until("input_audio_buffer.cleared")
    await asyncio.sleep(1.0)
    assert caller.of("input_audio_buffer.committed")
    assert not caller.session.record.turns


async def test_a_function_is_called_and_its_output_answered(dialect: Dialect) -> None:
    def reply(turn: Turn) -> Reply | str:
        if turn.function_output:
            return f"it is {turn.text}"
        return Reply(calls=(Call("weather", '{"town": "Bonn"}'),))

    async with (
        Simulator(voice="tone", reply=reply) as simulator,
        call(simulator, dialect) as caller,
    ):
        await caller.write("how is the weather?")
        await caller.send("response.create")
        done = await caller.until("response.done")
        kinds = caller.kinds()
        assert kinds[kinds.index("response.created") :] == in_dialect(
            [
                "response.created",
                "response.output_item.added",
                "conversation.item.created",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "conversation.item.done",
                "response.output_item.done",
                "response.done",
            ],
            dialect,
        )
        (item,) = done["response"]["output"]
        assert (item["name"], item["arguments"]) == ("weather", '{"town": "Bonn"}')
        output = {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"}
        await caller.send("conversation.item.create", item=output)
        await caller.send("response.create")
        answer = await caller.until("response.done")
        assert answer["response"]["output"][0]["content"][0]["transcript"] == "it is sunny"


async def test_a_response_outside_the_conversation_leaves_no_trace_in_it(caller: Caller) -> None:
    caller.events.clear()
    words = [{"type": "input_text", "text": "The washing machine is done."}]
    await caller.send(
        "response.create",
        response={
            "conversation": "none",
            "metadata": {"rtaudio": "say"},
            "instructions": "Say exactly this.",
            "input": [{"type": "message", "role": "user", "content": words}],
        },
    )
    done = await caller.until("response.done")
    assert not [kind for kind in caller.kinds() if kind.startswith("conversation.")]
    response = done["response"]
    assert response["conversation_id"] is None
    assert response["metadata"] == {"rtaudio": "say"}
    assert response["output"][0]["content"][0]["transcript"] == "The washing machine is done."
    assert len(caller.session.items) == 0


async def test_usage_adds_up(caller: Caller) -> None:
    await caller.speak(loud(640) + quiet(480))
    usage: dict[str, Any] = (await caller.until("response.done"))["response"]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    for side in ("input", "output"):
        details = usage[f"{side}_token_details"]
        assert usage[f"{side}_tokens"] == details["text_tokens"] + details["audio_tokens"]
        assert details["audio_tokens"] > 0


async def test_an_answer_that_fails_says_so(dialect: Dialect) -> None:
    def reply(_turn: Turn) -> str:
        raise RuntimeError("the model is on fire")

    async with Simulator(reply=reply) as simulator, call(simulator, dialect) as caller:
        await caller.send("response.create")
        response = (await caller.until("response.done"))["response"]
        assert response["status"] == "failed"
        assert response["status_details"]["error"]["message"] == "the model is on fire"


async def test_an_answer_ends_at_its_limit_of_tokens(caller: Caller) -> None:
    key = "max_output_tokens" if caller.dialect == "ga" else "max_response_output_tokens"
    await caller.write("word " * 40)
    await caller.send("response.create", response={key: 30})
    response = (await caller.until("response.done"))["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert 30 <= response["usage"]["output_tokens"] < 40


async def test_a_client_that_does_not_listen_for_a_minute_loses_nothing(dialect: Dialect) -> None:
    async with Simulator(voice="silence") as simulator, call(simulator, dialect) as caller:
        await caller.write("word " * 400)
        await caller.send("response.create")
        await asyncio.sleep(60)
        done = await caller.until("response.done")
        assert done["response"]["status"] == "completed"
        assert len(caller.sound()) == 48 * 60 * len("word " * 400)


async def test_a_reply_may_be_awaited_bring_its_sound_and_call_functions(dialect: Dialect) -> None:
    async def reply(turn: Turn) -> Reply:
        await asyncio.sleep(1.0)
        return Reply(turn.text.upper(), pcm=loud(500), calls=(Call("a"), Call("b")))

    async with Simulator(reply=reply) as simulator, call(simulator, dialect) as caller:
        await caller.write("hello")
        await caller.send("response.create")
        response = (await caller.until("response.done"))["response"]
        assert caller.sound() == loud(500)
        assert [item["type"] for item in response["output"]] == ["message"] + ["function_call"] * 2
        assert response["output"][0]["content"][0]["transcript"] == "HELLO"
        assert [event["output_index"] for event in caller.of("response.output_item.done")] == [
            0,
            1,
            2,
        ]


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    simulator: Simulator, dialect: Dialect
) -> None:
    async with call(simulator, dialect) as caller:
        await caller.configure(transcription={"model": "whisper-1"})
        await caller.speak(loud(640) + quiet(480))
        await caller.until("response.created")
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "simulator-transcribe" in names
    async with asyncio.timeout(5):
        while any(task.get_name().startswith("simulator-") for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)
    assert not simulator.sessions[-1].open
