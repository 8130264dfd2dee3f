"""Clocks for tests: both go on together, one can be set, and the machine can be started anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from rtaudio_daemon.tools.timers.timer import Moment

BERLIN = ZoneInfo("Europe/Berlin")


def at(words: str, zone: tzinfo = BERLIN) -> float:
    """Seconds since 1970 of a local time."""
    return datetime.fromisoformat(words).replace(tzinfo=zone).timestamp()


@dataclass
class Clocks:
    """Where it is a quarter to nine on a Saturday, unless told otherwise."""

    wall: float = field(default_factory=lambda: at("2026-11-28T08:45"))
    elapsed: float = 5000.0
    zone: tzinfo = BERLIN
    boot: str = "first"

    @property
    def now(self) -> Moment:
        return Moment(self.wall, self.elapsed, self.zone)

    def moment(self) -> Moment:
        """The same, as a method."""
        return self.now

    def go_on(self, seconds: float) -> Moment:
        """Time passes."""
        self.wall += seconds
        self.elapsed += seconds
        return self.now

    def step(self, seconds: float) -> Moment:
        """Somebody sets the clock."""
        self.wall += seconds
        return self.now

    def until(self, words: str) -> Moment:
        """Time passes until the clock on the wall shows this."""
        return self.go_on(at(words, self.zone) - self.wall)

    def start_anew(self, off_s: float, *, clock_stood: bool = False) -> Moment:
        """The machine was off for so long; without a battery its clock stood meanwhile."""
        self.boot += "+"
        self.elapsed = 7.0
        return self.step(0 if clock_stood else off_s)
