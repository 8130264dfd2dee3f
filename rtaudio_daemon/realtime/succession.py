"""The next line, made ready beside the one in use before that one expires."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from rtaudio_daemon.errors import ServiceError
from rtaudio_daemon.realtime.codec import Json
from rtaudio_daemon.realtime.line import Line
from rtaudio_daemon.realtime.options import pause_after
from rtaudio_daemon.realtime.renewal import renewal

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.25  # how often is looked for a quiet moment, when one is wanted
_STALE_LOOK_S = 10.0
_UNHEARD_MOST = 32


class Succession:
    """One line follows the other without a gap.

    `in_use` returns the line in use, `new_line` one that is not open yet; `take` lets a line be
    the one in use, `give_up` says goodbye to one that never was. `announce` hears when the next
    line is about to be opened. `pauses` returns the pauses between attempts that fail.
    """

    def __init__(
        self,
        *,
        lifetime_s: float,
        in_use: Callable[[], Line | None],
        new_line: Callable[[], Line],
        take: Callable[[Line], None],
        give_up: Callable[[Line], None],
        announce: Callable[[], None],
        pauses: Callable[[], Iterator[float]],
        is_quiet: Callable[[], bool],
        is_stale: Callable[[], bool],
        wall_clock: Callable[[], float],
    ) -> None:
        self._lifetime_s = lifetime_s
        self._in_use = in_use
        self._new_line = new_line
        self._take = take
        self._give_up = give_up
        self._announce = announce
        self._pauses = pauses
        self._is_quiet = is_quiet
        self._is_stale = is_stale
        self._wall_clock = wall_clock
        self._next: Line | None = None
        self._unheard: dict[Line, list[Json]] = {}

    @property
    def next_line(self) -> Line | None:
        """The line that stands ready; it may have ended by itself."""
        return self._next

    def hear(self, line: Line, event: Json) -> None:
        """Keep what the next line says while it is being greeted; nothing else is of interest."""
        unheard = self._unheard.get(line, [])
        if line is not self._next and len(unheard) < _UNHEARD_MOST:
            unheard.append(event)

    def leave(self, line: Line) -> list[Json]:
        """`line` is no matter of ours any more; returns what it said while it was greeted."""
        if line is self._next:
            self._next = None
        return self._unheard.pop(line, [])

    async def run(self) -> None:
        """Renew the line in use whenever it is due, for ever."""
        while True:
            line = self._in_use()
            assert line is not None
            latest = await self._until_due(line)
            if self._in_use() is not line:
                continue
            await self._until_quiet(latest)
            if not await self._prepare():
                continue
            await self._until_quiet(None)
            if self._next is None:
                continue
            if self._next.ended.done():
                self._give_up(self._next)
                continue
            _LOG.info("renewed the session")
            self._take(self._next)

    async def _until_due(self, line: Line) -> float:
        """Wait until `line` should be renewed; returns when that cannot wait any longer."""
        expires_at = line.facts.expires_at if line.facts else None
        # The wall clock is asked once, right after the greeting: it may be set in the meantime.
        in_s = expires_at - self._wall_clock() if expires_at is not None else None
        plan = renewal(in_s, self._lifetime_s)
        due = line.greeted_at + plan.due_s
        while (left := due - _now()) > 0 and self._in_use() is line:
            if self._is_stale() and self._is_quiet():
                break
            await asyncio.sleep(min(left, _STALE_LOOK_S))
        return line.greeted_at + plan.latest_s

    async def _until_quiet(self, latest: float | None) -> None:
        while not self._is_quiet():
            if latest is not None and _now() >= latest:
                return
            if self._next is not None and self._next.ended.done():
                return
            await asyncio.sleep(_LOOK_S)

    async def _prepare(self) -> bool:
        """Open the next line; False if the line in use was replaced meanwhile."""
        pauses = self._pauses()
        line = self._in_use()
        self._announce()
        while self._in_use() is line:
            new = self._new_line()
            self._unheard[new] = []
            try:
                await new.open()
            except ServiceError as error:
                del self._unheard[new]
                pause = pause_after(error, pauses)
                _LOG.debug("%s; renewing again in %.1f s", error, pause)
                await asyncio.sleep(pause)
                continue
            except BaseException:
                del self._unheard[new]
                raise
            self._next = new
            return True
        return False


def _now() -> float:
    return asyncio.get_running_loop().time()
