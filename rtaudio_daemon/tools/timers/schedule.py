"""All timers, alarms and reminders, and what becomes of them as time passes.

It reads no clock: every method takes the moment. `tick` returns what ends; `wait_s` returns when to
call it again. A timer that ends while nobody can hear it (the machine sleeps or is off) rings as
soon as possible if it is at most `LATE_MOST_S` late; otherwise it is missed. So is a timer that
rings for `RINGS_MOST_S`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...errors import NotFoundError, NotNowError, WrongValueError
from .local_time import first, weekdays
from .timer import (
    LONGEST_S,
    NAME_MOST,
    SHORTEST_S,
    TEXT_MOST,
    Kind,
    Moment,
    State,
    Timer,
    folded,
)
from .words import label, sentence

_UNFIT = ("Cc", "Cs")
MOST = 32
"""Maximum number of timers."""
RINGS_MOST_S = 900.0
LATE_MOST_S = 900.0
SNOOZE_S = 600.0
"""The default duration of a snooze, in seconds."""
_RECENT_S = 300.0  # how long a dismissed timer can still be snoozed
Phase = Literal["set", "changed", "cancelled", "ringing", "dismissed", "missed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The desired settings of a timer; None: unchanged, or the default.

    Either `seconds` from now, or `at`: HH:MM, with `days` (such as mon) to repeat it on, or a
    date with a time. `more_s`: seconds to add, which may be negative.
    """

    seconds: float | None = None
    more_s: float | None = None
    at: str | None = None
    days: Sequence[str] | None = None
    name: str | None = None
    text: str | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """What became of a timer."""

    timer: Timer
    phase: Phase


class Schedule:
    """At most `MOST` timers. Methods raise RTAudioError if they cannot do what they should."""

    def __init__(self) -> None:
        self._timers: dict[str, Timer] = {}
        self._missed: list[Timer] = []
        self._recent: list[tuple[Timer, float]] = []
        self._newest = 0

    # ------------------------------------------------------------------ looking

    def timers(self, now: Moment) -> list[Timer]:
        """Return all timers, the next to end first."""
        seen = [timer.seen(now) for timer in self._timers.values()]
        return sorted(seen, key=lambda timer: (timer.left_s(now), timer.id))

    @property
    def ringing(self) -> list[Timer]:
        """Return those that ring now."""
        return [each for each in self._timers.values() if each.state is State.RINGING]

    @property
    def missed(self) -> list[Timer]:
        """Return those that nobody heard and that have not been reported by voice."""
        return list(self._missed)

    def find(self, which: str, now: Moment, kinds: Iterable[Kind] = tuple(Kind)) -> Timer:
        """Return the timer with this id, name, or beginning of a name; "": the only one.

        Raises NotFoundError, and NotNowError if several match.
        """
        some = [each for each in self.timers(now) if each.kind in kinds]
        fit = _fitting(which, some)
        if not fit:
            known = "; ".join(sentence(each, now) for each in some) or "nothing is set"
            what = f"nothing is called {which[:NAME_MOST]!r}" if which else "there is none"
            raise NotFoundError(f"{what}: {known}")
        if len(fit) > 1:
            listed = "; ".join(f"{sentence(each, now)} (id {each.id})" for each in fit)
            raise NotNowError(f"{len(fit)} fit, say which: {listed}")
        return fit[0]

    # ------------------------------------------------------------------- setting

    def set(self, kind: Kind, wish: Wish, now: Moment) -> Timer:
        """Create a timer."""
        if len(self._timers) >= MOST:
            raise NotNowError(f"{MOST} are set already, no more fit; cancel one first")
        if (wish.seconds is None) == (wish.at is None):
            raise WrongValueError("give either seconds or at")
        blank = Timer(id="", kind=kind, created=now.wall, ends_at=now.wall)
        timer = _timed(_named(blank, wish), wish, now)
        self._newest += 1
        return self._keep(replace(timer, id=str(self._newest)))

    def change(self, which: str, wish: Wish, now: Moment) -> Timer:
        """Change a timer as wished from now on."""
        timer = _named(self.find(which, now), wish)
        given = [wish.seconds, wish.more_s, wish.at if wish.at is not None else wish.days]
        if sum(each is not None for each in given) > 1:
            raise WrongValueError("give one of seconds, more_s and at")
        timer = _timed(timer, wish, now)
        if wish.paused and timer.state is State.RUNNING:
            timer = timer.paused(now)
        elif wish.paused is False and timer.state is State.PAUSED:
            timer = timer.resumed(now)
        return self._keep(timer)

    def cancel(self, which: str, now: Moment, kinds: Iterable[Kind] = tuple(Kind)) -> Timer:
        """Remove a timer with all its repetitions."""
        return self._timers.pop(self.find(which, now, kinds).id)

    # ------------------------------------------------------------------- ringing

    def dismiss(self, now: Moment) -> list[Timer]:
        """Stop all ringing; return the timers that rang."""
        ended = self.ringing
        if ended:
            self._recent = [(timer, now.elapsed) for timer in ended]
        for timer in ended:
            self._over(timer, now)
        return ended

    def snooze(self, now: Moment, seconds: float = SNOOZE_S, which: str = "") -> list[Timer]:
        """Let timers that ring, or were just dismissed, ring again later; return them."""
        _check_length(seconds, "seconds")
        recent = [timer for timer, at in self._recent if now.elapsed - at <= _RECENT_S]
        some = self.ringing or recent
        if which and some:
            some = _fitting(which, some)
        snoozed = []
        for timer in some:
            if timer.id not in self._timers and len(self._timers) >= MOST:
                raise NotNowError(f"{MOST} are set already; cancel one first")
            snoozed.append(self._keep(timer.counting(seconds, now)))
        self._recent = [each for each in self._recent if each[0] not in some]
        return snoozed

    def tick(self, now: Moment) -> list[Happened]:
        """Return what has happened by now."""
        found: list[Happened] = []
        for timer in self.timers(now):
            self._timers[timer.id] = timer
            if timer.state is State.RINGING and now.elapsed - timer.since >= RINGS_MOST_S:
                found.append(self._miss(timer, now))
            elif timer.state is State.RUNNING and timer.late_s(now) > LATE_MOST_S:
                found.append(self._miss(timer.advanced(now), now))
            elif timer.state is State.RUNNING and timer.late_s(now) >= 0:
                found.append(Happened(self._keep(timer.ringing(now)), "ringing"))
        return found

    def wait_s(self, now: Moment) -> float | None:
        """Return in how many seconds to call `tick`, unless a clock is set; None: never."""
        waits = [each.left_s(now) for each in self.timers(now) if each.state is State.RUNNING]
        waits += [RINGS_MOST_S - (now.elapsed - each.since) for each in self.ringing]
        return max(0.0, min(waits)) if waits else None

    def forget_missed(self, said: Sequence[Timer]) -> None:
        """Note that these were reported by voice."""
        self._missed = [each for each in self._missed if each not in said]

    def _miss(self, timer: Timer, now: Moment) -> Happened:
        self._missed = [*self._missed, timer][-MOST:]
        self._over(timer, now)
        return Happened(timer, "missed")

    def _over(self, timer: Timer, now: Moment) -> None:
        if timer.days:
            self._keep(timer.waiting_again(now))
        else:
            del self._timers[timer.id]

    def _keep(self, timer: Timer) -> Timer:
        self._timers[timer.id] = timer
        return timer

    # ------------------------------------------------------------------- on disk

    def record(self, boot: str) -> dict[str, Any]:
        """Return everything for JSON. `boot` identifies the boot, and so the elapsed clock."""
        return {
            "boot": boot,
            "newest": self._newest,
            "timers": [timer.record() for timer in self._timers.values()],
            "missed": [timer.record() for timer in self._missed],
        }

    def restore(self, record: object, boot: str, now: Moment) -> None:
        """Load a `record`. Raises ValueError, and changes nothing, if it is invalid."""
        if not isinstance(record, dict):
            raise ValueError("no object")
        newest, same_boot = record.get("newest"), record.get("boot") == boot != ""
        if type(newest) is not int or not 0 <= newest < 1 << 53:
            raise ValueError("newest is wrong")
        timers, missed = (
            [Timer.restored(each, now, same_boot=same_boot) for each in _list(record, name)]
            for name in ("timers", "missed")
        )
        self._timers = {timer.id: timer for timer in timers}
        self._missed, self._newest = missed, newest


