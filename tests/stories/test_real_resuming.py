"""On real sound: an answer pauses for a noise, and plays on where it stopped."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, Samples, find, samples, speech, write_wav
from tests.sound_server import SoundServer, sound_server

__all__ = ["sound_server"]
pytestmark = [pytest.mark.sound, pytest.mark.slow]
ANSWER = speech("weather")
MS = 24


def real_devices(settings: config.Config) -> config.Config:
    audio = replace(settings.audio, input=config.Input(deaf_after_s=0), output=config.Output())
    return replace(settings, audio=audio)


def cough(path: Path, ms: int = 220) -> Path:
    """A voice for a moment, of which nobody goes on."""
    word = speech("stop")
    onset = int(np.flatnonzero(np.abs(samples(word)) > 600)[0])
    return write_wav(path, word[2 * onset :][: ms * BYTES_PER_MS])


def pause(heard: Samples) -> tuple[int, int, float]:
    """Where in the answer it paused, for how long (ms), and how alike the rest is (0 to 1)."""
    answer = samples(ANSWER)
    begins, likeness = find(answer[: 1000 * MS], heard)
    assert likeness > 0.98
    end = answer[-1500 * MS :]
    ends, alike = find(end, heard)
    silent_ms = (ends - begins - (len(answer) - len(end))) // MS
    # Put together again, with what is missing taken out where it is silent for longest.
    quiet = np.convolve(np.abs(heard[begins : ends + len(end)]), np.ones(50 * MS), "valid")
    at = int(np.argmin(quiet[: ends - begins])) // MS
    return at, silent_ms, alike


async def test_a_noise_makes_an_answer_pause_and_it_plays_on(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER))
    async with Harness(tmp_path, simulator=simulator, change=real_devices) as harness:
        await harness.until_it_can_talk()
        recording = sound_server.record(tmp_path / "heard.raw")
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(1.5)  # of the answer are heard; that is the story, no waiting
        sound_server.say(cough(tmp_path / "cough.wav"))
        await harness.until(lambda: "listening" in harness.statuses)
        await harness.until(lambda: harness.statuses[-1] == "idle")
        heard = samples(recording.stop())
        paused = ["speaking", "listening", "thinking", "speaking"]
        assert harness.statuses == ["idle", "thinking", *paused, "idle"]
        assert harness.named("interruption") == []
        assert harness.received("conversation.item.truncate") == []
    at_ms, silent_ms, alike = pause(heard)
    print(f"paused {at_ms} ms after its first sample, for {silent_ms} ms; its end is {alike:.4f}")
    assert alike > 0.98
    assert 300 < silent_ms < 3000
