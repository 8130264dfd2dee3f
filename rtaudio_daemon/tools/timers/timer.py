"""One timer, alarm or reminder: when it ends, by which clock, and its form on disk.

A duration is counted on a clock that steps of the wall clock do not affect. A time of day follows
the wall clock, through daylight saving, steps and changes of the time zone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from ...errors import WrongValueError
from .local_time import following, local, moment_of

SHORTEST_S = 1.0
LONGEST_S = 7 * 86_400.0
NAME_MOST = 60
"""Maximum length of a name in characters."""
TEXT_MOST = 500
"""Maximum length of a reminder's text in characters."""
_FARTHEST_S = 3.2e10  # the year 2984


class Kind(StrEnum):
    """What a person calls it."""

    TIMER = "timer"
    ALARM = "alarm"
    REMINDER = "reminder"


class State(StrEnum):
    """The state of a timer."""

    RUNNING = "running"
    PAUSED = "paused"
    RINGING = "ringing"


@dataclass(frozen=True, slots=True)
class Moment:
    """The current time: `wall` in seconds since 1970, and the local time zone.

    `elapsed`: seconds on a clock that cannot be set and that continues while the machine sleeps.
    """

    wall: float
    elapsed: float
    zone: tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """`ends_at`, `created`: seconds since 1970; `length`: seconds, 0 for a time of day.

    `at`: the next time of day, without zone. `due`: when it ends on the elapsed clock; None: at
    `at`. `by_wall`: the machine was rebooted since it was set, so that `ends_at` applies, and
    `due` at the latest. `left`: seconds left when it was paused, or began to count. `since`: when
    it began to ring, on the elapsed clock. `days`: weekdays from 0 (Monday) on which it repeats.
    """

    id: str
    kind: Kind
    created: float
    ends_at: float
    name: str = ""
    text: str = ""
    state: State = State.RUNNING
    length: float = 0.0
    days: tuple[int, ...] = ()
    at: datetime | None = None
    due: float | None = None
    by_wall: bool = False
    left: float = 0.0
    since: float = 0.0

    # ------------------------------------------------------------------ when

    def left_s(self, now: Moment) -> float:
        """Return the seconds until it ends; 0 if it has."""
        if self.state is State.PAUSED:
            return self.left
        if self.state is State.RINGING:
            return 0.0
        return max(0.0, self._until(now))

    def late_s(self, now: Moment) -> float:
        """Return how many seconds ago it ended; negative if it has not."""
        return -self._until(now)

    def _until(self, now: Moment) -> float:
        by_wall = self.ends_at - now.wall
        if self.due is None:
            return by_wall
        counted = self.due - now.elapsed
        return min(by_wall, counted) if self.by_wall else counted

    def seen(self, now: Moment) -> Timer:
        """Return it with `ends_at` by the wall clock of this moment."""
        if self.state is not State.RUNNING or self.by_wall:
            return self
        if self.due is not None:
            return replace(self, ends_at=now.wall + self.due - now.elapsed)
        assert self.at is not None
        return replace(self, ends_at=moment_of(self.at, now.zone))

    def counting(self, seconds: float, now: Moment) -> Timer:
        """Return it, ending in so many seconds."""
        return replace(
            self,
            state=State.RUNNING,
            due=now.elapsed + seconds,
            left=seconds,
            ends_at=now.wall + seconds,
            by_wall=False,
        )

    def waiting(self, at: datetime, now: Moment) -> Timer:
        """Return it, ending at this time of day."""
        ends_at = moment_of(at, now.zone)
        return replace(
            self, state=State.RUNNING, at=at, due=None, by_wall=False, length=0.0, ends_at=ends_at
        )

    # ------------------------------------------------------------ changes of state

    def paused(self, now: Moment) -> Timer:
        """Return it paused."""
        return replace(self, state=State.PAUSED, left=self.left_s(now))

    def resumed(self, now: Moment) -> Timer:
        """Return it resumed. Raises WrongValueError if its time of day is over."""
        if self.due is not None:
            return self.counting(self.left, now)
        assert self.at is not None
        if self.days:
            return self.waiting_again(now)
        if moment_of(self.at, now.zone) <= now.wall:
            raise WrongValueError("its time is over; give it another")
        return self.waiting(self.at, now)

    def ringing(self, now: Moment) -> Timer:
        """Return it ringing from now on."""
        return replace(self.advanced(now), state=State.RINGING, since=now.elapsed)

    def advanced(self, now: Moment) -> Timer:
        """Return it with its next time of day in the future, if it repeats."""
        if not self.days or self.at is None or moment_of(self.at, now.zone) > now.wall:
            return self
        yesterday = local(now.wall, now.zone).date() - timedelta(days=1)
        day = max(self.at.date(), yesterday)
        at = following(day, self.at.time(), self.days, now.wall, now.zone)
        return replace(self, at=at)

    def waiting_again(self, now: Moment) -> Timer:
        """Return it waiting for the next time of day."""
        found = self.advanced(now)
        assert found.at is not None
        return found.waiting(found.at, now)

    # ---------------------------------------------------------------- on disk

    def record(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {**asdict(self), "at": self.at and self.at.isoformat()}

    @classmethod
    def restored(cls, record: object, now: Moment, *, same_boot: bool) -> Timer:
        """Load a `record`. `same_boot`: it was made with the present elapsed clock.

        Raises ValueError.
        """
        if not isinstance(record, dict):
            raise ValueError("a timer is no object")
        found = cls(
            id=_words(record, "id", 20),
            kind=Kind(_words(record, "kind", 20)),
            state=State(_words(record, "state", 20)),
            name=_words(record, "name", NAME_MOST),
            text=_words(record, "text", TEXT_MOST),
            created=_number(record, "created", _FARTHEST_S),
            ends_at=_number(record, "ends_at", _FARTHEST_S),
            length=_number(record, "length", LONGEST_S),
            left=_number(record, "left", LONGEST_S),
            days=_days(record),
            at=_at(record),
            due=None if record.get("due") is None else _number(record, "due", _FARTHEST_S),
            by_wall=record.get("by_wall") is True,
        )
        if found.due is None and found.at is None:
            raise ValueError("a timer has no end")
        if found.state is State.RINGING:
            found = replace(found, state=State.RUNNING, due=now.elapsed, by_wall=True)
        elif found.due is not None and found.state is State.RUNNING and not same_boot:
            found = replace(found, due=now.elapsed + found.left, by_wall=True)
        return found


def folded(name: str) -> str:
    """Return a name without case, accents, punctuation and extra spaces, for comparison."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(each if each.isalnum() else " " for each in plain if _is_base(each))
    return " ".join(kept.split())


def _is_base(character: str) -> bool:
    return not unicodedata.combining(character)


def _words(record: Mapping[str, Any], field: str, most: int) -> str:
    value = record.get(field)
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{field} is wrong")
    value.encode()  # a lone surrogate raises ValueError, too
    return value


def _number(record: Mapping[str, Any], field: str, most: float) -> float:
    value = record.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{field} is wrong")
    if not 0 <= value <= most:
        raise ValueError(f"{field} is wrong")
    return float(value)


def _days(record: Mapping[str, Any]) -> tuple[int, ...]:
    value = record.get("days")
    if not isinstance(value, list) or not all(type(day) is int and 0 <= day < 7 for day in value):
        raise ValueError("days is wrong")
    return tuple(sorted(set(value)))


def _at(record: Mapping[str, Any]) -> datetime | None:
    value = record.get("at")
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("at is wrong")
    at = datetime.fromisoformat(value).replace(tzinfo=None)
    if not 2000 <= at.year < 3000:
        raise ValueError("at is wrong")
    return at
