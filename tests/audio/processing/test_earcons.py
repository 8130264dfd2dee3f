"""Every short sound is there, as loud as it shall be, and begins and ends without a click."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.earcons import NAMES, earcon, ring
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS


@pytest.mark.parametrize("name", NAMES)
def test_an_earcon_is_short_and_at_most_half_of_full_scale(name: str) -> None:
    sound = np.frombuffer(earcon(name, 1.0), dtype="<i2").astype(np.int32)
    assert 100 <= sound.nbytes // 2 / BYTES_PER_MS <= 400
    assert np.abs(sound).max() == pytest.approx(16_383, abs=1)
    assert abs(sound[0]) < 100 > abs(sound[-1])
    quiet = np.frombuffer(earcon(name, 0.25), dtype="<i2").astype(np.int32)
    assert np.abs(quiet).max() == pytest.approx(4_096, abs=1)


def test_a_ring_takes_a_second_and_is_as_loud_as_the_volume_says() -> None:
    assert len(ring(1.0)) == 1000 * BYTES_PER_MS
    for volume in (1.0, 0.6):
        sound = np.frombuffer(ring(volume), dtype="<i2").astype(np.int32)
        assert np.abs(sound).max() == pytest.approx(32_767 * volume, abs=1)
