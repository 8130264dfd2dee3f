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

    asked          a program's question was put       answered, or given up             Asking

    listening if user speaking or an answer to what was asked is awaited, else speaking if playing,
    else thinking if requested, owed, generating, calling, queued, a request waits or a turn waits
    for a session, else idle

Interruption. Speech over an answer ends it, if `DialogueSettings.interruption` says so; speech in
our own gate only ends an answer that is being heard, as before that a cough would leave the user
without any. Late sound of what was interrupted is dropped. When the loudspeaker has reported how
far playing came, the item is truncated there, or deleted if nothing of it was heard.

Sessions come and go. Losing one ends what lived in it: requests, answers under way, turns that the
service heard. Sound that has arrived is played to its end. What is owed is put to the next one,
which gets the history first and then the sound that was kept; it is reported if none comes in time
(`DialogueSettings.outage_s`). A turn that ends while there is no session waits just as long.
Function calls outlive their session: their results go to the one that is there.

A program's question. The turn that follows it is its answer, and the model answers it not; what
else is to be said waits meanwhile.

Push to talk. A button decides what a turn is; the service detects none while it is held, nor while
its turn waits for a session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import notifications as news
from ..notifications import ModelStatus
from ..protocol import events as wire
from . import inputs, outputs, reports
from .announcements import message_item, request_to_say
from .answers import Answer, Answers, Request
from .asking import Asking
from .function_calls import FunctionCalls
from .history import History
from .latency import LatencyTracker
from .outputs import AnswerGivenUp, CancelResponse, Output
from .playing import Playing
from .receipts import Receipts
from .settings import DialogueSettings
from .sounds import Sounds
from .turns import LEAST_TURN_S, Turns
from .unsent_audio import UnsentAudio

