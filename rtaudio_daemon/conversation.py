"""Who has the floor.

The conversation is told what happens and answers what to do; it performs nothing and knows no
clock. It keeps a few facts, each with one owner, and deduces the status from them, so that a
contradictory status cannot exist::

    fact             true since                            until                       owner
    user speaking    SpeechStarted                         SpeechStopped, -Aborted     gate, service
    reply expected   SpeechStopped (service), committed,   ResponseStarted, a delta,   here
                     a response was asked for              the deadline
    responding       ResponseStarted or its first delta    ResponseFinished            service
    queued           sound was handed to the speaker       played, or stopped          speaker
    playing          PlaybackStarted                       PlaybackFinished, -Stopped  speaker

    listening if user speaking, else speaking if playing,
    else thinking if reply expected, responding, queued or asked for, else idle

Interruption. The service's own SpeechStarted ends whatever answer there is. The gate's ends only
an answer that is being heard: before that a cough would leave the user without any answer. What
is cut off is remembered by response id, and its late sound is dropped until ResponseFinished.
Then the speaker says how far playing came (PlaybackStopped) and the service is told: the item is
truncated there, or deleted if nothing of it was heard.

Disowning. Speech can turn out to be nobody's, as the answer's own echo, or not meant, as before
muting (SpeechAborted). If the service commits it all the same, its item is deleted and its answer
cancelled.

Asking. One response is generated at a time: what we ask for waits until nothing is under way.
What is urgent goes first, and interrupts. Push to talk: the button decides what a turn is, and the
answer is asked for; the service's turn detection is off meanwhile (the caller sees to that). It
may be pressed before there is a session: the turn is handed over when there is one.

Local turns. Where the gate ends the turns, what it hears while there is no session waits for one
too, but not for longer than its sound is kept; and a turn goes on when its session is lost in the
middle of it. (Where the service ends the turns, it hears what was kept and tells by itself.)

Losing the connection forgets everything else that lived in it. Sound that has already arrived is
played to its end, but its items cannot be truncated any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .events import (
    AudioEnded,
    AudioPart,
    AudioReceived,
    ButtonPressed,
    ButtonReleased,
    CancelResponse,
    ClearAudio,
    Command,
    CommitAudio,
    CreateMessage,
    CreateResponse,
    DeleteItem,
    EndPlay,
    ErrorReported,
    Happening,
    Heard,
    Interruption,
    InterruptRequested,
    ModelStatus,
    News,
    Play,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    ResponseFinished,
    ResponseStarted,
    SayRequested,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    Source,
    SpeechAborted,
    SpeechNoticed,
    SpeechStarted,
    SpeechStopped,
    StatusChanged,
    StopPlayback,
    TimePassed,
    TruncateItem,
    TurnCommitted,
)

BYTES_PER_MS = 48
_FINISHED_REMEMBERED = 32  # ids of ended responses whose stragglers are ignored
_WAITING_MAX = 16  # requests that may wait for their turn


@dataclass(slots=True)
class _Response:
    in_conversation: bool
    interrupted: bool = False


@dataclass(slots=True)
class _Sound:
    """A part in the speaker's hands."""

    in_conversation: bool
    received_bytes: int = 0
    ended: bool = False


