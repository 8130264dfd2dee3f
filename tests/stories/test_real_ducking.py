"""On real sound: an answer is played softly while it is in doubt that somebody speaks over it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, Samples, find, samples, speech
from tests.sound_server import SoundServer, sound_server

from .test_real_resuming import cough

__all__ = ["sound_server"]
pytestmark = [pytest.mark.sound, pytest.mark.slow]
ANSWER = speech("weather")
RECORDINGS = Path(config.__file__).parents[1] / "recordings"


def ducking(settings: config.Config) -> config.Config:
    gate = replace(settings.audio.gate, duck=True, barge_in_ms=200)
    audio = replace(
        settings.audio, input=config.Input(deaf_after_s=0), output=config.Output(), gate=gate
    )
    return replace(settings, audio=audio)


def loudness(heard: Samples) -> Samples:
    """How loud the answer was, by 40 ms of it: 1 is as it is; pauses are left out."""
    answer, size = samples(ANSWER), 960
    start, likeness = find(answer[:12_000], heard)
    assert likeness > 0.9
    there = heard[start : start + len(answer)]
    count = min(len(there), len(answer)) // size
    wanted, found = (
        np.linalg.norm(one[: count * size].reshape(count, size), axis=1) for one in (answer, there)
    )
    loud = wanted > 500 * size**0.5
    return np.asarray(found[loud] / wanted[loud])


async def test_a_false_alarm_makes_an_answer_soft_for_a_moment_and_a_word_interrupts_it(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER))
    async with Harness(tmp_path, simulator=simulator, change=ducking) as harness:
        await harness.until_it_can_talk()
        heard = []
        for noise in (cough(tmp_path / "cry.wav", 270), RECORDINGS / "stop.wav"):
            recording = sound_server.record(tmp_path / f"{noise.stem}.raw")
            before = len(harness.statuses)
            await harness.post("/api/say", {"text": "Will it rain?"})
            await harness.until(lambda: harness.statuses[-1] == "speaking")
            await asyncio.sleep(1.5)  # of the answer are heard; that is the story, no waiting
            sound_server.say(noise)
            await harness.until(lambda before=before: "idle" in harness.statuses[before:])  # type: ignore[misc]
            heard.append(samples(recording.stop()))
            if noise.stem == "cry":
                assert harness.statuses[before:] == ["thinking", "speaking", "idle"]
                assert harness.named("interruption") == []
        assert len(harness.named("interruption")) == 1
        interrupted_ms = harness.named("interruption")[0]["audio_end_ms"]
    soft = loudness(heard[0])
    print(f"softest {soft.min():.2f}, at last {soft[-20:].min():.2f}; {interrupted_ms} ms")
    assert soft.min() < 0.4, "it was soft"
    assert np.median(soft) == pytest.approx(1, abs=0.05), "for a moment"
    assert np.median(soft[-20:]) == pytest.approx(1, abs=0.05), "and as loud as before at its end"
    assert 1500 < interrupted_ms < 3500
