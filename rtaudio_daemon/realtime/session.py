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
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import aiohttp

from rtaudio_daemon.errors import ServiceError
from rtaudio_daemon.events import ConnectionChanged, ConnectionState
from rtaudio_daemon.realtime.codec import Json, SessionFacts
from rtaudio_daemon.realtime.connection import Connection
from rtaudio_daemon.realtime.downlink import Downlink
from rtaudio_daemon.realtime.line import Line
from rtaudio_daemon.realtime.need import Recess
from rtaudio_daemon.realtime.options import (
    Counters,
    WebsocketOptions,
    backoff,
    may_hurry,
    pause_after,
)
from rtaudio_daemon.realtime.profiles import Endpoint
from rtaudio_daemon.realtime.standing import Standing
from rtaudio_daemon.realtime.succession import Succession
from rtaudio_daemon.realtime.uplink import Uplink

_LOG = logging.getLogger(__name__)

LIVED_S = 10.0
"""A session that lasted this long was a good one: the next pause is short again."""
_REST_LOOK_S = 0.5
_GOING_AWAY = 1001


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
        self._http_session = http_session
        self._settings = settings
        self._on_event = on_event
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._history = history
        self._is_quiet = is_quiet
        self._recess = recess
        self._line: Line | None = None
        self._opening: Line | None = None
        self._life: asyncio.Task[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._pauses = partial(backoff, self.options.reconnect_interval, chance=chance)
        self._uplink = Uplink(self.options, settings)
        self._downlink = Downlink()
        self._standing = Standing(
            endpoint.profile.name, facts=lambda: self.facts, on_change=on_change
        )
        self._change = self._standing.change
        self._succession = Succession(
            lifetime_s=endpoint.profile.lifetime_s,
            in_use=lambda: self._line,
            new_line=self._new_line,
            take=self._take,
            give_up=self._say_goodbye,
            announce=lambda: self._change(ConnectionState.RENEWING),
            pauses=self._pauses,
            is_quiet=self._is_still,
            is_stale=lambda: is_stale() and is_quiet(),
            wall_clock=wall_clock,
        )

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
    def uplink_bytes(self) -> int:
        """Sound that was given to a session, in bytes, since the start."""
        return self._uplink.given_bytes

    @property
    def turn_s(self) -> float:
        """Seconds of sound that no turn was made of, as far as it is kept."""
        return self._uplink.turn_s

    @property
    def counters(self) -> Counters:
        """What went over the wire so far."""
        return Counters(
            bytes_up=self._uplink.sent_bytes,
            frames_up=self._uplink.sent_frames,
            dropped=self._uplink.dropped,
            malformed=self._downlink.malformed,
            unknown=self._downlink.unknown,
            reconnects=self._standing.reconnects,
            renewals=self._standing.renewals,
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
        self._change(self._standing.state, reason=reason)

    def send(self, event: Json) -> None:
        """Send a message (in house spelling). Raises NotConnectedError when no session is ready."""
        self._uplink.send(event)

    def send_audio(self, pcm: bytes) -> None:
        """Send sound (whole samples).

        While there is no session it is kept for a while (see `options.outage_buffer`), and dropped
        and counted when nobody even tries to connect.
        """
        self._uplink.send_audio(pcm, line_awaited=self._life is not None)

    def forget_audio(self) -> None:
        """What was said last does not count, on no session to come."""
        self._uplink.forget_audio()

    def commit_audio(self) -> None:
        """Let what was said so far be a turn. Raises NotConnectedError as `send` does."""
        self._uplink.send({"type": "input_audio_buffer.commit"})
        self._uplink.commit()

    def fetch_turn(self) -> bytes | None:
        """The sound of a turn that became an item, once; empty if it was not kept whole."""
        return self._uplink.fetch_turn()

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
            await self._uplink.pause(pause, may_hurry=may_hurry(error))

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
        helpers = [asyncio.create_task(self._succession.run(), name="realtime-renewal")]
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
            successor = self._succession.next_line
            if successor is not None and not successor.ended.done():
                _LOG.info("%s; the next session was ready", line.ending)
                self._take(successor)
                continue
            expired = line.expired or line.connection.close_code == _GOING_AWAY
            return _End(ServiceError(line.ending), _now() - line.greeted_at, expired)

    def _say_goodbye(self, line: Line) -> None:
        line.retire()
        self._succession.leave(line)
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
            read=self._downlink.read,
            on_event=self._hear,
        )

    def _take(self, line: Line) -> None:
        """Let `line` be the one in use, at once: no message falls between it and the one before."""
        started = _now()
        old, self._line = self._line, line
        unheard = self._succession.leave(line)
        if old is not None:
            self._say_goodbye(old)
        elif self._standing.opened:
            _LOG.info("connected to %s again", self.endpoint.host)
        self._uplink.take(line, self._first_words(line))
        self._standing.open(started, _now(), renewed=old is not None, reason=line.refused)
        self._uplink.send_kept()
        for event in unheard:
            self._on_event(event)
        self._on_ready(line.answer)
        self._on_event(line.answer)

    def _first_words(self, line: Line) -> list[Json]:
        missed = line.missed()
        update = [{"type": "session.update", "session": missed}] if missed else []
        past = [{"type": "conversation.item.create", "item": item} for item in self._history()]
        return [*update, *past]

    def _hear(self, line: Line, event: Json) -> None:
        name = event["type"]
        if name == "error" and event["error"].get("code") == "session_expired":
            line.expired = True
        if line is self._line:
            self._uplink.heard(name)
        elif line is not self._opening:
            self._succession.hear(line, event)
            return
        self._on_event(event)

    # ----------------------------------------------------------------- recess

    async def _rest(self) -> bool:
        """Wait for as long as there should be no session; True if that was any time at all."""
        rested = False
        while self._recess is not None and (recess := self._recess()) is not None:
            if not rested or recess.for_s is not None:
                self._change(ConnectionState.CLOSED, reason=recess.reason, retry_in_s=recess.for_s)
            rested = True
            self._standing.rested()
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(recess.for_s):
                    await self._woken.wait()
        return rested

    async def _await_recess(self) -> None:
        assert self._recess is not None
        while True:
            await asyncio.sleep(_REST_LOOK_S)
            if self._recess() and self._is_still():
                return

    def _is_still(self) -> bool:
        return self._is_quiet() and not self._uplink.has_words

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
            self._uplink.forget_audio()
            if self._standing.state is not ConnectionState.CLOSED:
                self._change(ConnectionState.CLOSED, reason="closed by us")

    def _lose(self) -> None:
        for line in (self._line, self._succession.next_line):
            if line is not None:
                self._say_goodbye(line)
        if self._line is not None:
            self._standing.lost(_now())
        self._line = None
        self._uplink.lose()


def _now() -> float:
    return asyncio.get_running_loop().time()
