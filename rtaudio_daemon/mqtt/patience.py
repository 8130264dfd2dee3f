"""Delays before the broker is tried again. Times are in seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..backoff import backoff
from .link import Trouble

FIRST_S, LONGEST_S = 1.0, 60.0
REFUSED_S = 60.0
CONFLICT_S = 300.0
CONFLICT_LOSSES, CONFLICT_WITHIN_S = 3, 10.0
_STEADY_S = 10.0  # a connection that lasted this long was a success


class Patience:
    """`chance`: returns a number from 0 to 1."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._pauses = backoff(FIRST_S, LONGEST_S, chance)
        self._times: deque[float] = deque(maxlen=CONFLICT_LOSSES)
        self.gives_up = False
        """Whether another client with the same name keeps displacing us."""

    def pause_s(self, trouble: Trouble, now: float, lasted_s: float) -> float:
        """Return the delay after a connection that `lasted_s`, or 0.0 without one."""
        self.gives_up = False
        if lasted_s >= _STEADY_S:
            self._pauses = backoff(FIRST_S, LONGEST_S, self._chance)
        if trouble is Trouble.OLD:
            return 0.0
        if trouble is Trouble.REFUSED:
            return REFUSED_S
        # Many brokers disconnect a client with a duplicate name without giving the reason.
        if trouble is Trouble.TAKEN or (trouble is Trouble.AWAY and 0 < lasted_s < _STEADY_S):
            return self._thrown_out(now)
        return next(self._pauses)

    def _thrown_out(self, now: float) -> float:
        self._times.append(now)
        if len(self._times) == CONFLICT_LOSSES and now - self._times[0] <= CONFLICT_WITHIN_S:
            self._times.clear()
            self.gives_up = True
            return CONFLICT_S
        return next(backoff(FIRST_S, FIRST_S, self._chance))
