"""Holds a session open: greet, configure, listen; and when it ends, whatever the reason, again.

A :class:`Session` is a loop over new lines (one connection each) with a growing pause between those
that fail. Everything that is sent goes through its one outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import aiohttp

from rtaudio_daemon.errors import HandshakeError, NotConnectedError, ServiceError
from rtaudio_daemon.events import ConnectionChanged, ConnectionState
from rtaudio_daemon.realtime.codec import (
    SERVER_EVENTS,
    Json,
    SessionFacts,
    decode,
    encode,
    encode_append,
)
from rtaudio_daemon.realtime.connection import HEARTBEAT_S, Connection
from rtaudio_daemon.realtime.line import Line
from rtaudio_daemon.realtime.outbox import Outbox
from rtaudio_daemon.realtime.profiles import Endpoint

_LOG = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
REFUSED_PAUSE_S = 60.0
"""The pause after a refusal that only a person can mend (wrong key, unknown deployment …)."""
LIVED_S = 10.0
"""A session that lasted this long was a good one: the next pause is short again."""
_LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class WebsocketOptions:
    """How the connection is held; the seed's names, in seconds."""

    reconnect_interval: float = FIRST_PAUSE_S
    """The first pause before connecting again; it doubles up to 30 s."""
    heartbeat_interval: float | None = HEARTBEAT_S
    """How often a ping is sent; None or 0 for never."""
    heartbeat_message: str | Mapping[str, Any] | None = None
    """A message of your own to send as often, beside the ping."""
    max_reconnect_attempts: int | None = None
    """How many attempts may fail in a row; None for any number."""
    should_reconnect: bool | Callable[[str], bool] = True
    """Whether to connect again; a function is told the reason why the connection ended."""
    protocols: str | tuple[str, ...] | list[str] = ()
    """WebSocket subprotocols to ask for."""
    connect_resend: bool = False
    """Keep up to 64 messages (not sound) while there is no connection and send them later."""

    @classmethod
    def of(cls, options: WebsocketOptions | Mapping[str, Any] | None) -> WebsocketOptions:
        """Options out of a mapping. Raises ValueError for a name that does not exist."""
        if isinstance(options, WebsocketOptions):
            return options
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(options or {}) - set(names))
        if unknown:
            raise ValueError(f"websocket_options: unknown {unknown}; allowed: {', '.join(names)}")
        return cls(**(options or {}))


@dataclass(frozen=True, slots=True)
class Counters:
    """What went over the wire since the start. `bytes_up` and `frames_up` count sound only."""

    bytes_up: int = 0
    frames_up: int = 0
    dropped: int = 0
    """Pieces of sound that were not sent: no session was ready, or the network too slow."""
    malformed: int = 0
    unknown: int = 0
    reconnects: int = 0


def backoff(
    first_s: float = FIRST_PAUSE_S,
    longest_s: float = LONGEST_PAUSE_S,
    chance: Callable[[], float] = random.random,
) -> Iterator[float]:
    """Pauses in seconds without end: doubling, each between three and five quarters of its size."""
    pause = first_s
    while True:
        yield min(pause, longest_s) * (0.75 + 0.5 * chance())
        pause = min(pause * 2, longest_s)


