"""Timers in words: for the model, which speaks them in any language, and for messages."""

from __future__ import annotations

import math
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

from ...controls import timestamp
from .local_time import DAYS, local
from .timer import Moment, State, Timer, folded

_ALIKE = 0.9  # minimum share of common words in both texts
_SPELT_MOST = 6  # maximum number of words for one number
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def duration(seconds: float) -> str:
    """Return words such as `2 hours 5 minutes`: two units, rounded up to the smaller one."""
    left = max(0, math.ceil(seconds - 0.05))
    for (size, name), (smaller, part) in pairwise(_UNITS):
        if left >= size:
            whole, rest = divmod(-(-left // smaller) * smaller, size)
            more = f" {_count(rest // smaller, part)}" if rest else ""
            return _count(whole, name) + more
    return _count(left, "second")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" + ("" if number == 1 else "s")


def clock_time(wall: float, now: Moment) -> str:
    """Return the time of day, with the day unless it is today."""
    shown, today = local(wall, now.zone), local(now.wall, now.zone).date()
    distance = (shown.date() - today).days
    if distance == 0:
        return f"{shown:%H:%M}"
    named = {1: "tomorrow", -1: "yesterday"}.get(distance)
    if named is None:
        named = f"{shown:%A}" if 0 < distance < 7 else f"{shown:%Y-%m-%d}"
    return f"{named} {shown:%H:%M}"


def label(timer: Timer) -> str:
    """Return its name, or what else identifies it."""
    if timer.name:
        return timer.name
    if timer.text:
        return timer.text[:40]
    return duration(timer.length) if timer.at is None else f"{timer.at:%H:%M}"


def same_words(text: str, spoken: str) -> bool:
    """Return whether the transcript `spoken` matches `text`; numbers may be spelled out."""
    wanted = [word for word in folded(text).split() if word.isalpha()]
    heard = folded(spoken).split()
    found = SequenceMatcher(None, wanted, heard, autojunk=False).get_matching_blocks()
    alike = sum(block.size for block in found)
    numbers = len(folded(text).split()) - len(wanted)
    surplus = len(heard) - alike - _SPELT_MOST * numbers
    return alike >= _ALIKE * len(wanted) and surplus <= (1 - _ALIKE) * len(wanted)


def repeats(timer: Timer) -> str:
    """Return the days on which it repeats, such as `mon tue`; "" if it does not."""
    return " ".join(DAYS[day] for day in timer.days)


def sentence(timer: Timer, now: Moment) -> str:
    """Return words such as `timer pasta: 3 minutes 20 seconds left, until 12:30`."""
    if timer.state is State.RINGING:
        what = "rings now"
    elif timer.state is State.PAUSED:
        left = f", {duration(timer.left)} left" if timer.due is not None else ""
        what = f"paused{left}"
    else:
        until = clock_time(timer.ends_at, now)
        what = f"{duration(timer.left_s(now))} left, until {until}"
    every = f", every {repeats(timer)}" if timer.days else ""
    return f"{timer.kind} {label(timer)}: {what}{every}"


def document(timer: Timer, now: Moment) -> dict[str, Any]:
    """Return all that programs may know, for JSON: timestamps, except `at`, which is local."""
    return {
        "id": timer.id,
        "kind": str(timer.kind),
        "name": timer.name,
        "text": timer.text,
        "state": str(timer.state),
        "ends_at": None if timer.state is State.PAUSED else timestamp(timer.ends_at),
        "left_s": round(timer.left_s(now), 1),
        "length_s": round(timer.length, 1),
        "at": None if timer.at is None else timer.at.isoformat(timespec="minutes"),
        "days": [DAYS[day] for day in timer.days],
        "created": timestamp(timer.created),
    }