class Conversation:
    """The mind of one voice session.

    `service_interrupts`: the service stops generating by itself when it hears speech.
    `service_truncates`: it also shortens the interrupted item by itself.
    `service_replies`: it answers a turn without being asked.
    `local_turns`: the gate's SpeechStopped ends a turn, the service detects none.
    `barge_in`: who is not done yet when an answer begins interrupts it (local turns); else what
    was said until then is answered after it.
    `outage_s`: how long what was said is kept for a session to come, in seconds.
    `patience_s`: how long an answer may be silent before it is given up, in seconds.
    """

    def __init__(
        self,
        *,
        service_interrupts: bool = True,
        service_truncates: bool = False,
        service_replies: bool = True,
        local_turns: bool = False,
        barge_in: bool = True,
        outage_s: float = 10.0,
        patience_s: float = 15.0,
    ) -> None:
        self._service_interrupts = service_interrupts
        self._service_truncates = service_truncates
        self._service_replies = service_replies
        self._local_turns = local_turns
        self._barge_in = barge_in
        self._outage_s = outage_s
        self._patience_s = patience_s

        self._open = False
        self._speaking: set[Source | Literal["button"]] = set()
        self._reply_expected = False
        self._reply_unwanted = False
        self._responses: dict[str, _Response] = {}
        self._finished: deque[str] = deque(maxlen=_FINISHED_REMEMBERED)
        self._sounds: dict[AudioPart, _Sound] = {}
        self._playing = False
        self._stopping: tuple[float, frozenset[AudioPart]] | None = None
        self._waiting: deque[list[Command]] = deque()
        self._heard_from_service_at = 0.0
        self._uncommitted = False  # the service hears a turn, or heard one
        self._disowned = False  # and that was aborted
        self._handed_over = 0  # turns by button whose `TurnCommitted` is still to come
        self._turn_kept = False  # a turn that is over waits for a session
        self._kept_until: float | None = None  # and not for longer; the button has its own patience

        self._status = ModelStatus.IDLE
        self._now = 0.0
        self._answer: list[Command | News] = []
        self._rules: dict[type[Any], Callable[[Any], None]] = {
            SpeechStarted: self._on_speech_started,
            SpeechStopped: self._on_speech_stopped,
            SpeechAborted: self._on_speech_aborted,
            TurnCommitted: self._on_turn_committed,
            ResponseStarted: self._on_response_started,
            AudioReceived: self._on_audio_received,
            AudioEnded: self._on_audio_ended,
            ResponseFinished: self._on_response_finished,
            PlaybackStarted: self._on_playback_started,
            PlaybackFinished: self._on_playback_finished,
            PlaybackStopped: self._on_playback_stopped,
            SessionOpened: self._on_session_opened,
            SessionLost: self._on_session_lost,
            SessionRenewed: self._on_session_renewed,
            InterruptRequested: self._on_interrupt_requested,
            SayRequested: self._on_say_requested,
            ButtonPressed: self._on_button_pressed,
            ButtonReleased: self._on_button_released,
            TimePassed: self._on_time_passed,
        }

    @property
    def status(self) -> ModelStatus:
        """Who has the floor now."""
        return self._status

    def adjust(
        self,
        *,
        service_interrupts: bool,
        service_truncates: bool,
        service_replies: bool,
        local_turns: bool = False,
        barge_in: bool = True,
        outage_s: float = 10.0,
    ) -> None:
        """Go on with another service, or other settings of it. Between turns only."""
        self._service_interrupts = service_interrupts
        self._service_truncates = service_truncates
        self._service_replies = service_replies
        self._local_turns = local_turns
        self._barge_in = barge_in
        self._outage_s = outage_s

    @property
    def deadline(self) -> float | None:
        """When to tell `TimePassed`, on the clock of `now`; None when nothing is awaited."""
        if self._turn_kept:
            return self._kept_until
        if not self._busy:
            return None
        return self._heard_from_service_at + self._patience_s

    @property
    def full(self) -> bool:
        """Whether too much is waiting to be said already."""
        return len(self._waiting) >= _WAITING_MAX

    def handle(self, happening: Happening, now: float) -> list[Command | News]:
        """Take in what happened at `now` (seconds); returns what to do and what is news."""
        self._now = now
        self._answer = []
        self._rules[type(happening)](happening)
        self._ask_next()
        self._deduce_status()
        return self._answer

    # ------------------------------------------------------------------ speech

    def _on_speech_started(self, event: SpeechStarted) -> None:
        kept = not self._open and self._local_turns and event.source == "local"
        if not (self._open or kept) or event.source in self._speaking:
            return
        if kept:
            self._keep_turn()
        self._speaking.add(event.source)
        self._do(SpeechNoticed("started", event.source))
        if event.source == "service":
            self._uncommitted, self._disowned = True, False
            self._reply_expected = self._reply_unwanted = False
        if event.source == "service" or self._playing:
            self._interrupt(cancel=not self._service_interrupts)

    def _on_speech_stopped(self, event: SpeechStopped) -> None:
        if event.source == "local":
            if "local" in self._speaking:
                self._speaking.discard("local")
                self._do(SpeechNoticed("stopped", "local"))
                if self._local_turns:
                    if self._barge_in or not self._playing:
                        self._silence()  # it was begun before this was said
                    self._hand_over()
            return
        if "button" in self._speaking:
            self._speaking.discard("service")  # that was said before the button was pressed
        elif self._speaking:
            self._speaking.clear()
            self._do(SpeechNoticed("stopped", "service"))
            self._expect_reply_of_service()

    def _on_speech_aborted(self, _event: SpeechAborted) -> None:
        self._speaking.clear()
        self._turn_kept = False
        self._disowned = self._uncommitted

    def _on_turn_committed(self, event: TurnCommitted) -> None:
        self._uncommitted, disowned, self._disowned = False, self._disowned, False
        if self._handed_over:
            self._handed_over -= 1  # its answer was asked for
        elif self._open and (disowned or "button" in self._speaking):
            self._do(DeleteItem(event.item_id))
            if self._service_replies:
                self._reply_expected, self._reply_unwanted = False, True
                self._heard_from_service_at = self._now
        elif self._open:
            self._expect_reply_of_service()

    def _on_button_pressed(self, _event: ButtonPressed) -> None:
        self._turn_kept, self._kept_until = False, None  # it goes on
        if "service" in self._speaking:
            self._do(SpeechNoticed("stopped", "service"))  # it may tell of that too late
        self._speaking = {"button"}
        self._do(SpeechNoticed("started", "local"))
        self._silence()

    def _on_button_released(self, _event: ButtonReleased) -> None:
        if "button" not in self._speaking:
            return
        self._speaking.clear()
        self._do(SpeechNoticed("stopped", "local"))
        self._hand_over()

    def _hand_over(self) -> None:
        self._turn_kept = not self._open
        if self._turn_kept:
            return
        self._handed_over += 1
        self._do(CommitAudio())
        if [CreateResponse()] not in self._waiting:
            self._waiting.appendleft([CreateResponse()])

    def _keep_turn(self) -> None:
        """What is being said is kept from now on; what waits already is part of it."""
        self._turn_kept, self._kept_until = False, self._now + self._outage_s

    def _give_up_turn(self, why: str) -> None:
        self._turn_kept = False
        self._do(ClearAudio())
        self._do(ErrorReported("conversation", "not_answered", f"not answered: {why}"))

    def _expect_reply_of_service(self) -> None:
        if self._service_replies and not self._answering:
            self._reply_expected = True
            self._heard_from_service_at = self._now

    # --------------------------------------------------------------- responses

    def _on_response_started(self, event: ResponseStarted) -> None:
        if not self._open or event.response_id in self._finished:
            return
        self._begin_response(event.response_id, event.in_conversation)

    def _begin_response(self, response_id: str, in_conversation: bool) -> _Response:
        self._heard_from_service_at = self._now
        self._reply_expected = False
        response = self._responses.setdefault(response_id, _Response(in_conversation))
        if self._reply_unwanted:
            self._reply_unwanted = False
            response.interrupted = True
            self._do(CancelResponse(response_id))
        return response

    def _on_audio_received(self, event: AudioReceived) -> None:
        response_id = event.part.response_id
        if not self._open or response_id in self._finished:
            return
        response = self._responses.get(response_id)
        if response is None:
            response = self._begin_response(response_id, in_conversation=True)
        self._heard_from_service_at = self._now
        if response.interrupted:
            return
        sound = self._sounds.setdefault(event.part, _Sound(response.in_conversation))
        sound.received_bytes += len(event.pcm)
        self._do(Play(event.part, event.pcm))

    def _on_audio_ended(self, event: AudioEnded) -> None:
        self._end_sound(event.part)

    def _on_response_finished(self, event: ResponseFinished) -> None:
        if not self._open or event.response_id in self._finished:
            return
        self._finished.append(event.response_id)
        # A response that ends without ever having begun still answers what we waited for.
        self._reply_expected = self._reply_expected and event.response_id in self._responses
        response = self._responses.pop(event.response_id, _Response(in_conversation=True))
        for part in [part for part in self._sounds if part.response_id == event.response_id]:
            self._end_sound(part)
        if event.status in ("failed", "incomplete") and not response.interrupted:
            code = event.reason or event.status
            message = event.message or f"the answer ended {event.status}"
            self._do(ErrorReported("service", code, message))

    def _end_sound(self, part: AudioPart) -> None:
        sound = self._sounds.get(part)
        if sound is not None and not sound.ended:
            sound.ended = True
            self._do(EndPlay(part))

    # ---------------------------------------------------------------- playback

    def _on_playback_started(self, _event: PlaybackStarted) -> None:
        self._playing = bool(self._sounds)
        interrupts = {"local", "button"} if self._barge_in else {"button"}
        if self._local_turns and self._playing and self._speaking & interrupts:
            self._interrupt(cancel=True)  # nobody else would notice that they are not done yet

    def _on_playback_finished(self, _event: PlaybackFinished) -> None:
        self._playing = False
        self._sounds = {part: sound for part, sound in self._sounds.items() if not sound.ended}

    def _on_playback_stopped(self, event: PlaybackStopped) -> None:
        self._playing = False
        asked_at, parts = self._stopping or (None, frozenset(self._sounds))
        self._stopping = None
        stopped = {part: self._sounds.pop(part) for part in list(self._sounds) if part in parts}
        told = [heard for heard in event.heard if heard.part in stopped]
        for heard in told:
            self._tell_what_was_heard(heard, stopped[heard.part])
        if asked_at is None:
            self._give_up_unheard(stopped, told, event.lost)
        elif stopped:
            first = told[0] if told else None
            self._do(
                Interruption(
                    first.part.item_id if first else None,
                    first.heard_ms if first else 0,
                    round((self._now - asked_at) * 1000) + event.silent_in_ms,
                )
            )

    def _give_up_unheard(
        self, stopped: dict[AudioPart, _Sound], told: list[Heard], lost: str | None
    ) -> None:
        """The loudspeaker went away: nobody will hear the rest of these answers."""
        for response_id in dict.fromkeys(part.response_id for part in stopped):
            heard_ms = [each.heard_ms for each in told if each.part.response_id == response_id]
            response = self._responses.get(response_id)
            grows = response is not None and not response.interrupted
            if response is not None and grows:
                response.interrupted = True
                self._do(CancelResponse(response_id))
            if lost is not None and (heard_ms or grows):
                what = "not played to its end" if any(heard_ms) or not heard_ms else "not played"
                words = f"{what}: the loudspeaker is lost ({lost})"
                self._do(ErrorReported("conversation", "not_played", words))

    def _tell_what_was_heard(self, heard: Heard, sound: _Sound) -> None:
        if not sound.in_conversation or self._service_truncates:
            return
        received_ms = sound.received_bytes // BYTES_PER_MS
        if heard.heard_ms <= 0:
            self._do(DeleteItem(heard.part.item_id))
        elif heard.heard_ms < received_ms or not sound.ended:
            part = heard.part
            audio_end_ms = min(heard.heard_ms, received_ms)
            self._do(TruncateItem(part.item_id, part.content_index, audio_end_ms))

    # -------------------------------------------------------------- connection

    def _on_session_opened(self, event: SessionOpened) -> None:
        self._open = True
        if self._turn_kept and event.heard:
            self._hand_over()
        elif self._turn_kept:
            self._give_up_turn("the connection came too late for what was said")

    def _on_session_lost(self, event: SessionLost) -> None:
        if self._waiting:
            self._waiting.clear()
            self._do(ErrorReported("conversation", "not_said", f"not said: {event.reason}"))
        self._open = False
        self._speaking &= {"local"} if self._local_turns else set()
        self._keep_turn()
        self._forget_session()

    def _on_session_renewed(self, _event: SessionRenewed) -> None:
        self._speaking.discard("service")  # the new one tells again, as it hears the turn again
        self._forget_session()

    def _forget_session(self) -> None:
        self._handed_over = 0
        self._uncommitted = self._disowned = False
        self._reply_expected = self._reply_unwanted = False
        self._responses.clear()
        self._finished.clear()
        for part, sound in self._sounds.items():
            sound.in_conversation = False
            self._end_sound(part)

    # ---------------------------------------------------------------- requests

    def _on_interrupt_requested(self, _event: InterruptRequested) -> None:
        self._waiting.clear()
        if self._turn_kept:
            self._turn_kept = False
            self._do(ClearAudio())
        self._silence()

    def _on_say_requested(self, event: SayRequested) -> None:
        if not self._open or self.full:
            why = "too much is waiting to be said" if self._open else "there is no connection"
            self._do(ErrorReported("conversation", "not_said", f"not said: {why}"))
            return
        request: list[Command] = [CreateMessage(event.text), CreateResponse()]
        if event.mode == "verbatim":
            request = [CreateResponse(say=event.text)]
            if event.remember:
                request.append(CreateMessage(event.text, "assistant"))
        if event.urgent:
            self._waiting.appendleft(request)
            self._silence()
        else:
            self._waiting.append(request)

    def _on_time_passed(self, _event: TimePassed) -> None:
        deadline = self.deadline
        if deadline is None or self._now < deadline:
            return
        if self._turn_kept:
            self._give_up_turn("there was no connection for too long")
        if self._answering:
            why = f"no answer came in {self._patience_s:g} s"
            self._do(ErrorReported("conversation", "no_reply", why))
        self._reply_expected = self._reply_unwanted = False
        for response_id in list(self._responses):
            self._on_response_finished(ResponseFinished(response_id, "given up"))

    # ------------------------------------------------------------------- parts

    def _silence(self) -> None:
        """End every answer, also one that has not begun."""
        if self._reply_expected:
            self._reply_expected, self._reply_unwanted = False, True
        self._interrupt(cancel=True)

    def _interrupt(self, *, cancel: bool) -> None:
        """End every answer: what is being generated, waiting in the speaker, or heard."""
        for response_id, response in self._responses.items():
            if not response.interrupted:
                response.interrupted = True
                if cancel:
                    self._do(CancelResponse(response_id))
        if self._sounds and self._stopping is None:
            self._stopping = (self._now, frozenset(self._sounds))
            self._do(StopPlayback())

    def _ask_next(self) -> None:
        if self._waiting and self._open and not (self._busy or self._speaking):
            self._answer.extend(self._waiting.popleft())
            self._reply_expected = True
            self._heard_from_service_at = self._now

    @property
    def _answering(self) -> bool:
        """An answer that somebody wants is on its way."""
        wanted = any(not response.interrupted for response in self._responses.values())
        return self._reply_expected or wanted

    @property
    def _busy(self) -> bool:
        """The service is, or soon will be, generating; it takes no other request."""
        return self._reply_expected or self._reply_unwanted or bool(self._responses)

    def _deduce_status(self) -> None:
        if self._speaking:
            status = ModelStatus.LISTENING
        elif self._playing:
            status = ModelStatus.SPEAKING
        elif self._answering or self._sounds or self._waiting or self._turn_kept:
            status = ModelStatus.THINKING
        else:
            status = ModelStatus.IDLE
        if status != self._status:
            self._do(StatusChanged(status, self._status))
            self._status = status

    def _do(self, step: Command | News) -> None:
        self._answer.append(step)
