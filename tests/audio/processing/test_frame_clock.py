"""Sound that comes late was heard in time."""

from __future__ import annotations

import pytest

from rtaudio_daemon.audio.processing.frame_clock import FrameClock


def test_a_frame_that_is_held_up_was_heard_as_early_as_any_other() -> None:
    clock = FrameClock()
    came = [10.020, 10.040, 10.060, 10.115, 10.116, 10.120]
    heard = [clock.heard_at(0.020, now) for now in came]
    assert heard == pytest.approx([10.020, 10.040, 10.060, 10.080, 10.100, 10.120])


def test_frames_that_come_ten_at_once_were_heard_one_after_the_other() -> None:
    clock = FrameClock()
    for burst in range(1, 4):
        heard = [clock.heard_at(0.020, 0.2 * burst) for _ in range(10)]
    assert heard == pytest.approx([0.4 + 0.02 * frame for frame in range(1, 11)])


def test_sound_that_is_missing_is_forgotten_after_some_seconds() -> None:
    clock = FrameClock()
    now = 0.0
    for _ in range(100):
        now += 0.020
        assert clock.heard_at(0.020, now) == pytest.approx(now)
    now += 0.5  # lost on the way
    late = []
    for _ in range(200):
        now += 0.020
        late.append(now - clock.heard_at(0.020, now))
    assert late[0] == pytest.approx(0.5)
    assert late[-1] == pytest.approx(0.0)


def test_a_sound_card_that_is_a_little_slow_is_followed() -> None:
    clock = FrameClock()
    for frame in range(50_000):
        now = frame * 0.0200020  # 100 ppm
        heard = clock.heard_at(0.020, now)
    assert now - heard < 0.001