class Session:
    """A session that is always there, or on its way back.

    `settings` returns the flat session settings each time they are needed. `on_event` gets every
    event in house spelling; `on_ready` the event that made a new session ready, right before
    `on_event` gets it. `on_change` hears of the connection, `on_failure` of each attempt that
    failed. None of them may raise.
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
        options: WebsocketOptions | None = None,
        http_session: aiohttp.ClientSession | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.endpoint = endpoint
        self.options = options or WebsocketOptions()
        self._http_session = http_session
        self._settings = settings
        self._on_event = on_event
        self._on_ready = on_ready
        self._on_change = on_change
        self._on_failure = on_failure
        self._chance = chance
        self._state = ConnectionState.CLOSED
        self._line: Line | None = None
        self._life: asyncio.Task[None] | None = None
        self._outbox = Outbox()
        self._kept: list[Json] = []
        self._sent_bytes = self._sent_frames = self._unready = 0
        self._malformed = self._unknown = self._opened = 0

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
            dropped=self._unready + self._outbox.dropped,
            malformed=self._malformed,
            unknown=self._unknown,
            reconnects=max(0, self._opened - 1),
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

    def send(self, event: Json) -> None:
        """Send a message (in house spelling). Raises NotConnectedError when no session is ready."""
        if self._line is None:
            if not self.options.connect_resend or len(self._kept) >= 64:
                raise NotConnectedError(f"not connected: {event.get('type')} was not sent")
            self._kept.append(event)
        elif not self._outbox.put(encode(event, self._line.dialect)):
            raise NotConnectedError(f"the network is stuck: {event.get('type')} was not sent")

    def send_audio(self, pcm: bytes) -> None:
        """Send sound (whole samples); dropped and counted when no session is ready."""
        if self._line is None:
            self._unready += 1
        else:
            self._outbox.put(encode_append(pcm), len(pcm))

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
            if self._state is not ConnectionState.CLOSED:
                self._change(ConnectionState.CLOSED, reason="closed by us")

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        pauses, failures = self._pauses(), 0
        self._change(ConnectionState.CONNECTING)
        while True:
            started, opened = loop.time(), self._opened
            error = await self._one_line()
            # From here to the news nothing else runs: nobody sees a session that is not there.
            self._lose()
            if self._opened > opened and loop.time() - started >= LIVED_S:
                pauses, failures = self._pauses(), 0
            failures += 1
            self._on_failure(error)
            if not self._hopeful(error, failures):
                self._change(ConnectionState.CLOSED, reason=str(error))
                raise error
            pause = self._pause(error, pauses)
            level = logging.WARNING if failures == 1 else logging.DEBUG
            _LOG.log(level, "%s; connecting again in %.1f s", error, pause)
            self._change(ConnectionState.CONNECTING, reason=str(error), retry_in_s=pause)
            await asyncio.sleep(pause)

    async def _one_line(self) -> ServiceError:
        """Live through one connection; returns why it ended."""
        line = self._new_line()
        try:
            async with line.connection:
                answer = await line.greet()
                writer = self._ready(line, answer)
                try:
                    await line.listen()
                finally:
                    for task in writer:
                        task.cancel()
                    await asyncio.gather(*writer, return_exceptions=True)
        except ServiceError as error:
            return error
        return ServiceError(line.ending)

    def _new_line(self) -> Line:
        protocols = self.options.protocols
        connection = Connection(
            self.endpoint,
            heartbeat_s=self.options.heartbeat_interval or None,
            protocols=(protocols,) if isinstance(protocols, str) else protocols,
            http_session=self._http_session,
        )
        return Line(
            connection,
            self.endpoint,
            settings=self._settings,
            read=self._read,
            on_event=self._on_event,
        )

    def _ready(self, line: Line, answer: Json) -> list[asyncio.Task[None]]:
        self._opened += 1
        self._line = line
        writers = [asyncio.create_task(self._write(line.connection), name="realtime-writer")]
        if self.options.heartbeat_message and self.options.heartbeat_interval:
            writers.append(asyncio.create_task(self._beat(), name="realtime-heartbeat"))
        if self._opened > 1:
            _LOG.info("connected to %s again", self.endpoint.host)
        self._change(ConnectionState.OPEN, reason=line.refused)
        kept, self._kept = self._kept, []
        for event in kept:
            self.send(event)
        self._on_ready(answer)
        self._on_event(answer)
        return writers

    async def _write(self, connection: Connection) -> None:
        while True:
            message, pcm_bytes = await self._outbox.take()
            try:
                await connection.send(message)
            except ServiceError as error:
                # The reader learns of the end too, and it is the one that tells.
                _LOG.debug("%s", error)
                return
            if pcm_bytes:
                self._sent_frames += 1
                self._sent_bytes += pcm_bytes

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

    def _pauses(self) -> Iterator[float]:
        return backoff(self.options.reconnect_interval, chance=self._chance)

    def _pause(self, error: ServiceError, pauses: Iterator[float]) -> float:
        pause = next(pauses)
        if isinstance(error, HandshakeError):
            if is_final(error):
                pause = REFUSED_PAUSE_S
            if error.retry_after_s is not None:
                pause = max(pause, min(error.retry_after_s, _LONGEST_RETRY_AFTER_S))
        return pause

    def _hopeful(self, error: ServiceError, failures: int) -> bool:
        """Whether the options let us try again."""
        wanted = self.options.should_reconnect
        if not (wanted(str(error)) if callable(wanted) else wanted):
            return False
        most = self.options.max_reconnect_attempts
        return most is None or failures <= most

    def _lose(self) -> None:
        self._line = None
        self._outbox.clear()

    def _change(
        self, state: ConnectionState, *, reason: str | None = None, retry_in_s: float | None = None
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
            )
        )


def is_final(error: ServiceError) -> bool:
    """Whether only a person can mend this: a refusal of our key, our deployment, our host."""
    if not isinstance(error, HandshakeError):
        return False
    return error.status in (400, 401, 403, 404) or 300 <= error.status < 400
