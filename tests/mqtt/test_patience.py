"""How long the broker is left alone after each kind of trouble."""

from __future__ import annotations

from itertools import accumulate

from rtaudio_daemon.mqtt.link import Trouble
from rtaudio_daemon.mqtt.patience import CONFLICT_S, Patience


def middling() -> float:
    return 0.5


def test_a_broker_that_is_away_is_tried_less_and_less_often_but_every_minute() -> None:
    patience = Patience(middling)
    pauses = [patience.pause_s(Trouble.AWAY, 0.0, 0.0) for _ in range(8)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert patience.pause_s(Trouble.SILENT, 0.0, 9.0) == 60, "that was no good connection"
    assert patience.pause_s(Trouble.AWAY, 0.0, 10.0) == 1


def test_many_daemons_do_not_come_back_at_the_same_moment() -> None:
    early, late = Patience(lambda: 0.0), Patience(lambda: 1.0)
    assert early.pause_s(Trouble.AWAY, 0.0, 0.0) == 0.75
    assert late.pause_s(Trouble.AWAY, 0.0, 0.0) == 1.25
    assert late.pause_s(Trouble.TAKEN, 0.0, 0.0) == 1.25


def test_a_wrong_password_is_tried_once_a_minute() -> None:
    patience = Patience(middling)
    assert [patience.pause_s(Trouble.REFUSED, 0.0, 0.0) for _ in range(3)] == [60, 60, 60]


def test_an_older_version_of_the_protocol_is_tried_at_once() -> None:
    assert Patience(middling).pause_s(Trouble.OLD, 0.0, 0.0) == 0


def test_who_is_thrown_out_three_times_in_ten_seconds_gives_up_for_five_minutes() -> None:
    patience = Patience(middling)
    # Not every broker says why it closes a connection that has just been made.
    kinds = ((Trouble.TAKEN, 0.0), (Trouble.AWAY, 5.0), (Trouble.TAKEN, 10.0))
    pauses = [patience.pause_s(trouble, now, 1.0) for trouble, now in kinds]
    assert pauses == [1, 1, CONFLICT_S]
    assert patience.gives_up
    assert patience.pause_s(Trouble.TAKEN, 320.0, 1.0) == 1, "it counts anew"
    assert not patience.gives_up
    assert patience.pause_s(Trouble.AWAY, 321.0, 0.0) == 1, "that is another trouble"


def test_who_is_thrown_out_now_and_then_goes_on() -> None:
    patience = Patience(middling)
    times = accumulate([6.0] * 5)
    assert [patience.pause_s(Trouble.TAKEN, now, 5.0) for now in times] == [1] * 5
