"""Pauses between attempts that fail."""

from __future__ import annotations

import random
from itertools import islice

from rtaudio_daemon.backoff import backoff


def test_pauses_double_up_to_the_longest() -> None:
    assert list(islice(backoff(1, 5), 5)) == [1, 2, 4, 5, 5]
    assert list(islice(backoff(8, 5), 2)) == [5, 5]
    assert list(islice(backoff(2, 5, factor=1.5), 4)) == [2, 3, 4.5, 5]


def test_pauses_differ_by_chance() -> None:
    assert list(islice(backoff(1, 5, lambda: 0.5), 5)) == [1, 2, 4, 5, 5]
    assert list(islice(backoff(1, 5, lambda: 0.0), 3)) == [0.75, 1.5, 3]
    firsts = [next(backoff(0.5, 30.0, random.random)) for _ in range(100)]
    assert all(0.375 <= pause <= 0.625 for pause in firsts)
    assert len(set(firsts)) > 1
