"""The doctor listens to somebody who speaks."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.doctor.voice import check_voice
from rtaudio_daemon.cli.main import main
from tests.harness import speech


def home(folder: Path, loudness: float) -> Path:
    """A configuration with a microphone that hears somebody so loud, after two seconds."""
    said = np.frombuffer(speech("weather"), dtype="<i2") * loudness
    sound = np.concatenate([np.zeros(48_000), said, np.zeros(48_000)])
    sound += np.random.default_rng(1).normal(0, 5, len(sound))
    with wave.open(str(folder / "microphone.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24_000)
        wav.writeframes(sound.clip(-32768, 32767).astype("<i2").tobytes())
    file = folder / "config.yaml"
    file.write_text(f"audio: {{input: {{device: 'wav:{folder}/microphone.wav', gain_db: 0}}}}\n")
    return file


async def test_a_soft_voice_gets_a_gain_and_is_louder_then(tmp_path: Path) -> None:
    file = home(tmp_path, 0.05)
    found = await check_voice(str(file))
    assert [(each.name, each.verdict) for each in found] == [
        ("voice", "pass"),
        ("voice", "pass"),
        ("proposal", "warn"),
    ]
    assert "gain_db: 0.0 -> " in found[2].what
    assert config.load(str(file)).audio.input.gain_db == 0, "nothing was written"
    found = await check_voice(str(file), write=True)
    assert found[-1].name == "written"
    assert 15 <= config.load(str(file)).audio.input.gain_db <= 35
    found = await check_voice(str(file))
    assert found[-1].what == "the options of config.yaml are right for this voice"


async def test_nobody_is_no_soft_voice(tmp_path: Path) -> None:
    (found,) = await check_voice(str(home(tmp_path, 0.0)))
    assert (found.name, found.verdict) == ("voice", "warn")


async def test_a_microphone_that_gives_nothing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("audio: {input: {device: none}}\n")
    (found,) = await check_voice(str(file))
    assert (found.name, found.verdict) == ("microphone", "fail")
    file.write_text("audio: {input: {device: 'wav:/nowhere.wav'}}\n")
    (found,) = await check_voice(str(file))
    assert found.remedy == "correct audio.input.device"


def test_a_voice_and_a_chirp_are_measured_one_after_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home(tmp_path, 0.5)
    assert main(["doctor", "-c", str(file), "--voice", "--calibrate"]) == 1
    assert "--voice" in capsys.readouterr().err
