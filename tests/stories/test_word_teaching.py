"""Somebody teaches a wake word while the daemon runs; the service hears nothing of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from rtaudio_daemon import config
from tests.harness import Harness, speech

WORD = speech("weather")[96_000:][:38_400]  # 0.8 s of it
RECORD = {"name": "hey marvin", "step": "record"}


def listening(settings: config.Config) -> config.Config:
    """To everybody, at all times."""
    return replace(settings, audio=replace(settings.audio, listen="open"))


async def test_the_service_hears_nothing_while_a_word_is_recorded_and_all_afterwards(
    tmp_path: Path,
) -> None:
    said = [(3000, WORD), (3000, speech("hello")), (4000, b"")]
    async with Harness(tmp_path, said, change=listening) as harness:
        await harness.until_it_can_talk()
        status, answer = await harness.post("/api/wake/teach", RECORD)
        assert (status, answer["accepted"], answer["recorded"]) == (200, True, 1), answer
        assert not harness.received("input_audio_buffer.append")
        assert harness.statuses == ["idle"], "and nobody was listened to"
        await harness.turns(1)


async def test_a_step_that_is_given_up_gives_the_microphone_back(tmp_path: Path) -> None:
    said = [(4000, speech("hello")), (4000, b"")]
    async with Harness(tmp_path, said, change=listening) as harness:
        await harness.until_it_can_talk()
        step = asyncio.create_task(harness.post("/api/wake/teach", RECORD))
        await asyncio.sleep(1)
        assert harness.app.assistant.microphone_input.withheld
        status, refused = await harness.post("/api/wake/teach", RECORD)
        assert (status, "already" in refused["error"]["message"]) == (409, True), refused
        step.cancel()
        await harness.turns(1)


async def test_a_step_waits_for_no_microphone_that_is_muted_or_busy(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(3000, speech("weather")), (9000, b"")]) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/mute", {"muted": True})
        status, refused = await harness.post("/api/wake/teach", RECORD)
        assert (status, "unmute it first" in refused["error"]["message"]) == (409, True), refused
        await harness.post("/api/mute", {"muted": False})
        await harness.until(lambda: harness.statuses[-1] == "listening")
        status, refused = await harness.post("/api/wake/teach", RECORD)
        assert (status, "quiet" in refused["error"]["message"]) == (409, True), refused
        harness.lose_microphone()


async def test_a_microphone_that_falls_silent_ends_the_step(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(500, b"")], change=listening) as harness:
        await harness.until_it_can_talk()
        harness.device().pause(True)
        status, refused = await harness.post("/api/wake/teach", RECORD)
        assert (status, "gives no sound" in refused["error"]["message"]) == (409, True), refused
        assert not harness.app.assistant.microphone_input.withheld
