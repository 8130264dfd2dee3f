"""One session on one connection, used once: opened, greeted, configured, and then used to its end.

Its dialect, facts and settings end with it. It reports to one listener.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import NO_ANSWER, NotConnectedError, ServiceError
from ..protocol.codec import SERVER_EVENTS, Dialect, Json, SessionFacts, encode, encode_append
from ..protocol.endpoint import Endpoint
from ..protocol.event_decoding import decode
from ..protocol.events import (
    AudioDelta,
    Event,
    Message,
    ServiceErrorReported,
    SessionCreated,
    SessionUpdated,
)
from ..protocol.settings_check import advice, differences
from .connection import Connection
from .options import WebsocketOptions
from .outbox import Outbox
from .session_listener import SessionListener
from .wire import Wire, WireListener

_LOG = logging.getLogger(__name__)

GREETING_S = 10.0
"""How many seconds session.created, and then session.updated, may take."""

_UPDATE_ID = "rtaudio_session"
_MISTAKES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Exceptions that an unforeseen message may cause; they must not end the daemon."""
_EARLY_MOST = 32
_IN_ONE_GO = 16  # how many messages are handled before other tasks get their turn
_GOING_AWAY = 1001


@dataclass(slots=True)
class Traffic:
    """Counts the traffic in all sessions of one client, since the start."""

    given_bytes: int = 0
    """Audio handed to a session, in bytes."""
    sent_bytes: int = 0
    """Audio that was sent, in bytes."""
    sent_frames: int = 0
    dropped: int = 0
    """Pieces of audio dropped by sessions that have ended."""
    malformed: int = 0
    """Messages of the service that could not be read or handled, and were skipped."""
    mistakes: int = 0
    """How many of them raised an unexpected exception."""
    undecodable: int = 0
    """Pieces of audio of the service that could not be decoded, and were skipped."""
    unknown: int = 0
    """Messages of the service with an unknown name."""


