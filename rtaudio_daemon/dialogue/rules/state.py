"""The parts of a conversation, and the steps that several rules share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import notifications as news
from .. import outputs, reports
from ..announcements import message_item
from ..answer import Request
from ..answers import Answers
from ..asking import Asking
from ..function_calls import FunctionCalls
from ..history import History
from ..kept_rest import KeptRest
from ..latency import LatencyTracker
from ..outputs import AnswerGivenUp, CancelResponse, Output
from ..playing import Playing
from ..receipts import Receipts
from ..settings import DialogueSettings
from ..sound_parts import REST, Stopped
from ..sounds import Sounds
from ..turns import LEAST_TURN_S, Turns
from ..unsent_audio import UnsentAudio

Rules = dict[type[Any], Callable[[Any], object]]
"""The handler of each type of input."""


class ConversationState:
    """One owner for each fact, and the outputs of the input being handled."""

    def __init__(self, settings: DialogueSettings, history: History, unsent: UnsentAudio) -> None:
        self.settings = settings
        self.history = history
        self.unsent = unsent
        self.latency = LatencyTracker()
        self.answers = Answers(settings)
        self.turns = Turns(settings)
        self.calls = FunctionCalls()
        self.receipts = Receipts()
        self.asking = Asking(self.answers)
        self.playing = Playing(assumed=settings.playback == "assumed")
        self.playing.pauses = settings.resume
        self.rest = KeptRest()
        self.cancels_when_certain = False
        """Whether we cancel the interrupted answers once the interruption is certain."""
        self.sounds = Sounds(self.playing, self.receipts)
        self.in_session = False
        """Whether there is a session."""
        self.held_back_until: float | None = None
        """Until when speech waits for a session other than the one in use; None: it does not."""
        self.hopeful = False
        """Whether a session may open soon."""
        self.why_away = ""
        """Why there is no session, in words."""
        self.now = 0.0
        """When the input being handled came, in seconds."""
        self.out: list[Output] = []
        """What that input has led to so far."""

    @property
    def holds_turn(self) -> bool:
        """Whether enough sound for a turn was sent or kept, and no turn was made of it yet."""
        return self.unsent.seconds >= LEAST_TURN_S

    @property
    def holds_back(self) -> bool:
        """Whether speech waits for a session other than the one in use."""
        return self.held_back_until is not None

    @property
    def turn_held_back(self) -> bool:
        """Whether something was said that is being held back."""
        return self.holds_back and self.unsent.held_seconds >= LEAST_TURN_S

    def do(self, *steps: Output) -> None:
        """Append steps to the outputs."""
        self.out.extend(steps)

    def note_turn(self) -> None:
        """Pass the sound of a turn to the history if the turn has just become an item."""
        pcm = self.unsent.take_turn()
        if pcm is not None:
            self.history.ask(pcm)

    def clear(
        self, event_id: str | None = None, *, by_user: bool = False, taken_back: bool = False
    ) -> None:
        """Discard the sound that has not become a turn."""
        in_session = self.in_session
        event_id = self.turns.clear(
            event_id, in_session=in_session, by_user=by_user, taken_back=taken_back
        )
        self.unsent.clear(event_id, in_session=self.in_session)
        self.do(outputs.ClearAudio(event_id))

    def commit(self, event_id: str | None = None, *, by_user: bool = True) -> None:
        """Make an item of the sound sent so far."""
        event_id = self.turns.commit(event_id, by_user=by_user)
        self.do(outputs.CommitAudio(event_id))
        self.unsent.commit(event_id)
        self.note_turn()

    def let_go(self) -> None:
        """Send the sound that was held back, if any, to the session in use."""
        if not self.holds_back:
            return
        self.held_back_until = None
        if held := self.unsent.let_go():
            self.do(outputs.SendKeptAudio(tuple(held)))
        self.hand_over_kept()

    def hand_over_kept(self) -> None:
        """Hand over a turn that ended while its sound was held back."""
        if self.turns.kept and self.holds_turn:
            self.hand_over()
        elif self.turns.kept:
            self.give_up_kept(reports.not_answered("no sound of it was heard"))
        self.turns.drop_kept()

    def supersede(self) -> None:
        """Let what is said now replace the question that awaits its answer."""
        self.calls.speech_started()
        self.drop_owed()

    def drop_owed(self) -> bool:
        """Stop waiting for the owed answer; return whether it was owed."""
        dropped = self.answers.drop_owed()
        if dropped:
            self.history.answered()
        return dropped

    def give_up_owed(self, why: str) -> None:
        """Stop waiting for the owed answer, and report why if it was owed."""
        if self.drop_owed():
            self.do(reports.not_answered(why))

    def silence(self, *, by_speech: bool = False) -> None:
        """End every answer, even one that has not begun."""
        self.answers.refuse_to_come()
        self.interrupt(cancel=True, by_speech=by_speech)

    def interrupt(self, *, cancel: bool, by_speech: bool = False) -> None:
        """End every answer: one that is generated, queued for the loudspeaker, or heard.

        `by_speech`: because somebody seems to speak. Otherwise it is intended and never undone.
        """
        self.rest.by_speech = self.rest.by_speech and by_speech
        cancel = cancel or (self.playing.paused and self.cancels_when_certain)
        for response_id in self.answers.interrupt():
            if cancel:
                self.do(CancelResponse(response_id or None))
        self.do(*self.playing.stop(self.now, by_speech=by_speech))
        self.sounds.stop()
        settled = self.playing.settle(by_speech=by_speech)
        if settled is not None:
            self.report_stop(*settled)

    # ------------------------------------ interruptions that may turn out to be nobody's

    def pause(self, *, cancel: bool) -> None:
        """Pause the answers because somebody seems to speak; end them when that is certain.

        `cancel`: we then cancel what is being generated.
        """
        if self.playing.paused:
            self.cancels_when_certain = self.cancels_when_certain or cancel
        elif self.settings.resume and self.playing.may_pause:
            self.cancels_when_certain = cancel
            self.do(*self.playing.pause(self.now))
        else:
            self.interrupt(cancel=cancel, by_speech=True)

    def end_pause(self, *, by_speech: bool = True) -> None:
        """End a paused answer: somebody did speak."""
        if self.playing.paused:
            self.interrupt(cancel=False, by_speech=by_speech)

    @property
    def certain_at(self) -> float | None:
        """When it is certain that somebody speaks over an answer; None: nobody seems to."""
        since = self.turns.service_hears_since
        if since is None or not self.playing.paused:
            return None
        return since + self.settings.certain_after_s

    def play_rest(self, *, undone: bool) -> None:
        """Play the unheard rest of the answer that was interrupted last, if it is kept.

        `undone`: nobody interrupted it, so that its words continue the same item. If somebody seems
        to speak, it begins as soon as it turns out that nobody does.
        """
        interruptible = self.turns.speaking and self.settings.interruption != "nobody"
        if self.rest.deadline is not None and interruptible and not self.playing.queued:
            self.playing.hold(self.now)
        for each in self.rest.take(undone=undone):
            self.receipts.plays_on(each.rest_of, each.part.response_id, each.again_ms)
            self.do(*self.playing.received(each.part, each.pcm, in_session=False))
            self.do(*self.playing.ended(each.part))
            if each.words:
                self.do(*self.playing.words(each.part, each.words))

    def report_words(self, transcripts: list[news.Transcript]) -> None:
        """Report what was heard; add to the conversation words that the model does not know."""
        for each in transcripts:
            self.do(self.rest.whole(each))
            if each.item_id.startswith(REST) and self.in_session:
                self.do(outputs.CreateItem(message_item(each.text, "assistant")))
            elif each.item_id.startswith(REST):
                self.history.said(each.text)

    def report_stop(self, stopped: Stopped, event: news.PlaybackStopped) -> None:
        """Account for the loudspeaker having stopped for good."""
        self.latency.played(event, stopped.at)
        for heard in stopped.heard:
            self.history.heard(heard.part.item_id, heard.heard_ms)
        for response_id, heard_ms in stopped.heard_ms.items():
            self.receipts.heard(response_id, heard_ms)
            if stopped.answers[response_id] != "whole" or self.answers.get(response_id):
                self.receipts.stopped(response_id, lost=stopped.asked_at is None)
        if self.settings.truncation == "us":
            self.do(*stopped.corrections())
        if stopped.asked_at is None:
            self._give_up_unheard(stopped.answers, event.lost)
        elif stopped.sounds:
            self.rest.keep(stopped, self.now)
            self.do(stopped.interruption(event.silent_in_ms))
        self.report_words(stopped.transcripts)

    def _give_up_unheard(self, answers: dict[str, str], lost: str | None) -> None:
        """Give up the rest of these answers, which the lost loudspeaker cannot play."""
        for response_id, heard in answers.items():
            self.sounds.lost(response_id)
            grows = self.answers.interrupt_one(response_id)
            if grows:
                self.do(CancelResponse(response_id or None))
            if lost is not None and (grows or heard != "whole"):
                self.do(reports.not_played(lost, heard=heard != "unheard"))

    def close_question(self, outcome: news.QuestionOutcome, why: str) -> None:
        """Close a program's question without an answer, if one is open."""
        self.answers.queue.drop_said(self.asking.waiting)
        self.do(*self.asking.close(outcome, why))

    def hope_for_session(self) -> None:
        """Let the owed answer wait for a session, if that makes sense."""
        self.answers.owed = True
        if self.settings.outage_s and self.history.answerable:
            self.answers.hope(self.now)
        else:
            why = "the connection was lost, and what was asked is not known well enough"
            self.give_up_owed(f"{why} to ask it again")

    def resume_detection(self) -> None:
        """Let the service detect turns again if a button has suspended that."""
        if self.turns.detection_paused:
            self.turns.detection_paused = False
            self.do(outputs.ResumeTurnDetection())

    def drop_kept(self) -> None:
        """Discard what waits for a session."""
        self.turns.drop_kept()
        self.clear()
        self.resume_detection()

    def give_up_kept(self, report: AnswerGivenUp) -> None:
        """Discard what waits for a session, and report that it will not be answered."""
        self.turns.speaking.discard("button")
        self.drop_kept()
        self.do(report)

    def end_service_speech(self) -> bool:
        """Note that the service no longer hears anybody; return whether that ends a turn."""
        self.latency.speech_stopped(self.now)
        ended = self.turns.service_stopped()
        self.asking.speech_stopped(self.now)
        if ended:
            self.do(news.SpeechNoticed("stopped", "service"))
        return ended

    def drop_what_is_to_be_said(self, why: str) -> None:
        """Drop everything that programs want to be said, and report why."""
        # Only such requests wait while there is no session.
        self.do(*(reports.not_said(why) for _ in self.answers.queue.clear()))

    def hand_over(self) -> None:
        """Make a turn of what was said, and ask for its answer."""
        if not self.in_session or self.holds_back:
            self.turns.kept = True
            return
        self.turns.drop_kept()
        self.commit(by_user=False)
        self.calls.speech_started()
        if self.asking.takes_turns:
            self.asking.turn_ended(self.now)
            return
        if self.asking.understanding:
            self.history.answered()  # the person who answered a program is still speaking
            return
        self.answers.put_question(self.now)
        self.answers.queue.wish(Request(question=True), first=True)


class RuleGroup:
    """Rules about one subject; all of them share the state."""

    def __init__(self, state: ConversationState) -> None:
        self._state = state
        self._do = state.do
        self._answers, self._turns, self._playing = state.answers, state.turns, state.playing
        self._calls, self._receipts, self._asking = state.calls, state.receipts, state.asking
        self._sounds, self._history = state.sounds, state.history
        self._unsent, self._latency = state.unsent, state.latency

    @property
    def _settings(self) -> DialogueSettings:
        return self._state.settings

    @property
    def _now(self) -> float:
        return self._state.now
