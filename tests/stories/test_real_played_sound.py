"""A sound file over PortAudio and a sound server, recorded from it: whole, and stopped at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from tests.harness import Harness, samples, speech
from tests.sound_server import SoundServer, sound_server
from tests.stories.test_real_sound import (
    RECORDINGS,
    assert_whole,
    default_devices,
    heard_of,
)
from tests.waiting import until

__all__ = ["sound_server"]
pytestmark = [pytest.mark.sound, pytest.mark.slow]


def with_recordings(settings: config.Config) -> config.Config:
    settings = default_devices(settings)
    play = replace(settings.audio.play, folder=str(RECORDINGS))
    return replace(settings, audio=replace(settings.audio, play=play, echo="off"))


async def test_a_file_is_heard_whole_and_stops_when_it_is_told_to(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sound = samples(speech("weather"))
    async with Harness(tmp_path, change=with_recordings) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/mute")  # the monitor of the loudspeaker may be the microphone
        await asyncio.sleep(1.0)  # the short sound that goes with it
        recording = sound_server.record(tmp_path / "whole.raw")
        _, answer = await harness.post("/api/play", {"file": "weather.wav", "wait": True})
        assert answer["said"]["outcome"] == "said"
        assert answer["said"]["heard_ms"] == len(sound) // 24
        assert_whole(sound, samples(recording.stop()))

        recording = sound_server.record(tmp_path / "cut.raw")
        waiting = asyncio.create_task(
            harness.post("/api/play", {"file": "weather.wav", "wait": True})
        )
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        begun = len(recording.so_far())
        await until(lambda: len(recording.so_far()) > begun + 1500 * BYTES_PER_MS)
        await harness.post("/api/interrupt")
        _, answer = await waiting
        assert answer["said"]["outcome"] == "interrupted"
        await asyncio.sleep(1.0)
        heard_ms = heard_of(sound, samples(recording.stop()))
        assert abs(heard_ms - answer["said"]["heard_ms"]) < 60
