"""What comes late, without an id, or with its session lost: no turn and no answer goes with it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from rtaudio_daemon import SessionPolicy
from rtaudio_daemon.protocol.codec import Json
from tests.realtime.service import Service
from tests.realtime.stage import DIALECTS, Stage, sound


@pytest.fixture(params=DIALECTS)
async def on(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    kind = request.param
    async with Service("ga" if kind == "ga" else "preview") as service:
        stage = Stage(kind, service)
        stage.open()
        yield stage
        await stage.client.close()


def statuses(on: Stage) -> list[str]:
    """Every status from now on."""
    seen: list[str] = []
    on.on("status_changed", lambda status, _previous: seen.append(status.value))
    return seen


def after(on: Stage, number: int) -> list[Json]:
    """What session `number` received, without the settings."""
    return on.service.calls[number - 1].received[1:]


def heard(messages: list[Json]) -> bytes:
    return b"".join(
        base64.b64decode(message["audio"])
        for message in messages
        if message["type"] == "input_audio_buffer.append"
    )


# ------------------------------------------------------------------- turns


async def test_a_late_cleared_does_not_eat_the_beginning_of_the_next_turn(on: Stage) -> None:
    await on.connect()
    await on.user("append_audio", sound(200, 1))
    await on.user("clear_audio_buffer")
    for value in range(2, 7):
        await on.user("append_audio", sound(20, value))
    await on.service_sends("input_audio_buffer.cleared")
    await on.service_sends("input_audio_buffer.speech_started", item_id="u1")
    await on.user("append_audio", sound(1000, 7))
    await on.drop()
    await on.session(2)
    said = b"".join(sound(20, value) for value in range(2, 7)) + sound(1000, 7)
    assert heard(after(on, 2)) == said


async def test_a_late_cleared_does_not_end_the_speech_that_began_since(on: Stage) -> None:
    await on.connect()
    await on.user("clear_audio_buffer")
    await on.user("append_audio", sound(200, 1))
    await on.service_sends("input_audio_buffer.speech_started", item_id="u1")
    await on.service_sends("input_audio_buffer.cleared")
    assert on.client.status == "listening"


# ------------------------------------------------------------- odd answers


async def test_answers_without_ids_are_heard_each_time(on: Stage) -> None:
    await on.connect()
    seen, pieces = statuses(on), []
    on.on("response.audio.delta", lambda event: pieces.append(event["delta"]))
    delta = base64.b64encode(sound(100)).decode()
    for number in "12":
        await on.hears_turn(f"u{number}")
        await on.service_sends("response.created", response={"status": "in_progress"})
        await on.service_sends("response.audio.delta", delta=delta)
        await on.service_sends("response.done", response={"status": "completed", "output": []})
        await on.user("set_model_speak_done")
        await on.user("cancel_response")
    assert seen == 2 * ["listening", "thinking", "speaking", "idle"]
    assert len(pieces) == 2
    await on.user("create_response")
    assert on.received[-1]["type"] == "response.create"


async def test_an_id_that_is_used_again_is_another_answer(on: Stage) -> None:
    await on.connect()
    seen = statuses(on)
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1")
    await on.user("cancel_response")
    await on.user("set_model_speak_done")
    await on.ends("r1", "cancelled")
    await on.hears_turn("u2")
    await on.begins("r1")
    await on.user("create_response")
    await on.speaks("r1")
    assert seen[-3:] == ["listening", "thinking", "speaking"]
    assert on.received[-1]["type"] == "response.cancel", "one answer at a time"
    await on.ends("r1")
    assert on.received[-1]["type"] == "response.create"


async def test_a_long_call_that_is_cut_short_ends_thinking(on: Stage) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    call = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "t", "arguments": ""}
    await on.service_sends("response.output_item.added", response_id="r1", item=call)
    await on.wait(20)
    await on.ends("r1", "incomplete", output=[{**call, "status": "incomplete"}])
    await on.wait(60)
    assert on.client.status == "idle"


async def test_calls_are_made_where_the_end_of_their_answer_has_no_id(on: Stage) -> None:
    await on.connect()
    found: list[str] = []
    on.on("function_calls", lambda calls: found.extend(call.call_id for call in calls))
    await on.hears_turn("u1")
    await on.begins("r1")
    call = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "t", "arguments": "{}"}
    await on.service_sends("response.output_item.done", response_id="r1", item=call)
    await on.service_sends("response.done", response={"status": "completed", "output": []})
    assert found == ["c1"]
    await on.user("answer_function_call", "c1", "done")
    assert [message["type"] for message in on.received[-2:]] == [
        "conversation.item.create",
        "response.create",
    ]


# ----------------------------------------------------------------- history


@pytest.mark.parametrize(
    "words",
    [
        "今天上午有雨下午转晴傍晚有风夜里会变冷",
        "きょうは午前中に雨が降り午後は晴れるでしょう",
        "วันนี้ฝนจะตกในตอนเช้าและแดดออกในตอนบ่าย",
    ],
    ids=["Chinese", "Japanese", "Thai"],
)
async def test_an_interrupted_answer_without_spaces_stays_in_the_history(
    on: Stage, words: str
) -> None:
    await on.connect()
    await on.hears_turn("u1")
    await on.begins("r1")
    await on.speaks("r1", ms=4000)
    place: Json = {"response_id": "r1", "item_id": "a_r1", "output_index": 0, "content_index": 0}
    await on.service_sends("response.audio_transcript.done", **place, transcript=words)
    await on.ends("r1", output=[])
    await on.user("truncate_item", "a_r1", 0, 2000)
    await on.service_sends(
        "conversation.item.truncated", item_id="a_r1", content_index=0, audio_end_ms=2000
    )
    await on.drop()
    await on.session(2)
    (item,) = [m["item"] for m in after(on, 2) if m["type"] == "conversation.item.create"]
    told = item["content"][0]["text"].removesuffix("…").rstrip()
    assert words.startswith(told)
    assert 0.3 < len(told) / len(words) <= 0.5


# ---------------------------------------------------------- functions called


async def _called(on: Stage) -> None:
    await on.calls("r1", "c1")


async def _answered(on: Stage) -> None:
    await _called(on)
    await on.user("answer_function_call", "c1", "result of c1")


async def _told(on: Stage) -> None:
    await _answered(on)
    item = {"type": "function_call_output", "call_id": "c1", "output": "result of c1"}
    await on.service_sends("conversation.item.created", item={"id": "o1", **item})


async def _begun(on: Stage) -> None:
    await _told(on)
    await on.begins("r2")


async def _called_again(on: Stage) -> None:
    await _told(on)
    await on.calls("r2", "c2")


async def _answered_again(on: Stage) -> None:
    await _called_again(on)
    await on.user("answer_function_call", "c2", "result of c2")


MOMENTS = [
    pytest.param(_called, id="called"),
    pytest.param(_answered, id="answered"),
    pytest.param(_told, id="told"),
    pytest.param(_begun, id="begun"),
    pytest.param(_called_again, id="called again"),
    pytest.param(_answered_again, id="answered again"),
]


async def lost(on: Stage) -> None:
    """The connection breaks; another session comes in half a second."""
    await on.drop()
    await on.session(2)


async def expired(on: Stage) -> None:
    """The session ends; the next one is ready and takes over at once."""
    await on.service.calls[0].hang_up(1001, "expired")
    await asyncio.sleep(1)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("end", [lost, expired])
async def test_what_functions_were_called_for_is_answered_or_reported_and_not_asked_twice(
    on: Stage,
    moment: Callable[[Stage], Awaitable[None]],
    end: Callable[[Stage], Awaitable[None]],
) -> None:
    await on.connect()
    if end is expired:
        on.client.is_quiet = lambda: False
        await on.wait(1660)
        await on.service.call(2)
    why: list[str] = []
    on.on("unanswered", why.append)
    await on.user("append_audio", sound(300))
    await on.hears_turn("u1")
    await moment(on)
    given = [m["item"]["output"] for m in on.received if m["type"] == "conversation.item.create"]
    await end(on)
    for call_id in ("c1", "c2"):
        await on.user("answer_function_call", call_id, f"result of {call_id}")
    messages = after(on, 2)
    asked = [n for n, message in enumerate(messages) if message["type"] == "response.create"]
    assert len(asked) + len(why) == 1
    if asked:
        told = [m["item"].get("output") for m in messages[: asked[0]] if "item" in m]
        assert [output for output in told if output][: len(given)] == given


async def test_a_call_that_nobody_answers_does_not_keep_a_session_awake(on: Stage) -> None:
    await on.connect(policy=SessionPolicy(hold="on_speech", idle_s=30))
    await on.hears_turn("u1")
    await on.calls("r1", "c1")
    await on.wait(300)
    assert on.client.asleep
