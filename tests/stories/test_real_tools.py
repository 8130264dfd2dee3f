"""Tools at work while sound is played by PortAudio and a sound server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config import parse
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, samples, speech
from tests.sound_server import SoundServer, sound_server
from tests.stories.test_real_sound import assert_whole, default_devices

__all__ = ["sound_server"]
pytestmark = pytest.mark.sound
WORDS = speech("weather")
TOOLS = """
tools:
  own:
    - name: work
      description: Works for a second.
      parameters: {n: {type: integer}}
      program: [/bin/sh, -c, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done", "{n}"]
"""


def ten_calls(turn: Turn) -> Reply:
    """Words that are being played while ten programs are run, and then the same words again."""
    if turn.function_output:
        return Reply("Rain, then sun.", WORDS)
    calls = tuple(Call("work", f'{{"n": {number}}}') for number in range(10))
    return Reply("Rain, then sun.", WORDS, calls)


def with_work(settings: config.Config) -> config.Config:
    return replace(default_devices(settings), tools=parse(TOOLS).tools)


@pytest.fixture
async def harness(sound_server: SoundServer, tmp_path: Path) -> AsyncIterator[Harness]:
    simulator = Simulator(api_key=KEY, reply=ten_calls)
    async with Harness(tmp_path, simulator=simulator, change=with_work) as harness:
        await harness.until_it_can_talk()
        yield harness


@pytest.mark.slow
async def test_no_sound_is_missing_while_ten_tools_run(
    harness: Harness, sound_server: SoundServer, tmp_path: Path
) -> None:
    before = harness.app.controls.counts()["speaker_underruns"]
    recording = sound_server.record(tmp_path / "heard.raw")
    await harness.post("/api/say", {"text": "Go."})
    await harness.turns(1)
    heard = samples(recording.stop())
    phases = [event["phase"] for event in harness.named("tool")]
    assert phases.count("done") == 10
    assert harness.app.controls.counts()["speaker_underruns"] == before
    assert_whole(samples(WORDS), heard)
