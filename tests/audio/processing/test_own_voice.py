"""An answer is recognized in what a room makes of it, and somebody else is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.expected_echo import EVERYWHERE, NOWHERE, Bands
from rtaudio_daemon.audio.processing.own_voice import OwnVoice
from tests.harness import Samples, samples, speech

RATE, FRAME = 24_000, 480
FRAMES = samples(speech("weather"))[: 5 * RATE].reshape(-1, FRAME)
ANSWER = np.resize(FRAMES[np.abs(FRAMES).max(axis=1) > 1000], 5 * RATE)  # without a pause
PERSON = samples(speech("stop"))
HIGHEST: Bands = NOWHERE.copy()
HIGHEST[8] = True
HIGH: Bands = NOWHERE.copy()
HIGH[6:8] = True


def hall(sound: Samples) -> Samples:
    """The sound after 170 ms, with a tail of half a second that is as loud as it."""
    length = RATE // 2
    tail = np.random.default_rng(4).normal(0, 1, length) * 10 ** (-3 * np.arange(length) / length)
    impulse = np.concatenate([np.zeros(170 * 24), tail / np.linalg.norm(tail)])
    impulse[170 * 24] += 1
    size = 1 << (len(sound) + len(impulse)).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(impulse, size)
    return np.asarray(0.1 * np.fft.irfft(spectrum, size)[: len(sound)])


def heard(played: Samples, there: Samples, *, skipped: int = 0) -> OwnVoice:
    own = OwnVoice()
    for at in range(0, len(played) // FRAME * FRAME, FRAME):
        part = slice(at, at + FRAME)
        own.played(pcm(played[part]), skipped if at == 0 else 0)
        own.heard(pcm(there[part]))
    return own


def pcm(sound: Samples) -> bytes:
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("by_db", [8, 14])
@pytest.mark.parametrize("since_ms", [60, 100, 500])
def test_an_answer_that_was_just_turned_up_in_a_hall_is_recognized(
    by_db: int, since_ms: int
) -> None:
    there = hall(ANSWER)
    there[-since_ms * 24 :] *= 10 ** (by_db / 20)
    assert heard(ANSWER, there, skipped=RATE).is_heard(EVERYWHERE)


@pytest.mark.parametrize("by_db", [8, 14])
@pytest.mark.parametrize("after_s", [4.4, 4.6, 4.8, 5.0])
def test_so_it_is_where_its_high_tones_alone_are_louder_yet(by_db: int, after_s: float) -> None:
    played = ANSWER[: int(after_s * RATE)]
    there = hall(played)
    there[-60 * 24 :] *= 10 ** (by_db / 20)
    assert heard(played, there, skipped=RATE).is_heard(HIGH)


@pytest.mark.parametrize("since_ms", [80, 120, 160])
def test_somebody_who_speaks_over_it_is_somebody_else(since_ms: int) -> None:
    there = hall(ANSWER)
    begin = int(np.flatnonzero(np.abs(PERSON) > 3000)[0])
    there[-since_ms * 24 :] += PERSON[begin : begin + since_ms * 24]
    assert not heard(ANSWER, there).is_heard(EVERYWHERE)


def test_at_the_beginning_of_the_first_answer_it_must_look_the_same() -> None:
    first = ANSWER[: RATE // 2]
    assert heard(first, 0.3 * first).is_heard(EVERYWHERE)
    assert not heard(first, PERSON[: len(first)]).is_heard(EVERYWHERE)


def test_so_it_must_where_nothing_is_known_of_the_highest_tones() -> None:
    assert heard(ANSWER, 0.3 * ANSWER).is_heard(HIGHEST)


def test_so_it_must_where_the_room_is_not_understood() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, len(ANSWER))
    noise[-RATE // 5 :] = 0.3 * ANSWER[-RATE // 5 :]
    assert heard(ANSWER, noise).is_heard(EVERYWHERE)
    assert not heard(ANSWER, noise[::-1].copy()).is_heard(EVERYWHERE)


def test_silence_is_nobody_s_voice() -> None:
    nothing = np.zeros(RATE)
    assert not heard(nothing, nothing).is_heard(EVERYWHERE)
