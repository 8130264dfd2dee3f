"""Drives a conversation: one inbox, one timer, and a session to send on.

Only this module calls `Conversation.handle`. The session may be exchanged for one of another
service; the conversation continues.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..dialogue.conversation import Conversation
from ..dialogue.inputs import (
    AnswerRequested,
    CallAnswered,
    Input,
    SessionAwaited,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SoundHeldBack,
    SoundLetGo,
    TimePassed,
)
from ..dialogue.outputs import (
    AnswerGivenUp,
    CallsRequested,
    Output,
    PauseReplies,
    PauseTurnDetection,
    Report,
    ResumeReplies,
    ResumeTurnDetection,
    SendKeptAudio,
    ServiceCommand,
    SpeakerCommand,
)
from ..dialogue.requests import input_of
from ..errors import NotConnectedError, ServiceError
from ..notifications import ConnectionChanged, ConnectionState, ErrorReported
from ..protocol.codec import Json
from ..protocol.error_codes import Severity
from ..protocol.events import (
    AudioDelta,
    Event,
    Message,
    ResponseDone,
    ServiceErrorReported,
    UserTranscript,
)
from .command_messages import message_of
from .detection_switches import DetectionSwitches
from .driver_listener import DriverListener
from .options import Counters, SessionPolicy, may_hurry
from .reconnect import ReconnectingSession
from .repeated_errors import RepeatedErrors
from .session import Session
from .session_listener import IdleListener
from .session_need import Recess, SessionNeed
from .suspension import Suspension
from .usage import Prices, UsageMeter

_LOG = logging.getLogger(__name__)
_KEPT_MOST = 64


class ConversationDriver:
    """Runs `conversation` over all of its sessions. Use it from one event loop.

    It is the listener of the session given to `use_session`, and adds the usage that the service
    reports to `usage`.
    """

    def __init__(
        self,
        conversation: Conversation,
        listener: DriverListener,
        *,
        policy: SessionPolicy | None = None,
        usage: UsageMeter | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        policy = policy or SessionPolicy()
        self.conversation = conversation
        self._limit_history(policy)
        self.usage = usage or UsageMeter(policy.prices, daily_limit=policy.daily_limit)
        self._listener = listener
        self._need = SessionNeed(policy, self.usage)
        self._on_speech = self._need.on_speech
        self._wall_clock = wall_clock
        self._session: ReconnectingSession
        self._inbox: deque[tuple[Input, Message | None]] = deque()
        self._handling = False
        self._alarm: asyncio.TimerHandle | None = None
        self._failure: NotConnectedError | None = None
        self._detection = DetectionSwitches()
        self._kept: list[Json] = []
        self._exchanged: Callable[[ServiceError | None], None] | None = None
        self._can_hurry = True  # whether the next attempt may come sooner for somebody who waits
        self._dropped = 0
        self._former_bytes = 0
        self._suspension = Suspension()
        self._repeated = RepeatedErrors()

    # --------------------------------------------------------------- session

    @property
    def session(self) -> ReconnectingSession:
        """The session in use."""
        return self._session

    @property
    def connected(self) -> bool:
        """Whether there is a session that is ready."""
        return self._session.current is not None

    @property
    def settings(self) -> Json:
        """The flat settings of this session and of later ones."""
        return self._session.sessions.settings

    @property
    def counters(self) -> Counters:
        """Counters of the traffic so far."""
        counters, conversation = self._session.counters, self.conversation
        dropped = counters.dropped + self._dropped + conversation.unsent.dropped
        return replace(
            counters, dropped=dropped, late=conversation.late, repeated_errors=self._repeated.count
        )

    @property
    def uplink_bytes(self) -> int:
        """How many bytes of sound a service was given since the start."""
        return self._former_bytes + self._session.sessions.traffic.given_bytes

    @property
    def day(self) -> int:
        """Today, as a number that changes at local midnight."""
        return self.day_and_hour[0]

    @property
    def day_and_hour(self) -> tuple[int, int]:
        """Today, and the hour of the day (0 to 23), local time."""
        now = datetime.fromtimestamp(self._wall_clock())
        return now.toordinal(), now.hour

    def use_session(
        self, session: ReconnectingSession, policy: SessionPolicy | None = None
    ) -> None:
        """Use this service from now on; it gets what was said so far.

        `policy`: replaces the previous one. The caller ends the former session.
        """
        if policy is not None:
            self._need = SessionNeed(policy, self.usage)
            self._on_speech = self._need.on_speech
            self._limit_history(policy)
        if hasattr(self, "_session"):
            self._former_bytes += self._session.sessions.traffic.given_bytes
            if self.connected:
                self.handle(SessionLost("another service was chosen"))
                self._end_exchange(None)
            self._session.listener = IdleListener()
        self._session = session
        session.listener = self
        self.adjust_settings(session.sessions.settings)
        if self._detection.paused:
            self._detection.paused = False
            self._pause_turn_detection()
        if session.current is not None:
            self.session_opened(session.current, renewed=False)

    def adjust_settings(self, settings: Json) -> None:
        """Use these flat settings from now on, for this session and later ones."""
        self._session.sessions.settings = settings
        self.conversation.unsent.by_hand = settings.get("turn_detection", {}) is None

    def update_session(self, config: Mapping[str, Any]) -> None:
        """Change settings of the session, now and for every later one.

        Turn detection may be given in part. Without a session the change waits for the next one. So
        does a voice once the session has spoken, because it would refuse the whole update.
        """
        changed = self._change_settings(config)
        if self._session.current is not None:
            self.wake()
            self._session.current.update(changed)

    def exchange_session(
        self,
        config: Mapping[str, Any],
        over: Callable[[ServiceError | None], None],
        *,
        at_once: bool,
    ) -> None:
        """Change settings as `update_session` does, including those that the session would refuse.

        For these, another session is opened, which takes over in a quiet moment. With `at_once`,
        speech from now on waits for it, and it takes over in the middle of a turn. `over` is called
        once the settings are in use or wait for a later session. It gets the error if no session
        was opened: the session in use then continues, and the caller must change the settings back.
        """
        current, before = self._session.current, self._exchanged
        resets = "turn_detection" in config and self.conversation.unsent.seconds > 0
        voice = config.get("voice", self.settings.get("voice"))
        if current is None or (current.speaks_as(voice) and not resets):
            self.update_session(config)
            over(None)
            return
        self._change_settings(config)
        self._exchanged = over
        if before is not None:
            before(None)
        if at_once:
            self.hold_back()
        self._session.exchange()

    @property
    def exchanging(self) -> bool:
        """Whether a session is being opened by `exchange_session`."""
        return self._exchanged is not None

    def hold_back(self) -> None:
        """Hold back speech from now on for the session that an exchange is opening."""
        if self._exchanged is not None:
            self.handle(SoundHeldBack())

    def _change_settings(self, config: Mapping[str, Any]) -> Json:
        """Change settings of later sessions; return the part for the session in use."""
        settings, changed = self._detection.changed(self.settings, config)
        self.adjust_settings(settings)
        return changed

    def adjust_budget(self, prices: Prices, daily_limit: float) -> None:
        """Use these prices and this limit from now on."""
        self.usage.prices, self.usage.daily_limit = prices, daily_limit
        self._session.wake()

    def wake(self) -> None:
        """Note that a session is needed, or will be soon (see `SessionPolicy.hold`)."""
        if self._on_speech:
            self._need.arise(_now())
            self._session.wake()

    def close(self) -> None:
        """Cancel the timer."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # ---------------------------------------------------------------- inputs

    def handle(self, event: Input) -> None:
        """Handle an input after the present one; messages to a session that ends are lost."""
        self._put(event, None)

    def request(self, event: Input) -> None:
        """Handle an input for a caller. Raises NotConnectedError if the network is stuck."""
        self.wake()
        self._failure = None
        self._put(event, None)
        if self._failure is not None:
            raise self._failure

    def append_audio(self, pcm: bytes) -> None:
        """Send sound (24 kHz, mono, 16 bit, or the session's own format; whole samples).

        Without a session it is kept for a while. If nobody even tries to connect, it is dropped
        and counted.
        """
        self.wake()
        current, unsent = self._session.current, self.conversation.unsent
        if self.conversation.holds_back:
            unsent.held_back(pcm, _now())
        elif current is not None:
            unsent.sent(pcm, _now())
            current.send_audio(pcm)
        elif unsent.keeps and self._session.running:
            unsent.kept(pcm, _now())
            self._session.wake()
        else:
            self._dropped += 1

    def send(self, message: Json) -> None:
        """Send a message of the library's user, and pass its meaning to the conversation.

        Raises NotConnectedError if there is no session, unless messages are kept for the next one
        (`WebsocketOptions.connect_resend`), and if too many answers are waiting already.
        """
        self.wake()
        current, keeps = self._session.current, self._session.sessions.options.connect_resend
        if current is not None:
            meaning = input_of(message)
            if isinstance(meaning, AnswerRequested) and self.conversation.full:
                raise NotConnectedError("not sent: too many answers are waiting already")
            if meaning is None or isinstance(meaning, CallAnswered):
                current.send(message)
            if meaning is not None:
                self.request(meaning)
        elif keeps and len(self._kept) < _KEPT_MOST:
            self._kept.append(message)
        else:
            raise NotConnectedError(f"not connected: {message.get('type')} was not sent")

    # ------------------------------------------------- what the session reports

    def session_opened(self, session: Session, *, renewed: bool) -> None:
        """Send what was said so far to the session that is in use from now on."""
        assert not self._handling, "a session is taken over between two inputs"
        self.handle(SessionRenewed() if renewed else SessionOpened())
        self._end_exchange(None)

    def session_lost(self, reason: str) -> None:
        """The session in use has ended."""
        self.handle(SessionLost(reason, closing=self._session.closing))
        if not self._session.closing:
            self._end_exchange(None)

    def received(self, message: Message) -> None:
        """The service sent a message on the session in use, or while it opens."""
        self._put(message.event, message)

    def connection_changed(self, change: ConnectionChanged) -> None:
        """The state of the connection changed, or there is a reason to report."""
        self._listener.connection_changed(change)
        if change.state is ConnectionState.OPEN:
            kept, self._kept = self._kept, []
            for message in kept:
                self.send(message)
        elif not change.state.is_up:
            self.handle(SessionAwaited(self._hopeful(change), change.reason))

    def attempt_failed(self, error: ServiceError) -> None:
        """No session could be opened, or the one in use ended by itself."""
        self._can_hurry = may_hurry(error)
        self._listener.attempt_failed(error)

    def recess(self) -> Recess | None:
        """Return why there should be no session now; None if there should be one."""
        if self.connected and not self.quiet():
            self._need.arise(_now())
        return self._need.recess(_now(), self._wall_clock())

    def quiet(self) -> bool:
        """Return whether the session may be exchanged unnoticed."""
        return self.conversation.quiet and self._listener.quiet()

    def stale(self) -> bool:
        """Return whether the session in use contains a past that should be forgotten."""
        self._note_sleep()
        return self.conversation.history.stale(_now())

    def exchangeable(self) -> bool:
        """Return whether a session with other settings may take over now."""
        return self.conversation.turn_held_back or self.quiet()

    def exchange_failed(self, error: ServiceError) -> None:
        """No session with other settings takes over; the one in use continues."""
        self._end_exchange(error)
        if self._session.current is not None:
            with contextlib.suppress(NotConnectedError):
                self._session.current.catch_up(self.settings)  # all but the voice
        self.handle(SoundLetGo())

    # --------------------------------------------------------------- private

    def _end_exchange(self, error: ServiceError | None) -> None:
        over, self._exchanged = self._exchanged, None
        if over is not None:
            over(error)

    def _limit_history(self, policy: SessionPolicy) -> None:
        self.conversation.history.limit(
            turns=policy.history_turns,
            characters=policy.history_characters,
            forget_after_s=policy.forget_after_s,
        )

    def _hopeful(self, change: ConnectionChanged) -> bool:
        """Return whether somebody who waits now will still wait at the next attempt."""
        if change.reason is None:
            return True
        soon = (change.retry_in_s or 0.0) <= self.conversation.settings.button_patience_s
        return change.state is not ConnectionState.CLOSED and (soon or self._can_hurry)

    def _put(self, event: Input, message: Message | None) -> None:
        self._inbox.append((event, message))
        if self._handling:
            return  # the call in progress handles it
        self._handling = True
        try:
            if not isinstance(event, AudioDelta):
                self._note_sleep()
            while self._inbox:
                self._take_in(*self._inbox.popleft())
        finally:
            self._handling = False
            if self._alarm is None or not isinstance(event, AudioDelta):
                self._set_alarm()  # sound can only postpone the deadline

    def _note_sleep(self) -> None:
        """Account for sleep of the machine, during which the loop's clock stood still."""
        if slept_s := self._suspension.new_s():
            self.conversation.history.slept(slept_s)

    def _is_repeated(self, error: ErrorReported, event: Input) -> bool:
        """Return whether the same kind of error was reported a moment ago; answers always count."""
        return isinstance(event, ServiceErrorReported) and self._repeated.is_one(error, _now())

    def _take_in(self, event: Input, message: Message | None) -> None:
        late = message is not None and self.conversation.is_late(message.event)
        after: list[Report] = []
        for step in self.conversation.handle(event, _now()):
            if message is not None and isinstance(step, CallsRequested | AnswerGivenUp):
                after.append(step)
            elif not (isinstance(step, ErrorReported) and self._is_repeated(step, event)):
                self._carry_out(step)
        if message is None:
            return
        if not late:
            self._listener.received(message)
        for notification in after:
            self._listener.notify(notification)
        if not isinstance(event, AudioDelta):
            self._count(message.event)
            if trouble := _trouble(message.event):
                self._session.report(trouble)

    def _carry_out(self, step: Output) -> None:
        if isinstance(step, SpeakerCommand):
            self._listener.command_speaker(step)
        elif isinstance(step, ServiceCommand):
            try:
                self._command(step)
            except NotConnectedError as error:
                self._failure = error
                _LOG.debug("%s", error)
        else:
            self._listener.notify(step)

    def _command(self, command: ServiceCommand) -> None:
        match command:
            case PauseTurnDetection():
                self.handle(SoundLetGo())  # a button interrupts the current speech
                self._pause_turn_detection()
                self.wake()
            case ResumeTurnDetection():
                self._change_detection(self._detection.resume())
            case PauseReplies() | ResumeReplies():
                on, detection = isinstance(command, ResumeReplies), self._turn_detection
                self._change_detection(self._detection.let_reply(on, detection))
            case _ if self._session.current is None:
                _LOG.debug("not sent, the connection is going: %s", type(command).__name__)
            case SendKeptAudio(pieces):
                for pcm in pieces:
                    self._session.current.send_audio(pcm)
            case _:
                self._session.current.send(message_of(command))

    @property
    def _turn_detection(self) -> Json | None:
        return self.settings.get("turn_detection")

    def _pause_turn_detection(self) -> None:
        detection = self._turn_detection
        if not self._detection.paused:
            self._change_detection(None if detection is None else {"turn_detection": None})
            self._detection.pause(detection)

    def _change_detection(self, config: Json | None) -> None:
        if config is not None:
            self.update_session(config)

    def _count(self, event: Event) -> None:
        match event:
            case ResponseDone(usage=usage) if usage:
                self.usage.add_response(usage, self.day)
            case UserTranscript(usage=usage) if usage:
                self.usage.add_transcription(usage, self.day)

    def _set_alarm(self) -> None:
        deadline = self.conversation.deadline
        if deadline is None or (self._alarm and self._alarm.when() <= deadline):
            return  # an early alarm is harmless, and sets the next one
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.handle(TimePassed())


def _trouble(event: Event) -> str | None:
    """Return a message if only a person can resolve this; otherwise None."""
    error = event.error if isinstance(event, ResponseDone) else event
    if not isinstance(error, ServiceErrorReported) or error.severity is not Severity.FATAL:
        return None
    words = error.message or error.code or error.type
    return f"the service will not answer with this configuration: {words}"


def _now() -> float:
    return asyncio.get_running_loop().time()
