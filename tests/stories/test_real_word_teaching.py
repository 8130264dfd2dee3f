"""Somebody teaches a wake word with the command, through a real microphone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import SAMPLE_RATE
from tests.harness import Harness
from tests.sound_server import SoundServer, sound_server

__all__ = ["sound_server"]
pytestmark = [pytest.mark.sound, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
WORD, OTHER = "hey marvin", "open the garden gate"
WAYS = ((150, 50, 100), (140, 52, 70), (170, 50, 90), (150, 47, 50), (155, 50, 60))
"""Words a minute, pitch and loudness."""


class Person:
    """Does what the command asks for; `slips`: what is said wrongly at the first tries."""

    def __init__(self, server: SoundServer, folder: Path, *slips: str) -> None:
        self._server = server
        self._folder = folder
        self._slips = list(slips)
        self._good = 0

    async def teach(self, *where: str, state: Path) -> tuple[int, str]:
        """Its status, and all that it printed."""
        environment = {**os.environ, **self._server.environment, "XDG_STATE_HOME": str(state)}
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "daemon.py", "wake", *where, "teach", *WORD.split()),
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert command.stdout is not None
        self._server.say(self._hiss())  # a microphone is never quite silent
        printed = ""
        async with asyncio.timeout(150):
            async for line in command.stdout:
                printed += line.decode()
                if " now" in line.decode() and "…" in line.decode():
                    await asyncio.sleep(1.0)  # people hear with their eyes
                    self._server.say(self._spoken(line.decode()))
            return await command.wait(), printed

    def _spoken(self, asked: str) -> Path:
        if asked.startswith("say something else"):
            return self._file(OTHER, WAYS[0])
        if self._slips:
            return self._file(self._slips.pop(0), WAYS[0])
        self._good += 1
        return self._file(WORD, WAYS[self._good % len(WAYS)])

    def _hiss(self) -> Path:
        path = self._folder / "hiss.wav"
        noise = np.random.default_rng(1).normal(0, 10, 200 * SAMPLE_RATE).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, len(noise), "NONE", ""))
            file.writeframes(noise.tobytes())
        return path

    def _file(self, text: str, way: tuple[int, int, int]) -> Path:
        path = self._folder / "said.wav"
        speed, pitch, loud = (str(each) for each in way)
        subprocess.run(
            ("espeak-ng", "-v", "en-gb", "-s", speed, "-p", pitch, "-a", loud, "-w", path, text),
            check=True,
        )
        return path


async def test_without_a_daemon_a_slip_of_the_tongue_is_left_out(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("http: {port: 1}\n")
    status, printed = await Person(sound_server, tmp_path, "a", OTHER).teach(
        "-c", str(settings), state=tmp_path
    )
    assert "not used: it was too short" in printed
    assert "left out" in printed
    assert printed.count("heard as the word") == 2, printed
    assert status == 0, printed


async def test_through_a_running_daemon_which_lets_the_service_hear_nothing(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    def change(settings: config.Config) -> config.Config:
        audio = replace(settings.audio, input=config.Input(), output=config.Output(), listen="open")
        return replace(settings, audio=audio)

    async with Harness(tmp_path, change=change) as harness:
        await harness.until_it_can_talk()
        person = Person(sound_server, tmp_path)
        status, printed = await person.teach("--url", harness.app.address, state=tmp_path)
        assert status == 0, printed
        assert printed.count("heard as the word") == 2, printed
        assert harness.statuses == ["idle"]
        assert not harness.received("input_audio_buffer.append")
