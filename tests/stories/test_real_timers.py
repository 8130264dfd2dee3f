"""Timers that ring through a real loudspeaker, and are stopped by a word said in a pause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.earcons import ring
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, find, samples, speech
from tests.sound_server import Recording, SoundServer, sound_server
from tests.waiting import until

__all__ = ["sound_server"]
pytestmark = pytest.mark.sound
RECORDINGS = Path(config.__file__).parents[1] / "recordings"
RING = samples(ring(config.Timers().volume))


@pytest.fixture(params=["half_duplex", pytest.param("cancel", marks=pytest.mark.slow)])
async def harness(
    sound_server: SoundServer, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Harness]:
    def change(settings: config.Config) -> config.Config:
        output = config.Output(volume=0.0)
        audio = replace(settings.audio, input=config.Input(), output=output, echo=request.param)
        return replace(settings, audio=audio)

    sound_server.echo()
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Done.", speech("stop")))
    async with Harness(tmp_path, simulator=simulator, change=change) as harness:
        await harness.until_it_can_talk()
        yield harness


def rings(recording: Recording) -> list[float]:
    """When (s) it rang in what was heard so far."""
    heard = samples(recording.so_far())
    found, offset = [], 0
    while offset + len(RING) < len(heard):
        at, alike = find(RING, heard[offset : offset + 2 * len(RING)])
        if alike > 0.95:
            found.append((offset + at) / 24_000)
            offset += at + len(RING)
        else:
            offset += len(RING)
    return found


async def test_it_rings_at_volume_zero_and_a_word_in_a_pause_stops_it(
    harness: Harness, sound_server: SoundServer, tmp_path: Path
) -> None:
    recording = sound_server.record(tmp_path / "heard.raw")
    body = {"kind": "timer", "seconds": 2, "name": "pasta"}
    assert (await harness.post("/api/timers", body))[0] == 200
    await until(lambda: len(rings(recording)) >= 3, every=0.1)
    phases = [event["phase"] for event in harness.named("timer")]
    assert phases == ["set", "ringing"], "its own echo does not stop it"
    ended = rings(recording)[-1] + 1
    await until(lambda: len(recording.so_far()) > (ended + 0.35) * 1000 * BYTES_PER_MS, every=0.02)
    sound_server.say(RECORDINGS / "stop.wav")
    await harness.until(lambda: harness.named("timer")[-1]["phase"] == "dismissed")
    await harness.until(lambda: harness.statuses[-1] == "thinking")  # and what was said goes on
    stopped = len(recording.so_far()) / BYTES_PER_MS / 1000
    await until(lambda: len(recording.so_far()) > (stopped + 4) * 1000 * BYTES_PER_MS, every=0.1)
    found = rings(recording)
    assert np.diff(found) == pytest.approx([2.5] * (len(found) - 1), abs=0.3)
    assert found[-1] < stopped, "it is over"
