"""On real sound: whether the microphone heard a text, with and without a way from the loudspeaker.

`pytest -s -m "slow and sound" tests/stories/test_real_audible.py` says two hundred texts, in ten
minutes, while there is noise, music or somebody else in the room.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.audio.processing.test_audibility import level, music, noise
from tests.harness import KEY, Harness, samples, speech, write_wav
from tests.sound_server import SoundServer, sound_server

__all__ = ["sound_server"]
pytestmark = pytest.mark.sound
RATE = 24_000
TEXTS = samples(speech("weather") + speech("hello"))
SOMEBODY = samples(speech("stop"))
ROOM_S = 5  # longer than any text


def with_devices(settings: config.Config) -> config.Config:
    gate = replace(settings.audio.gate, engine="never")  # else somebody else would interrupt
    output, microphone = config.Output(), config.Input(deaf_after_s=0)
    audio = replace(settings.audio, input=microphone, output=output, gate=gate)
    return replace(settings, audio=audio)


class Talker:
    """Says pieces of sentences of one to three seconds, each another one."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)

    def __call__(self, _turn: Turn) -> Reply:
        length = int(self._random.uniform(1.0, 3.0) * RATE)
        piece = TEXTS[:0]
        while not len(piece) or level(piece) < 800:
            begin = int(self._random.integers(0, len(TEXTS) - length))
            piece = TEXTS[begin : begin + length]
        return Reply("A piece.", piece.astype("<i2").tobytes())


@contextlib.asynccontextmanager
async def running_daemon(folder: Path) -> AsyncIterator[Harness]:
    simulator = Simulator(api_key=KEY, reply=Talker())
    async with Harness(folder, simulator=simulator, change=with_devices) as harness:
        await harness.until_it_can_talk()
        yield harness


def room_sounds(folder: Path) -> dict[str, Path]:
    """What else a microphone hears, as files: from faint to as loud as the loudspeaker."""
    length = ROOM_S * RATE
    loud = 0.3 * level(TEXTS)  # the echo
    somebody = np.resize(SOMEBODY, length)
    sounds = {
        "faint noise": noise(length) * 12,
        "noise": noise(length) * loud,
        "music": music(length) * loud,
        "somebody": somebody * loud / level(somebody),
    }
    return {name: write_wav(folder / f"{name}.wav", sound) for name, sound in sounds.items()}


async def say(harness: Harness, server: SoundServer, sound: Path) -> str:
    """Say a text while there is this sound; whether it was audible."""
    playing = server.say(sound)
    await asyncio.sleep(0.2)  # until it is heard; that is the story, no waiting
    _, body = await harness.post("/api/say", {"text": "x", "mode": "verbatim", "wait": True})
    playing.terminate()
    await asyncio.to_thread(playing.wait)
    assert body["said"]["outcome"] == "said"
    return str(body["said"]["audible"])


async def test_a_text_is_heard_where_the_microphone_hears_the_loudspeaker(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    faint = room_sounds(tmp_path)["faint noise"]
    sound_server.echo()
    async with running_daemon(tmp_path) as harness:
        assert await say(harness, sound_server, faint) == "yes"
        sound_server.end_echo()
        assert await say(harness, sound_server, faint) == "unknown"


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_of_two_hundred_texts_those_are_heard_that_reach_the_microphone(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sounds = room_sounds(tmp_path)
    found: dict[bool, Counter[tuple[str, str]]] = {True: Counter(), False: Counter()}
    async with running_daemon(tmp_path) as harness:
        for loop in (True, False):
            if loop:
                sound_server.echo()
            else:
                sound_server.end_echo()
            for number in range(100):
                name = list(sounds)[number % len(sounds)]
                found[loop][name, await say(harness, sound_server, sounds[name])] += 1
            print("with" if loop else "without", "the loop:", dict(found[loop]), flush=True)
    assert sum(count for (_, audible), count in found[True].items() if audible == "yes") >= 95
    assert sum(count for (_, audible), count in found[False].items() if audible == "yes") == 0


@pytest.mark.slow
async def test_an_amplifier_that_is_off_is_noticed_until_it_is_on_again(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    faint = room_sounds(tmp_path)["faint noise"]
    sound_server.echo()
    async with running_daemon(tmp_path) as harness:
        found = [await say(harness, sound_server, faint) for _ in range(2)]
        sound_server.end_echo()
        found += [await say(harness, sound_server, faint) for _ in range(3)]
        assert "seems to be off" in (await harness.status())["speaker"]["reason"]
        sound_server.echo()
        found.append(await say(harness, sound_server, faint))
        assert (await harness.status())["speaker"]["reason"] is None
    assert found == ["yes", "yes", "no", "no", "no", "yes"]
