"""Somebody whom the microphone hardly hears."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from rtaudio_daemon import config
from tests.harness import Harness, speech

FAINT = (np.frombuffer(speech("hello"), dtype="<i2") * 0.002).astype("<i2").tobytes()


async def test_a_gain_lets_a_faint_voice_be_heard_and_can_be_set_while_it_lives(
    tmp_path: Path,
) -> None:
    said = [(1000, FAINT), (9000, FAINT)]
    async with Harness(tmp_path, said) as home:
        await home.until_it_can_talk()
        microphone = home.device()
        home.edit = louder
        _, report = await home.post("/api/reload")
        assert [(each["option"], each["state"]) for each in report["changed"]] == [
            ("audio.input.gain_db", "applied")
        ]
        assert home.device() is microphone, "it is not opened anew for that"
        await home.turns(1)
        assert home.app.assistant.microphone_input.gate.enhancement.gain_db == 40


def louder(settings: config.Config) -> config.Config:
    audio = settings.audio
    return replace(settings, audio=replace(audio, input=replace(audio.input, gain_db=40.0)))
