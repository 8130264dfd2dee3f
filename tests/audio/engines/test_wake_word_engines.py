"""The engines that spot wake words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines.vad_engines import open_engine
from rtaudio_daemon.audio.engines.wake_word_engines import open_attention
from rtaudio_daemon.audio.processing import gate as processing
from rtaudio_daemon.config import Gate, Wake
from rtaudio_daemon.optional_packages import how_to_install
from tests.audio.processing.test_wake_word import FRAME


def test_a_missing_package_is_named_and_the_house_does_not_listen_to_everybody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    attention = open_attention("wake_word", Wake("alexa"))
    assert not attention.paid
    assert attention.listen == "push_to_talk"
    (note,) = attention.notes
    assert how_to_install("pymicro_wakeword") in note
    assert note in caplog.text


def test_a_spoken_wake_word_is_spotted_once_and_other_words_are_not(tmp_path: Path) -> None:
    attention = open_attention("wake_word", Wake("any"))
    heard = []
    for words in ("what time is it, and how is the weather", "alexa", "alexa, what time is it"):
        path = tmp_path / "said.wav"
        command = ["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(path), words]
        subprocess.run(command, check=True)
        pcm = bytes(48_000) + read_wav(path) + bytes(3 * 48_000)
        pcm = pcm[: len(pcm) // FRAME * FRAME]
        found = [
            attention.feed(pcm[at : at + FRAME], engaged=False) for at in range(0, len(pcm), FRAME)
        ]
        heard.append([word.word for word in found if word])
    assert heard == [[], ["alexa"], ["alexa"]]


@pytest.mark.parametrize(
    ("words", "opens"), [("hey mycroft", False), ("alexa, stop", True), ("hey mycroft, stop", True)]
)
def test_only_what_follows_a_wake_word_is_a_turn(words: str, opens: bool, tmp_path: Path) -> None:
    """The first of them is spotted 180 ms before its end."""
    path = tmp_path / "said.wav"
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "150", "-w", str(path), words], check=True)
    pcm = bytes(48_000) + read_wav(path) + bytes(2 * 48_000)
    settings, attention = Gate(), open_attention("wake_word", Wake("any"))
    gate = processing.Gate(settings, open_engine(settings.engine).engine, None, attention)
    results = [gate.feed(pcm[at : at + FRAME]) for at in range(0, len(pcm) - FRAME, FRAME)]
    assert sum(result.woken is not None for result in results) == 1
    assert any(result.started for result in results) == opens
