"""Whoever lets something be said can learn what became of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.audio.processing.earcons import earcon
from rtaudio_daemon.daemon.said_texts import SaidTexts
from rtaudio_daemon.notifications import TextSaid
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import Harness, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
ANSWER_MS = len(ANSWER) // 48


def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def text(**more: Any) -> dict[str, Any]:
    return {"text": "Dinner is ready.", "mode": "verbatim", **more}


@both_dialects
@pytest.mark.parametrize("mode", ["verbatim", "prompt"])
async def test_who_waits_is_answered_when_it_was_said(
    tmp_path: Path, dialect: Dialect, mode: str
) -> None:
    async with Harness(tmp_path, reply=weather, dialect=dialect) as harness:
        status, answer = await harness.post("/api/say", text(mode=mode, id="door-1", wait=True))
        assert status == 200
        receipt = {"id": "door-1", "outcome": "said", "audible": "unknown"}
        assert answer["said"] == {**receipt, "heard_ms": ANSWER_MS}
        assert answer["status"] == "idle"
        (event,) = harness.named("said")
        assert {key: event[key] for key in answer["said"]} == answer["said"]


async def test_the_same_id_is_said_once_and_its_first_outcome_is_returned(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=weather) as harness:
        _, first = await harness.post("/api/say", text(id="door-1", wait=True))
        _, second = await harness.post("/api/say", text(id="door-1"))
        assert second["said"] == first["said"]
        assert len(harness.named("said")) == 1
        assert len(harness.received("response.create")) == 1


async def test_after_ten_minutes_an_id_may_be_used_again_and_few_are_kept() -> None:
    texts = SaidTexts()
    assert texts.begin("door-1") == "door-1"
    texts.note(TextSaid("door-1", "said", 900))
    texts.note(TextSaid("door-1", "failed"))
    texts.note(TextSaid("unknown", "failed"))
    assert texts.receipt("door-1") == TextSaid("door-1", "said", 900)
    await asyncio.sleep(599)
    assert texts.known("door-1")
    await asyncio.sleep(2)
    assert not texts.known("door-1")
    waiting = asyncio.create_task(texts.wait_for(texts.begin("door-2"), 1000))
    await asyncio.sleep(0)
    for _ in range(256):
        texts.begin(None)
    assert not texts.known("door-2")
    assert await waiting is None, "whoever waits for one that is forgotten waits no longer"


async def test_without_an_id_one_is_given_and_the_event_has_it(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=weather) as harness:
        _, answer = await harness.post("/api/say", text())
        assert set(answer["said"]) == {"id"}
        await harness.until(lambda: harness.named("said"))
        assert harness.named("said")[0]["id"] == answer["said"]["id"]


async def test_what_is_interrupted_says_how_much_was_heard(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=weather) as harness:
        waiting = asyncio.create_task(harness.post("/api/say", text(wait=True)))
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(1.0)
        await harness.post("/api/interrupt")
        _, answer = await waiting
        assert answer["said"]["outcome"] == "interrupted"
        assert 900 <= answer["said"]["heard_ms"] <= 1300


async def test_a_client_that_hangs_up_changes_nothing(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=weather) as harness:
        waiting = asyncio.create_task(harness.post("/api/say", text(id="door-1", wait=True)))
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        waiting.cancel()
        await harness.until(lambda: harness.named("said"))
        assert harness.named("said")[0]["outcome"] == "said"


async def test_what_no_session_comes_for_is_dropped(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=weather) as harness:
        await harness.simulator.stop()
        await harness.until(lambda: harness.named("connection")[-1]["state"] != "open")
        status, answer = await harness.post("/api/say", text(wait=True))
        assert (status, answer["error"]["code"]) == (503, "not_connected")
        assert not harness.named("said")


async def test_a_chime_comes_before_the_words(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=weather) as harness:
        _, answer = await harness.post("/api/say", text(chime=True, wait=True))
        assert answer["said"]["heard_ms"] == ANSWER_MS
    heard, chime = harness.heard(), samples(earcon("announcement", 0.4))
    chime_at, chime_alike = find(chime, heard)
    words_at, words_alike = find(samples(ANSWER), heard)
    assert min(chime_alike, words_alike) > 0.99
    assert words_at == chime_at + len(chime)


@pytest.mark.parametrize("said", ["", "x" * 65, "a b", "a\nb", "é", 5, None])
async def test_an_id_that_is_none_is_refused(tmp_path: Path, said: Any) -> None:
    async with Harness(tmp_path, reply=weather) as harness:
        status, answer = await harness.post("/api/say", text(id=said))
        assert status == 400
        assert answer["error"]["message"].startswith("id: ")


async def test_without_a_loudspeaker_nothing_is_said_to_have_been_played(tmp_path: Path) -> None:
    change = with_(audio__output__device="none")
    async with Harness(tmp_path, reply=weather, change=change) as harness:
        _, answer = await harness.post("/api/say", text(mode="prompt", wait=True))
        assert (answer["said"]["outcome"], answer["said"]["heard_ms"]) == ("not_played", 0)