_ENDING = (
    wire.ResponseDone,
    news.PlaybackFinished,
    news.PlaybackStopped,
    inputs.SessionLost,
    inputs.SessionRenewed,
    inputs.TimePassed,
)
_Rules = dict[type[Any], Callable[[Any], object]]


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
        self.settings = settings = settings or DialogueSettings()
        self.history = history or History()
        self.unsent = unsent or UnsentAudio(settings.outage_s)
        self.latency = LatencyTracker()
        self.late = 0
        """Pieces of answers that came after their interruption, since the start."""
        self._answers = Answers(settings)
        self._turns = Turns(settings)
        self._calls = FunctionCalls()
        self._receipts = Receipts()
        self._asking = Asking(self._answers)
        self._listens_after: set[str] = set()  # texts after which the user may answer
        self._playing = Playing(assumed=settings.playback == "assumed")
        self._sounds = Sounds(self._playing, self._receipts)
        self._in_session = False
        self._hopeful = False
        self._why_away = ""  # why there is no session
        self._now = 0.0
        self._out: list[Output] = []
        self._status = ModelStatus.IDLE
        self._rules = self._service_rules() | self._playback_rules() | self._local_rules()

    def _service_rules(self) -> _Rules:
        return {
            wire.ServiceErrorReported: self._on_service_error,
            wire.SpeechStarted: self._on_speech_started,
            wire.SpeechStopped: self._on_speech_stopped,
            wire.InputCommitted: self._on_committed,
            wire.InputCleared: lambda _: self._turns.cleared(),
            wire.InputTimedOut: lambda event: self._turns.timed_out(event.item_id),
            wire.ItemReported: self._on_part_of_answer,
            wire.UserTranscript: self._on_user_transcript,
            wire.UserTranscriptFailed: self._on_user_transcript_failed,
            wire.ResponseCreated: self._on_response_created,
            wire.AudioDone: lambda event: self._do(*self._playing.ended(event.part)),
            wire.TextDelta: self._on_text_delta,
            wire.TextDone: self._on_text_done,
            wire.CallArgumentsDone: self._on_part_of_answer,
            wire.ResponseDone: self._on_response_done,
        }

    def _playback_rules(self) -> _Rules:
        return {
            news.PlaybackStarted: self._on_playback_started,
            news.PlaybackFinished: self._on_playback_finished,
            news.PlaybackStopped: self._on_playback_stopped,
        }

    def _local_rules(self) -> _Rules:
        return {
            inputs.SessionOpened: self._on_session_opened,
            inputs.SessionRenewed: self._on_session_renewed,
            inputs.SessionLost: self._on_session_lost,
            inputs.SessionAwaited: self._on_session_awaited,
            inputs.SettingsChanged: lambda event: self._adjust(event.settings),
            inputs.LocalSpeechStarted: self._on_local_speech_started,
            inputs.LocalSpeechStopped: self._on_local_speech_stopped,
            inputs.SpeechAborted: lambda _: self._abort(),
            inputs.ButtonPressed: self._on_button_pressed,
            inputs.ButtonReleased: lambda event: self._release_button(answer=event.answer),
            inputs.InterruptRequested: self._on_interrupt_requested,
            inputs.SayRequested: self._on_say_requested,
            inputs.PlayRequested: self._on_play_requested,
            inputs.AskRequested: self._on_ask_requested,
            inputs.MicrophoneClosed: self._on_microphone_closed,
            inputs.AnswerRequested: self._on_answer_requested,
            inputs.CancelRequested: self._on_cancel_requested,
            inputs.AnswerDropped: lambda _: self._drop_owed(),
            inputs.CallAnswered: self._on_call_answered,
            inputs.CallsTakeLong: self._on_calls_take_long,
            inputs.AudioCommitted: lambda event: self._commit(event.event_id),
            inputs.AudioCleared: lambda event: self._clear(event.event_id, by_user=True),
            inputs.TimePassed: self._on_time_passed,
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
    def owes_receipt(self) -> bool:
        """Whether a program wants to know what becomes of a text that is under way."""
        return self._receipts.owed

    @property
    def full(self) -> bool:
        """Whether no further request can wait."""
        return self._answers.full

    @property
    def asking(self) -> bool:
        """Whether a program's question is not answered yet."""
        return self._asking.active

    @property
    def quiet(self) -> bool:
        """Whether another session may take over unnoticed."""
        user, answers = self._turns, self._answers
        answering = answers.busy or answers.owed or self._calls.open or self._playing.queued
        return not (user.speaking or user.kept or answering or self.asking)

    @property
    def holds_turn(self) -> bool:
        """Whether enough sound for a turn was sent, or kept, and none was made of it yet."""
        return self.unsent.seconds >= LEAST_TURN_S

    @property
    def deadline(self) -> float | None:
        """When to handle `TimePassed`, on the clock of `now`; None while nothing is awaited."""
        times = (
            self._turns.deadline(self.unsent.sent_at),
            self._answers.deadline(in_session=self._in_session),
            self._calls.deadline,
            self._sounds.deadline,
            self._asking.deadline(speaking=bool(self._turns.speaking)),
        )
        return min((time for time in times if time is not None), default=None)

    def handle(self, event: inputs.Input, now: float) -> list[Output]:
        """Take in what happened at `now` (seconds); returns what to do, in order."""
        self._now, self._out = now, []
        if isinstance(event, wire.Event):
            if not self._in_session:
                return []
            self._hear(event)
        else:
            self._rules[type(event)](event)
        self._go_on()
        self._close_receipts()
        self._answers.replies_paused = self._asking.refuses_replies
        self._deduce_status()
        if isinstance(event, _ENDING):
            self._do(*self.latency.over())
        return self._out

    def _go_on(self) -> None:
        """Play, or ask for, what waits for its turn."""
        silence = not (self._turns.speaking or self._asking.listening)
        if not self._playing.queued:
            sound = self._answers.next_sound(silence=silence)
            self._do(*(self._sounds.begin(sound, self._now) if sound else []))
        self._do(*self._sounds.feed(self._now))
        if self._in_session and not self._sounds.incomplete:
            self._do(*self._answers.next(self._now, silence=silence))

    def _close_receipts(self) -> None:
        for receipt in self._receipts.over(self._says):
            self._do(receipt, *self._asking.spoken(receipt.id, receipt.outcome, self._now))
            if receipt.id in self._listens_after:
                self._listens_after.remove(receipt.id)
                if receipt.outcome == "said":
                    self._do(outputs.ListenWithoutWakeWord(True))

    def _says(self, said: str, answers: list[str]) -> bool:
        """Whether something of the text with this id, which has these answers, is under way."""
        if self._answers.says(said) or self._calls.says(said):
            return True
        return any(self._answers.get(each) or self._playing.plays(each) for each in answers)

    def is_late(self, event: wire.Event) -> bool:
        """Whether it belongs to an answer that was interrupted: nobody wants to hear it."""
        match event:
            case wire.AudioDelta(part) | wire.TextDelta(part):
                late = self._answers.is_late(part.response_id)
                self.late += late
                return late
        return False

    def _hear(self, event: wire.Event) -> None:
        """What the service says."""
        answers, event = self._answers, self._answers.named(event)
        if isinstance(event, wire.AudioDelta):  # by far the most frequent
            self._on_audio_delta(event)
            self.history.hear(event, self._now, outside=answers.is_outside(event))
            return
        self.unsent.hear(event)
        self._note_turn()
        outside = answers.is_outside(event)
        rule = self._rules.get(type(event))
        if rule is not None:
            rule(event)
        self.history.hear(event, self._now, outside=outside or answers.is_outside(event))
        self._calls.hear(event)

    def _note_turn(self) -> None:
        """What was said may just have become an item."""
        pcm = self.unsent.take_turn()
        if pcm is not None:
            self.history.ask(pcm)

    # ---------------------------------------------------------------- speech

    def _on_speech_started(self, event: wire.SpeechStarted) -> None:
        if not self._turns.service_started(event.item_id, self._now):
            return
        self.latency.speech_started(self._now, local=False)
        self._do(news.SpeechNoticed("started", "service"))
        self._answers.expect_none()
        self._supersede()
        self._do(*self._asking.speech_started(self._now))
        if self.settings.interruption == "service":
            self._interrupt(cancel=not self.settings.service_cancels)

    def _on_speech_stopped(self, _event: wire.SpeechStopped) -> None:
        if self._end_service_speech():
            self._expect_answer()

    def _end_service_speech(self) -> bool:
        """The service hears nobody any more; whether that ends a turn."""
        self.latency.speech_stopped(self._now)
        ended = self._turns.service_stopped()
        self._asking.speech_stopped(self._now)
        if ended:
            self._do(news.SpeechNoticed("stopped", "service"))
        return ended

    def _on_committed(self, event: wire.InputCommitted) -> None:
        whose = self._turns.committed()
        if whose == "disowned":
            if event.item_id:
                self._do(outputs.DeleteItem(event.item_id))
            if self.settings.replies:
                self._answers.refuse_unasked(self._now)
        elif whose == "theirs":
            if self._turns.hears(event.item_id):
                self._end_service_speech()  # not every service reports that
            if self._asking.takes_turns and not self._turns.is_silence(event.item_id):
                self._take_answer(event.item_id)
                return
            if self.settings.replies and not self._turns.is_silence(event.item_id):
                self._answers.put_question(self._now)
            self._expect_answer()
        elif self._asking.lacks_item:
            self._take_answer(event.item_id)

    def _take_answer(self, item_id: str) -> None:
        """A turn answers a program's question: the model must not answer it."""
        self._asking.turn_ended(self._now, item_id)
        self._answers.expected = False
        self.history.answered()

    def _expect_answer(self) -> None:
        if self.settings.replies:
            self._answers.expect(self._now)

    def _on_user_transcript(self, event: wire.UserTranscript) -> None:
        self._do(news.Transcript("user", event.text, True, event.item_id))
        self._do(*self._asking.transcribed(event.item_id, event.text, self._now))

    def _on_user_transcript_failed(self, event: wire.UserTranscriptFailed) -> None:
        self._do(reports.not_transcribed(event))
        self._asking.not_transcribed(event.item_id, self._now)

    def _on_local_speech_started(self, _event: inputs.LocalSpeechStarted) -> None:
        if not self._in_session and self._sounds.heard and self.settings.interruption != "nobody":
            self._interrupt(cancel=False)
        kept = not self._in_session and self.settings.local_turns
        if not (self._in_session or kept) or "local" in self._turns.speaking:
            return
        if kept:
            self._turns.keep(self._now)
        self._turns.speaking.add("local")
        self.latency.speech_started(self._now, local=True)
        self._do(news.SpeechNoticed("started", "local"))
        self._do(*self._asking.speech_started(self._now))
        if self._playing.playing and self.settings.interruption != "nobody":
            ours = self.settings.interruption == "us" or not self.settings.service_cancels
            self._interrupt(cancel=ours)

    def _on_local_speech_stopped(self, _event: inputs.LocalSpeechStopped) -> None:
        self.latency.gate_closed()
        if "local" not in self._turns.speaking:
            return
        self._turns.local_stopped(self._now, in_session=self._in_session)
        self._asking.speech_stopped(self._now)
        self._do(news.SpeechNoticed("stopped", "local"))
        if self.settings.local_turns:
            if self.settings.barge_in or not self._playing.playing:
                self._silence()  # it was begun before this was said
            self._hand_over()

    def _abort(self) -> None:
        """What is being said, or waits for a session, does not count."""
        self.latency.speech_aborted()
        self._turns.aborted()
        self._clear()
        self._resume_detection()

    def _clear(self, event_id: str | None = None, *, by_user: bool = False) -> None:
        """Let nobody hear the sound that no turn was made of."""
        event_id = self._turns.clear(event_id, in_session=self._in_session, by_user=by_user)
        self.unsent.clear(event_id, in_session=self._in_session)
        self._do(outputs.ClearAudio(event_id))

    def _commit(self, event_id: str | None = None, *, by_user: bool = True) -> None:
        """Let the sound that was sent so far become an item."""
        event_id = self._turns.commit(event_id, by_user=by_user)
        self._do(outputs.CommitAudio(event_id))
        self.unsent.commit(event_id)
        self._note_turn()

    def _hand_over(self) -> None:
        """Let what was said be a turn, and ask for its answer."""
        if not self._in_session:
            self._turns.kept = True
            return
        self._turns.drop_kept()
        self._commit(by_user=False)
        self._calls.speech_started()
        if self._asking.takes_turns:
            self._asking.turn_ended(self._now)
            return
        self._answers.put_question(self._now)
        self._answers.wish(Request(question=True), first=True)

    # ---------------------------------------------------------------- button

    def _on_button_pressed(self, _event: inputs.ButtonPressed) -> None:
        turns = self._turns
        if "service" in turns.speaking:
            self._do(news.SpeechNoticed("stopped", "service"))  # it may report that too late
        if not turns.kept_by_button:
            self._clear()
            self._do(outputs.PauseTurnDetection())
        turns.pressed(self._now, in_session=self._in_session)
        self.latency.button_pressed(self._now)
        self._do(news.SpeechNoticed("started", "local"))
        self._supersede()
        self._do(*self._asking.speech_started(self._now))
        if not self._in_session:
            self.unsent.keep_for(self.settings.button_patience_s)
        self._silence()

    def _release_button(self, *, answer: bool = True) -> None:
        if not (self._turns.held or self._turns.kept_by_button):
            return
        if self._turns.held:
            self.latency.button_released(self._now)
            self._do(news.SpeechNoticed("stopped", "local"))
        self._turns.speaking.clear()
        if answer:
            self._hand_over()
        else:
            self._abort()
        if self._in_session or not answer:
            self._resume_detection()

    def _resume_detection(self) -> None:
        if self._turns.detection_paused:
            self._turns.detection_paused = False
            self._do(outputs.ResumeTurnDetection())

    def _drop_kept(self) -> None:
        """Nobody will hear what waits for a session."""
        self._turns.drop_kept()
        self._clear()
        self._resume_detection()

    def _give_up_kept(self, report: AnswerGivenUp) -> None:
        self._turns.speaking.discard("button")
        self._drop_kept()
        self._do(report)

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
        if answer.request is not None:
            self._receipts.begun(answer.request.said, answer.response_id)
            self._do(*self._asking.begun(answer.request.said))
        if answer.interrupted:
            self._do(CancelResponse(answer.response_id or None))
        elif answer.aloud:
            origin = answer.request.origin if answer.request else None
            self.latency.begun(answer.response_id, self._now, origin)

    def _settle(self, answer: Answer) -> None:
        if self._answers.begun(answer):
            self.history.answered()

    def _on_audio_delta(self, event: wire.AudioDelta) -> None:
        answer = self._sign_of(event.part.response_id)
        if answer is None:
            self._playing.missed(event.part, event.size)
            return
        if answer.aloud:
            self._do(*self._sounds.finish())
        if not answer.sounded and answer.request is not None and answer.request.chime:
            self._do(*self._playing.chime(answer.response_id, answer.request.chime))
        answer.sounded = True
        self._settle(answer)
        if answer.aloud:
            self.latency.received(event.part, event.audio, self._now)
            in_session = not answer.outside
            self._do(*self._playing.received(event.part, event.audio, in_session=in_session))

    def _on_text_delta(self, event: wire.TextDelta) -> None:
        answer = self._sign_of(event.part.response_id)
        if answer is not None and not event.spoken:
            self._settle(answer)

    def _on_text_done(self, event: wire.TextDone) -> None:
        if event.text and event.spoken:
            self._do(*self._playing.words(event.part, event.text))
        elif event.text and not self._answers.is_late(event.part.response_id):
            self._do(news.Transcript("assistant", event.text, True, event.part.item_id))

    def _on_part_of_answer(self, event: wire.ItemReported | wire.CallArgumentsDone) -> None:
        if event.response_id:
            self._sign_of(event.response_id)

    def _on_response_done(self, event: wire.ResponseDone) -> None:
        response_id = event.response_id
        answer = self._answers.done(event, self._now)
        if answer is None:
            return
        self._do(*self._playing.answer_ended(response_id))
        self._receipts.generated(answer.response_id, event.status, interrupted=answer.interrupted)
        origin = self.latency.finished(response_id, event.status, self._now)
        if event.usage:
            self._do(news.UsageReported(response_id, event.usage))
        if self._asking.reads(answer.request):
            self._do(*self._asking.read(self._calls.written(event), self._now))
            return
        patience_s = self.settings.calls_patience_s
        round_ = 1 + (answer.request.round if answer.request else 0)
        batch = self._calls.done(
            event, self._now, patience_s=patience_s, origin=origin, round_=round_
        )
        if batch is not None:
            batch.superseded = answer.interrupted or answer.earlier
            batch.said = answer.request.said if answer.request else ""
            self._do(outputs.CallsRequested(batch.calls, answer.sounded, batch.round))
        elif not answer.interrupted:
            self._do(*reports.calls_in_vain(event))
        if not (answer.outside or answer.earlier) and self._answers.drop_owed() and batch is None:
            self.history.answered()
        if not answer.interrupted:
            self._do(*reports.failure(event))

    def _on_service_error(self, event: wire.ServiceErrorReported) -> None:
        self._do(*reports.trouble(event))
        if event.event_id and self._turns.commit_refused(event.event_id):
            self._answers.take_back_question()
            self._give_up_owed("the service did not take what was said")
            return
        request = self._answers.refused(event, self._now)
        if request is not None:
            self._receipts.refused(request.said)
        if self._asking.reads(request):
            self._do(*self._asking.refused())
        elif request is not None and request.say:
            self._do(reports.not_said("the service refused it"))
        elif request is not None and not request.outside:
            self._give_up_owed("the service refused to answer")

    def _supersede(self) -> None:
        """What is said now gets the answer that somebody waits for."""
        self._calls.speech_started()
        self._drop_owed()

    def _drop_owed(self) -> bool:
        """Nobody waits for the answer any more; whether somebody did."""
        dropped = self._answers.drop_owed()
        if dropped:
            self.history.answered()
        return dropped

    def _give_up_owed(self, why: str) -> None:
        if self._drop_owed():
            self._do(reports.not_answered(why))

    def _silence(self) -> None:
        """End every answer, also one that has not begun."""
        self._answers.refuse_to_come()
        self._interrupt(cancel=True)

    def _interrupt(self, *, cancel: bool) -> None:
        """End every answer: what is being generated, waiting in the loudspeaker, or heard."""
        for response_id in self._answers.interrupt():
            if cancel:
                self._do(CancelResponse(response_id or None))
        self._do(*self._playing.stop(self._now))
        self._sounds.stop()

    # -------------------------------------------------------------- playback

    def _on_playback_started(self, event: news.PlaybackStarted) -> None:
        self._playing.started()
        self.latency.played(event, self._now)
        interrupts = {"local", "button"} if self.settings.barge_in else {"button"}
        not_done = self._turns.speaking & interrupts
        if self.settings.local_turns and self._playing.playing and not_done:
            self._interrupt(cancel=True)  # nobody else would notice that they are not done yet

    def _on_playback_finished(self, event: news.PlaybackFinished) -> None:
        heard_ms, transcripts = self._playing.finished()
        for response_id, each in heard_ms.items():
            self._receipts.heard(response_id, each)
        self._do(*transcripts)
        self.latency.played(event, self._now)

    def _on_playback_stopped(self, event: news.PlaybackStopped) -> None:
        stopped = self._playing.stopped(event)
        self.latency.played(event, self._now)
        for heard in stopped.past:
            self.history.heard(heard.part.item_id, heard.heard_ms)
        for response_id, heard_ms in stopped.heard_ms.items():
            self._receipts.heard(response_id, heard_ms)
            if stopped.answers[response_id] != "whole" or self._answers.get(response_id):
                self._receipts.stopped(response_id, lost=stopped.asked_at is None)
        if self.settings.truncation == "us":
            self._do(*stopped.corrections())
        if stopped.asked_at is None:
            self._give_up_unheard(stopped.answers, event.lost)
        elif stopped.sounds:
            self._do(stopped.interruption(self._now, event.silent_in_ms))
        self._do(*stopped.transcripts)

    def _give_up_unheard(self, answers: dict[str, str], lost: str | None) -> None:
        """The loudspeaker went away: nobody will hear the rest of these answers."""
        for response_id, heard in answers.items():
            self._sounds.lost(response_id)
            grows = self._answers.interrupt_one(response_id)
            if grows:
                self._do(CancelResponse(response_id or None))
            if lost is not None and (grows or heard != "whole"):
                self._do(reports.not_played(lost, heard=heard != "unheard"))

    # -------------------------------------------------------------- sessions

    def _on_session_opened(self, _event: inputs.SessionOpened) -> None:
        self._in_session = True
        self._enter_session(self.unsent.resume(self._now))
        if self._turns.kept and self.holds_turn:
            self._hand_over()
        elif self._turns.kept:
            why = "the connection came too late for what was said"
            self._give_up_kept(reports.not_answered(why))
        else:
            self._ask_again()
        self._turns.drop_kept()
        if not self._turns.held:
            self._resume_detection()

    def _on_session_renewed(self, _event: inputs.SessionRenewed) -> None:
        unsaid = self._leave_session()
        self._do(*(reports.not_said("the session was renewed") for _ in unsaid))
        self._close_question("no_answer", "the connection was exchanged")
        self._enter_session(self.unsent.renew(self._now))
        self._ask_again()

    def _enter_session(self, kept: list[bytes]) -> None:
        self._answers.session_opened()
        self._do(*map(outputs.CreateItem, self.history.retell(self._now)))
        if kept:
            self._do(outputs.SendKeptAudio(tuple(kept)))

    def _ask_again(self) -> None:
        """Put a question whose answer had not begun to this session."""
        if not self._answers.owed or self._answers.question_waits:
            return
        if not self._answers.ask_again():
            self._give_up_owed("the connection was lost with it again and again")
        elif not self.history.answerable:
            self._give_up_owed("what was asked is not known well enough to ask it again")
        else:
            said = self._answers.say_again()
            self._answers.wish(Request(question=True, after_speech=False, said=said), first=True)

    def _on_session_lost(self, event: inputs.SessionLost) -> None:
        if not self._in_session:
            return
        self._in_session = self._hopeful = False
        self.unsent.lost(self._now)
        self.latency.session_lost()
        if self._turns.died_unheard(self._now, self.unsent.seconds):
            why = "the connection died before the service heard what was said"
            self._do(reports.not_answered(why))
        waiting = self._answers.drop_waiting()
        owed = any(request.question for request in waiting)
        unsaid = [*self._leave_session(), *(request for request in waiting if request.say)]
        self._do(*(reports.not_said(event.reason) for _ in unsaid))
        self._turns.session_lost(self._now)
        if self._turns.held:
            self.unsent.keep_for(self.settings.button_patience_s)
        self._answers.owed = self._answers.owed or owed
        self._close_question("no_answer", "the connection was lost")
        if event.closing:
            self._calls.silence()
            self._supersede()
        elif self._answers.owed:
            self._hope_for_session()

    def _leave_session(self) -> list[Request]:
        """What lived in the session is gone; returns what will not be said after all.

        A prompt is not among it: it is owed its answer, and put to the next session.
        """
        self._turns.session_gone()
        self._calls.session_gone()
        self._do(*self._playing.session_gone())
        silent = self._answers.session_gone()
        return [request for request in silent if request.say and request.outside]

    def _hope_for_session(self) -> None:
        self._answers.owed = True
        if self.settings.outage_s and self.history.answerable:
            self._answers.hope(self._now)
        else:
            why = "the connection was lost, and what was asked is not known well enough"
            self._give_up_owed(f"{why} to ask it again")

    def _on_session_awaited(self, event: inputs.SessionAwaited) -> None:
        self._hopeful, self._why_away = event.hopeful, event.reason or ""
        if self._in_session or event.hopeful:
            return
        if self._turns.kept_by_button:
            self._give_up_kept(reports.not_connected(self._why_away))
        self._drop_what_is_to_be_said(self._why_away or "there is no connection")

    def _drop_what_is_to_be_said(self, why: str) -> None:
        # Nothing else waits while there is no session.
        self._do(*(reports.not_said(why) for _ in self._answers.drop_waiting()))

    def _adjust(self, settings: DialogueSettings) -> None:
        self.settings = settings
        self._turns.settings = self._answers.settings = settings
        self.unsent.outage_s = settings.outage_s

    # -------------------------------------------------------------- requests

    def _on_interrupt_requested(self, _event: inputs.InterruptRequested) -> None:
        self._close_question("interrupted", "silence was asked for")
        self._answers.drop_waiting(sounds=True)
        if self._turns.waits:
            self._drop_kept()
        self._calls.silence()
        self._drop_owed()
        self._silence()

    def _on_say_requested(self, event: inputs.SayRequested) -> None:
        self._receipts.begin(event.said)
        may_wait = self._in_session or self._hopeful
        if not may_wait or self._answers.full:
            why = "too much is waiting to be said" if may_wait else "there is no connection"
            self._do(reports.not_said(why))
            return
        if event.urgent and not self._asking.waiting:
            self._close_question("interrupted", "something more urgent was to be said")
        if event.listen:
            self._listens_after.add(event.said)
        request = request_to_say(event, self._now)
        self._answers.say(request, self._now, in_session=self._in_session, urgent=event.urgent)
        if event.urgent:
            self._silence()

    def _on_play_requested(self, event: inputs.PlayRequested) -> None:
        self._receipts.begin(event.said)
        if self._answers.full or self.settings.playback == "assumed":
            why = "too much is waiting to be played" if self._answers.full else "nobody plays it"
            self._do(reports.sound_not_played(why))
            return
        if event.urgent and not self._asking.waiting:
            self._close_question("interrupted", "something more urgent was to be played")
        self._answers.wish(Request(sound=event.pcm, said=event.said), first=event.urgent)
        if event.urgent:
            self._silence()

    def _on_ask_requested(self, event: inputs.AskRequested) -> None:
        self._close_question("interrupted", "another question was asked")
        self._asking.begin(event)
        say = inputs.SayRequested(
            event.text, "verbatim", remember=True, said=event.ask, chime=event.chime
        )
        self._on_say_requested(say)

    def _on_microphone_closed(self, event: inputs.MicrophoneClosed) -> None:
        self._close_question("interrupted", event.reason)

    def _close_question(self, outcome: news.QuestionOutcome, why: str) -> None:
        self._answers.drop_said(self._asking.waiting)
        self._do(*self._asking.close(outcome, why))

    def _on_answer_requested(self, event: inputs.AnswerRequested) -> None:
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
            self._answers.put_question(self._now)

    def _on_cancel_requested(self, event: inputs.CancelRequested) -> None:
        active = self._answers.current_id
        response_id = event.response_id or active
        self._answers.cancel(response_id)
        if response_id == active:
            self._drop_owed()
        self._do(CancelResponse(response_id, event.event_id or ""))

    def _on_call_answered(self, event: inputs.CallAnswered) -> None:
        batch = self._calls.answer(
            event.call_id, event.output, sent=event.sent, silent=event.silent
        )
        if batch is None:
            return
        for call in batch.calls:
            self.history.result(call.call_id, batch.outputs[call.call_id])
        if self._in_session:
            self._do(*map(outputs.CreateItem, batch.items()))
        if not batch.wants_answer(
            answered_soon=bool(self._turns.speaking) or self._answers.to_come
        ):
            if batch.awaited:
                self.history.answered()  # it needs no words
            return
        most = self.settings.call_rounds_most
        if most is not None and batch.round > most:
            self.history.answered()
            self._do(reports.not_answered("the model only calls tools, again and again"))
        elif self._in_session:
            careful = batch.superseded or self.settings.playback == "reported"
            last = most is not None and batch.round == most
            settings = {"tool_choice": "none"} if last else None
            self._answers.wish(
                Request(
                    settings,
                    after_speech=careful,
                    origin=batch.origin,
                    round=batch.round,
                    said=batch.said,
                )
            )
            self._answers.put_question(self._now)
        else:
            self._hope_for_session()

    def _on_calls_take_long(self, event: inputs.CallsTakeLong) -> None:
        if not self._in_session or self._answers.pending or not self._calls.awaited(event.call_ids):
            return
        before = (message_item(event.note, "system"),)
        # Calls that it makes all the same are too many.
        most = self.settings.call_rounds_most or 0
        self._answers.wish(Request({"tool_choice": "none"}, before=before, round=most))

    # ------------------------------------------------------------------ time

    def _on_time_passed(self, _event: inputs.TimePassed) -> None:
        turns, answers, now = self._turns, self._answers, self._now
        if turns.held_too_long(now):
            self._release_button()
        if turns.kept_too_long(now) and turns.kept_by_button:
            self._give_up_kept(reports.not_connected(self._why_away))
        elif turns.kept_too_long(now):
            why = "there was no connection for too long"
            self._give_up_kept(reports.not_answered(why))
        if answers.hoped_too_long(now):
            self._give_up_owed("the connection was lost for too long")
        if turns.silent_for_long(now, self.unsent.sent_at):
            self._end_service_speech()
        if answers.waited_too_long(now):
            self._drop_what_is_to_be_said("there was no connection for too long")
        self._do(*self._asking.expire(now, speaking=bool(turns.speaking)))
        if self._in_session:
            self._give_up_silent_answers()
        for batch in self._calls.expire(now):
            self._do(reports.not_answered(batch.overdue))

    def _give_up_silent_answers(self) -> None:
        patience_s = self._answers.silent_for_s(self._now)
        if patience_s is None:
            return
        if self._answers.coming or self._answers.owed:
            self._do(AnswerGivenUp("no_reply", f"no answer came in {patience_s:g} s"))
        self._drop_owed()
        for response_id in self._answers.give_up():
            self._do(*self._playing.answer_ended(response_id))
            self._receipts.generated(response_id, "given up", interrupted=False)
            self.latency.finished(response_id, "given up", self._now)

    def _deduce_status(self) -> None:
        answers, turns = self._answers, self._turns
        if turns.speaking or self._asking.listening:
            status = ModelStatus.LISTENING
        elif self._playing.playing:
            status = ModelStatus.SPEAKING
        elif (
            answers.pending
            or turns.kept
            or self._calls.calling
            or self._playing.queued
            or self._asking.understanding
        ):
            status = ModelStatus.THINKING
        else:
            status = ModelStatus.IDLE
        if status is not self._status:
            self._do(news.StatusChanged(status, self._status))
            self._status = status

    def _do(self, *steps: Output) -> None:
        self._out.extend(steps)
