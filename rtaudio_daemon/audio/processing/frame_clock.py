"""When sound was heard, although it comes late and in bursts."""

from __future__ import annotations

from collections import deque

_REMEMBERED_S = 3.0


class FrameClock:
    """Feed it every piece of one stream. All times are seconds of any one clock.

    Sound never comes before it was heard. So of the pieces of the last seconds the one that came
    soonest says when all of them were heard: samples are counted from it. A piece that a busy
    machine held up, or that comes with nine others at once, is not later for that.
    """

    def __init__(self) -> None:
        self._position_s = 0.0
        self._soonest: deque[tuple[float, float]] = deque()  # (came at, less its position), rising

    def heard_at(self, length_s: float, now: float) -> float:
        """When the last sample of the next piece was heard, which comes `now`."""
        self._position_s += length_s
        offset = now - self._position_s
        while self._soonest and self._soonest[-1][1] >= offset:
            self._soonest.pop()
        self._soonest.append((now, offset))
        while now - self._soonest[0][0] > _REMEMBERED_S:
            self._soonest.popleft()
        return self._soonest[0][1] + self._position_s
