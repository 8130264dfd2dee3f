"""Who has the floor: one state machine for the daemon and for the client class.

It takes what happens and answers what to do; it performs nothing and knows no clock. A few facts,
each with one owner, decide the status, so that a contradictory status cannot exist::

    fact           true since                     until                              owner
    user speaking  speech started, button held    stopped, aborted, long silence     Turns
    requested      our request; a turn that the   created                            Answers
                   service answers by itself
    owed           the question was put           first sound or word, settled,      Answers
                                                  superseded, taken back, reported
    generating     created, or its first sound    done                               Answers
    calling        its calls are complete         every result is there, or overdue  FunctionCalls
    queued         sound was handed over          played or stopped                  Playing
    playing        its first sample was heard     finished or stopped                Playing

    listening if user speaking, else speaking if playing, else thinking if requested, owed,
    generating, calling, queued, a request waits or a turn waits for a session, else idle

Interruption. Speech over an answer ends it, if `DialogueSettings.interruption` says so; speech in
our own gate only ends an answer that is being heard, as before that a cough would leave the user
without any. Late sound of what was interrupted is dropped. When the loudspeaker has reported how
far playing came, the item is truncated there, or deleted if nothing of it was heard.

Sessions come and go. Losing one ends what lived in it: requests, answers under way, turns that the
service heard. Sound that has arrived is played to its end. What is owed is put to the next one,
which gets the history first and then the sound that was kept; it is reported if none comes in time
(`DialogueSettings.outage_s`). A turn that ends while there is no session waits just as long.
Function calls outlive their session: their results go to the one that is there.

Push to talk. A button decides what a turn is; the service detects none while it is held, nor while
its turn waits for a session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from ..notifications import (
    AudioPart,
    ErrorReported,
    Heard,
    ModelStatus,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    SpeechNoticed,
    StatusChanged,
    Transcript,
    UsageReported,
)
from ..protocol import events as wire
from ..protocol.error_codes import Severity
from .answers import Answer, Answers, Request
from .function_calls import CallBatch, FunctionCalls
from .history import History
from .inputs import (
    AnswerDropped,
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    ButtonPressed,
    ButtonReleased,
    CallAnswered,
    CancelRequested,
    Input,
    InterruptRequested,
    LocalSpeechStarted,
    LocalSpeechStopped,
    SayRequested,
    SessionAwaited,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SettingsChanged,
    SpeechAborted,
    TimePassed,
)
from .latency import LatencyTracker, Origin
from .outputs import (
    AnswerGivenUp,
    CallsRequested,
    CancelResponse,
    ClearAudio,
    CommitAudio,
    CreateItem,
    DeleteItem,
    Output,
    PauseTurnDetection,
    ResumeTurnDetection,
    SendKeptAudio,
    TruncateItem,
)
from .playing import Playing, Sound
from .settings import DialogueSettings
from .turns import Turns
from .unsent_audio import UnsentAudio

SAY_METADATA = {"rtaudio": "say"}
"""Marks the answers that speak an announcement."""
LEAST_TURN_S = 0.1
"""The service takes no shorter turn."""
_SAY_INSTRUCTIONS = "Speak the user's words exactly as they stand, and add nothing."
_DEAD_LINE_S = 60.0  # a line that gives no sign for so long was found dead by its pings
_ENDING = (
    wire.ResponseDone,
    PlaybackFinished,
    PlaybackStopped,
    SessionLost,
    SessionRenewed,
    TimePassed,
)
_EXPIRED = "session_expired"  # another session takes over


class Conversation:
    """One conversation, over all of its sessions.

    Sound that is sent goes into `unsent` directly, and moments of voice into `latency`; both come
    too often for `handle`.
    """

    def __init__(
        self,
        settings: DialogueSettings | None = None,
        history: History | None = None,
        unsent: UnsentAudio | None = None,
    ) -> None:
        self.settings = settings or DialogueSettings()
        self.history = history or History()
        self.unsent = unsent or UnsentAudio(self.settings.outage_s)
        self.latency = LatencyTracker()
        self.late = 0
        """Pieces of answers that came after their interruption, since the start."""
        self._answers = Answers()
        self._turns = Turns()
        self._calls = FunctionCalls()
        self._playing = Playing(assumed=self.settings.playback == "assumed")
        self._in_session = False
        self._hopeful = False
        self._why_away = ""  # why there is no session
        self._said_until: float | None = None  # what is to be said waits so long for a session
        self._hope_until: float | None = None  # what is owed waits so long for a session
        self._idle_item: str | None = None
        self._detection_paused = False
        self._commits, self._clears = count(1), count(1)
        self._now = 0.0
        self._out: list[Output] = []
        self._status = ModelStatus.IDLE
        self._rules: dict[type[Any], Callable[[Any], None]] = {
            wire.ServiceErrorReported: self._on_service_error,
            wire.SpeechStarted: self._on_speech_started,
            wire.SpeechStopped: self._on_speech_stopped,
            wire.InputCommitted: self._on_committed,
            wire.InputCleared: self._on_cleared,
            wire.InputTimedOut: self._on_input_timed_out,
            wire.ItemReported: self._on_item,
            wire.UserTranscript: self._on_user_transcript,
            wire.UserTranscriptFailed: self._on_user_transcript_failed,
            wire.ResponseCreated: self._on_response_created,
            wire.AudioDone: self._on_audio_done,
            wire.TextDelta: self._on_text_delta,
            wire.TextDone: self._on_text_done,
            wire.CallArgumentsDone: self._on_arguments_done,
            wire.ResponseDone: self._on_response_done,
            PlaybackStarted: self._on_playback_started,
            PlaybackFinished: self._on_playback_finished,
            PlaybackStopped: self._on_playback_stopped,
            SessionOpened: self._on_session_opened,
            SessionRenewed: self._on_session_renewed,
            SessionLost: self._on_session_lost,
            SessionAwaited: self._on_session_awaited,
            SettingsChanged: self._on_settings_changed,
            LocalSpeechStarted: self._on_local_speech_started,
            LocalSpeechStopped: self._on_local_speech_stopped,
            SpeechAborted: self._on_speech_aborted,
            ButtonPressed: self._on_button_pressed,
            ButtonReleased: self._on_button_released,
            InterruptRequested: self._on_interrupt_requested,
            SayRequested: self._on_say_requested,
            AnswerRequested: self._on_answer_requested,
            CancelRequested: self._on_cancel_requested,
            AnswerDropped: self._on_answer_dropped,
            CallAnswered: self._on_call_answered,
            AudioCommitted: self._on_audio_committed,
            AudioCleared: self._on_audio_cleared,
            TimePassed: self._on_time_passed,
        }

    # ----------------------------------------------------------------- facts

    @property
    def status(self) -> ModelStatus:
        """Who has the floor."""
        return self._status

    @property
    def held(self) -> bool:
        """Whether a button is held."""
        return self._turns.held

    @property
    def button_waits(self) -> bool:
        """Whether a turn by button is kept, or being kept, for a session to come."""
        return self._turns.kept_by_button

    @property
    def full(self) -> bool:
        """Whether no further request can wait."""
        return self._answers.full

    @property
    def sounds(self) -> bool:
        """Whether the loudspeaker has something to play, or is assumed to."""
        return self._playing.playing or self._playing.queued

    @property
    def busy(self) -> bool:
        """Whether an answer is expected, under way or asked for, or a function is called."""
        return self._answers.busy or self._answers.owed or self._calls.open

    @property
    def quiet(self) -> bool:
        """Whether another session may take over unnoticed."""
        return not (self._turns.speaking or self._turns.kept or self._playing.queued or self.busy)

    @property
    def holds_turn(self) -> bool:
        """Whether enough sound for a turn was sent, or kept, and none was made of it yet."""
        return self.unsent.seconds >= LEAST_TURN_S

    @property
    def deadline(self) -> float | None:
        """When to handle `TimePassed`, on the clock of `now`; None while nothing is awaited."""
        settings, turns, answers = self.settings, self._turns, self._answers
        times = [self._calls.deadline]
        if turns.kept or turns.kept_by_button:
            times.append(turns.kept_until)
        if turns.held:
            times.append(turns.pressed_at + settings.button_most_s)
        if not self._in_session:
            times += [self._hope_until, self._said_until]
        elif answers.awaited:
            patience_s = settings.reply_patience_s
            if answers.generating:
                patience_s = settings.silence_patience_s
            times.append(answers.heard_at + patience_s)
        if "service" in turns.speaking and not turns.held:
            times.append(self._speech_over_at)
        return min((time for time in times if time is not None), default=None)

    def handle(self, event: Input, now: float) -> list[Output]:
        """Take in what happened at `now` (seconds); returns what to do, in order."""
        self._now, self._out = now, []
        if isinstance(event, wire.Event):
            if not self._in_session:
                return []
            self._hear(event)
        else:
            self._rules[type(event)](event)
        if self._in_session:
            self._do(*self._answers.next(now, silence=not self._turns.speaking))
        self._deduce_status()
        if isinstance(event, _ENDING):
            self._do(*self.latency.over())
        return self._out

    def is_late(self, event: wire.Event) -> bool:
        """Whether it belongs to an answer that was interrupted: nobody wants to hear it."""
        match event:
            case wire.AudioDelta(part) | wire.TextDelta(part):
                late = self._answers.is_late(self._answers.named(part.response_id))
                self.late += late
                return late
        return False

    def _hear(self, event: wire.Event) -> None:
        """What the service says."""
        event = self._named(event)
        if isinstance(event, wire.AudioDelta):  # by far the most frequent
            self._on_audio_delta(event)
            self.history.hear(event, self._now, outside=self._is_outside(event))
            return
        self.unsent.hear(event)
        self._note_turn()
        outside = self._is_outside(event)
        rule = self._rules.get(type(event))
        if rule is not None:
            rule(event)
        self.history.hear(event, self._now, outside=outside or self._is_outside(event))
        self._calls.hear(event)

    def _named(self, event: wire.Event) -> wire.Event:
        """The event with the id of the answer that is meant where the service gives none."""
        match event:
            case wire.AudioDelta(part) | wire.AudioDone(part) | wire.TextDelta(part):
                if not part.response_id and (found := self._answers.named("")):
                    return replace(event, part=replace(part, response_id=found))
            case wire.TextDone(part):
                if not part.response_id and (found := self._answers.named("")):
                    return replace(event, part=replace(part, response_id=found))
            case wire.ResponseDone(response_id="") if found := self._answers.named(""):
                return replace(event, response_id=found)
        return event

    def _is_outside(self, event: wire.Event) -> bool:
        answer = self._answers.get(_response_id(event))
        return answer is not None and answer.outside

    def _note_turn(self) -> None:
        """What was said may just have become an item."""
        pcm = self.unsent.take_turn()
        if pcm is not None:
            self.history.ask(pcm)

    # ---------------------------------------------------------------- speech

    def _on_speech_started(self, event: wire.SpeechStarted) -> None:
        self._turns.unheard_at = None
        if "service" in self._turns.speaking:
            return
        self._turns.service_started(event.item_id, self._now)
        self.latency.speech_started(self._now, local=False)
        self._do(SpeechNoticed("started", "service"))
        self._answers.expect_none()
        self._supersede()
        if self.settings.interruption == "service":
            self._interrupt(cancel=not self.settings.service_cancels)

    def _on_speech_stopped(self, _event: wire.SpeechStopped) -> None:
        if self._end_service_speech():
            self._expect_answer()

    def _end_service_speech(self) -> bool:
        """The service hears nobody any more; whether that ends a turn."""
        speaking = self._turns.speaking
        self.latency.speech_stopped(self._now)
        if self._turns.held:
            speaking.discard("service")  # that was said before the button was pressed
            return False
        if not speaking:
            return False
        speaking.clear()
        self._do(SpeechNoticed("stopped", "service"))
        return True

    def _on_committed(self, event: wire.InputCommitted) -> None:
        self._turns.unheard_at = None
        whose = self._turns.committed()
        if whose == "disowned":
            self._do(DeleteItem(event.item_id))
            if self.settings.replies:
                self._answers.refuse_unasked(self._now)
        elif whose == "theirs":
            heard = "service" in self._turns.speaking
            if heard and event.item_id in ("", self._turns.service_item):
                self._end_service_speech()  # not every service reports that
            if self.settings.replies and (not event.item_id or event.item_id != self._idle_item):
                self._answers.put_question()
            self._expect_answer()

    def _expect_answer(self) -> None:
        if self.settings.replies:
            self._answers.expect(self._now)

    def _on_cleared(self, _event: wire.InputCleared) -> None:
        self._turns.cleared()

    def _on_input_timed_out(self, event: wire.InputTimedOut) -> None:
        self._idle_item = event.item_id

    def _on_user_transcript(self, event: wire.UserTranscript) -> None:
        self._do(Transcript("user", event.text, True, event.item_id))

    def _on_user_transcript_failed(self, event: wire.UserTranscriptFailed) -> None:
        code = event.error.code or event.error.type or "transcription_failed"
        words = f"the service could not transcribe what was said: {event.error.message or code}"
        self._do(ErrorReported("service", code, words))

    def _on_local_speech_started(self, _event: LocalSpeechStarted) -> None:
        kept = not self._in_session and self.settings.local_turns
        if not (self._in_session or kept) or "local" in self._turns.speaking:
            return
        if kept:
            self._turns.keep(self._now + self.settings.outage_s)
        self._turns.speaking.add("local")
        self.latency.speech_started(self._now, local=True)
        self._do(SpeechNoticed("started", "local"))
        if self._playing.playing and self.settings.interruption != "nobody":
            ours = self.settings.interruption == "us" or not self.settings.service_cancels
            self._interrupt(cancel=ours)

    def _on_local_speech_stopped(self, _event: LocalSpeechStopped) -> None:
        self.latency.gate_closed()
        if "local" not in self._turns.speaking:
            return
        self._turns.speaking.discard("local")
        self._do(SpeechNoticed("stopped", "local"))
        if self._in_session and not self.settings.local_turns:
            self._turns.unheard_at = self._turns.unheard_at or self._now
        if self.settings.local_turns:
            if self.settings.barge_in or not self._playing.playing:
                self._silence()  # it was begun before this was said
            self._hand_over()

    def _on_speech_aborted(self, _event: SpeechAborted) -> None:
        self._abort()

    def _abort(self) -> None:
        """What is being said, or waits for a session, does not count."""
        self.latency.speech_aborted()
        self._turns.aborted()
        self._clear()

    def _clear(self) -> None:
        """Let nobody hear the sound that no turn was made of."""
        event_id = f"rtaudio_clear_{next(self._clears)}"
        self.unsent.clear(event_id, in_session=self._in_session)
        if self._in_session:
            self._turns.clears.append(False)
        self._do(ClearAudio(event_id))

    def _supersede(self) -> None:
        """What is said now gets the answer that somebody waits for."""
        self._calls.speech_started()
        if self._answers.drop_owed():
            self.history.answered()

    # ---------------------------------------------------------------- button

    def _on_button_pressed(self, _event: ButtonPressed) -> None:
        turns = self._turns
        goes_on = turns.kept_by_button
        if "service" in turns.speaking:
            self._do(SpeechNoticed("stopped", "service"))  # it may report that too late
        if not goes_on:
            self._clear()
            self._do(PauseTurnDetection())
            self._detection_paused = True
        turns.drop_kept()
        turns.speaking = {"button"}
        turns.pressed_at = self._now
        self.latency.button_pressed(self._now)
        self._do(SpeechNoticed("started", "local"))
        self._supersede()
        if not self._in_session:
            patience_s = self.settings.button_patience_s
            turns.kept_by_button, turns.kept_until = True, self._now + patience_s
            self.unsent.keep_for(patience_s)
        self._silence()

    def _on_button_released(self, event: ButtonReleased) -> None:
        if not (self._turns.held or self._turns.kept_by_button):
            return
        held = self._turns.held
        self._turns.speaking.clear()
        if held:
            self.latency.button_released(self._now)
            self._do(SpeechNoticed("stopped", "local"))
        if event.answer:
            self._hand_over()
        else:
            self._abort()
        if self._in_session or not event.answer:
            self._resume_detection()

    def _resume_detection(self) -> None:
        if self._detection_paused:
            self._detection_paused = False
            self._do(ResumeTurnDetection())

    def _hand_over(self) -> None:
        """Let what was said be a turn, and ask for its answer."""
        self._turns.kept = not self._in_session
        if self._turns.kept:
            return
        self._turns.drop_kept()
        event_id = f"rtaudio_commit_{next(self._commits)}"
        self._turns.handed_over(event_id)
        self._do(CommitAudio(event_id))
        self.unsent.commit(event_id)
        self._note_turn()
        self._calls.speech_started()
        self._answers.put_question()
        self._answers.wish(Request(question=True), first=True)

    def _give_up_turn(self, code: str, why: str) -> None:
        """Nobody will hear what waits for a session."""
        self._turns.speaking.discard("button")
        self._turns.drop_kept()
        self._clear()
        self._resume_detection()
        self._do(AnswerGivenUp(code, why))

    # --------------------------------------------------------------- answers

    def _on_response_created(self, event: wire.ResponseCreated) -> None:
        known = self._answers.get(event.response_id)
        answer = self._answers.created(event, self._now)
        if answer is not known:
            self._note_beginning(answer)

    def _sign_of(self, response_id: str) -> Answer | None:
        """A sign of an answer, which may begin with it. None: nobody wants to hear of it."""
        known = self._answers.get(response_id)
        answer = self._answers.heard(response_id, self._now)
        if answer is not None and answer is not known:
            self._note_beginning(answer)
        return None if answer is None or answer.interrupted else answer

    def _note_beginning(self, answer: Answer) -> None:
        origin = answer.request.origin if answer.request else None
        if answer.aloud and not answer.interrupted:
            self.latency.begun(answer.response_id, self._now, origin)
        if answer.interrupted:
            self._do(CancelResponse(answer.response_id))

    def _settle(self, answer: Answer) -> None:
        if self._answers.begun(answer):
            self.history.answered()

    def _on_audio_delta(self, event: wire.AudioDelta) -> None:
        answer = self._sign_of(event.part.response_id)
        if answer is None:
            return
        answer.sounded = True
        self._settle(answer)
        if answer.aloud:
            self.latency.received(event.part, event.audio, self._now)
            in_session = not answer.outside
            self._do(*self._playing.received(event.part, event.audio, in_session=in_session))

    def _on_audio_done(self, event: wire.AudioDone) -> None:
        self._do(*self._playing.ended(event.part))

    def _on_text_delta(self, event: wire.TextDelta) -> None:
        answer = self._sign_of(event.part.response_id)
        if answer is not None and not event.spoken:
            self._settle(answer)

    def _on_text_done(self, event: wire.TextDone) -> None:
        if event.text:
            self._do(Transcript("assistant", event.text, True, event.part.item_id))

    def _on_item(self, event: wire.ItemReported) -> None:
        if event.response_id:
            self._sign_of(event.response_id)

    def _on_arguments_done(self, event: wire.CallArgumentsDone) -> None:
        if event.response_id:
            self._sign_of(event.response_id)

    def _on_response_done(self, event: wire.ResponseDone) -> None:
        response_id = event.response_id
        answer = self._answers.done(event, self._now)
        if answer is None:
            return
        self._do(*self._playing.answer_ended(response_id))
        origin = self.latency.finished(response_id, event.status, self._now)
        patience_s = self.settings.calls_patience_s
        batch = self._calls.done(event, self._now, patience_s=patience_s, origin=origin)
        if batch is not None:
            batch.superseded = answer.interrupted or answer.earlier
            self._do(CallsRequested(batch.calls))
        if not (answer.outside or answer.earlier) and self._answers.drop_owed() and batch is None:
            self.history.answered()
        if event.status in ("failed", "incomplete") and not answer.interrupted:
            error = event.error
            code = (error.code if error else "") or event.reason or event.status
            message = (error.message if error else "") or f"the answer ended {event.status}"
            self._do(ErrorReported("service", code, message))
        if event.usage:
            self._do(UsageReported(response_id, event.usage))

    def _on_service_error(self, event: wire.ServiceErrorReported) -> None:
        if event.severity is not Severity.BENIGN and event.code != _EXPIRED:
            code = event.code or event.type or "error"
            self._do(ErrorReported("service", code, event.message or code))
        if event.event_id and self._turns.commit_refused(event.event_id):
            self._answers.take_back_question()
            self._give_up_owed("the service did not take what was said")
            return
        request = self._answers.refused(event, self._now)
        if request is not None and request.say:
            self._do(_not_said("the service refused it"))
        elif request is not None and not request.outside:
            self._give_up_owed("the service refused to answer")

    def _give_up_owed(self, why: str) -> None:
        if self._answers.drop_owed():
            self.history.answered()
            self._do(AnswerGivenUp("not_answered", f"not answered: {why}"))

    # -------------------------------------------------------------- playback

    def _on_playback_started(self, event: PlaybackStarted) -> None:
        self._playing.started()
        self.latency.played(event, self._now)
        interrupts = {"local", "button"} if self.settings.barge_in else {"button"}
        not_done = self._turns.speaking & interrupts
        if self.settings.local_turns and self._playing.playing and not_done:
            self._interrupt(cancel=True)  # nobody else would notice that they are not done yet

    def _on_playback_finished(self, event: PlaybackFinished) -> None:
        self._playing.finished()
        self.latency.played(event, self._now)

    def _on_playback_stopped(self, event: PlaybackStopped) -> None:
        stopped = self._playing.stopped(event)
        self.latency.played(event, self._now)
        for heard in stopped.heard:
            self._note_heard(heard, stopped.sounds[heard.part])
        if stopped.asked_at is None:
            self._give_up_unheard(stopped.sounds, stopped.heard, event.lost)
        elif stopped.sounds:
            self._do(stopped.interruption(self._now, event.silent_in_ms))

    def _give_up_unheard(
        self, sounds: dict[AudioPart, Sound], heard: tuple[Heard, ...], lost: str | None
    ) -> None:
        """The loudspeaker went away: nobody will hear the rest of these answers."""
        for response_id in dict.fromkeys(part.response_id for part in sounds):
            heard_ms = [each.heard_ms for each in heard if each.part.response_id == response_id]
            answer = self._answers.get(response_id)
            grows = answer is not None and not answer.interrupted
            if answer is not None and grows:
                answer.interrupted = True
                self._do(CancelResponse(response_id))
            if lost is not None and (heard_ms or grows):
                what = "not played to its end" if any(heard_ms) or not heard_ms else "not played"
                words = f"{what}: the loudspeaker is lost ({lost})"
                self._do(ErrorReported("conversation", "not_played", words))

    def _note_heard(self, heard: Heard, sound: Sound) -> None:
        """An item was not heard whole: the model should remember no more than was."""
        part, received_ms = heard.part, int(sound.received_ms)
        if not sound.in_session:
            self.history.heard(part.item_id, heard.heard_ms)
        elif self.settings.truncation == "us" and heard.heard_ms <= 0:
            self._do(DeleteItem(part.item_id))
        elif self.settings.truncation == "us" and (heard.heard_ms < received_ms or not sound.ended):
            end_ms = min(heard.heard_ms, received_ms)
            self._do(TruncateItem(part.item_id, part.content_index, end_ms))

    # -------------------------------------------------------------- sessions

    def _on_session_opened(self, _event: SessionOpened) -> None:
        self._in_session, self._said_until = True, None
        self._enter_session(self.unsent.resume(self._now))
        if self._turns.kept and self.holds_turn:
            self._hand_over()
        elif self._turns.kept:
            why = "not answered: the connection came too late for what was said"
            self._give_up_turn("not_answered", why)
        else:
            self._ask_again()
        self._turns.drop_kept()
        if not self._turns.held:
            self._resume_detection()

    def _on_session_renewed(self, _event: SessionRenewed) -> None:
        self._leave_session()
        self._enter_session(self.unsent.renew(self._now))
        self._ask_again()

    def _enter_session(self, kept: list[bytes]) -> None:
        self._hope_until = None
        self._do(*(CreateItem(item) for item in self.history.retell(self._now)))
        if kept:
            self._do(SendKeptAudio(tuple(kept)))

    def _ask_again(self) -> None:
        """Put a question whose answer had not begun to this session."""
        if not self._answers.owed or self._answers.question_waits:
            return
        if not self._answers.ask_again():
            self._give_up_owed("the connection was lost with it again and again")
        elif not self.history.answerable:
            self._give_up_owed("what was asked is not known well enough to ask it again")
        else:
            self._answers.wish(Request(question=True, after_speech=False), first=True)

    def _on_session_lost(self, event: SessionLost) -> None:
        if not self._in_session:
            return
        self._in_session = self._hopeful = False
        self.unsent.lost(self._now)
        self.latency.session_lost()
        if self._died_unheard():
            why = "not answered: the connection died before the service heard what was said"
            self._do(AnswerGivenUp("not_answered", why))
        waiting = self._answers.drop_waiting()
        owed = any(request.question for request in waiting)
        silent = self._leave_session()
        for request in [*silent, *waiting]:
            if request.say:
                self._do(_not_said(event.reason))
        self._turns.speaking &= {"local"} if self.settings.local_turns else set()
        self._turns.keep(self._now + self.settings.outage_s)
        self._answers.owed = self._answers.owed or owed
        if event.closing:
            self._supersede()
        elif self._answers.owed:
            self._hope_for_session()

    def _died_unheard(self) -> bool:
        """Whether somebody spoke on a line that was dead, too long ago to be sent again."""
        said_at = self._turns.unheard_at
        if said_at is None or self.unsent.seconds >= LEAST_TURN_S:
            return False
        return self._now - said_at <= _DEAD_LINE_S

    def _leave_session(self) -> list[Request]:
        """What lived in the session is gone; returns what was asked for and never sounded."""
        self._turns.session_gone()
        self._calls.session_gone()
        self._do(*self._playing.session_gone())
        return self._answers.session_gone()

    def _hope_for_session(self) -> None:
        if not (self.settings.outage_s and self.history.answerable):
            why = "the connection was lost, and what was asked is not known well enough"
            self._give_up_owed(f"{why} to ask it again")
        elif self._hope_until is None:
            self._hope_until = self._now + self.settings.outage_s

    def _on_session_awaited(self, event: SessionAwaited) -> None:
        self._hopeful, self._why_away = event.hopeful, event.reason or ""
        if self._in_session or event.hopeful:
            return
        if self._turns.kept_by_button:
            self._give_up_button()
        self._drop_what_is_to_be_said(self._why_away or "there is no connection")

    def _give_up_button(self) -> None:
        why = self._why_away or "it took too long"
        words = f"not listening: there is no connection to the service ({why})"
        self._give_up_turn("not_connected", words)

    def _drop_what_is_to_be_said(self, why: str) -> None:
        self._said_until = None
        for _ in self._answers.drop_waiting():  # nothing else waits while there is no session
            self._do(_not_said(why))

    def _on_settings_changed(self, event: SettingsChanged) -> None:
        self.settings = event.settings
        self.unsent.outage_s = event.settings.outage_s

    # -------------------------------------------------------------- requests

    def _on_interrupt_requested(self, _event: InterruptRequested) -> None:
        self._answers.drop_waiting()
        if self._turns.kept or (self._turns.kept_by_button and not self._turns.held):
            self._turns.drop_kept()
            self._clear()
            self._resume_detection()
        self._calls.silence()
        if self._answers.drop_owed():
            self.history.answered()
        self._silence()

    def _on_say_requested(self, event: SayRequested) -> None:
        if not (self._in_session or self._hopeful) or self._answers.full:
            full = self._in_session or self._hopeful
            why = "too much is waiting to be said" if full else "there is no connection"
            self._do(_not_said(why))
            return
        if not self._in_session:
            self._said_until = self._now + self.settings.button_patience_s
        origin = Origin(self._now)
        request = Request(before=(_message(event.text),), say=True, origin=origin)
        if event.mode == "verbatim":
            after = (_message(event.text, "assistant"),) if event.remember else ()
            announcement = _announcement(event.text)
            request = Request(announcement, after=after, outside=True, say=True, origin=origin)
        self._answers.wish(request, first=event.urgent)
        if event.urgent:
            self._silence()

    def _on_answer_requested(self, event: AnswerRequested) -> None:
        if not self._in_session:
            return
        request = Request(
            event.settings,
            outside=event.outside,
            aloud=not event.outside,
            after_speech=event.after_speech,
            event_id=event.event_id or "",
        )
        if event.outside:
            self._do(*self._answers.ask_outside(request, self._now))
        else:
            self._answers.wish(request)
            self._answers.put_question()

    def _on_cancel_requested(self, event: CancelRequested) -> None:
        active = self._answers.current_id
        response_id = event.response_id or active
        self._answers.cancel(response_id)
        if response_id == active and self._answers.drop_owed():
            self.history.answered()
        self._do(CancelResponse(response_id, event.event_id or ""))

    def _on_answer_dropped(self, _event: AnswerDropped) -> None:
        if self._answers.drop_owed():
            self.history.answered()

    def _on_call_answered(self, event: CallAnswered) -> None:
        batch = self._calls.answer(event.call_id, event.output, sent=event.sent)
        if batch is None:
            return
        for call in batch.calls:
            self.history.result(call.call_id, batch.outputs[call.call_id])
        if self._in_session:
            self._do(*map(CreateItem, batch.items()))
        if batch.sent or not self._wants_answer(batch):
            return  # whoever sends results by hand asks for the answer by hand, too
        if not self._in_session:
            self._answers.owed = True
            self._hope_for_session()
            return
        careful = batch.superseded or self.settings.playback == "reported"
        self._answers.wish(Request(after_speech=careful, origin=batch.origin))
        self._answers.put_question()

    def _wants_answer(self, batch: CallBatch) -> bool:
        """Whether nobody else will ask for an answer that knows these results."""
        if batch.silenced:
            return False
        return not (batch.superseded and (self._turns.speaking or self._answers.to_come))

    def _on_audio_committed(self, event: AudioCommitted) -> None:
        event_id = event.event_id or f"rtaudio_commit_{next(self._commits)}"
        self._do(CommitAudio(event_id))
        self.unsent.commit(event_id)
        self._note_turn()

    def _on_audio_cleared(self, event: AudioCleared) -> None:
        event_id = event.event_id or f"rtaudio_clear_{next(self._clears)}"
        self.unsent.clear(event_id, in_session=self._in_session)
        self._turns.clears.append("service" in self._turns.speaking)
        self._do(ClearAudio(event_id))

    # ------------------------------------------------------------------ time

    @property
    def _speech_over_at(self) -> float:
        """When speech that the service reported is over, as no sound of it was sent for long."""
        last = max(self._turns.speaking_since, self.unsent.sent_at)
        return last + self.settings.speech_patience_s

    def _on_time_passed(self, _event: TimePassed) -> None:
        turns, settings, now = self._turns, self.settings, self._now
        if turns.held and now >= turns.pressed_at + settings.button_most_s:
            self._on_button_released(ButtonReleased())  # whoever held it is gone
        if turns.kept_until is not None and now >= turns.kept_until:
            if turns.kept_by_button:
                self._give_up_button()
            elif turns.kept:
                why = "not answered: there was no connection for too long"
                self._give_up_turn("not_answered", why)
        if self._hope_until is not None and now >= self._hope_until:
            self._hope_until = None
            self._give_up_owed("the connection was lost for too long")
        if "service" in turns.speaking and not turns.held and now >= self._speech_over_at:
            self._end_service_speech()
        if self._said_until is not None and now >= self._said_until:
            self._drop_what_is_to_be_said("there was no connection for too long")
        self._give_up_silent_answers()
        for batch in self._calls.expire(now):
            names = ", ".join(call.name for call in batch.calls)
            why = f"not answered: no result of {names} came in {settings.calls_patience_s:g} s"
            self._do(AnswerGivenUp("not_answered", why))

    def _give_up_silent_answers(self) -> None:
        answers, settings = self._answers, self.settings
        if not (self._in_session and answers.awaited):
            return
        patience_s = settings.reply_patience_s
        if answers.generating:
            patience_s = settings.silence_patience_s
        if self._now < answers.heard_at + patience_s:
            return
        if answers.coming or answers.owed:
            self._do(AnswerGivenUp("no_reply", f"no answer came in {patience_s:g} s"))
        if answers.drop_owed():
            self.history.answered()
        for response_id in answers.give_up():
            self._do(*self._playing.answer_ended(response_id))
            self.latency.finished(response_id, "given up", self._now)

    # ----------------------------------------------------------------- parts

    def _silence(self) -> None:
        """End every answer, also one that has not begun."""
        self._answers.refuse_to_come()
        self._interrupt(cancel=True)

    def _interrupt(self, *, cancel: bool) -> None:
        """End every answer: what is being generated, waiting in the loudspeaker, or heard."""
        for response_id in self._answers.interrupt():
            if cancel:
                self._do(CancelResponse(response_id))
        self._do(*self._playing.stop(self._now))

    def _deduce_status(self) -> None:
        answers, turns = self._answers, self._turns
        if turns.speaking:
            status = ModelStatus.LISTENING
        elif self._playing.playing:
            status = ModelStatus.SPEAKING
        elif (
            answers.coming
            or answers.owed
            or answers.waiting
            or turns.kept
            or self._calls.calling
            or self._playing.queued
        ):
            status = ModelStatus.THINKING
        else:
            status = ModelStatus.IDLE
        if status is not self._status:
            self._do(StatusChanged(status, self._status))
            self._status = status

    def _do(self, *steps: Output) -> None:
        self._out.extend(steps)


def _response_id(event: wire.Event) -> str:
    match event:
        case wire.AudioDelta(part) | wire.AudioDone(part) | wire.TextDelta(part):
            return part.response_id
        case wire.TextDone(part):
            return part.response_id
        case (
            wire.ItemReported(response_id=found)
            | wire.ResponseCreated(found)
            | wire.CallArgumentsDone(found)
            | wire.ResponseDone(found)
        ):
            return found
    return ""


def _not_said(why: str) -> ErrorReported:
    return ErrorReported("conversation", "not_said", f"not said: {why}")


def _message(text: str, role: str = "user") -> dict[str, Any]:
    kind = "input_text" if role == "user" else "text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _announcement(text: str) -> dict[str, Any]:
    return {
        "conversation": "none",
        "metadata": SAY_METADATA,
        "modalities": ["audio", "text"],
        "instructions": _SAY_INSTRUCTIONS,
        "input": [_message(text)],
    }
