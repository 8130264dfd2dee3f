"""How loud a voice is, and what that speaks for."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.format import FRAME_BYTES
from rtaudio_daemon.audio.processing.voice_measurement import (
    VoiceMeasurement,
    frames_of,
    measure,
    voice_proposals,
)
from rtaudio_daemon.config import Input


def noise(level_dbfs: float, frames: int) -> list[bytes]:
    scale = 32768 * 10 ** (level_dbfs / 20)
    samples = np.random.default_rng(1).normal(0, scale, frames * FRAME_BYTES // 2)
    return frames_of(samples.clip(-32768, 32767).astype("<i2").tobytes())


def proposed(voice_dbfs: float, noise_dbfs: float, now: Input | None = None) -> dict[str, object]:
    measured = VoiceMeasurement(voice_dbfs, noise_dbfs)
    found = voice_proposals(measured, now or Input(), can_suppress=True)
    return {each.steps[-1]: each.value for each in found}


def test_a_voice_and_the_room_between_its_words_are_measured() -> None:
    frames = noise(-60, 50) + noise(-30, 50)
    measured = measure(frames, [0.0] * 50 + [0.9] * 50)
    assert measured is not None
    assert measured.voice_dbfs == pytest.approx(-30, abs=1)
    assert measured.noise_dbfs == pytest.approx(-60, abs=1)
    assert measured.above_db == pytest.approx(30, abs=1)


def test_who_says_hardly_anything_or_makes_no_pause_is_not_measured() -> None:
    frames = noise(-30, 50)
    assert measure(frames, [0.9] * 20 + [0.0] * 30) is None
    assert measure(frames, [0.9] * 50) is None
    assert measure([], []) is None


@pytest.mark.parametrize(
    ("voice_dbfs", "gain_db", "wanted"),
    [
        (-26, 0, {}),
        (-37, 0, {}),
        (-50, 0, {"gain_db": 24.0}),
        (-80, 0, {"gain_db": 40.0}),
        (-50, 24, {}),
        (-26, 20, {"gain_db": 0.0}),
        (-8, 0, {}),
    ],
)
def test_a_soft_voice_speaks_for_a_gain_and_a_loud_one_against_it(
    voice_dbfs: float, gain_db: float, wanted: dict[str, object]
) -> None:
    assert proposed(voice_dbfs, -80, Input(gain_db=gain_db)) == wanted


def test_a_noisy_room_speaks_for_noise_suppression_where_it_is_possible() -> None:
    assert proposed(-26, -40) == {"noise_suppression": "on"}
    assert proposed(-26, -48) == {}, "the voice is loud enough"
    assert proposed(-26, -40, Input(noise_suppression="on")) == {}
    measured = VoiceMeasurement(-26, -40)
    assert voice_proposals(measured, Input(), can_suppress=False) == []
