"""Runs the timers: sets them, stores them, and notices when they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from .schedule import SNOOZE_S, Happened, Phase, Schedule, Wish
from .store import TimerStore
from .timer import Kind, Moment, Timer
from .words import document

_LOOK_EVERY_S = 5.0  # the clock may be set, or the machine may sleep
_STEP_S = 1.0  # minimum step of the clock that is stored


class TimerListener(Protocol):
    """Is notified about timers."""

    def timer_changed(self, happened: Happened) -> None:
        """Handle what has just become of a timer."""


class TimerKeeper:
    """Runs the timers. Whatever its methods return has already been stored.

    They raise NotFoundError, NotNowError and WrongValueError like those of `Schedule`.
    """

    def __init__(self, store: TimerStore, now: Callable[[], Moment]) -> None:
        self._store = store
        self._now = now
        self._schedule = Schedule()
        self._changed = asyncio.Event()
        self._written: float | None = None  # how far the wall clock was ahead of the elapsed one
        self.listeners: list[TimerListener] = []

    # ------------------------------------------------------------------ looking

    def now(self) -> Moment:
        """This moment."""
        return self._now()

    def timers(self) -> list[Timer]:
        """Return all timers, the next to end first."""
        return self._schedule.timers(self._now())

    @property
    def ringing(self) -> list[Timer]:
        """Return those that ring now."""
        return self._schedule.ringing

    @property
    def missed(self) -> list[Timer]:
        """Return those that nobody heard and that have not been reported by voice."""
        return self._schedule.missed

    def documents(self) -> list[dict[str, Any]]:
        """Return all timers for JSON, the next to end first."""
        now = self._now()
        return [document(timer, now) for timer in self._schedule.timers(now)]

    def missed_documents(self) -> list[dict[str, Any]]:
        """Return the missed ones for JSON."""
        return [self.document(timer) for timer in self._schedule.missed]

    def document(self, timer: Timer) -> dict[str, Any]:
        """Return a timer for JSON."""
        return document(timer, self._now())

    # ------------------------------------------------------------------- doing

    async def set(self, kind: Kind, wish: Wish) -> Timer:
        """Create a timer."""
        return await self._one(self._schedule.set(kind, wish, self._now()), "set")

    async def change(self, which: str, wish: Wish) -> Timer:
        """Change the timer with this id or name as wished."""
        return await self._one(self._schedule.change(which, wish, self._now()), "changed")

    async def cancel(self, which: str, kinds: Iterable[Kind] = tuple(Kind)) -> Timer:
        """Remove the timer with this id or name."""
        return await self._one(self._schedule.cancel(which, self._now(), kinds), "cancelled")

    async def dismiss(self) -> list[Timer]:
        """Stop all ringing; return the timers that rang."""
        return await self._report(self._schedule.dismiss(self._now()), "dismissed")

    async def snooze(self, seconds: float | None = None, which: str = "") -> list[Timer]:
        """Let timers that ring, or were just dismissed, ring again later; return them."""
        length = SNOOZE_S if seconds is None else seconds
        return await self._report(self._schedule.snooze(self._now(), length, which), "changed")

    async def forget_missed(self, said: Sequence[Timer]) -> None:
        """Note that these were reported by voice."""
        self._schedule.forget_missed(said)
        await self._save()

    async def load(self) -> None:
        """Load what was stored."""
        await self._store.load(self._schedule, self._now())

    async def run(self) -> None:
        """Notice what ends, until cancelled."""
        while True:
            self._changed.clear()
            now = self._now()
            happened = self._schedule.tick(now)
            for each in happened:
                self._notify(each)
            if happened or self._clock_was_set(now):
                await self._save()
            wait_s = self._schedule.wait_s(self._now())
            try:
                async with asyncio.timeout(None if wait_s is None else min(wait_s, _LOOK_EVERY_S)):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _clock_was_set(self, now: Moment) -> bool:
        """Return whether the times on disk have become wrong."""
        counting = any(each.due is not None for each in self._schedule.timers(now))
        return counting and (
            self._written is None or abs(now.wall - now.elapsed - self._written) > _STEP_S
        )

    async def _one(self, timer: Timer, phase: Phase) -> Timer:
        await self._report([timer], phase)
        return timer

    async def _report(self, timers: list[Timer], phase: Phase) -> list[Timer]:
        self._changed.set()
        for timer in timers:
            self._notify(Happened(timer, phase))
        if timers:
            await self._save()
        return timers

    def _notify(self, happened: Happened) -> None:
        for listener in self.listeners:
            listener.timer_changed(happened)

    async def _save(self) -> None:
        now = self._now()
        self._written = now.wall - now.elapsed
        await self._store.save(self._schedule)
