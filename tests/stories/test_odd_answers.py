"""Services that leave out ids, sounds or the end of speech: people still get their answers."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import Harness, find, samples, speech
from tests.strict import Dialect

Json = dict[str, Any]
both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")


def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def with_one_id(event: Json, response_id: str) -> list[Json]:
    """What a server says that has one id for all of its answers."""
    if "response_id" in event:
        event = {**event, "response_id": response_id}
    if isinstance(event.get("response"), dict):
        event = {**event, "response": {**event["response"], "id": response_id}}
    return [event]


@both_dialects
@pytest.mark.parametrize("response_id", ["resp_always_the_same", ""])
async def test_a_service_with_one_id_or_none_for_all_answers_is_heard_each_time(
    tmp_path: Path, dialect: Dialect, response_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    habit = partial(with_one_id, response_id=response_id)
    monkeypatch.setattr(
        "rtaudio_daemon.simulator.model.simulated_session.quirk", lambda _name: habit
    )
    said = [(1000, speech("hello")), (11_000, speech("hello"))]
    async with Harness(tmp_path, said, dialect=dialect, reply=weather) as harness:
        await harness.turns(2)
        assert harness.statuses == ["idle", *2 * ["listening", "thinking", "speaking", "idle"]]
    heard = harness.heard().copy()
    for _ in range(2):
        at, likeness = find(samples(ANSWER), heard)
        assert likeness > 0.999
        heard[at : at + len(ANSWER) // 2] = 0


@both_dialects
async def test_a_turn_whose_end_is_not_told_ends_with_its_item(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with Harness(
        tmp_path, [(1000, speech("hello"))], dialect=dialect, reply=weather
    ) as harness:
        harness.simulator.fault("omit", on="input_audio_buffer.speech_stopped")
        await harness.turns(1)
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]


async def report_speech_without_end(harness: Harness) -> None:
    """After an answer the service reports speech, and nothing of it any more."""
    await harness.post("/api/say", {"text": "Will it rain?"})
    await harness.turns(1)
    event = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 1, "item_id": "item_x"}
    harness.simulator.sessions[-1].emit(event)
    await harness.until(lambda: harness.statuses[-1] == "listening")


async def test_speech_whose_end_is_never_told_stands_in_the_way_of_nothing_for_ever(
    tmp_path: Path,
) -> None:
    change = with_(
        realtime__hold="on_speech",
        realtime__hold_idle_s=10,
        audio__gate__engine="level",
        audio__echo="off",
    )
    async with Harness(tmp_path, reply=weather, change=change) as harness:
        await report_speech_without_end(harness)
        await asyncio.sleep(200)
        assert harness.statuses[-1] == "idle"
        assert harness.named("connection")[-1]["state"] == "closed"
        await harness.post("/api/say", {"text": "Dinner is ready."})
        await harness.turns(2)


@both_dialects
async def test_an_answer_without_sound_does_not_shift_the_latencies_of_the_next(
    tmp_path: Path, dialect: Dialect
) -> None:
    def cough(turn: Turn) -> Reply:
        return Reply() if turn.heard else Reply("Dinner is ready.", speech("stop"))

    async with Harness(
        tmp_path, [(1000, speech("hello"))], dialect=dialect, reply=cough
    ) as harness:
        await harness.until(
            lambda: "thinking" in harness.statuses and harness.statuses[-1] == "idle"
        )
        await asyncio.sleep(8)
        for number in (1, 2):
            await harness.post("/api/say", {"text": "Dinner is ready.", "mode": "verbatim"})
            await harness.turns(number)
        said = [turn for turn in harness.named("turn") if turn.get("first_sound_ms") is not None]
        assert len(said) == 2
        for turn in said:
            assert turn["response_ms"] < 500
            assert "speech_ms" not in turn, "nobody spoke before it"
