"""What programs and people ask for: texts, sounds, questions, silence, results of functions."""

from __future__ import annotations

from .. import inputs, outputs, reports
from ..announcements import message_item, request_to_say
from ..answer import Request
from ..outputs import CancelResponse
from .state import RuleGroup, Rules


class ProgramRules(RuleGroup):
    """Rules for requests of programs and people."""

    @property
    def rules(self) -> Rules:
        """The handler of each type of input."""
        return {
            inputs.InterruptRequested: self._on_interrupt_requested,
            inputs.ContinueRequested: lambda _: self._state.play_rest(undone=False),
            inputs.SayRequested: self._on_say_requested,
            inputs.PlayRequested: self._on_play_requested,
            inputs.AskRequested: self._on_ask_requested,
            inputs.MicrophoneClosed: self._on_microphone_closed,
            inputs.AnswerRequested: self._on_answer_requested,
            inputs.CancelRequested: self._on_cancel_requested,
            inputs.CallAnswered: self._on_call_answered,
            inputs.CallsTakeLong: self._on_calls_take_long,
        }

    def _on_interrupt_requested(self, _event: inputs.InterruptRequested) -> None:
        self._state.close_question("interrupted", "silence was asked for")
        self._answers.queue.clear(sounds=True)
        if self._turns.waits:
            self._state.drop_kept()
        self._calls.silence()
        self._state.drop_owed()
        self._state.silence()

    def _on_say_requested(self, event: inputs.SayRequested) -> None:
        self._receipts.begin(event.said, listen=event.listen)
        may_wait = self._state.in_session or self._state.hopeful
        if not may_wait or self._answers.queue.full:
            why = "too much is waiting to be said" if may_wait else "there is no connection"
            self._do(reports.not_said(why))
            return
        if event.urgent and not self._asking.waiting:
            self._state.close_question("interrupted", "something more urgent was to be said")
        request = request_to_say(event, self._now)
        self._answers.say(
            request, self._now, in_session=self._state.in_session, urgent=event.urgent
        )
        if event.urgent:
            self._state.silence()

    def _on_play_requested(self, event: inputs.PlayRequested) -> None:
        self._receipts.begin(event.said)
        if self._answers.queue.full or self._settings.playback == "assumed":
            why = (
                "too much is waiting to be played"
                if self._answers.queue.full
                else "nobody plays it"
            )
            self._do(reports.sound_not_played(why))
            return
        if event.urgent and not self._asking.waiting:
            self._state.close_question("interrupted", "something more urgent was to be played")
        self._answers.queue.wish(Request(sound=event.pcm, said=event.said), first=event.urgent)
        if event.urgent:
            self._state.silence()

    def _on_ask_requested(self, event: inputs.AskRequested) -> None:
        self._state.close_question("interrupted", "another question was asked")
        self._asking.begin(event)
        say = inputs.SayRequested(
            event.text, "verbatim", remember=True, said=event.ask, chime=event.chime
        )
        self._on_say_requested(say)

    def _on_microphone_closed(self, event: inputs.MicrophoneClosed) -> None:
        self._state.close_question("interrupted", event.reason)

    def _on_answer_requested(self, event: inputs.AnswerRequested) -> None:
        if not self._state.in_session:
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
            self._answers.queue.wish(request)
            self._answers.put_question(self._now)

    def _on_cancel_requested(self, event: inputs.CancelRequested) -> None:
        active = self._answers.current_id
        response_id = event.response_id or active
        self._answers.cancel(response_id)
        if response_id == active:
            self._state.drop_owed()
        self._do(CancelResponse(response_id, event.event_id or ""))

    def _on_call_answered(self, event: inputs.CallAnswered) -> None:
        batch = self._calls.answer(
            event.call_id, event.output, sent=event.sent, silent=event.silent
        )
        if batch is None:
            return
        for call in batch.calls:
            self._history.result(call.call_id, batch.outputs[call.call_id])
        if self._state.in_session:
            self._do(*map(outputs.CreateItem, batch.items()))
        if not batch.wants_answer(
            answered_soon=bool(self._turns.speaking) or self._answers.to_come
        ):
            if batch.awaited:
                self._history.answered()  # it needs no words
            return
        most = self._settings.call_rounds_most
        if most is not None and batch.round > most:
            self._history.answered()
            self._do(reports.not_answered("the model only calls tools, again and again"))
        elif self._state.in_session:
            careful = batch.superseded or self._settings.playback == "reported"
            last = most is not None and batch.round == most
            settings = {"tool_choice": "none"} if last else None
            self._answers.queue.wish(
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
            self._state.hope_for_session()

    def _on_calls_take_long(self, event: inputs.CallsTakeLong) -> None:
        if (
            not self._state.in_session
            or self._answers.pending
            or not self._calls.awaited(event.call_ids)
        ):
            return
        before = (message_item(event.note, "system"),)
        # The limit of rounds refuses calls that the answer makes all the same.
        most = self._settings.call_rounds_most or 0
        self._answers.queue.wish(Request({"tool_choice": "none"}, before=before, round=most))
