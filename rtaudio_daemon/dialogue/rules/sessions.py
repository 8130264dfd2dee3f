"""Sessions that come and go."""

from __future__ import annotations

from .. import inputs, outputs, reports
from ..answer import Request
from .state import RuleGroup, Rules


class SessionRules(RuleGroup):
    """Rules for sessions that open, are exchanged, or are lost."""

    @property
    def rules(self) -> Rules:
        """The handler of each type of input."""
        return {
            inputs.SessionOpened: self._on_session_opened,
            inputs.SessionRenewed: self._on_session_renewed,
            inputs.SoundHeldBack: self._on_sound_held_back,
            inputs.SoundLetGo: lambda _: self._state.let_go(),
            inputs.SessionLost: self._on_session_lost,
            inputs.SessionAwaited: self._on_session_awaited,
        }

    def _on_session_opened(self, _event: inputs.SessionOpened) -> None:
        self._state.in_session = True
        self._enter_session(self._unsent.resume(self._now))
        if self._turns.kept and self._state.holds_turn:
            self._state.hand_over()
        elif self._turns.kept:
            why = "the connection came too late for what was said"
            self._state.give_up_kept(reports.not_answered(why))
        else:
            self._ask_again()
        self._turns.drop_kept()
        if not self._turns.held:
            self._state.resume_detection()

    def _on_session_renewed(self, _event: inputs.SessionRenewed) -> None:
        if not self._state.in_session:
            self._on_session_opened(inputs.SessionOpened())
            return
        held_back, self._state.held_back_until = self._state.turn_held_back, None
        if held_back:
            self._state.supersede()
            self._answers.refuse_to_come()
            self._answers.interrupt()  # they end with their session in any case
        unsaid = self._leave_session()
        if held_back:
            self._state.interrupt(cancel=False)
        self._do(*(reports.not_said("the session was renewed") for _ in unsaid))
        self._state.close_question("no_answer", "the connection was exchanged")
        self._enter_session(self._unsent.renew(self._now))
        self._state.hand_over_kept()
        self._ask_again()

    def _on_sound_held_back(self, _event: inputs.SoundHeldBack) -> None:
        if self._state.in_session and not self._turns.held:
            self._state.held_back_until = self._now + self._settings.exchange_patience_s

    def _enter_session(self, kept: list[bytes]) -> None:
        self._answers.session_opened()
        self._do(*map(outputs.CreateItem, self._history.retell(self._now)))
        if kept:
            self._do(outputs.SendKeptAudio(tuple(kept)))

    def _ask_again(self) -> None:
        """Put a question whose answer had not begun to the session in use."""
        if not self._answers.owed or self._answers.queue.asks:
            return
        if not self._answers.ask_again():
            self._state.give_up_owed("the connection was lost with it again and again")
        elif not self._history.answerable:
            self._state.give_up_owed("what was asked is not known well enough to ask it again")
        else:
            said = self._answers.say_again()
            self._answers.queue.wish(
                Request(question=True, after_speech=False, said=said), first=True
            )

    def _on_session_lost(self, event: inputs.SessionLost) -> None:
        if not self._state.in_session:
            return
        self._state.in_session = self._state.hopeful = False
        self._state.held_back_until = None
        self._unsent.lost(self._now)
        self._latency.session_lost()
        if self._turns.died_unheard(self._now, self._unsent.seconds):
            why = "the connection died before the service heard what was said"
            self._do(reports.not_answered(why))
        waiting = self._answers.queue.clear()
        owed = any(request.question for request in waiting)
        unsaid = [*self._leave_session(), *(request for request in waiting if request.say)]
        self._do(*(reports.not_said(event.reason) for _ in unsaid))
        self._turns.session_lost(self._now)
        if self._turns.held:
            self._unsent.keep_for(self._settings.button_patience_s)
        self._answers.owed = self._answers.owed or owed
        self._state.close_question("no_answer", "the connection was lost")
        if event.closing:
            self._calls.silence()
            self._state.supersede()
        elif self._answers.owed:
            self._state.hope_for_session()

    def _leave_session(self) -> list[Request]:
        """Forget what lived in the session; return the announcements that will not be spoken.

        A prompt is not among them: its answer is still owed, and the next session is asked for it.
        """
        self._turns.session_gone()
        self._calls.session_gone()
        self._do(*self._playing.session_gone())
        silent = self._answers.session_gone()
        self._state.end_pause(by_speech=False)
        return [request for request in silent if request.say and request.outside]

    def _on_session_awaited(self, event: inputs.SessionAwaited) -> None:
        self._state.hopeful, self._state.why_away = event.hopeful, event.reason or ""
        if self._state.in_session or event.hopeful:
            return
        if self._turns.kept_by_button:
            self._state.give_up_kept(reports.not_connected(self._state.why_away))
        self._state.drop_what_is_to_be_said(self._state.why_away or "there is no connection")
