"""Computes when sound was heard, although it arrives late and in bursts."""

from __future__ import annotations

from collections import deque

_REMEMBERED_S = 3.0


class FrameClock:
    """Dates the pieces of one stream. All times are in seconds on one clock.

    Sound never arrives before it was heard. Therefore the piece with the least delay in the last
    seconds dates all others, by counting samples from it. Delays in a busy machine, and pieces
    that arrive ten at once, do not matter.
    """

    def __init__(self) -> None:
        self._position_s = 0.0
        self._soonest: deque[tuple[float, float]] = deque()  # (arrival, arrival − position), rising

    def heard_at(self, length_s: float, now: float) -> float:
        """Return when the last sample of the next piece, which arrives `now`, was heard."""
        self._position_s += length_s
        offset = now - self._position_s
        while self._soonest and self._soonest[-1][1] >= offset:
            self._soonest.pop()
        self._soonest.append((now, offset))
        while now - self._soonest[0][0] > _REMEMBERED_S:
            self._soonest.popleft()
        return self._soonest[0][1] + self._position_s
