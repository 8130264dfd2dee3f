"""Where is the word in a recording, and can it be learned from?"""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.word_recording import RATE, Sound, word_recording
from tests.audio.processing.words_of_tones import MARVIN, said


def test_the_word_is_found_to_a_few_hundredths_of_a_second() -> None:
    found = word_recording(said(MARVIN, before_s=0.7))
    assert found.start_s == pytest.approx(0.7, abs=0.03)
    assert found.end_s == pytest.approx(1.5, abs=0.03)
    assert found.length_s == pytest.approx(0.8, abs=0.05)
    assert found.snr_db > 30
    assert found.fault is None


def test_a_pause_inside_the_word_is_part_of_it_and_a_click_is_not() -> None:
    sound = np.concatenate([said(MARVIN[:2], after_s=0.1), said(MARVIN[2:], before_s=0.1)])
    sound[int(0.2 * RATE) : int(0.22 * RATE)] = 0.15
    found = word_recording(sound)
    assert found.start_s == pytest.approx(0.5, abs=0.03)
    assert found.length_s == pytest.approx(1.0, abs=0.05)


def test_of_two_stretches_the_louder_one_is_the_word() -> None:
    sound = np.concatenate([said(MARVIN, loud=0.05), said(MARVIN)])
    assert word_recording(sound).start_s == pytest.approx(2.3, abs=0.03)


def test_hum_and_rumble_are_no_noise() -> None:
    sound = said(MARVIN)
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(len(sound)) / RATE)
    assert word_recording(np.asarray(sound + hum, np.float32)).fault is None


@pytest.mark.parametrize(
    ("sound", "fault"),
    [
        (np.zeros(0, np.float32), "silent"),
        (np.zeros(RATE, np.float32), "silent"),
        (said((), noise=1e-6), "silent"),
        (np.clip(said(MARVIN, loud=2.0), -1, 1), "clipped"),
        (said(MARVIN, noise=0.05), "noisy"),
        (said(MARVIN, before_s=0.0), "cut"),
        (said(MARVIN, after_s=0.0), "cut"),
        (said(MARVIN, tone_s=0.1), "short"),
        (said(MARVIN, tone_s=0.5), "long"),
    ],
)
def test_what_cannot_be_learned_from_is_named(sound: Sound, fault: str) -> None:
    assert word_recording(sound).fault == fault
