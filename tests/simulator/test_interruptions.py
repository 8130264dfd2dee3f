"""Barge-in, cancel, truncate: an answer that is cut off says exactly what it said."""

from __future__ import annotations

import base64
from typing import Any

from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import Caller, EnergyHearing, call, loud, quiet

LONG = "word " * 200


async def speaking(caller: Caller) -> str:
    """Let an answer of a minute begin; returns its item's id."""
    await caller.write(LONG)
    await caller.send("response.create")
    delta = await caller.until("response.audio.delta")
    return str(delta["item_id"])


async def test_speech_interrupts_the_answer(caller: Caller) -> None:
    await speaking(caller)
    await caller.speak(loud(320))
    done = (await caller.until("response.done"))["response"]
    kinds = caller.kinds()
    assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.audio.done")
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    said = "".join(event["delta"] for event in caller.of("response.audio_transcript.delta"))
    (closed,) = caller.of("response.audio_transcript.done")
    assert closed["transcript"] == said
    assert done["output"][0]["content"][0]["transcript"] == said
    assert len(caller.sound()) < 48 * 30_000


async def test_the_turn_that_interrupted_is_answered(caller: Caller) -> None:
    await speaking(caller)
    await caller.speak(loud(640) + quiet(480))
    assert (await caller.until("response.done"))["response"]["status"] == "cancelled"
    assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_late_deltas_follow_an_interruption_when_asked_for(dialect: Dialect) -> None:
    async with (
        Simulator(voice="tone", late_deltas=3, voice_detector=EnergyHearing) as simulator,
        call(simulator, dialect) as caller,
    ):
        await speaking(caller)
        await caller.speak(loud(320))
        await caller.until("input_audio_buffer.speech_started")
        before = len(caller.of("response.audio.delta"))
        done = await caller.until("response.done")
        assert len(caller.of("response.audio.delta")) == before + 3
        assert done["response"]["status"] == "cancelled"


async def test_without_interrupt_response_the_answer_goes_on_and_the_turn_waits(
    caller: Caller,
) -> None:
    await caller.configure(turn_detection={"type": "server_vad", "interrupt_response": False})
    await speaking(caller)
    await caller.speak(loud(640) + quiet(480))
    first = await caller.until("response.done")
    second = await caller.until("response.done")
    assert [first["response"]["status"], second["response"]["status"]] == ["completed"] * 2


async def test_an_answer_can_be_cancelled(caller: Caller) -> None:
    await speaking(caller)
    response_id = caller.of("response.created")[0]["response"]["id"]
    await caller.send("response.cancel", response_id=response_id)
    done = (await caller.until("response.done"))["response"]
    assert done["id"] == response_id
    assert done["status_details"]["reason"] == "client_cancelled"


async def test_an_answer_cancelled_at_once_said_nothing_and_cost_nothing(caller: Caller) -> None:
    await caller.send("response.create")
    await caller.send("response.cancel")
    done = (await caller.until("response.done"))["response"]
    assert done["output"] == []
    assert done["usage"]["total_tokens"] == 0


async def test_cancelling_nothing_is_refused_with_the_event_id(caller: Caller) -> None:
    await caller.send("response.cancel", event_id="mine")
    error = await caller.refusal()
    assert error["code"] == "response_cancel_not_active"
    assert error["event_id"] == "mine"


async def test_a_second_answer_has_to_wait(caller: Caller) -> None:
    await speaking(caller)
    await caller.send("response.create")
    error = await caller.refusal()
    assert error["code"] == "conversation_already_has_active_response"
    assert caller.of("response.created")[0]["response"]["id"] in error["message"]


async def test_an_announcement_runs_beside_an_answer(caller: Caller) -> None:
    await speaking(caller)
    words = [{"type": "input_text", "text": "Ding."}]
    await caller.send(
        "response.create",
        response={
            "conversation": "none",
            "input": [{"type": "message", "role": "user", "content": words}],
        },
    )
    first = await caller.until("response.done")
    assert first["response"]["conversation_id"] is None
    second = await caller.until("response.done")
    assert second["response"]["conversation_id"] is not None


async def test_an_answer_is_truncated_to_what_was_heard(caller: Caller) -> None:
    item_id = await speaking(caller)
    await caller.send("response.cancel")
    await caller.until("response.done")
    place: dict[str, Any] = {"item_id": item_id, "content_index": 0, "audio_end_ms": 50}
    await caller.send("conversation.item.truncate", **place)
    truncated = await caller.until("conversation.item.truncated")
    assert {key: truncated[key] for key in place} == place
    await caller.send("conversation.item.retrieve", item_id=item_id)
    item = (await caller.until("conversation.item.retrieved"))["item"]
    assert not item["content"][0]["transcript"]


async def test_nothing_beyond_the_sound_can_be_truncated(caller: Caller) -> None:
    item_id = await speaking(caller)
    await caller.send("response.cancel")
    await caller.until("response.done")
    has_ms = len(caller.sound()) // 48
    await caller.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=has_ms + 1
    )
    error = await caller.refusal()
    assert error["message"] == f"Audio content of {has_ms}ms is already shorter than {has_ms + 1}ms"


async def test_truncate_refuses_negative_times_unknown_and_written_items(caller: Caller) -> None:
    await caller.write("hello", item_id="written")
    for item_id, end_ms, code in [
        ("written", -11, "integer_below_min_value"),
        ("nobody", 0, "item_truncate_invalid_item_id"),
        ("written", 0, "unsupported_content_type"),
    ]:
        await caller.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=end_ms
        )
        assert (await caller.refusal())["code"] == code


async def test_the_users_sound_comes_back_with_retrieve(caller: Caller) -> None:
    await caller.push_to_talk()
    await caller.speak(loud(300))
    await caller.send("input_audio_buffer.commit")
    item_id = (await caller.until("input_audio_buffer.committed"))["item_id"]
    await caller.send("conversation.item.retrieve", item_id=item_id)
    item = (await caller.until("conversation.item.retrieved"))["item"]
    assert base64.b64decode(item["content"][0]["audio"]) == loud(300)
