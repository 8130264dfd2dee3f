"""A question that is played by PortAudio, and an answer that a microphone hears."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, find, samples
from tests.sound_server import SoundServer, sound_server
from tests.stories.test_asking import QUESTION, Person, asks
from tests.stories.test_real_sound import default_devices

__all__ = ["sound_server"]
pytestmark = pytest.mark.sound


async def test_a_question_is_heard_and_the_answer_is_understood(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    words = tmp_path / "yes.wav"
    subprocess.run(["espeak-ng", "-w", str(words), "yes, open the door please"], check=True)
    person = Person("Yes, open the door, please.")
    simulator = Simulator(api_key=KEY, reply=person)
    async with Harness(tmp_path, simulator=simulator, change=default_devices) as harness:
        await harness.until_it_can_talk()
        recording = sound_server.record(tmp_path / "heard.raw")
        waiting = asyncio.create_task(harness.post("/api/ask", asks()))
        await harness.until(lambda: "listening" in harness.statuses)
        heard = samples(recording.stop())
        sound_server.say(words)
        status, answer = await waiting
    assert find(samples(QUESTION)[:24_000], heard)[1] > 0.95
    assert status == 200
    assert (answer["outcome"], answer["id"]) == ("answered", "yes")
    assert not person.answered
