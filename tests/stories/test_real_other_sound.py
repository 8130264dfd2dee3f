"""On real sound: other programs are 20 dB softer for as long as somebody talks with the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.audio.other_programs import here, ms, program, settles_ms, since
from tests.harness import KEY, Harness, find, samples, speech, write_wav
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


def with_wake_word(settings: config.Config) -> config.Config:
    wake = replace(settings.audio.wake, follow_up_s=2)
    audio = replace(softer(settings).audio, listen="wake_word", wake=wake)
    return replace(settings, audio=audio)


@asynccontextmanager
async def daemon(
    folder: Path,
    answer: bytes = ANSWER,
    change: Callable[[config.Config], config.Config] = softer,
) -> AsyncIterator[Harness]:
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain.", answer))
    async with Harness(folder, simulator=simulator, change=change, state=folder) as harness:
        await harness.until_it_can_talk()
        yield harness


def word(path: Path) -> Path:
    """A short question."""
    return write_wav(path, speech("hello")[: 1200 * BYTES_PER_MS])


@pytest.mark.parametrize("late_ms", [1000, pytest.param(150, marks=pytest.mark.slow)])
async def test_a_program_is_softer_from_the_first_word_to_the_end_of_the_answer(
    sound_server: SoundServer, tmp_path: Path, late_ms: int
) -> None:
    """At once where the machine is calm, which it is for the slow proofs only."""
    with program(tmp_path, 6_000, "--property=media.role=music") as radio:
        async with daemon(tmp_path) as harness:
            hears = harness.app.assistant.microphone_input
            recording = sound_server.record(tmp_path / "heard.raw")
            await until(lambda: settles_ms(radio.loudness(since(recording, 0)), 0) >= 0)
            sound_server.say(word(tmp_path / "word.wav"))
            await until(lambda: hears.gate.hears)
            spoken = here(recording)
            await harness.turns(1)
            assert (await harness.status())["ducking"]["way"] == sound_server.ducks_by
            over = here(recording)
            await until(lambda: len(recording.so_far()) > over + 1000 * BYTES_PER_MS)
            heard = recording.stop()
    at, likeness = find(samples(ANSWER), samples(heard))
    assert likeness > 0.9
    over = 2 * at + len(ANSWER)
    before, during, after = (
        radio.loudness(each) for each in (heard[:spoken], heard[spoken:over], heard[over:])
    )
    down_ms, back_ms = settles_ms(during, -20), settles_ms(after, 0) - 400
    assert np.abs(before[-10:-5]).max() < 1
    assert 0 <= down_ms <= late_ms
    assert during[down_ms // 20 :].max() < -18.5, "it stays as soft, without pumping"
    assert -50 <= back_ms <= late_ms, "a moment after the last sound"
    there, answer = samples(heard)[at : at + len(ANSWER) // 2], samples(ANSWER)
    assert float(there @ answer / (answer @ answer)) == pytest.approx(1, abs=0.03), "ours is not"
    print(f"down after {down_ms} ms, back after {back_ms} ms")


@pytest.mark.slow
async def test_it_does_not_pump_between_two_sentences_nor_while_one_may_go_on(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sentences = ANSWER + bytes(700 * BYTES_PER_MS) + ANSWER
    with program(tmp_path, 6_000) as radio:
        async with daemon(tmp_path, sentences, with_wake_word) as harness:
            recording = sound_server.record(tmp_path / "heard.raw")
            await harness.post("/api/listen/start")
            pressed = here(recording)
            sound_server.say(word(tmp_path / "word.wav")).wait()
            await harness.post("/api/listen/stop")
            await harness.turns(1)
            over = here(recording)
            await until(lambda: len(recording.so_far()) > over + 4000 * BYTES_PER_MS)
            heard = recording.stop()
    at, likeness = find(samples(sentences), samples(heard))
    assert likeness > 0.9
    levels, over = radio.loudness(heard[pressed:]), 2 * at + len(sentences) - pressed
    down_ms, up = settles_ms(levels, -20), np.flatnonzero(levels[25:] > -18.5) * 20 + 500
    assert 0 <= down_ms <= 300
    assert 2300 <= up[0] - ms(over) <= 2000 + 400 + 600, "only after the time without wake word"


def devices_found(harness: Harness) -> int:
    """How often a microphone or a loudspeaker was found while somebody listened to the events."""
    return sum(each["state"] == "ok" for each in harness.named("device"))


@pytest.mark.slow
async def test_a_sound_server_that_was_started_again_makes_others_softer_again(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    async with daemon(tmp_path) as harness:
        await harness.post("/api/listen/start")
        await until(lambda: harness.app.controls.snapshot().ducking["active"])
        found = devices_found(harness)
        sound_server.kill()
        await until(lambda: harness.app.controls.snapshot().ducking["way"] == "none")
        assert "no sound server answers" in (await harness.status())["sound"]["notes"][0]
        sound_server.start()
        await until(lambda: harness.app.controls.snapshot().ducking["way"] == sound_server.ducks_by)
        await until(lambda: devices_found(harness) >= found + 2)
        with program(tmp_path, 6_000) as radio:
            recording = sound_server.record(tmp_path / "again.raw")
            await until(lambda: settles_ms(radio.loudness(since(recording, 0)), 0) >= 0)
            await harness.post("/api/listen/start")
            await until(lambda: settles_ms(radio.loudness(since(recording, 0)), -20) >= 0)
            harness.edit = lambda settings: replace(
                settings, audio=replace(settings.audio, duck="off")
            )
            mark = here(recording)
            await harness.post("/api/reload")
            await until(lambda: settles_ms(radio.loudness(since(recording, mark)), 0) >= 0)
            assert (await harness.status())["ducking"] == {"way": "off", "active": False}
            assert "module-role-ducking" not in sound_server.ask("list", "short", "modules")
