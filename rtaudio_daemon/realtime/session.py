"""A session that is always there, or on its way back.

A :class:`Session` is a loop over lines (one connection each). A line that is lost is replaced after
a pause that grows from failure to failure. A line that will expire is renewed before: the next one
is opened and greeted beside it, and takes over between two messages in a quiet moment. Whatever
replaces a line is told the history first, and then the sound that its forerunner made no turn of.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from rtaudio_daemon.errors import NotConnectedError, ServiceError
from rtaudio_daemon.events import ConnectionChanged, ConnectionState
from rtaudio_daemon.realtime.codec import (
    SERVER_EVENTS,
    Json,
    SessionFacts,
    decode,
    encode,
    encode_append,
)
from rtaudio_daemon.realtime.connection import Connection
from rtaudio_daemon.realtime.line import Line
from rtaudio_daemon.realtime.options import (
    Counters,
    WebsocketOptions,
    backoff,
    may_hurry,
    pause_after,
)
from rtaudio_daemon.realtime.outbox import Outbox
from rtaudio_daemon.realtime.profiles import Endpoint
from rtaudio_daemon.realtime.renewal import renewal
from rtaudio_daemon.realtime.turn_sound import TurnSound

_LOG = logging.getLogger(__name__)

LIVED_S = 10.0
"""A session that lasted this long was a good one: the next pause is short again."""
HURRY_S = 2.0
"""The longest pause while somebody speaks."""
_LOOK_S = 0.25  # how often is looked for a quiet moment, when one is wanted
_STALE_LOOK_S = 10.0
_REST_LOOK_S = 0.5
_KEPT_MOST = 64
_UNHEARD_MOST = 32
_GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class Recess:
    """Why there should be no session now; `for_s` seconds long, or until `Session.wake`."""

    reason: str | None = None
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class _End:
    """How a line was lost."""

    error: ServiceError
    lasted_s: float = 0.0
    expired: bool = False


class Session:
    """Holds one session open with `endpoint`.

    `settings` returns the flat session settings each time they are needed. `on_event` gets every
    event in house spelling; `on_ready` the event that made a new session ready, right before
    `on_event` gets it. `on_change` hears of the connection, `on_failure` of each attempt that
    failed. None of them may raise.

    `history` returns the items that a new session is told first; `is_quiet` whether nobody speaks
    and no answer is under way; `is_stale` whether the session knows what should be forgotten;
    `recess` why there should be no session at the moment.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        settings: Callable[[], Json],
        on_event: Callable[[Json], None],
        on_ready: Callable[[Json], None],
        on_change: Callable[[ConnectionChanged], None],
        on_failure: Callable[[ServiceError], None],
        history: Callable[[], list[Json]] = list,
        is_quiet: Callable[[], bool] = lambda: True,
        is_stale: Callable[[], bool] = lambda: False,
        recess: Callable[[], Recess | None] | None = None,
        options: WebsocketOptions | None = None,
        http_session: aiohttp.ClientSession | None = None,
        chance: Callable[[], float] = random.random,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.endpoint = endpoint
        self.options = options or WebsocketOptions()
        self.uplink_bytes = 0
        """Sound that was given to a session, in bytes, since the start."""
        self._http_session = http_session
        self._settings = settings
        self._on_event = on_event
        self._on_ready = on_ready
        self._on_change = on_change
        self._on_failure = on_failure
        self._history = history
        self._is_quiet = is_quiet
        self._is_stale = is_stale
        self._recess = recess
        self._chance = chance
        self._wall_clock = wall_clock
        self._state = ConnectionState.CLOSED
        self._line: Line | None = None
        self._next: Line | None = None
        self._opening: Line | None = None
        self._unheard: dict[Line, list[Json]] = {}
        self._life: asyncio.Task[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._spoken_to = asyncio.Event()
        self._outbox = Outbox()
        self._turn = TurnSound(self.options.outage_buffer)
        self._kept: list[Json] = []
        self._lost_at: float | None = None
        self._sent_bytes = self._sent_frames = self._unready = 0
        self._malformed = self._unknown = self._opened = self._renewals = 0

    @property
    def ready(self) -> bool:
        """Whether a configured session is open."""
        return self._line is not None

    @property
    def running(self) -> bool:
        """Whether `run` is at work."""
        return self._life is not None

    @property
    def facts(self) -> SessionFacts | None:
        """What the open session said about itself."""
        return self._line.facts if self._line else None

    @property
    def counters(self) -> Counters:
        """What went over the wire so far."""
        return Counters(
            bytes_up=self._sent_bytes,
            frames_up=self._sent_frames,
            dropped=self._unready + self._outbox.dropped + self._turn.dropped,
            malformed=self._malformed,
            unknown=self._unknown,
            reconnects=max(0, self._opened - 1 - self._renewals),
            renewals=self._renewals,
        )

    async def run(self) -> None:
        """Hold the session open until cancelled, or until `stop`.

        Raises ServiceError when the options say not to connect again.
        """
        if self._life is not None:
            raise RuntimeError("this session is already running")
        life = asyncio.create_task(self._live(), name="realtime-session")
        self._life = life
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
        """Ask again whether there should be a session."""
        self._woken.set()

    def tell(self, reason: str) -> None:
        """Let everybody know of a trouble while the session goes on."""
        self._change(self._state, reason=reason)

    def send(self, event: Json) -> None:
        """Send a message (in house spelling). Raises NotConnectedError when no session is ready."""
        if self._line is None:
            if not self.options.connect_resend or len(self._kept) >= _KEPT_MOST:
                raise NotConnectedError(f"not connected: {event.get('type')} was not sent")
            self._kept.append(event)
        elif not self._outbox.put(encode(event, self._line.dialect)):
            raise NotConnectedError(f"the network is stuck: {event.get('type')} was not sent")

    def send_audio(self, pcm: bytes) -> None:
        """Send sound (whole samples).

        While there is no session it is kept for a while (see `options.outage_buffer`), and dropped
        and counted when nobody even tries to connect.
        """
        if self._line is not None:
            self._turn.sent(pcm, _now())
            self.uplink_bytes += len(pcm)
            self._outbox.put(encode_append(pcm), len(pcm))
        elif self._life is None or not self.options.outage_buffer:
            self._unready += 1
        else:
            self._turn.kept(pcm, _now())
            self._spoken_to.set()

    def forget_audio(self) -> None:
        """What was said last does not count, on no session to come."""
        self._turn.forget()

    # ------------------------------------------------------------------ lines

    async def _live(self) -> None:
        try:
            await self._reconnect()
        finally:
            self._lose()
            if self._goodbyes:
                await asyncio.wait(self._goodbyes)

    async def _reconnect(self) -> None:
        pauses, failures, first = self._pauses(), 0, True
        while True:
            if await self._rest() or first:
                self._change(ConnectionState.CONNECTING)
                first = False
            end = await self._one_life()
            if end is None:
                continue
            if end.lasted_s >= LIVED_S:
                pauses, failures = self._pauses(), 0
            failures += 1
            error = end.error
            self._on_failure(error)
            if not self.options.hopeful(error, failures):
                self._change(ConnectionState.CLOSED, reason=str(error))
                raise error
            at_once = end.expired and end.lasted_s >= LIVED_S
            pause = 0.0 if at_once else pause_after(error, pauses)
            level = logging.WARNING if failures == 1 else logging.DEBUG
            _LOG.log(level, "%s; connecting again in %.1f s", error, pause)
            self._change(ConnectionState.CONNECTING, reason=str(error), retry_in_s=pause)
            await self._pause(pause, may_hurry=may_hurry(error))

    async def _pause(self, pause_s: float, *, may_hurry: bool) -> None:
        """Wait before the next attempt, but not for long while somebody speaks to nobody."""
        if not may_hurry or pause_s <= HURRY_S:
            await asyncio.sleep(pause_s)
            return
        await asyncio.sleep(HURRY_S)
        self._spoken_to.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s - HURRY_S):
                await self._spoken_to.wait()

    async def _one_life(self) -> _End | None:
        """One line and those that renew it; returns how the last was lost, None for a recess."""
        line = self._opening = self._new_line()
        try:
            await line.open()
        except ServiceError as error:
            return _End(error)
        finally:
            self._opening = None
        self._take(line)
        helpers = [asyncio.create_task(self._renew(), name="realtime-renewal")]
        if self._recess is not None:
            helpers.append(asyncio.create_task(self._await_recess(), name="realtime-recess"))
        try:
            end = await self._stay(helpers)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        # From here to the news nothing else runs: nobody sees a session that is not there.
        self._lose()
        return end

    async def _stay(self, helpers: list[asyncio.Task[None]]) -> _End | None:
        """Wait until the line in use is lost with none to replace it, or for a recess (None)."""
        while True:
            line = self._line
            assert line is not None
            await asyncio.wait({line.ended, *helpers}, return_when=asyncio.FIRST_COMPLETED)
            for helper in helpers:
                if helper.done():
                    helper.result()
                    return None
            if self._line is not line:
                continue
            line.ended.result()
            if self._next is not None and not self._next.ended.done():
                _LOG.info("%s; the next session was ready", line.ending)
                self._take(self._next)
                continue
            expired = line.expired or line.connection.close_code == _GOING_AWAY
            return _End(ServiceError(line.ending), _now() - line.greeted_at, expired)

    def _say_goodbye(self, line: Line) -> None:
        line.retire()
        self._unheard.pop(line, None)
        task = asyncio.create_task(line.close(), name="realtime-goodbye")
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    def _new_line(self) -> Line:
        protocols = self.options.protocols
        connection = Connection(
            self.endpoint,
            heartbeat_s=self.options.heartbeat_interval or None,
            protocols=(protocols,) if isinstance(protocols, str) else protocols,
            compress=self.options.compress,
            http_session=self._http_session,
        )
        return Line(
            connection,
            self.endpoint,
            settings=self._settings,
            read=self._read,
            on_event=self._hear,
        )

    def _take(self, line: Line) -> None:
        """Let `line` be the one in use, at once: no message falls between it and the one before."""
        started = _now()
        old, self._line, self._next = self._line, line, None
        unheard = self._unheard.pop(line, [])
        if old is None:
            pieces = self._turn.resume(started)
        else:
            self._renewals += 1
            if old.ended.done():
                self._turn.lost(started)
                pieces = self._turn.resume(started)
            else:
                pieces = self._turn.tail(started)
            self._say_goodbye(old)
        self._opened += 1
        self._outbox.clear()
        for item in self._history():
            create = {"type": "conversation.item.create", "item": item}
            self._outbox.put(encode(create, line.dialect))
        for pcm in pieces:
            self.uplink_bytes += len(pcm)
            self._outbox.put(encode_append(pcm), len(pcm))
        line.start(self._write(line), *self._beats())
        since, self._lost_at = self._lost_at, None
        if old is None and self._opened > 1:
            _LOG.info("connected to %s again", self.endpoint.host)
        gap_s = None if self._opened == 1 else _now() - (started if since is None else since)
        self._change(ConnectionState.OPEN, reason=line.refused, gap_s=gap_s)
        kept, self._kept = self._kept, []
        for event in kept:
            self.send(event)
        for event in unheard:
            self._on_event(event)
        self._on_ready(line.answer)
        self._on_event(line.answer)

    def _hear(self, line: Line, event: Json) -> None:
        name = event["type"]
        if name == "error" and event["error"].get("code") == "session_expired":
            line.expired = True
        if line is self._line:
            self._turn.heard(name)
        elif line is not self._opening:
            # The next line is only greeted so far, the last one is of no interest any more.
            unheard = self._unheard.get(line, [])
            if line is not self._next and len(unheard) < _UNHEARD_MOST:
                unheard.append(event)
            return
        self._on_event(event)

    def _read(self, raw: str) -> Json | None:
        """The event in a message; None for a malformed one, which is counted."""
        try:
            event = decode(raw)
        except ValueError as error:
            level = logging.DEBUG if self._malformed else logging.WARNING
            self._malformed += 1
            _LOG.log(level, "skipped a malformed message of the service: %s", error)
            return None
        if event["type"] not in SERVER_EVENTS:
            self._unknown += 1
            _LOG.debug("the service sent an event unknown to us: %s", event["type"])
        return event

    # ---------------------------------------------------------------- renewal

    async def _renew(self) -> None:
        """Make the next line ready before the one in use expires, and let it take over."""
        while True:
            line = self._line
            assert line is not None
            latest = await self._until_due(line)
            if self._line is not line:
                continue
            await self._until_quiet(latest)
            if not await self._prepare():
                continue
            await self._until_quiet(None)
            if self._next is None:
                continue
            if self._next.ended.done():
                self._say_goodbye(self._next)
                self._next = None
                continue
            _LOG.info("renewed the session")
            self._take(self._next)

    async def _until_due(self, line: Line) -> float:
        """Wait until `line` should be renewed; returns when that cannot wait any longer."""
        expires_at = line.facts.expires_at if line.facts else None
        # The wall clock is asked once, right after the greeting: it may be set in the meantime.
        in_s = expires_at - self._wall_clock() if expires_at is not None else None
        plan = renewal(in_s, self.endpoint.profile.lifetime_s)
        due = line.greeted_at + plan.due_s
        while (left := due - _now()) > 0 and self._line is line:
            if self._is_stale() and self._is_quiet():
                break
            await asyncio.sleep(min(left, _STALE_LOOK_S))
        return line.greeted_at + plan.latest_s

    async def _until_quiet(self, latest: float | None) -> None:
        while not (self._is_quiet() and not self._outbox.words):
            if latest is not None and _now() >= latest:
                return
            if self._next is not None and self._next.ended.done():
                return
            await asyncio.sleep(_LOOK_S)

    async def _prepare(self) -> bool:
        """Open the next line; False if the line in use was replaced meanwhile."""
        pauses = self._pauses()
        line = self._line
        self._change(ConnectionState.RENEWING)
        while self._line is line:
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

    # ----------------------------------------------------------------- recess

    async def _rest(self) -> bool:
        """Wait for as long as there should be no session; True if that was any time at all."""
        rested = False
        while self._recess is not None and (recess := self._recess()) is not None:
            if not rested or recess.for_s is not None:
                self._change(ConnectionState.CLOSED, reason=recess.reason, retry_in_s=recess.for_s)
            rested = True
            self._lost_at = None
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(recess.for_s):
                    await self._woken.wait()
        return rested

    async def _await_recess(self) -> None:
        assert self._recess is not None
        while True:
            await asyncio.sleep(_REST_LOOK_S)
            if self._recess() and self._is_quiet() and not self._outbox.words:
                return

    # ---------------------------------------------------------------- writing

    async def _write(self, line: Line) -> None:
        take, send = self._outbox.take, line.connection.send
        while True:
            message, pcm_bytes = await take()
            try:
                await send(message)
            except ServiceError as error:
                # The reader learns of the end too, and it is the one that tells.
                _LOG.debug("%s", error)
                return
            if pcm_bytes:
                self._sent_frames += 1
                self._sent_bytes += pcm_bytes

    def _beats(self) -> list[Any]:
        wanted = self.options.heartbeat_message and self.options.heartbeat_interval
        return [self._beat()] if wanted else []

    async def _beat(self) -> None:
        message, interval = self.options.heartbeat_message, self.options.heartbeat_interval
        assert message
        assert interval
        while True:
            await asyncio.sleep(interval)
            if isinstance(message, str):
                self._outbox.put(message)
            else:
                with contextlib.suppress(NotConnectedError):
                    self.send(dict(message))

    # ----------------------------------------------------------------- ending

    async def _end(self, life: asyncio.Task[None]) -> None:
        """Cancel `life` and see it off, even when we are being cancelled ourselves."""
        if not life.done():
            if not life.cancelling():
                self._lose()
                self._change(ConnectionState.CLOSING)
                life.cancel()
            await asyncio.wait([life])
        if self._life is life:
            self._life = None
            self._lose()
            self._turn.forget()
            if self._state is not ConnectionState.CLOSED:
                self._change(ConnectionState.CLOSED, reason="closed by us")

    def _pauses(self) -> Iterator[float]:
        return backoff(self.options.reconnect_interval, chance=self._chance)

    def _lose(self) -> None:
        for line in (self._line, self._next):
            if line is not None:
                self._say_goodbye(line)
        if self._line is not None:
            self._lost_at = _now()
            self._turn.lost(self._lost_at)
        self._line = self._next = None
        self._outbox.clear()

    def _change(
        self,
        state: ConnectionState,
        *,
        reason: str | None = None,
        retry_in_s: float | None = None,
        gap_s: float | None = None,
    ) -> None:
        self._state = state
        facts = self.facts
        self._on_change(
            ConnectionChanged(
                state=state,
                profile=self.endpoint.profile.name,
                session_id=facts.id if facts else None,
                expires_at=facts.expires_at if facts else None,
                reconnects=self.counters.reconnects,
                reason=reason,
                retry_in_s=retry_in_s,
                renewals=self._renewals,
                gap_ms=None if gap_s is None else round(gap_s * 1000, 3),
            )
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
