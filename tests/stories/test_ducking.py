"""An answer is played softly while somebody may be speaking over it, and never any longer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, samples, speech
from tests.waiting import until

ANSWER = speech("weather")


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def ducking(settings: config.Config) -> config.Config:
    gate = replace(settings.audio.gate, duck=True, barge_in_ms=400)
    return replace(settings, audio=replace(settings.audio, gate=gate, echo="half_duplex"))


@pytest.mark.parametrize("silence", ["mute", "lost"])
async def test_who_is_not_heard_any_more_does_not_leave_the_answers_soft(
    tmp_path: Path, silence: str
) -> None:
    said = [(3000, speech("stop")[: 1500 * BYTES_PER_MS])]
    async with Harness(tmp_path, said, reply=answer, change=ducking) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await until(lambda: harness.app.assistant.microphone_input.gate.suspicious)
        if silence == "mute":
            await harness.post("/api/mute")
        else:
            harness.lose_microphone()
        await harness.turns(1)
        await asyncio.sleep(1)
        began = len(harness.heard())
        await harness.post("/api/say", {"text": "And tomorrow?"})
        await harness.turns(2)
        assert harness.named("interruption") == []
    last = harness.heard()[began:]
    assert np.abs(last).max() == pytest.approx(np.abs(samples(ANSWER)).max(), rel=0.01)
