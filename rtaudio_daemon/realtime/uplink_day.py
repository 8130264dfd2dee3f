"""How much sound left this machine today, hour by hour. The caller knows the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

HOURS = 24
_MOST_BYTES = 1 << 53
"""More than an hour can send, and a number that JSON represents exactly."""


class UplinkListener(Protocol):
    """Stores what was sent."""

    def uplink_grew(self) -> None:
        """More has been sent than is stored."""


class UplinkDay:
    """Divides a growing counter among the hours of the day in which it grew."""

    def __init__(self) -> None:
        self._counted = 0
        self._day = 0
        self._hours = [0] * HOURS
        self.listener: UplinkListener | None = None

    def note(self, total: int, day: int, hour: int) -> None:
        """Note that the counter has reached `total` bytes in this hour (0 to 23) of this day."""
        if day != self._day:
            self._day, self._hours = day, [0] * HOURS
        grown = max(0, total - self._counted)
        self._hours[hour] += grown
        self._counted += grown
        if grown and self.listener is not None:
            self.listener.uplink_grew()

    @property
    def hours(self) -> tuple[int, ...]:
        """Bytes sent in each hour of the day noted last."""
        return tuple(self._hours)

    def state(self) -> dict[str, Any]:
        """Return what was sent on the day noted last, ready for JSON and for `restore`."""
        return {"day": self._day, "hours": self._hours}

    def restore(self, state: Any) -> None:
        """Continue from a `state`, before the first note. Raises ValueError if it is invalid."""
        given = state if isinstance(state, Mapping) else {}
        day, hours = given.get("day"), given.get("hours")
        if not isinstance(hours, list) or len(hours) != HOURS or not _are_counts([day, *hours]):
            raise ValueError("it is not what was written there")
        self._day, self._hours = int(str(day)), list(hours)


def _are_counts(values: list[Any]) -> bool:
    return all(type(each) is int and 0 <= each <= _MOST_BYTES for each in values)
