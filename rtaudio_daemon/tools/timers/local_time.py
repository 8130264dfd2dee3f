"""Local times of day, and the moments that they denote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from ...errors import WrongValueError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FARTHEST = timedelta(days=366)
"""How far ahead a date may be."""
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def local(wall: float, zone: tzinfo) -> datetime:
    """Return the local time at `wall` (seconds since 1970), without its zone."""
    return datetime.fromtimestamp(wall, zone).replace(tzinfo=None)


def moment_of(shown: datetime, zone: tzinfo) -> float:
    """Return when (seconds since 1970) a clock in this zone first shows this time.

    A time skipped when clocks go forward denotes the next minute that exists.
    """
    while True:
        wall = shown.replace(tzinfo=zone, fold=0).timestamp()
        if local(wall, zone) == shown:
            return wall
        shown = shown.replace(second=0) + timedelta(minutes=1)


def first(at: str, days: Sequence[int], now: float, zone: tzinfo) -> datetime:
    """Return the next local time `at` after `now`.

    `at`: HH:MM, or with a date, such as 2026-12-24T18:30; `days`: weekdays from 0 (Monday), for a
    time without a date. Raises WrongValueError.
    """
    day, _, of_day = at.strip().replace("T", " ").rpartition(" ")
    found = _TIME.fullmatch(of_day)
    if found is None:
        raise WrongValueError(f"at: {at[:40]!r} is no time; write HH:MM, or 2026-12-24T18:30")
    clock = time(int(found[1]), int(found[2]), int(found[3] or 0))
    if not day:
        today = local(now, zone).date()
        return following(today - timedelta(days=1), clock, days, now, zone)
    if days:
        raise WrongValueError("at: a date is one day; leave out the date, or the days")
    return _on(day, clock, now, zone)


def _on(day: str, clock: time, now: float, zone: tzinfo) -> datetime:
    found = _DATE.fullmatch(day)
    try:
        if found is None:
            raise ValueError(day)
        shown = datetime.combine(date(int(found[1]), int(found[2]), int(found[3])), clock)
    except ValueError:
        raise WrongValueError(f"at: {day[:40]!r} is no date; write it as 2026-12-24") from None
    here = local(now, zone)
    if shown - here > FARTHEST:
        raise WrongValueError(f"at: {day} is more than {FARTHEST.days} days ahead")
    if shown <= here or moment_of(shown, zone) <= now:
        raise WrongValueError(f"at: {day} {clock:%H:%M} is over; it is {here:%Y-%m-%d %H:%M} now")
    return shown


def following(day: date, clock: time, days: Sequence[int], now: float, zone: tzinfo) -> datetime:
    """Return the first time after `now` on a day after `day` (one of these weekdays, if any)."""
    while True:
        day += timedelta(days=1)
        shown = datetime.combine(day, clock)
        if (not days or day.weekday() in days) and moment_of(shown, zone) > now:
            return shown


def weekdays(names: Sequence[str]) -> tuple[int, ...]:
    """Return days named as in `DAYS` as numbers from 0, in order. Raises WrongValueError."""
    unknown = [str(name)[:40] for name in names if name not in DAYS]
    if unknown:
        raise WrongValueError(f"days: {unknown[0]!r} is no day; known are {', '.join(DAYS)}")
    return tuple(index for index, name in enumerate(DAYS) if name in names)
