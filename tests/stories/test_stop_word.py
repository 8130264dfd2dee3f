"""Somebody says the word that stops what is heard; the service has no part in it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, speech
from tests.stories.test_listening import spoken

Listen = Literal["open", "wake_word", "push_to_talk"]
STOP = config.WakeWord(word="alexa", stop=True)


def stopped_by_a_word(settings: config.Config, listen: str = "push_to_talk") -> config.Config:
    wake = config.Wake(words=(STOP,))
    return replace(settings, audio=replace(settings.audio, listen=listen, wake=wake, echo="off"))


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", speech("weather"))


async def test_it_ends_ringing_without_a_service_and_does_nothing_before(tmp_path: Path) -> None:
    word = spoken(tmp_path, "alexa")
    said = [(1000, word), (8000, word), (1500, word), (10_000, b"")]
    async with Harness(tmp_path, said, change=stopped_by_a_word) as harness:
        harness.simulator.fault("refuse", status=503, times=100)
        harness.simulator.fault("drop")
        body = {"kind": "timer", "seconds": 6, "name": "pasta"}
        await harness.post("/api/timers", body)
        await harness.until(lambda: harness.named("timer")[-1:] and _phase(harness) == "ringing")
        await harness.until(lambda: _phase(harness) == "dismissed")
        assert not harness.named("wake"), "it wakes nobody"


def _phase(harness: Harness) -> str:
    return str(harness.named("timer")[-1]["phase"])


@pytest.mark.parametrize("listen", ["open", "push_to_talk"])
async def test_it_ends_an_announcement_and_is_no_question(tmp_path: Path, listen: Listen) -> None:
    said = [(4000, spoken(tmp_path, "alexa")), (15_000, b"")]

    def change(settings: config.Config) -> config.Config:
        return stopped_by_a_word(settings, listen)

    async with Harness(tmp_path, said, reply=answer, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(1)
        body = {"text": "What is the weather like?", "mode": "prompt", "id": "x"}
        await harness.post("/api/say", body)
        await harness.until(lambda: harness.named("said"))
        assert harness.named("said")[-1]["outcome"] == "interrupted"
        await asyncio.sleep(8)
        assert harness.statuses[-1] == "idle"
        assert harness.statuses.count("speaking") == 1, "nothing was answered"


async def test_it_does_not_end_what_is_heard_next(tmp_path: Path) -> None:
    outcomes = []
    said = [(4000, spoken(tmp_path, "alexa")), (20_000, b"")]
    async with Harness(tmp_path, said, reply=answer, change=stopped_by_a_word) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(1)
        for count in (1, 2):
            await harness.post("/api/say", {"text": "Weather?", "mode": "prompt", "id": str(count)})
            await harness.until(lambda: harness.named("said"))
            outcomes.append(harness.named("said")[-1]["outcome"])
            harness.events.clear()
        assert outcomes == ["interrupted", "said"]


@pytest.mark.parametrize("pause_ms", [150, 600])
async def test_who_says_it_twice_has_asked_nothing(tmp_path: Path, pause_ms: int) -> None:
    word = spoken(tmp_path, "alexa")
    said = [(3000, word), (pause_ms, word), (5000, b"")]

    def change(settings: config.Config) -> config.Config:
        return stopped_by_a_word(settings, "open")

    async with Harness(tmp_path, said, reply=answer, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "What is the weather like?"})
        await asyncio.sleep(9)
        assert len(harness.named("interruption")) == 1
        assert harness.statuses[-1] == "idle"
        assert harness.statuses.count("speaking") == 1, "nothing was answered"
        assert (await harness.status())["wake_words"] == [
            {"word": "alexa", "heard": 2, "near_misses": 0}
        ]
