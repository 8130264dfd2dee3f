"""Holds a session open, and opens another when it ends.

`ReconnectingSession.run` is a loop over sessions, each with a connection of its own. A lost session
is replaced after a delay that grows with every failure in a row. A session about to expire is
renewed: the next one is opened beside it, and takes over between two messages in a quiet moment. A
session with other settings is opened likewise, and takes over as soon as the listener permits it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any

from ..errors import ServiceError
from ..notifications import ConnectionState
from .connection_record import ConnectionRecord
from .options import Counters, may_hurry, pause_after
from .renewal import SessionRenewer
from .session import Session
from .session_factory import SessionFactory
from .session_listener import SessionListener
from .session_need import Recess

_LOG = logging.getLogger(__name__)

LIVED_S = 10.0
"""A session that lasted this long was a success: the next delay is short again."""
HURRY_S = 2.0
"""The longest delay while somebody waits for a session."""
_REST_LOOK_S = 0.5
_CLOCK_LOOK_S = 10.0  # how often to check the time: clocks are set, and machines sleep


@dataclass(frozen=True, slots=True)
class _End:
    """How a session ended."""

    error: ServiceError
    lasted_s: float = 0.0
    expired: bool = False


class ReconnectingSession:
    """Holds a session open, one from `sessions` after the other, and reports to `listener`."""

    def __init__(self, sessions: SessionFactory, listener: SessionListener) -> None:
        self.sessions = sessions
        self.current: Session | None = None
        """The session in use."""
        self.closing = False
        """Whether it ends on purpose, and none follows."""
        self._listener = listener
        self._renewer = SessionRenewer(sessions, listener)
        self._record = ConnectionRecord(sessions.endpoint.profile.name)
        self._life: asyncio.Task[None] | None = None
        self._closings: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._exchange_wanted = asyncio.Event()

    @property
    def listener(self) -> SessionListener:
        """The listener; a new one takes over at once, together with the session in use."""
        return self._listener

    @listener.setter
    def listener(self, listener: SessionListener) -> None:
        self._listener = self._renewer.listener = listener
        if self.current is not None:
            self.current.adopt(listener)

    @property
    def state(self) -> ConnectionState:
        """The state of the connection."""
        return self._record.state

    @property
    def running(self) -> bool:
        """Whether `run` is running."""
        return self._life is not None

    @property
    def asleep(self) -> bool:
        """Whether there is no session only because nobody needs one."""
        return self.current is None and self._listener.recess() == Recess()

    @property
    def counters(self) -> Counters:
        """Counters of the traffic so far."""
        traffic, current = self.sessions.traffic, self.current
        return Counters(
            bytes_up=traffic.sent_bytes,
            frames_up=traffic.sent_frames,
            dropped=traffic.dropped + (current.dropped if current else 0),
            malformed=traffic.malformed + traffic.undecodable,
            unknown=traffic.unknown,
            reconnects=self._record.reconnects,
            renewals=self._record.renewals,
        )

    async def run(self) -> None:
        """Hold a session open until cancelled, or until `stop`.

        Raises ServiceError when the options do not allow reconnecting.
        """
        if self._life is not None:
            raise RuntimeError("this session is already running")
        life = asyncio.create_task(self._live(), name="realtime-session")
        self._life, self.closing = life, False
        try:
            await asyncio.wait([life])
        finally:
            await self._end(life)
        if not life.cancelled():
            life.result()

    async def stop(self) -> None:
        """Close the session; `run` returns."""
        if self._life is not None:
            await self._end(self._life)

    def wake(self) -> None:
        """Check again, without delay, whether there should be a session: somebody waits for it."""
        self._woken.set()

    def exchange(self) -> None:
        """Open a session with the current settings, to take over from the one in use.

        The listener is notified if that fails. A session that takes over meanwhile for another
        reason has those settings too.
        """
        self._exchange_wanted.set()

    def report(self, reason: str) -> None:
        """Report a problem that does not end the session."""
        self._change(self.state, reason=reason)

    # ---------------------------------------------------------------- the loop

    async def _live(self) -> None:
        try:
            await self._reconnect()
        finally:
            self._lose("closed by us")
            if self._closings:
                await asyncio.wait(self._closings)

    async def _reconnect(self) -> None:
        pauses, failures, first = self.sessions.pauses(), 0, True
        options = self.sessions.options
        while True:
            if await self._rest() or first:
                self._change(ConnectionState.CONNECTING)
                first = False
            end = await self._open_and_stay()
            if end is None:
                continue
            if end.lasted_s >= LIVED_S:
                pauses, failures = self.sessions.pauses(), 0
            failures += 1
            error = end.error
            self._listener.attempt_failed(error)
            if not options.hopeful(error, failures):
                self._change(ConnectionState.CLOSED, reason=str(error))
                raise error
            at_once = end.expired and end.lasted_s >= LIVED_S
            pause_s = 0.0 if at_once else pause_after(error, pauses)
            level = logging.WARNING if failures == 1 else logging.DEBUG
            _LOG.log(level, "%s; connecting again in %.1f s", error, pause_s)
            self._change(ConnectionState.CONNECTING, reason=str(error), retry_in_s=pause_s)
            await self._pause(pause_s, hurry=may_hurry(error))

    async def _open_and_stay(self) -> _End | None:
        """Run one session and its successors; return how the last was lost, None for a recess."""
        session = self.sessions.new()
        session.adopt(self._listener)
        try:
            await session.open()
        except ServiceError as error:
            return _End(error)
        self._take(session)
        self._renewer = SessionRenewer(self.sessions, self._listener)
        recess = asyncio.create_task(self._until_recess(), name="realtime-recess")
        try:
            end = await self._stay(recess)
        finally:
            await _cancel(recess)
        # Nothing else runs from here to the report: nobody sees the lost session as current.
        self._lose("no session is needed" if end is None else str(end.error))
        return end

    async def _stay(self, recess: asyncio.Task[None]) -> _End | None:
        """Wait until the session in use is lost without a successor, or for `recess` (None)."""
        while True:
            session = self.current
            assert session is not None
            exchanges = self._exchange_wanted.is_set()
            work = self._exchange(session) if exchanges else self._renew(session)
            self._exchange_wanted.clear()
            renewal = asyncio.create_task(work, name="realtime-renewal")
            wanted = asyncio.create_task(self._exchange_wanted.wait(), name="realtime-exchange")
            try:
                await asyncio.wait(
                    {session.ended, renewal, wanted, recess}, return_when=asyncio.FIRST_COMPLETED
                )
                if recess.done():
                    recess.result()
                    return None
                if renewal.done():
                    renewal.result()
                    continue
                if not session.ended.done():
                    continue  # a new exchange has been requested
                session.ended.result()
                if not self._take_ready():
                    error = ServiceError(session.ending)
                    return _End(error, _now() - session.greeted_at, session.expired)
            finally:
                await _cancel(renewal)
                await _cancel(wanted)

    async def _renew(self, session: Session) -> None:
        """Let the next session take over from `session` when renewal is due."""
        await self._renewer.until_due(session)
        self._change(ConnectionState.RENEWING)
        successor = await self._renewer.successor(session)
        _LOG.info("renewed the session")
        self._take(successor)

    async def _exchange(self, session: Session) -> None:
        """Let a session with other settings take over from `session`, if the service opens one."""
        if ready := self._renewer.take_ready():
            self._close_in_background(ready)
        self._change(ConnectionState.RENEWING)
        try:
            successor = await self._renewer.exchange(session)
        except ServiceError as error:
            _LOG.warning("the session in use goes on: %s", error)
            self._change(ConnectionState.OPEN)
            self._listener.exchange_failed(error)
        else:
            _LOG.info("exchanged the session")
            self._take(successor)

    def _take_ready(self) -> bool:
        """Use the next session if it is ready, now that the one in use has ended."""
        ready = self._renewer.take_ready()
        if ready is None:
            return False
        if ready.ended.done():
            self._close_in_background(ready)
            return False
        assert self.current is not None
        _LOG.info("%s; the next session was ready", self.current.ending)
        self._take(ready)
        return True

    def _take(self, session: Session) -> None:
        """Make `session` the one in use, at once: no message is lost between it and the former."""
        started, former = _now(), self.current
        lost = former is not None and former.ended.done()
        if former is not None:
            self._close_in_background(former)
            self.current = None
            if lost:
                self._listener.session_lost(former.ending)
        elif self._record.opened:
            _LOG.info("connected to %s again", self.sessions.endpoint.host)
        self.current = session
        self._exchange_wanted.clear()  # this session has the current settings
        early = session.adopt(self._listener)
        session.catch_up(self.sessions.settings)
        self._listener.session_opened(session, renewed=former is not None and not lost)
        gap_s = self._record.open(started, _now(), renewed=former is not None)
        self._change(ConnectionState.OPEN, reason=session.refused, gap_s=gap_s)
        for message in (*early, session.answer):
            session.report(message)

    def _close_in_background(self, session: Session) -> None:
        session.retire()
        task = asyncio.create_task(session.close(), name="realtime-close")
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)

    def _lose(self, reason: str) -> None:
        """Retire both the session in use and the next one: there is no session any more."""
        ready, former = self._renewer.take_ready(), self.current
        if ready is not None:
            self._close_in_background(ready)
        if former is None:
            return
        self._close_in_background(former)
        self.current = None
        self._record.lost(_now())
        self._listener.session_lost(reason)

    # ------------------------------------------------------------ no session now

    async def _pause(self, pause_s: float, *, hurry: bool) -> None:
        """Wait before the next attempt; if `hurry`, end early when somebody waits for a session."""
        if not hurry or pause_s <= HURRY_S:
            await asyncio.sleep(pause_s)
            return
        await asyncio.sleep(HURRY_S)
        self._woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s - HURRY_S):
                await self._woken.wait()

    async def _rest(self) -> bool:
        """Wait while there should be no session; return whether that was any time at all."""
        reported: Recess | None = None
        while (recess := self._listener.recess()) is not None:
            if reported is None or recess.reason != reported.reason:
                self._change(ConnectionState.CLOSED, reason=recess.reason, retry_in_s=recess.for_s)
                reported = recess
            self._record.rested()
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(recess.for_s and min(recess.for_s, _CLOCK_LOOK_S)):
                    await self._woken.wait()
        return reported is not None

    async def _until_recess(self) -> None:
        while True:
            await asyncio.sleep(_REST_LOOK_S)
            session = self.current
            if self._listener.recess() and self._listener.quiet() and session and not session.busy:
                return

    # ------------------------------------------------------------------ ending

    async def _end(self, life: asyncio.Task[None]) -> None:
        """Cancel `life` and wait for its end, even while we are being cancelled ourselves."""
        if not life.done():
            if not life.cancelling():
                self.closing = True
                self._lose("closed by us")
                self._change(ConnectionState.CLOSING)
                life.cancel()
            await asyncio.wait([life])
        if self._life is life:
            self._life = None
            self._lose("closed by us")
            if self.state is not ConnectionState.CLOSED:
                self._change(ConnectionState.CLOSED, reason="closed by us")

    def _change(
        self,
        state: ConnectionState,
        *,
        reason: str | None = None,
        retry_in_s: float | None = None,
        gap_s: float | None = None,
    ) -> None:
        facts = self.current.facts if self.current else None
        change = self._record.change(
            state, facts, reason=reason, retry_in_s=retry_in_s, gap_s=gap_s
        )
        self._listener.connection_changed(change)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
