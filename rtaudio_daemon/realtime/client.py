"""AzureRealTimeAudio: a conversation with a realtime service, as events and methods.

The class keeps the vocabulary of its TypeScript forerunner in snake_case. Events have their house
(preview) names in every dialect; ``on("response.audio.delta", …)`` works with every service, and
the GA names are accepted as aliases.

What is different from the forerunner, and why: the key travels in a header, never in the address,
as addresses end up in logs. *Speaking* begins with the first sound, not with ``response.done``,
which says only that generation ended. Speech while *speaking* interrupts too. The event that makes
a session ready is emitted as ``init`` and under its own name. After a reconnection the settings are
sent again, and what was said so far. A second answer is asked for when the first one is done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

import aiohttp

from ..emitter import Emitter, Listener
from ..errors import NO_ANSWER, NotConnectedError, ServiceError
from ..events import ConnectionChanged, ConnectionState, ModelStatus
from .codec import Json, SessionFacts, flat_session, house_name
from .need import Need, Recess
from .notes import Notes
from .options import Counters, SessionPolicy, WebsocketOptions, is_final
from .profiles import Endpoint, endpoint
from .question import Question
from .reconnect import ReconnectingSession
from .requests import Requests
from .sender import Sender
from .session import Session, SessionFactory, SessionListener
from .turn_sound import TurnSound
from .usage import Ledger, Prices

_LOG = logging.getLogger(__name__)
PATIENCE_S = 15.0
"""How long *thinking* may last without a sign of an answer."""
LEAST_TURN_S = 0.1
"""The service takes no shorter turn."""

DEFAULT_SESSION_CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "voice": "alloy",
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1"},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.4,
            "silence_duration_ms": 600,
        },
    }
)
"""The session settings that hold where the caller says nothing."""


class AzureRealTimeAudio(Requests):
    """A client of one realtime service. Use it from one event loop.

    Every server event is emitted under its house name with one dict. Besides: ``init`` (event)
    when a session is ready, ``status_changed`` (status, previous) right before the event that
    causes it, ``function_calls`` (a list of `FunctionCall`) after the ``response.done`` of an
    answer that calls functions, ``connection`` (a `ConnectionChanged`), ``error`` (event), and
    ``unanswered`` (why, in words) when the session went with an answer that had not begun, and no
    other session will give it.
    """

    _status: ModelStatus
    _state: ConnectionState
    _emitter: Emitter
    _background: asyncio.Task[None] | None

    def __init__(
        self,
        *,
        host_name: str,
        deployment: str,
        api_version: str = "v1",
        api_key: str = "",
        session_config: Mapping[str, Any] | None = None,
        websocket_options: WebsocketOptions | Mapping[str, Any] | None = None,
        policy: SessionPolicy | None = None,
        http_session: aiohttp.ClientSession | None = None,
    ) -> None:
        """`session_config` is laid over `DEFAULT_SESSION_CONFIG`, setting by setting.

        Nothing is connected yet. Raises ValueError for options that cannot work.
        """
        place = endpoint(
            "azure",
            host_name=host_name,
            deployment=deployment,
            api_version=api_version,
            api_key=api_key,
        )
        settings = {**DEFAULT_SESSION_CONFIG, **flat_session(session_config or {})}
        self._begin(place, settings, websocket_options, policy, http_session, time.time)

    @classmethod
    def for_endpoint(
        cls,
        endpoint: Endpoint,
        *,
        session_config: Mapping[str, Any] | None = None,
        websocket_options: WebsocketOptions | Mapping[str, Any] | None = None,
        policy: SessionPolicy | None = None,
        http_session: aiohttp.ClientSession | None = None,
        wall_clock: Callable[[], float] = time.time,
        ledger: Ledger | None = None,
    ) -> Self:
        """A client of any service; `session_config` is taken as it is (None: the default).

        It goes on counting in `ledger`, by whose prices and limit it keeps instead of `policy`'s.
        """
        self = cls.__new__(cls)
        settings = flat_session(
            DEFAULT_SESSION_CONFIG if session_config is None else session_config
        )
        self._begin(endpoint, settings, websocket_options, policy, http_session, wall_clock, ledger)
        return self

    # ------------------------------------------------------------ listening

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every `event`; returns a function that removes it again."""
        return self._emitter.on(house_name(event), listener)

    def once(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` at the next `event` only; returns a function that removes it."""
        return self._emitter.once(house_name(event), listener)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Remove `listener` from `event`, or all of its listeners when none is named."""
        self._emitter.off(house_name(event), listener)

    def off_all(self) -> None:
        """Remove every listener of every event."""
        self._emitter.off_all()

    # ------------------------------------------------------------ connecting

    async def run(self) -> None:
        """Hold a session open until cancelled or closed, for a task of the caller's own.

        Raises ServiceError only when `websocket_options` limit reconnecting.
        """
        try:
            await self._session.run()
        finally:
            self._unsent.forget()

    async def connect(self, timeout_s: float = 30.0) -> None:
        """Hold a session open in the background; returns when the first one is ready.

        Raises HandshakeError at once when the service refuses us for a reason that only a person
        can mend, and ServiceError when no session is ready after `timeout_s`.
        """
        if self.is_initialized:
            return
        self._wake()
        if not self._session.running and (self._background is None or self._background.done()):
            self._background = asyncio.create_task(self.run(), name="realtime-client")
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(ready)
        ours = [self._background] if self._background else []
        try:
            await asyncio.wait([ready, *ours], timeout=timeout_s, return_when="FIRST_COMPLETED")
            for done in (*ours, ready):
                if done.done():
                    done.result()
            if not ready.done():
                reason = str(self._failure or "no answer")
                words = f"no session within {timeout_s:.0f} s: {reason}"
                raise ServiceError(words, code=NO_ANSWER)
        except BaseException:
            await self.close()
            raise
        finally:
            self._waiters.discard(ready)
            if not ready.cancel() and not ready.cancelled():
                ready.exception()  # so that nobody complains that it was never looked at

    async def close(self) -> None:
        """Close the session and do not connect again; `run` returns, `connect` raises."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(ServiceError("the client was closed while it connected"))
        await self._session.stop()
        task, self._background = self._background, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and not isinstance(task.exception(), ServiceError):
                task.result()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ------------------------------------------------------------ facts

    @property
    def state(self) -> ConnectionState:
        """How it stands with the connection."""
        return self._state

    @property
    def is_initialized(self) -> bool:
        """Whether a configured session is open."""
        return self._session.current is not None

    @property
    def session(self) -> SessionFacts | None:
        """What the open session said about itself."""
        return self._session.current.facts if self._session.current else None

    @property
    def session_config(self) -> Json:
        """The flat session settings that the next connection will get (a copy)."""
        return dict(self._sessions.settings)

    @property
    def counters(self) -> Counters:
        """What went over the wire so far."""
        counters = self._session.counters
        dropped = counters.dropped + self._sender.dropped
        return replace(counters, dropped=dropped, late=self._notes.late)

    @property
    def uplink_bytes(self) -> int:
        """How much sound was given to the service since the start, in bytes."""
        return self._sessions.traffic.given_bytes

    @property
    def holds_turn(self) -> bool:
        """Whether the session was given enough sound for a turn, and none was made of it yet."""
        return self._unsent.seconds >= LEAST_TURN_S

    @property
    def usage(self) -> Json:
        """Tokens and money, today and since the start."""
        return self._notes.ledger.summary(self._day())

    def adjust_budget(self, prices: Prices, daily_limit: float) -> None:
        """Reckon with these prices and this limit from now on, in the session that is open."""
        ledger = self._notes.ledger
        ledger.prices, ledger.daily_limit = prices, daily_limit
        self._session.wake()

    @property
    def asleep(self) -> bool:
        """Whether there is no session as nobody needs one (see `SessionPolicy.hold`)."""
        return self._session.asleep

    @property
    def status(self) -> ModelStatus:
        """Who has the floor. Setting it emits ``status_changed`` if it is another."""
        return self._status

    @status.setter
    def status(self, status: ModelStatus | str) -> None:
        status = ModelStatus(status)
        previous, self._status = self._status, status
        if status is not previous:
            self._emitter.emit("status_changed", status, previous)

    def set_model_speak_done(self) -> None:
        """Say that playback of the answer is over; only the caller can know."""
        self.status = self._notes.floor.played(self._status)

    # ------------------------------------------------------------ private

    def _begin(
        self,
        place: Endpoint,
        settings: Json,
        options: WebsocketOptions | Mapping[str, Any] | None,
        policy: SessionPolicy | None,
        http_session: aiohttp.ClientSession | None,
        wall_clock: Callable[[], float],
        ledger: Ledger | None = None,
    ) -> None:
        options = WebsocketOptions.of(options)
        self._wall_clock = wall_clock
        self._emitter = Emitter()
        self._status = ModelStatus.IDLE
        policy = policy or SessionPolicy()
        self._notes = Notes(policy, ledger)
        self._need = Need(policy, self._notes.ledger)
        self._state = ConnectionState.CLOSED
        self._renewals = 0
        self._half = b""
        self._patience: asyncio.TimerHandle | None = None
        self._failure: ServiceError | None = None
        self._background = None
        self._waiters: set[asyncio.Future[None]] = set()
        self.is_quiet: Callable[[], bool] = lambda: self._status is ModelStatus.IDLE
        """Whether nobody speaks and nothing is played, for renewing the session unnoticed."""
        self._question = Question(
            self._notes,
            options.outage_buffer,
            ask=self.create_response,
            tell=lambda why: self._emitter.emit("unanswered", why),
        )
        self._sessions = SessionFactory(
            place, settings, options, http_session=http_session, wall_clock=wall_clock
        )
        self._session = ReconnectingSession(self._sessions, _Listener(self))
        self._unsent = TurnSound(options.outage_buffer)
        self._sender = Sender(self._session, self._unsent, options)
        self._greeting: Json = {}
        self._adjust(settings)

    # ------------------------------------------------------------ what the session reports

    def _opened(self, session: Session, *, renewed: bool) -> None:
        self._greeting = session.answer
        try:
            for item in self._notes.history.items(_now()):
                session.send({"type": "conversation.item.create", "item": item})
        except NotConnectedError as error:
            _LOG.warning("the history is too long for a session: %s", error)
        self._sender.session_opened(session, renewed=renewed)

    def _lost(self) -> None:
        self._sender.session_lost()

    def _received(self, event: Json) -> None:
        self._unsent.heard(event["type"])
        if event is self._greeting:
            self._ready(event)
        self._heard(event)

    def _heard(self, event: Json) -> None:
        name = event["type"]
        self._note_turn()
        try:
            heard = self._notes.hear(event, self._status, _now(), self._day())
        except Exception:  # one odd message must not cost the session
            _LOG.exception("cannot make sense of %r", name)
            return
        self._send_all(heard.send)
        if heard.late:
            return
        if heard.status is not self._status:
            self.status = heard.status
            self._be_patient()
        self._emitter.emit(name, event)
        if heard.calls:
            self._emitter.emit("function_calls", heard.calls)
        if heard.trouble is not None:
            self._session.report(heard.trouble)

    def _be_patient(self) -> None:
        """Do not think for ever about a turn that the service does not answer."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._status is ModelStatus.THINKING:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(PATIENCE_S, self._give_up)

    def _give_up(self) -> None:
        self._patience = None
        self._question.drop()
        self.status = self._notes.floor.gave_up(self._status)

    def _ready(self, event: Json) -> None:
        self._failure = None
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._emitter.emit("init", event)

    def _changed(self, change: ConnectionChanged) -> None:
        was_up, renewed = self._state.is_up, change.renewals != self._renewals
        self._state = change.state
        if renewed or not change.state.is_up:
            self._renewals = change.renewals
            self._half = b""
            self._notes.begin(self._sessions.settings)
            self.status = ModelStatus.IDLE
            self._be_patient()
            if change.state is ConnectionState.CLOSING:
                self._question.drop()
            self._question.lost()
        self._emitter.emit("connection", change)
        if change.state is ConnectionState.OPEN and (renewed or not was_up):
            self._question.stands()
            self._sender.send_kept()

    def _failed(self, error: ServiceError) -> None:
        self._failure = error
        for waiter in self._waiters:
            if is_final(error) and not waiter.done():
                waiter.set_exception(error)

    # ------------------------------------------------------------ whether to be connected

    def _day(self) -> int:
        return datetime.fromtimestamp(self._wall_clock()).toordinal()

    def _recess(self) -> Recess | None:
        busy = not self._notes.quiet or not self.is_quiet()
        if busy and self.is_initialized:
            self._need.arise(_now())
        return self._need.recess(_now(), self._wall_clock())


class _Listener(SessionListener):
    """What the session reports to a client, whose own methods are its users'."""

    def __init__(self, client: AzureRealTimeAudio) -> None:
        self._client = client

    def session_opened(self, session: Session, *, renewed: bool) -> None:
        self._client._opened(session, renewed=renewed)

    def session_lost(self, reason: str) -> None:
        self._client._lost()

    def received(self, message: Json) -> None:
        self._client._received(message)

    def connection_changed(self, change: ConnectionChanged) -> None:
        self._client._changed(change)

    def attempt_failed(self, error: ServiceError) -> None:
        self._client._failed(error)

    def recess(self) -> Recess | None:
        return self._client._recess()

    def quiet(self) -> bool:
        return self._client._notes.quiet and self._client.is_quiet()

    def stale(self) -> bool:
        return self._client._notes.history.stale(_now())


def _now() -> float:
    return asyncio.get_running_loop().time()
