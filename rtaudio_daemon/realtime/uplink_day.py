"""How much sound left this machine today, hour by hour. The caller knows the clock."""

from __future__ import annotations

HOURS = 24


class UplinkDay:
    """Divides a counter that only grows among the hours of the day in which it grew."""

    def __init__(self) -> None:
        self._counted = 0
        self._day = 0
        self._hours = [0] * HOURS

    def note(self, total: int, day: int, hour: int) -> None:
        """The counter stands at `total` bytes, in this hour (0 to 23) of this day."""
        if day != self._day:
            self._day, self._hours = day, [0] * HOURS
        self._hours[hour] += max(0, total - self._counted)
        self._counted = max(total, self._counted)

    @property
    def hours(self) -> tuple[int, ...]:
        """Bytes in each hour of the day noted last."""
        return tuple(self._hours)
