"""Sound that left, by the hours of the day."""

from __future__ import annotations

import pytest

from rtaudio_daemon.realtime.uplink_day import HOURS, UplinkDay


def test_what_is_sent_counts_for_its_hour_and_a_new_day_begins_empty() -> None:
    sent = UplinkDay()
    assert sent.hours == (0,) * HOURS
    sent.note(100, 7, 8)
    sent.note(100, 7, 8)
    sent.note(250, 7, 23)
    assert (sent.hours[8], sent.hours[23], sum(sent.hours)) == (100, 150, 250)
    sent.note(300, 8, 0)
    assert (sent.hours[0], sum(sent.hours)) == (50, 50)


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {"day": 7},
        {"day": True, "hours": [0] * HOURS},
        {"day": 7, "hours": [0] * 23},
        {"day": 7, "hours": [0] * 23 + [-1]},
        {"day": 7, "hours": [0] * 23 + [float("inf")]},
        {"day": 7, "hours": [1 << 60] * HOURS},
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(state: object) -> None:
    sent = UplinkDay()
    with pytest.raises(ValueError, match="not what was written"):
        sent.restore(state)
    assert sent.state() == UplinkDay().state()


def test_a_counter_that_falls_takes_nothing_away() -> None:
    sent = UplinkDay()
    sent.note(100, 1, 0)
    sent.note(40, 1, 1)
    sent.note(120, 1, 2)
    assert sent.hours[:3] == (100, 0, 20)
