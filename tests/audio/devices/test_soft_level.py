"""How often a microphone's process hears how soft a frame must be to come late."""

from __future__ import annotations

import pytest

from rtaudio_daemon.audio.devices.soft_level import SoftLevel


def test_the_process_hears_of_a_level_only_when_it_fell_or_rose_much() -> None:
    level = SoftLevel()
    assert level.follow(None) is None, "it knows nothing else"
    assert level.follow(-60.5) == pytest.approx(32768 * 10 ** (-61 / 20))
    assert [level.follow(dbfs) for dbfs in (-60.5, -61.0, -59.1)] == [None] * 3
    assert level.follow(-61.01) == pytest.approx(32768 * 10 ** (-62 / 20))
    assert level.follow(-60.0) == pytest.approx(32768 * 10 ** (-60 / 20))
    assert [level.follow(None), level.follow(None)] == [0.0, None]


def test_the_process_hears_at_once_whether_pairs_may_come() -> None:
    level = SoftLevel()
    assert level.follow(None, pairs=True) == 0.0
    assert level.follow(None, pairs=True) is None
    assert level.follow(-60.0, pairs=True) == pytest.approx(32.768)
    assert level.follow(-59.0, pairs=False) == pytest.approx(32768 * 10 ** (-59 / 20))
    assert level.follow(-59.0) is None
    level.forget()
    assert level.follow(None, pairs=True) == 0.0


def test_a_new_process_hears_of_it_again() -> None:
    level = SoftLevel()
    level.follow(-60.0)
    level.forget()
    assert level.follow(-60.0) == pytest.approx(32.768)
    level.forget()
    assert level.follow(None) is None
