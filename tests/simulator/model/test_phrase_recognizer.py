"""Phrases in speech: those that are said are recognized, others are not mistaken for them."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
import soxr

from rtaudio_daemon.simulator.model.phrase_recognizer import PhraseRecognizer


def spoken(text: str, voice: str) -> bytes:
    command = ["espeak-ng", "-v", voice, "--stdout", text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    samples = np.frombuffer(wav[44 : len(wav) // 2 * 2], dtype="<i2")
    sound: bytes = soxr.resample(samples, 22_050, 24_000).astype("<i2").tobytes()
    return sound


@pytest.mark.parametrize("phrase", ["light", "yes", "what is the weather"])
def test_a_phrase_is_recognized(phrase: str) -> None:
    assert PhraseRecognizer([phrase])(spoken(phrase, "en-gb")) == phrase


@pytest.mark.parametrize(
    ("phrase", "voice", "sentence"),
    [
        ("light", "en+f3", "Good morning, how are you?"),
        ("lamp", "en+f3", "Good morning, how are you?"),
    ],
)
def test_a_short_phrase_is_not_stretched_over_a_sentence(
    phrase: str, voice: str, sentence: str
) -> None:
    assert PhraseRecognizer([phrase])(spoken(sentence, voice)).startswith("speech of ")
