"""Replaces a session by the next one before it expires, in a quiet moment."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from ..backoff import backoff
from ..errors import NO_ANSWER, ServiceError
from ..protocol.events import ServiceErrorReported
from .options import pause_after
from .session import Session
from .session_factory import SessionFactory
from .session_listener import SessionListener

_LOG = logging.getLogger(__name__)
_EARLY_S = 300.0  # before the end: from then on any quiet moment will do
_LATE_S = 30.0  # before the end: from then on the next session is opened in any case
_SANE_S = (5.0, 48 * 3600.0)
_SPACING_S = (0.01, 300.0)  # doubles; the tenth renewal in a row may come after five seconds
_LOOK_S = 0.25  # how often to check for a quiet moment
_STALE_LOOK_S = 10.0
_SOON_S = 0.02  # how often to check for a moment that somebody waits for
_EXCHANGE_S = 5.0  # how long a session that somebody waits for may take to open


@dataclass(frozen=True, slots=True)
class Renewal:
    """When to renew, in seconds after the greeting: from `due_s` if quiet, at `latest_s` anyway."""

    due_s: float
    latest_s: float


def renewal(expires_in_s: float | None, lifetime_s: float, soonest_s: float = 0.0) -> Renewal:
    """Plan the renewal of a session that ends in `expires_in_s`, according to its greeting.

    If the greeting gives no plausible time, as on a machine whose clock is wrong, `lifetime_s`
    applies. The session is never renewed before `soonest_s`.
    """
    if expires_in_s is None or not _SANE_S[0] <= expires_in_s <= _SANE_S[1]:
        expires_in_s = lifetime_s
    early = min(_EARLY_S, expires_in_s * 0.2)
    late = min(_LATE_S, expires_in_s * 0.05)
    return Renewal(max(soonest_s, expires_in_s - early), max(soonest_s, expires_in_s - late))


class SessionRenewer:
    """Opens the next session beside the one in use. `listener` decides when it is quiet.

    A wrong clock makes sessions seem to last only moments. When several in a row are renewed that
    early, each is kept twice as long as the one before it, up to five minutes.
    """

    def __init__(self, sessions: SessionFactory, listener: SessionListener) -> None:
        self.listener = listener
        self._sessions = sessions
        self._ready: Session | None = None
        self._spacing = backoff(*_SPACING_S)
        self._soonest_s = 0.0
        self._seems_short = False

    async def until_due(self, current: Session) -> None:
        """Wait for a quiet moment once `current` is due for renewal, but no longer than is safe.

        A session that contains what should be forgotten is due at once.
        """
        lifetime_s = self._sessions.endpoint.profile.lifetime_s
        plan = renewal(current.expires_in_s, lifetime_s, self._soonest_s)
        self._seems_short = renewal(current.expires_in_s, lifetime_s).due_s < _SPACING_S[1]
        while (left_s := current.greeted_at + plan.due_s - _now()) > 0:
            if self.listener.stale() and self._quiet(current):
                break
            await asyncio.sleep(min(left_s, _STALE_LOOK_S))
        while not self._quiet(current):
            if _now() >= current.greeted_at + plan.latest_s:
                return
            await asyncio.sleep(_LOOK_S)

    async def successor(self, current: Session) -> Session:
        """Open the session after `current`, retrying for ever; return it in a quiet moment.

        Until then, `take_ready` returns it.
        """
        while True:
            ready = self._ready = await self._open()
            while not ready.ended.done():
                if self._quiet(current):
                    self._ready = None
                    self._space()
                    return ready
                await asyncio.sleep(_LOOK_S)
            self._ready = None
            await ready.close()

    async def exchange(self, current: Session) -> Session:
        """Open a session with the current settings; return it when it may take over.

        Until then, `take_ready` returns it. Raises ServiceError if the service opens none, refuses
        the settings, or ends the session before that.
        """
        ready = self._ready = await self._open_once()
        while not ready.ended.done():
            if self.listener.exchangeable() and not current.busy:
                self._ready = None
                return ready
            await asyncio.sleep(_SOON_S)
        self._ready = None
        await ready.close()
        raise ServiceError(ready.ending)

    def take_ready(self) -> Session | None:
        """Hand over the next session if it was opened; it may have ended meanwhile."""
        ready, self._ready = self._ready, None
        return ready

    async def _open(self) -> Session:
        pauses = self._sessions.pauses()
        while True:
            session = self._sessions.new()
            try:
                await session.open()
            except ServiceError as error:
                pause_s = pause_after(error, pauses)
                _LOG.debug("%s; renewing again in %.1f s", error, pause_s)
                await asyncio.sleep(pause_s)
            else:
                return session

    async def _open_once(self) -> Session:
        session = self._sessions.new()
        try:
            async with asyncio.timeout(_EXCHANGE_S):
                await session.open()
        except TimeoutError as error:
            words = f"the service opened no other session within {_EXCHANGE_S:.0f} s"
            raise ServiceError(words, code=NO_ANSWER) from error
        if isinstance(session.answer.event, ServiceErrorReported):
            await session.close()
            raise ServiceError(session.refused or "the service refused our settings")
        return session

    def _quiet(self, current: Session) -> bool:
        return self.listener.quiet() and not current.busy

    def _space(self) -> None:
        if self._seems_short:
            self._soonest_s = next(self._spacing)
        else:
            self._spacing, self._soonest_s = backoff(*_SPACING_S), 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()
