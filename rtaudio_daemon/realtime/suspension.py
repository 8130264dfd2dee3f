"""Measures how long the machine slept while the clock of the event loop stood still."""

from __future__ import annotations

import sys
import time

_LEAST_S = 1.0  # smaller differences arise because the clocks are read one after the other


class Suspension:
    """Measures sleep from its creation on."""

    def __init__(self) -> None:
        self._seconds = suspended_s()

    def new_s(self) -> float:
        """Return how many seconds the machine has slept since the last call; 0: not at all."""
        slept_s = suspended_s() - self._seconds
        if slept_s <= _LEAST_S:
            return 0.0
        self._seconds += slept_s
        return slept_s


def suspended_s() -> float:
    """Return how long this machine has slept since it started; 0 if that is unknown."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
