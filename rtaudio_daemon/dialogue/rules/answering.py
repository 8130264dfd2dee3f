"""What the service answers, and what it refuses."""

from __future__ import annotations

from ... import notifications as news
from ...protocol import events as wire
from .. import inputs, outputs, reports
from ..answer import Answer
from ..outputs import AnswerGivenUp, CancelResponse, DeleteItem
from .state import RuleGroup, Rules


class AnswerRules(RuleGroup):
    """Rules for answers and errors of the service."""

    @property
    def rules(self) -> Rules:
        """The handler of each type of input."""
        return {
            wire.ServiceErrorReported: self._on_service_error,
            wire.ItemReported: self._on_part_of_answer,
            wire.ResponseCreated: self._on_response_created,
            wire.AudioDelta: self._on_audio_delta,
            wire.AudioDone: lambda event: self._do(*self._playing.ended(event.part)),
            wire.TextDelta: self._on_text_delta,
            wire.TextDone: self._on_text_done,
            wire.CallArgumentsDone: self._on_part_of_answer,
            wire.ResponseDone: self._on_response_done,
            inputs.AnswerDropped: lambda _: self._state.drop_owed(),
        }

    def _on_response_created(self, event: wire.ResponseCreated) -> None:
        known = self._answers.get(event.response_id)
        answer = self._answers.created(event, self._now)
        if answer is not known:
            self._note_beginning(answer)

    def _sign_of(self, response_id: str) -> Answer | None:
        """Note a sign of an answer, which may begin with it. Returns None if nobody wants it."""
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
            self._latency.begun(answer.response_id, self._now, origin)

    def _settle(self, answer: Answer) -> None:
        if self._answers.begun(answer):
            self._history.answered()

    def _on_audio_delta(self, event: wire.AudioDelta) -> None:
        answer = self._sign_of(event.part.response_id)
        if answer is None:
            self._playing.missed(event.part, event.size)
            self._state.rest.missed(event.part, event.size)
            return
        if answer.aloud:
            self._do(*self._sounds.finish())
        if not answer.sounded and answer.request is not None and answer.request.chime:
            self._do(*self._playing.chime(answer.response_id, answer.request.chime))
        answer.sounding.add(event.part.item_id)
        self._settle(answer)
        if answer.aloud:
            self._latency.received(event.part, event.audio, self._now)
            in_session = not answer.outside
            self._do(*self._playing.received(event.part, event.audio, in_session=in_session))

    def _on_text_delta(self, event: wire.TextDelta) -> None:
        answer = self._sign_of(event.part.response_id)
        if answer is not None and not event.spoken:
            self._settle(answer)

    def _on_text_done(self, event: wire.TextDone) -> None:
        answer = self._answers.get(event.part.response_id)
        if answer is not None and self._asking.reads(answer.request):
            return  # this answer is not for people
        if event.text and event.spoken:
            self._state.rest.words(event.part, event.text)
            self._do(*self._playing.words(event.part, event.text))
        elif event.text and not self._answers.is_late(event.part.response_id):
            if answer is not None:
                answer.written.add(event.part.item_id)
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
        self._forget_unheard(answer, event)
        self._receipts.generated(answer.response_id, event.status, interrupted=answer.interrupted)
        origin = self._latency.finished(response_id, event.status, self._now)
        if event.usage:
            self._do(news.UsageReported(response_id, event.usage))
        if self._asking.reads(answer.request):
            calls = self._calls.written(event)
            self._do(*self._asking.read(answer.request, calls, self._now))
            return
        if answer.refused:
            self._calls.written(event)
            return
        patience_s = self._settings.calls_patience_s
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
            self._history.answered()
        if not (answer.interrupted or self._playing.paused):
            self._do(*reports.failure(event))

    def _forget_unheard(self, answer: Answer, event: wire.ResponseDone) -> None:
        """Delete items of an interrupted answer that arrived too late to be heard."""
        if not answer.interrupted or answer.outside or self._settings.truncation != "us":
            return
        known = answer.sounding | answer.written
        for item in event.output:
            # If the service did not name the item of a sound, it may be any item.
            if item.kind == "assistant" and item.id and known.isdisjoint(("", item.id)):
                self._history.heard(item.id, 0.0)
                self._do(DeleteItem(item.id))

    def _on_service_error(self, event: wire.ServiceErrorReported) -> None:
        self._do(*reports.trouble(event))
        if event.event_id and self._turns.commit_refused(event.event_id):
            self._answers.take_back_question()
            self._state.give_up_owed("the service did not take what was said")
            return
        self._answers.reply_refused(event)
        request = self._answers.refused(event, self._now)
        if request is not None:
            self._receipts.refused(request.said)
        if self._asking.reads(request):
            self._do(*self._asking.refused(request))
        elif request is not None and request.say:
            self._do(reports.not_said("the service refused it"))
        elif request is not None and not request.outside:
            self._state.give_up_owed("the service refused to answer")

    def give_up_silent_answers(self) -> None:
        """Stop waiting for answers of which the service gives no sign."""
        patience_s = self._answers.silent_for_s(self._now)
        if patience_s is None:
            return
        if self._answers.coming or self._answers.owed:
            self._do(AnswerGivenUp("no_reply", f"no answer came in {patience_s:g} s"))
        self._state.drop_owed()
        for response_id in self._answers.give_up():
            self._do(*self._playing.answer_ended(response_id))
            self._receipts.generated(response_id, "given up", interrupted=False)
            self._latency.finished(response_id, "given up", self._now)