class Session:
    """A session on `connection`, which is not open yet; its initial settings are the flat
    `settings`.

    Messages and sound are sent in the order in which they are passed to it, from `open` on.
    `wall_clock` returns Unix seconds.
    """

    def __init__(
        self,
        connection: Connection,
        endpoint: Endpoint,
        settings: Json,
        *,
        options: WebsocketOptions,
        traffic: Traffic,
        wants_audio: bool = True,
        wall_clock: Callable[[], float] = time.time,
        wire: WireListener | None = None,
    ) -> None:
        self.dialect: Dialect = endpoint.dialect
        self.facts: SessionFacts | None = None
        """What the service reported about the session."""
        self.refused: str | None = None
        """Which settings the service refused, in words; None if it accepted all."""
        self.answer: Message
        """The message that answered our settings."""
        self.has_spoken = False
        """Whether it has spoken: its voice can no longer change."""
        self.greeted_at = 0.0
        """When it was ready, in seconds on the event loop's clock."""
        self.expires_in_s: float | None = None
        """How long it lasts from `greeted_at` on, computed from its greeting and our clock."""
        self._expired = False
        self._connection = connection
        self._endpoint = endpoint
        self._requested = settings
        self._options = options
        self._traffic = traffic
        self._wants_audio = wants_audio
        self._wall_clock = wall_clock
        self._wire = Wire(wire)
        self._outbox = Outbox()
        self._listener: SessionListener | None = None
        self._early: list[Message] = []
        self._reader: asyncio.Task[None] | None = None
        self._writers: list[asyncio.Task[None]] = []

    @property
    def ending(self) -> str:
        """Why the connection ended, for people."""
        code, reason = self._connection.close_code, self._connection.close_reason
        return f"the service closed the connection ({code}{': ' if reason else ''}{reason})"

    @property
    def ended(self) -> asyncio.Task[None]:
        """A task that ends as soon as the connection has ended (after `open`)."""
        assert self._reader is not None
        return self._reader

    @property
    def expired(self) -> bool:
        """Whether it ended because it reached its maximum age."""
        return self._expired or self._connection.close_code == _GOING_AWAY

    @property
    def busy(self) -> bool:
        """Whether messages other than sound wait to be sent."""
        return bool(self._outbox.words)

    def speaks_as(self, voice: object) -> bool:
        """Return whether it has this voice or can still adopt it."""
        return not self.has_spoken or voice == self._requested.get("voice")

    @property
    def dropped(self) -> int:
        """Pieces of audio that were dropped because the network was too slow."""
        return self._outbox.dropped

    async def open(self) -> None:
        """Connect, exchange greetings, and start to receive.

        Raises ServiceError; the session is closed then.
        """
        try:
            await self._connection.open()
            self._wire.opened()
            self.answer = await self._greet()
        except BaseException:
            self._wire.ended(self._connection.close_code)
            await self._connection.close()
            raise
        self.greeted_at = asyncio.get_running_loop().time()
        if self.facts is not None and self.facts.expires_at is not None:
            self.expires_in_s = self.facts.expires_at - self._wall_clock()
        self._reader = asyncio.create_task(self._listen(), name="realtime-reader")
        self._writers = [asyncio.create_task(self._write(), name="realtime-writer")]
        if self._options.heartbeat_message and self._options.heartbeat_interval:
            self._writers.append(asyncio.create_task(self._heartbeat(), name="realtime-heartbeat"))

    def adopt(self, listener: SessionListener) -> list[Message]:
        """Report to `listener` from now on; return the messages received during the greeting."""
        self._listener = listener
        early, self._early = self._early, []
        return early

    def send(self, message: Json) -> None:
        """Send a message (canonical). Raises NotConnectedError if the network is stuck."""
        self._wire.sent(message)
        if not self._outbox.put(self._encode(message)):
            raise NotConnectedError(f"the network is stuck: {message.get('type')} was not sent")

    def send_audio(self, pcm: bytes) -> None:
        """Send audio (whole samples); the oldest is dropped if the network is too slow."""
        self._traffic.given_bytes += len(pcm)
        self._outbox.put(encode_append(pcm), len(pcm))

    def update(self, changed: Json) -> None:
        """Change these (flat) settings; a voice is left out once the session has spoken.

        Otherwise the service would refuse the whole update. Raises NotConnectedError like `send`.
        """
        if self.has_spoken:
            changed = {name: value for name, value in changed.items() if name != "voice"}
        if changed:
            self._requested = {**self._requested, **changed}
            self.send({"type": "session.update", "session": changed})

    def catch_up(self, settings: Json) -> None:
        """Send those of `settings` (all of them) that differ from what was last requested."""
        asked = self._requested
        self.update(
            {
                name: value
                for name, value in settings.items()
                if name not in asked or asked[name] != value
            }
        )

    def retire(self) -> None:
        """Send nothing more and report nothing more."""
        self._listener = None
        self._traffic.dropped += self._outbox.dropped
        self._outbox = Outbox()
        for task in self._writers:
            task.cancel()

    async def close(self) -> None:
        """Retire, and end the connection (waiting at most a second for the service's close)."""
        self.retire()
        tasks = [*self._writers, *([self._reader] if self._reader else [])]
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._wire.ended(None)
            await self._connection.close()

    # ---------------------------------------------------------------- sending

    def _encode(self, message: Json) -> str:
        commits_answers = self._endpoint.profile.commits_answers
        return encode(message, self.dialect, commits_answers=commits_answers)

    async def _write(self) -> None:
        take, send, traffic = self._outbox.take, self._connection.send, self._traffic
        while True:
            message, pcm_bytes = await take()
            try:
                await send(message)
            except ServiceError as error:
                # The reader notices the end too, and reports it.
                _LOG.debug("%s", error)
                return
            if pcm_bytes:
                traffic.sent_frames += 1
                traffic.sent_bytes += pcm_bytes

    async def _heartbeat(self) -> None:
        message, interval_s = self._options.heartbeat_message, self._options.heartbeat_interval
        assert message
        assert interval_s
        while True:
            await asyncio.sleep(interval_s)
            if isinstance(message, str):
                self._outbox.put(message)
            else:
                with contextlib.suppress(NotConnectedError):
                    self.send(dict(message))

    # -------------------------------------------------------------- receiving

    async def _listen(self) -> None:
        number = 0
        async for raw in self._connection:
            message = self._read(raw)
            if message is not None:
                self.report(message)
            number += 1
            if number % _IN_ONE_GO == 0:
                await asyncio.sleep(0)  # reading messages that have already arrived never suspends
        self._wire.ended(self._connection.close_code)

    def _read(self, text: str) -> Message | None:
        """Parse a message; return None for a malformed one, which is skipped and counted."""
        try:
            message = decode(text, audio=self._wants_audio)
        except ValueError as error:
            level = logging.DEBUG if self._traffic.malformed else logging.WARNING
            self._traffic.malformed += 1
            _LOG.log(level, "skipped a malformed message of the service: %s", error)
            return None
        except _MISTAKES as error:
            self._note_mistake("read", error)
            return None
        if message.malformed:
            level = logging.DEBUG if self._traffic.undecodable else logging.WARNING
            self._traffic.undecodable += 1
            _LOG.log(level, "skipped sound of the service that is not base64")
        if message.name not in SERVER_EVENTS:
            self._traffic.unknown += 1
            _LOG.debug("the service sent an event unknown to us: %s", message.event)
        self._wire.received(message)
        return message

    def report(self, message: Message) -> None:
        """Report a message to the listener, or keep it for the one that adopts this session.

        A message that cannot be handled is counted as malformed.
        """
        match message.event:
            case AudioDelta():
                self.has_spoken = True
            case ServiceErrorReported(code="session_expired"):
                self._expired = True
        if self._listener is not None:
            try:
                self._listener.received(message)
            except _MISTAKES as error:
                self._note_mistake("handled", error)
        elif self._reader is None and len(self._early) < _EARLY_MOST:
            self._early.append(message)

    def _note_mistake(self, done: str, error: Exception) -> None:
        self._traffic.malformed += 1
        level = logging.DEBUG if self._traffic.mistakes else logging.ERROR
        self._traffic.mistakes += 1
        _LOG.log(
            level, "a message of the service cannot be %s; please report it", done, exc_info=error
        )

    # --------------------------------------------------------------- greeting

    async def _greet(self) -> Message:
        """Wait for session.created and send the settings.

        Returns the response to them: session.updated, or an error (the session then continues with
        the service's own settings). Raises ServiceError if the service sends neither.
        """
        try:
            async with asyncio.timeout(GREETING_S):
                created = await self._wait_for(SessionCreated)
            self._look_at(created.event)
            session = self._requested
            update = {"type": "session.update", "event_id": _UPDATE_ID, "session": session}
            await self._connection.send(self._encode(update))
            self._wire.sent(update)
            self.report(created)
            async with asyncio.timeout(GREETING_S):
                answer = await self._wait_for(SessionUpdated)
        except TimeoutError as error:
            awaited = "session.updated" if self.facts else "session.created"
            words = f"the service sent no {awaited} within {GREETING_S:.0f} s"
            raise ServiceError(words, code=None if self.facts else NO_ANSWER) from error
        match answer.event:
            case ServiceErrorReported(message=words):
                self._note_refusal(words, answer.raw["error"])
            case SessionUpdated(facts, settings):
                self._note_settings(facts, settings)
        return answer

    async def _wait_for(self, kind: type[SessionCreated | SessionUpdated]) -> Message:
        """Wait for the event of this kind, or for the error in response to the settings."""
        async for text in self._connection:
            message = self._read(text)
            if message is None:
                continue
            event = message.event
            if isinstance(event, kind):
                return message
            if isinstance(event, ServiceErrorReported) and event.event_id in ("", _UPDATE_ID):
                if self.facts is not None:
                    return message
                self.report(message)
                raise _refusal(event)
            self.report(message)
        raise ServiceError(self.ending)

    def _look_at(self, created: Event) -> None:
        assert isinstance(created, SessionCreated)
        self.facts = created.facts
        if self._endpoint.profile.detects_dialect:
            self.dialect = self.facts.dialect
        elif self.facts.dialect != self.dialect:
            _LOG.warning("%s", advice(self.facts.dialect, self._endpoint.profile.name))

    def _note_settings(self, facts: SessionFacts, session: Json) -> None:
        if facts.id is not None and facts.expires_at is not None:
            self.facts = facts
        if found := differences(self._requested, session):
            self.refused = f"the service did not take all of our settings: {'; '.join(found)}"
            _LOG.warning("%s", self.refused)

    def _note_refusal(self, words: str, error: Json) -> None:
        assert self.facts is not None
        self.refused = f"the service refused our settings: {words}"
        speaks = self.facts.dialect if self.facts.dialect != self.dialect else None
        if found := advice(speaks, self._endpoint.profile.name, error):
            self.refused += f" ({found})"
        _LOG.warning("%s; it goes on with its own", self.refused)


def _refusal(error: ServiceErrorReported) -> ServiceError:
    words = f"the service refused the session: {error.message}"
    return ServiceError(words, code=error.code or None, type=error.type or None)
