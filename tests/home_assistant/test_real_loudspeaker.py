"""The integration's words on real sound: a loudspeaker is recorded, a microphone is spoken to.

Home Assistant is real, too; see README.md beside this file.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, find, samples
from tests.home_assistant.test_real_integration import Home, home
from tests.sound_server import SoundServer, sound_server
from tests.stories.test_asking import QUESTION, Person
from tests.stories.test_real_sound import default_devices

__all__ = ["home", "sound_server"]
pytestmark = [pytest.mark.home_assistant, pytest.mark.real_time, pytest.mark.timeout(120)]
SATELLITE = "assist_satellite.hall"
PER_MS = 24  # samples


def in_the_hall(settings: config.Config) -> config.Config:
    mqtt = replace(settings.mqtt, id="hall", name="Hall")
    return default_devices(replace(settings, mqtt=mqtt))


@asynccontextmanager
async def satellite(home: Home, folder: Path, *words: str) -> AsyncIterator[Harness]:
    """A daemon on the sound server that Home Assistant has as a satellite."""
    simulator = Simulator(api_key=KEY, reply=Person(*words))
    async with (
        Harness(folder, simulator=simulator, change=in_the_hall) as harness,
        home.with_daemon(harness, "Hall"),
    ):
        await harness.until_it_can_talk()
        await home.until(SATELLITE, "idle")
        yield harness


async def test_an_announcement_returns_when_the_loudspeaker_has_played_it(
    sound_server: SoundServer, home: Home, tmp_path: Path
) -> None:
    async with satellite(home, tmp_path) as harness:
        recording = sound_server.record(tmp_path / "heard.raw")
        announce = "/api/services/assist_satellite/announce"
        await home.post(announce, entity_id=SATELLITE, message="Dinner is ready.")
        heard = samples(recording.stop())
        await harness.until(lambda: harness.named("said"))
    at, likeness = find(samples(QUESTION), heard)
    after_ms = (len(heard) - at - len(samples(QUESTION))) / PER_MS
    print(f"\nannounce: likeness {likeness:.3f}, returned {after_ms:.0f} ms after the last sound")
    assert likeness > 0.95, "all of it was played before it returned"
    assert harness.named("said")[-1]["outcome"] == "said"


async def test_what_is_answered_into_the_microphone_comes_back(
    sound_server: SoundServer, home: Home, tmp_path: Path
) -> None:
    words = tmp_path / "yes.wav"
    subprocess.run(["espeak-ng", "-w", str(words), "yes, open the door please"], check=True)
    async with satellite(home, tmp_path, "Yes, open the door, please.") as harness:
        recording = sound_server.record(tmp_path / "heard.raw")
        asking = asyncio.create_task(
            home.post(
                "/api/services/assist_satellite/ask_question?return_response",
                entity_id=SATELLITE,
                question="Somebody is at the door. Shall I open?",
                answers=[
                    {"id": "open", "sentences": ["[yes] [please] open (it|the door) [please]"]},
                    {"id": "wait", "sentences": ["no", "not now"]},
                ],
            )
        )
        await harness.until(lambda: "listening" in harness.statuses)
        heard = samples(recording.stop())
        sound_server.say(words)
        answer = (await asking)["service_response"]
    print(f"\nask_question: {answer}")
    assert find(samples(QUESTION), heard)[1] > 0.95
    assert answer["id"] == "open"
    assert answer["sentence"] == "Yes, open the door, please."
