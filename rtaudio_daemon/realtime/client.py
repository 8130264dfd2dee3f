"""AzureRealTimeAudio: a conversation with a realtime service, as events and methods.

The class keeps the names of its TypeScript predecessor in snake_case. Events have their canonical
(preview) names in every dialect: ``on("response.audio.delta", …)`` works with every service. GA
names are accepted as aliases.

Differences from the predecessor, and reasons: The key is sent in a header, never in the address,
because addresses end up in logs. *Speaking* begins with the first sound, not with
``response.done``, which only means that generation has ended. Speech while *speaking* interrupts
too. The event that makes a session ready is emitted as ``init`` and under its own name. After a
reconnection the settings are sent again, and so is what was said so far. A second answer is
requested when the first one is done.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

import aiohttp

from ..dialogue.conversation import Conversation
from ..dialogue.inputs import AnswerDropped, CallAnswered, SettingsChanged
from ..dialogue.outputs import AnswerGivenUp, CallsRequested, Report, SpeakerCommand
from ..dialogue.settings import DialogueSettings
from ..emitter import Emitter, Listener
from ..errors import NO_ANSWER, ServiceError
from ..notifications import (
    ConnectionChanged,
    ConnectionState,
    ModelStatus,
    PlaybackFinished,
    StatusChanged,
)
from ..protocol.codec import Json, SessionFacts, canonical_name, flat_session
from ..protocol.endpoint import Endpoint, endpoint
from ..protocol.events import Message
from .driver import ConversationDriver
from .driver_listener import DriverListener
from .options import Counters, SessionPolicy, WebsocketOptions, is_final
from .reconnect import ReconnectingSession
from .session_factory import SessionFactory
from .usage import Prices, UsageMeter

_SILENCE_S = 60.0  # an answer under way that is silent for this long is given up

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
"""The session settings that apply unless the caller sets others."""


class AzureRealTimeAudio:
    """A client of one realtime service. Use it from one event loop.

    Every server event is emitted under its canonical name with one dict. Further events: ``init``
    (event) when a session is ready, ``status_changed`` (status, previous) right before the event
    that causes it, ``function_calls`` (a list of `FunctionCall`) after the ``response.done`` of an
    answer that calls functions, ``connection`` (a `ConnectionChanged`), ``error`` (event), and
    ``unanswered`` (why, in words) when a question will not be answered.

    Methods that send raise NotConnectedError if no session is ready.
    """

    _status: ModelStatus
    _half: bytes
    _background: asyncio.Task[None] | None
    _driver: ConversationDriver
    _session: ReconnectingSession

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
        """Create a client without connecting; `session_config` overrides `DEFAULT_SESSION_CONFIG`.

        Raises ValueError for options that cannot work.
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
        ledger: UsageMeter | None = None,
    ) -> Self:
        """Create a client of any service; `session_config` is used unchanged (None: the default).

        It continues counting in `ledger`, whose prices and limit replace those of `policy`.
        """
        self = cls.__new__(cls)
        settings = flat_session(
            DEFAULT_SESSION_CONFIG if session_config is None else session_config
        )
        self._begin(endpoint, settings, websocket_options, policy, http_session, wall_clock, ledger)
        return self

    # ------------------------------------------------------------ listening

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every `event`; return a function that removes it again."""
        return self._emitter.on(canonical_name(event), listener)

    def once(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` at the next `event` only; return a function that removes it."""
        return self._emitter.once(canonical_name(event), listener)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Remove `listener` from `event`, or all of its listeners when none is named."""
        self._emitter.off(canonical_name(event), listener)

    def off_all(self) -> None:
        """Remove every listener of every event."""
        self._emitter.off_all()

    # ------------------------------------------------------------ connecting

    async def run(self) -> None:
        """Hold a session open until cancelled or closed; run this in a task of your own.

        Raises ServiceError only when `websocket_options` limit reconnecting.
        """
        try:
            await self._session.run()
        finally:
            self._driver.close()
            self._conversation.unsent.forget()

    async def connect(self, timeout_s: float = 30.0) -> None:
        """Hold a session open in the background; return when the first one is ready.

        Raises HandshakeError at once if the service refuses us for a reason that only a person can
        resolve, and ServiceError if no session is ready after `timeout_s`.
        """
        if self.is_initialized:
            return
        self._driver.wake()
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
                ready.exception()  # avoids a warning that it was never retrieved

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
        """The state of the connection."""
        return self._state

    @property
    def is_initialized(self) -> bool:
        """Whether a configured session is open."""
        return self._driver.connected

    @property
    def session(self) -> SessionFacts | None:
        """What the open session reported about itself."""
        return self._session.current.facts if self._session.current else None

    @property
    def session_config(self) -> Json:
        """The flat session settings that the next connection will get (a copy)."""
        return dict(self._driver.settings)

    @property
    def counters(self) -> Counters:
        """Counters of the traffic so far."""
        return self._driver.counters

    @property
    def uplink_bytes(self) -> int:
        """How many bytes of sound the service was given since the start."""
        return self._driver.uplink_bytes

    @property
    def holds_turn(self) -> bool:
        """Whether the session has enough sound for a turn, and no turn was made of it yet."""
        return self._conversation.holds_turn

    @property
    def usage(self) -> Json:
        """Tokens and costs, today and since the start."""
        return self._driver.usage.summary(self._driver.day)

    def adjust_budget(self, prices: Prices, daily_limit: float) -> None:
        """Use these prices and this limit from now on, including in the open session."""
        self._driver.adjust_budget(prices, daily_limit)

    @property
    def asleep(self) -> bool:
        """Whether there is no session because nobody needs one (see `SessionPolicy.hold`)."""
        return self._session.asleep

    @property
    def status(self) -> ModelStatus:
        """The status. Setting it emits ``status_changed`` if it differs.

        A value that was set remains until the conversation itself changes the status.
        """
        return self._status

    @status.setter
    def status(self, status: ModelStatus | str) -> None:
        status = ModelStatus(status)
        previous, self._status = self._status, status
        if status is not previous:
            self._emitter.emit("status_changed", status, previous)

    def set_model_speak_done(self) -> None:
        """Report that playback of the answer is over; only the caller can know that."""
        self._driver.handle(PlaybackFinished())
        self.status = self._conversation.status

    # ------------------------------------------------------------ sending

    def append_audio(self, audio: bytes | bytearray | memoryview | str) -> None:
        """Send sound in the session's input format: bytes, or base64 of them.

        Half a sample at the end waits for the next call. While the connection is lost, sound is
        kept for a while, and sent later or dropped and counted (see `WebsocketOptions`). Raises
        ValueError if a string is not base64.
        """
        pcm = base64.b64decode(audio, validate=True) if isinstance(audio, str) else bytes(audio)
        if self._half:
            pcm, self._half = self._half + pcm, b""
        if len(pcm) % 2 and not self._bytewise:
            pcm, self._half = pcm[:-1], pcm[-1:]
        if pcm:
            self._driver.append_audio(pcm)

    def commit_audio(self) -> None:
        """Make a user item of the sound sent so far (at least 100 ms of it)."""
        self.send({"type": "input_audio_buffer.commit"})

    def clear_audio_buffer(self) -> None:
        """Forget the sound sent so far."""
        self._half = b""
        self._conversation.unsent.forget()
        self.send({"type": "input_audio_buffer.clear"})

    def create_conversation_item(
        self, item: Mapping[str, Any], previous_item_id: str | None = None
    ) -> None:
        """Put an item at the end of the conversation, at its "root", or after another item."""
        event: Json = {"type": "conversation.item.create", "item": dict(item)}
        if previous_item_id is not None:
            event["previous_item_id"] = previous_item_id
        self.send(event)

    def delete_item(self, item_id: str) -> None:
        """Remove an item from the conversation."""
        self.send({"type": "conversation.item.delete", "item_id": item_id})

    def truncate_item(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Report how much of an answer was heard; the service forgets the rest."""
        self.send(
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        )

    def create_response(self, config: Mapping[str, Any] | None = None) -> None:
        """Ask for an answer, optionally with settings of its own, as soon as none is under way.

        An answer outside the conversation (``conversation: none``) does not wait. Also raises
        NotConnectedError if too many are waiting already.
        """
        event: Json = {"type": "response.create"}
        if config is not None:
            event["response"] = dict(config)
        self.send(event)

    def cancel_response(self, response_id: str | None = None) -> None:
        """Stop an answer that is being generated: this one, or the one under way."""
        event: Json = {"type": "response.cancel"}
        if response_id is not None:
            event["response_id"] = response_id
        self.send(event)

    def answer_function_call(self, call_id: str, output: str) -> None:
        """Give the result of a function call.

        With the last missing result of an answer, all results are sent in the order of the calls,
        and the next answer is requested (unless somebody has begun to speak since, and gets an
        answer anyway). Without a session, a result is kept for the next one. A call that nobody
        waits for any more is ignored.
        """
        self._driver.request(CallAnswered(call_id, output))

    def update_session(self, config: Mapping[str, Any]) -> None:
        """Change settings of the session, now and for every later connection.

        Turn detection may be given in part. Without a session the change waits for the next one. So
        does a voice once the session has spoken, because it would refuse the whole update.
        """
        self._driver.update_session(config)
        outage_s = self._conversation.settings.outage_s
        settings = _dialogue_settings(self._driver.settings, outage_s)
        self._driver.handle(SettingsChanged(settings))

    def send(self, event: Mapping[str, Any]) -> None:
        """Send any client event, in preview or GA spelling."""
        self._driver.send(dict(event))

    def drop_answer(self) -> None:
        """Give up the awaited answer: no other session is asked for it."""
        self._driver.handle(AnswerDropped())

    def wake(self) -> None:
        """Note that a session will be needed soon (see `SessionPolicy.hold`)."""
        self._driver.wake()

    def forget(self) -> None:
        """Forget what was said so far: the next session starts without history."""
        self._conversation.history.forget()

    # ------------------------------------------------------------ private

    def _begin(
        self,
        place: Endpoint,
        settings: Json,
        options: WebsocketOptions | Mapping[str, Any] | None,
        policy: SessionPolicy | None,
        http_session: aiohttp.ClientSession | None,
        wall_clock: Callable[[], float],
        ledger: UsageMeter | None = None,
    ) -> None:
        options = WebsocketOptions.of(options)
        policy = policy or SessionPolicy()
        self._emitter = Emitter()
        self._status = ModelStatus.IDLE
        self._state = ConnectionState.CLOSED
        self._renewals = 0
        self._half = b""
        self._failure: ServiceError | None = None
        self._background = None
        self._waiters: set[asyncio.Future[None]] = set()
        self.is_quiet: Callable[[], bool] = lambda: self._status is ModelStatus.IDLE
        """Whether nobody speaks and nothing is played, for renewing the session unnoticed."""
        self._conversation = Conversation(_dialogue_settings(settings, options.outage_buffer))
        self._driver = ConversationDriver(
            self._conversation,
            _Listener(self),
            policy=policy,
            usage=ledger,
            wall_clock=wall_clock,
        )
        sessions = SessionFactory(
            place, settings, options, http_session=http_session, wall_clock=wall_clock
        )
        sessions.wants_audio = False  # users decode audio themselves
        self._session = ReconnectingSession(sessions, self._driver)
        self._driver.use_session(self._session)

    def _received(self, message: Message) -> None:
        current = self._session.current
        if current is not None and message is current.answer:
            self._failure = None
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._emitter.emit("init", message.raw)
        self._emitter.emit(message.name, message.raw)

    def _notify(self, notification: Report) -> None:
        match notification:
            case StatusChanged(status):
                self.status = status
            case CallsRequested(calls):
                self._emitter.emit("function_calls", list(calls))
            case AnswerGivenUp("not_answered", reason):
                self._emitter.emit("unanswered", reason)

    def _changed(self, change: ConnectionChanged) -> None:
        self._state = change.state
        if not change.state.is_up or change.renewals != self._renewals:
            self._renewals = change.renewals
            self._half = b""
            self.status = self._conversation.status
        self._emitter.emit("connection", change)

    def _failed(self, error: ServiceError) -> None:
        self._failure = error
        for waiter in self._waiters:
            if is_final(error) and not waiter.done():
                waiter.set_exception(error)

    @property
    def _bytewise(self) -> bool:
        """Whether a sample is one byte (telephone formats)."""
        return str(self._driver.settings.get("input_audio_format", "pcm16")).startswith("g711")


class _Listener(DriverListener):
    """Passes what the driver reports to a client, whose public methods are for users."""

    def __init__(self, client: AzureRealTimeAudio) -> None:
        self._client = client

    def command_speaker(self, command: SpeakerCommand) -> None:
        raise AssertionError(f"{command}: playback is the business of the client's user")

    def notify(self, notification: Report) -> None:
        self._client._notify(notification)

    def received(self, message: Message) -> None:
        self._client._received(message)

    def connection_changed(self, change: ConnectionChanged) -> None:
        self._client._changed(change)

    def attempt_failed(self, error: ServiceError) -> None:
        self._client._failed(error)

    def quiet(self) -> bool:
        return self._client.is_quiet()


def _dialogue_settings(settings: Json, outage_s: float) -> DialogueSettings:
    """Return the settings of the dialogue for these flat session settings."""
    detection = settings.get("turn_detection", {})
    detection = detection if isinstance(detection, Mapping) else {"create_response": False}
    return DialogueSettings(
        replies=bool(detection.get("create_response", True)),
        interruption="service" if detection.get("interrupt_response", True) else "nobody",
        truncation="nobody",
        playback="assumed",
        outage_s=outage_s,
        silence_patience_s=_SILENCE_S,
    )
