"""Short sounds that say what the house does."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.earcons import NAMES, earcon


@pytest.mark.parametrize("name", NAMES)
def test_an_earcon_is_short_as_loud_as_asked_and_does_not_click(name: str) -> None:
    sound = np.frombuffer(earcon(name, 0.25), dtype="<i2").astype(int)
    assert 100 <= len(sound) / 24 <= 400
    assert 0.24 * 32767 < np.abs(sound).max() <= 0.25 * 32767
    assert sound[0] == 0
    assert abs(sound[-1]) < 10
    assert len({earcon(each) for each in NAMES}) == len(NAMES)