def _list(record: dict[str, Any], name: str) -> list[object]:
    found = record.get(name)
    if not isinstance(found, list) or len(found) > MOST:
        raise ValueError(f"{name} is wrong")
    return found


def _fitting(which: str, timers: Sequence[Timer]) -> list[Timer]:
    name = folded(which)
    if not name:
        return list(timers)
    by_id = [each for each in timers if each.id == which]
    names = [(each, folded(label(each))) for each in timers]
    exact = [each for each, its in names if its == name]
    return by_id or exact or [each for each, its in names if its.startswith(name)]


def _named(timer: Timer, wish: Wish) -> Timer:
    name = timer.name if wish.name is None else _plain(wish.name)
    text = timer.text if wish.text is None else _plain(wish.text)
    if len(name) > NAME_MOST:
        raise WrongValueError(f"name: at most {NAME_MOST} characters")
    if len(text) > TEXT_MOST:
        raise WrongValueError(f"text: at most {TEXT_MOST} characters")
    if timer.kind is Kind.REMINDER and not text:
        raise WrongValueError("text: a reminder needs the words to remind of")
    return replace(timer, name=name, text=text)


def _plain(words: str) -> str:
    """Return one line without control characters and lone surrogates, which no file can hold."""
    kept = (" " if unicodedata.category(each) in _UNFIT else each for each in words)
    return " ".join("".join(kept).split())


def _timed(timer: Timer, wish: Wish, now: Moment) -> Timer:
    """Return the timer with its end as wished, if the wish concerns it."""
    if wish.seconds is not None:
        if wish.days:
            raise WrongValueError("days: they need a time of day in at")
        _check_length(wish.seconds, "seconds")
        timer = replace(timer, length=wish.seconds, at=None, days=())
        return timer.counting(wish.seconds, now)
    if wish.more_s is not None:
        return _longer(timer, wish.more_s, now)
    if wish.at is None and wish.days is None:
        return timer
    days = timer.days if wish.days is None else weekdays(wish.days)
    if wish.at is None and timer.at is None:
        raise WrongValueError("days: they need a time of day in at")
    at = f"{timer.at:%H:%M}" if wish.at is None else wish.at
    if wish.days is None and "-" in at:
        days = ()
    return replace(timer, days=days).waiting(first(at, days, now.wall, now.zone), now)


def _longer(timer: Timer, more_s: float, now: Moment) -> Timer:
    if timer.due is None and timer.state is not State.RINGING:
        raise WrongValueError("more_s: it ends at a time of day; give another one in at")
    left = timer.left_s(now) + more_s
    _check_length(left, "more_s: what is left then")
    changed = replace(timer, length=max(timer.length + more_s, left))
    if timer.state is State.PAUSED:
        return replace(changed, left=left)
    return changed.counting(left, now)


def _check_length(seconds: float, name: str) -> None:
    if not SHORTEST_S <= seconds <= LONGEST_S:  # also rejects nan
        raise WrongValueError(f"{name}: expected 1 s to 7 days ({LONGEST_S:.0f} s)")
