"""Somebody teaches a wake word."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr

from rtaudio_daemon.audio.engines.taught_words import TaughtWords, material
from rtaudio_daemon.audio.processing.format import FRAME_BYTES, SAMPLE_RATE
from rtaudio_daemon.audio.processing.word_recording import RATE, Sound
from rtaudio_daemon.daemon.word_teaching import HOW, WordTeaching
from rtaudio_daemon.errors import NotFoundError, NotNowError
from tests.audio.processing.words_of_tones import MARVIN, said
from tests.harness import speech

GIVEN = material()


class Person:
    """Says one thing after the other into the microphone, each when it is listened to."""

    def __init__(self, *says: Sound) -> None:
        self.says = list(says)

    async def frames(self) -> AsyncGenerator[bytes, None]:
        sound = soxr.resample(self.says.pop(0), RATE, SAMPLE_RATE)
        pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
        for at in range(0, len(pcm), FRAME_BYTES):
            yield pcm[at : at + FRAME_BYTES]


def word(seed: int, start_s: float = 2.0) -> Sound:
    """Eight tenths of a second of a recorded sentence, each time a little faster or slower."""
    pcm = np.frombuffer(speech("weather"), "<i2")[round(start_s * 24_000) :][:19_200]
    rate = 24_000 * (1 + 0.01 * (seed % 5 - 2))
    spoken = soxr.resample(pcm.astype(np.float32) / 32768, rate, RATE)
    hiss = np.random.default_rng(seed).normal(0, 3e-4, len(spoken) + 2 * RATE)
    hiss[RATE // 2 : RATE // 2 + len(spoken)] += spoken
    return np.asarray(hiss, np.float32)


async def test_after_five_recordings_the_word_is_learned_kept_and_recognized(
    tmp_path: Path,
) -> None:
    person, words = Person(*(word(each) for each in range(5))), TaughtWords(tmp_path)
    teaching = WordTeaching(person, words, lambda: replace(GIVEN, negatives=GIVEN.negatives[:2000]))
    for count in range(1, 5):
        answer = await teaching.take("hey marvin", "record")
        assert answer["accepted"], answer
        assert not answer["done"]
        assert (answer["recorded"], answer["needed"]) == (count, 5)
        assert answer["how"] == HOW[count]
    answer = await teaching.take("hey marvin", "record")
    assert answer["accepted"], answer
    assert answer["done"], answer
    assert teaching.listed() == {"words": [{"name": "hey marvin"}], "missing": ""}
    assert len(words.recordings("hey marvin")) == 4

    person.says = [word(9), word(0, 3.0)]
    assert (await teaching.take("hey marvin", "test"))["accepted"]
    assert (await teaching.take("hey marvin", "test"))["score"] < 0.5
    teaching.forget("hey marvin")
    assert teaching.listed() == {"words": [], "missing": ""}


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(8 * RATE, np.float32), "nothing was heard"),
        (said(MARVIN, loud=3.0, after_s=7.0), "too loud for the microphone"),
        (said(MARVIN, noise=0.05, after_s=7.0), "too loud here"),
        (said(MARVIN, tone_s=0.1, after_s=7.0), "too short"),
        (said(MARVIN, tone_s=0.5, after_s=7.0), "too long"),
        (said(MARVIN, before_s=0.0, after_s=7.0), "too soon"),
    ],
)
async def test_what_cannot_be_learned_from_is_refused_with_what_to_do(
    tmp_path: Path, sound: Sound, reason: str
) -> None:
    teaching = WordTeaching(Person(sound), TaughtWords(tmp_path))
    answer = await teaching.take("hey marvin", "record")
    assert not answer["accepted"]
    assert reason in answer["reason"]
    assert answer["recorded"] == 0


async def test_what_is_unlike_the_first_recording_is_not_used(tmp_path: Path) -> None:
    teaching = WordTeaching(Person(word(0), word(0, 3.0), word(1)), TaughtWords(tmp_path))
    assert (await teaching.take("hey marvin", "record"))["accepted"]
    answer = await teaching.take("hey marvin", "record")
    assert (answer["accepted"], answer["recorded"]) == (False, 1)
    assert "unlike the others" in answer["reason"]
    assert (await teaching.take("hey marvin", "record"))["recorded"] == 2


async def test_a_slip_at_the_first_try_is_left_out_when_two_others_agree(tmp_path: Path) -> None:
    slip = word(0, 3.0)
    teaching = WordTeaching(Person(slip, word(0), word(1), word(2)), TaughtWords(tmp_path))
    assert (await teaching.take("hey marvin", "record"))["accepted"]
    assert not (await teaching.take("hey marvin", "record"))["accepted"]
    answer = await teaching.take("hey marvin", "record")
    assert (answer["accepted"], answer["recorded"]) == (True, 2)
    assert "left out" in answer["reason"]
    assert (await teaching.take("hey marvin", "record"))["recorded"] == 3


async def test_another_name_and_cancel_begin_anew(tmp_path: Path) -> None:
    teaching = WordTeaching(Person(word(0), word(1)), TaughtWords(tmp_path))
    await teaching.take("hey marvin", "record")
    assert (await teaching.take("okay marvin", "record"))["recorded"] == 1
    assert (await teaching.take("okay marvin", "cancel"))["recorded"] == 0


async def test_a_silent_microphone_and_a_word_that_is_not_there_are_named(tmp_path: Path) -> None:
    teaching = WordTeaching(Person(np.zeros(10, np.float32), word(0)), TaughtWords(tmp_path))
    with pytest.raises(NotNowError, match="gives no sound"):
        await teaching.take("hey marvin", "record")
    with pytest.raises(NotFoundError, match="wake list"):
        await teaching.take("hey marvin", "test")


def test_the_package_that_is_missing_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyopen_wakeword", None)
    lacking = WordTeaching(Person(), TaughtWords(tmp_path)).listed()["missing"]
    assert "-m pip install 'pyopen-wakeword>=1.1,<1.2'" in lacking, lacking
