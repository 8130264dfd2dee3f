"""Lowers other programs' sound while that is wanted, as long as there is a sound server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from ...backoff import backoff
from .ducking_ways import (
    ByVolumes,
    Found,
    Marker,
    RefusedError,
    Way,
    WayName,
    by_volumes,
    find_way,
)
from .lowered_volumes import GoneError, LoweredVolumes, SoundServerError
from .pactl import end, start

_LOG = logging.getLogger(__name__)
_SUBSCRIBED_S = 0.5  # earlier events may not be reported
_FIRST_PAUSE_S = 0.5
_LAST_PAUSE_S = 60.0
_LASTS_S = 10.0  # a connection that lasted this long was not a failed attempt


class DuckingListener(Protocol):
    """Wants to know how other programs are lowered."""

    def ducking_changed(self) -> None:
        """The note has changed."""


class Ducker:
    """Lowers other programs by `db` (below 0) while that is wanted; None: never.

    Volumes that `volumes` still has to restore are restored in any case. Without `volumes`,
    programs are never lowered one by one.
    """

    def __init__(
        self, db: float | None, volumes: LoweredVolumes | None, listener: DuckingListener
    ) -> None:
        self.found = Found("off" if db is None else "none")
        """How other programs can be lowered now, and what prevents a better way."""
        self.active = False
        """Whether they are lowered now."""
        self._db = db
        self._volumes = volumes
        self._listener = listener
        self._wanted = False
        self._refused = ""  # why this sound server does not load the module
        self._complained = ""
        self._changed = asyncio.Event()
        self._again = asyncio.Event()

    @property
    def ducks(self) -> bool:
        """Whether it ever lowers other programs."""
        return self._db is not None

    def want(self, softer: bool) -> None:
        """Lower other programs from now on, or restore them."""
        if softer != self._wanted:
            self._wanted = softer
            self._changed.set()

    def try_again(self) -> None:
        """Try again now: the sound server may be back."""
        self._again.set()

    async def run(self) -> None:
        """Work until cancelled; search for a sound server that is gone."""
        if self._volumes is not None:
            await self._volumes.load()
        clock, pauses = asyncio.get_running_loop().time, backoff(_FIRST_PAUSE_S, _LAST_PAUSE_S)
        while self._has_work:
            began = clock()
            self._again.clear()
            await self._try()
            if clock() - began > _LASTS_S:
                pauses = backoff(_FIRST_PAUSE_S, _LAST_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(next(pauses)):
                    await self._again.wait()
        await asyncio.Event().wait()

    @property
    def _has_work(self) -> bool:
        return self.ducks or (self._volumes is not None and self._volumes.owed)

    async def _try(self) -> None:
        """Find the sound server, and serve until it or the way to lower programs is gone."""
        keeps = self._volumes is not None
        found = await find_way(keeps=keeps)
        if found.name == "none":
            self._refused = ""  # the next sound server may not refuse
        if found.name == "module" and self._refused:
            found = by_volumes(self._refused, keeps=keeps)
        self._report(found)
        if (way := self._way(found.name)) is None:
            return
        try:
            await self._serve(way)
        except RefusedError as error:
            self._refused = str(error)
            self.try_again()
        except GoneError as error:
            _LOG.debug("%s; looking for it again", error)
        except SoundServerError as error:
            self._report(Found("none", str(error)))

    def _way(self, name: WayName) -> Way | None:
        if name == "none":
            return None
        if self._db is None or name == "volumes":
            assert self._volumes is not None
            return ByVolumes(self._volumes, self._db)
        return Marker(self._changed, self._db, self._volumes, roles=name == "roles")

    async def _serve(self, way: Way) -> None:
        """Lower other programs in this way while that is wanted. Raises SoundServerError."""
        try:
            events = await start("subscribe")
        except OSError as error:
            raise SoundServerError(f"cannot start pactl: {error.strerror}") from error
        assert events.stdout is not None
        watching = asyncio.create_task(self._watch(events.stdout, way))
        try:
            while not watching.done():
                self._changed.clear()
                softer = self._wanted
                await way.bring(softer)
                self.active = softer and self._db is not None
                if not self._has_work:
                    break
                await self._changed.wait()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            await end(events)
            await way.close()
            self.active = False

    async def _watch(self, events: asyncio.StreamReader, way: Way) -> None:
        """Follow the events of the sound server until it ends."""
        try:
            await asyncio.sleep(_SUBSCRIBED_S)
            way.doubt()
            self._changed.set()
            while line := await events.readline():
                if way.concerned(line):
                    self._changed.set()
        finally:
            self._changed.set()

    def _report(self, found: Found) -> None:
        if self._db is None or found == self.found:
            return
        self.found = found
        if not found.note:
            _LOG.info("other programs can be made softer by %s", found.name)
        elif found.note != self._complained:
            self._complained = found.note
            _LOG.warning("audio.duck: %s", found.note)
        self._listener.ducking_changed()
