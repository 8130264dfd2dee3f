"""On real sound: other programs are 20 dB softer for as long as somebody talks with the daemon."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.audio.other_programs import here, program, settles_ms, since
from tests.harness import KEY, Harness, find, samples, speech
from tests.sound_server import SoundServer, sound_server
from tests.waiting import until

__all__ = ["sound_server"]
pytestmark = pytest.mark.sound
ANSWER = speech("stop")[: 900 * BYTES_PER_MS]


def softer(settings: config.Config) -> config.Config:
    audio = replace(
        settings.audio, input=config.Input(deaf_after_s=0), output=config.Output(), duck="auto"
    )
    return replace(settings, audio=audio)


@asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[Harness]:
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain.", ANSWER))
    async with Harness(folder, simulator=simulator, change=softer, state=folder) as harness:
        await until(lambda: sum(each["state"] == "ok" for each in harness.named("device")) >= 2)
        await until(lambda: harness.named("connection"))
        yield harness


def word(path: Path) -> Path:
    """A short question."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24_000)
        wav.writeframes(speech("hello")[: 1200 * BYTES_PER_MS])
    return path


async def test_a_program_is_softer_from_the_first_word_to_the_end_of_the_answer(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    with program(tmp_path, 6_000, "--property=media.role=music") as radio:
        async with daemon(tmp_path) as harness:
            hears = harness.app.assistant.microphone_input
            recording = sound_server.record(tmp_path / "heard.raw")
            await until(lambda: settles_ms(radio.loudness(since(recording, 0)), 0) >= 0)
            sound_server.say(word(tmp_path / "word.wav"))
            await until(lambda: hears.gate.hears)
            spoken = here(recording)
            await harness.turns(1)
            over = here(recording)
            assert (await harness.status())["ducking"] == {"way": "module", "active": True}
            await until(lambda: len(recording.so_far()) > over + 700 * BYTES_PER_MS)
            heard = recording.stop()
    before, during, after = (
        radio.loudness(each) for each in (heard[:spoken], heard[spoken:over], heard[over:])
    )
    assert np.abs(before[-10:-5]).max() < 1
    assert 0 <= settles_ms(during, -20) <= 150
    assert np.abs(during[8:] + 20).max() < 1.5, "it stays as soft, without pumping"
    assert np.abs(after[: 350 // 20] + 20).max() < 1.5, "and for a moment after the answer"
    assert 400 <= settles_ms(after, 0) <= 400 + 150
    at, likeness = find(samples(ANSWER), samples(heard))
    there, answer = samples(heard)[at : at + len(ANSWER) // 2], samples(ANSWER)
    assert likeness > 0.9
    assert float(there @ answer / (answer @ answer)) == pytest.approx(1, abs=0.03), "ours is not"
    print(f"down after {settles_ms(during, -20)} ms, back after {settles_ms(after, 0) - 400} ms")
