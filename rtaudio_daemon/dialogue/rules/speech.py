"""Who speaks, as reported by the service, by our own gate, and by a button."""

from __future__ import annotations

from ... import notifications as news
from ...protocol import events as wire
from .. import inputs, outputs, reports
from .state import RuleGroup, Rules


class SpeechRules(RuleGroup):
    """Rules for the beginning and the end of speech."""

    @property
    def rules(self) -> Rules:
        """The handler of each type of input."""
        return {
            wire.SpeechStarted: self._on_speech_started,
            wire.SpeechStopped: self._on_speech_stopped,
            wire.InputCommitted: self._on_committed,
            wire.InputCleared: self._on_cleared,
            wire.InputTimedOut: lambda event: self._turns.timed_out(event.item_id),
            wire.UserTranscript: self._on_user_transcript,
            wire.UserTranscriptFailed: self._on_user_transcript_failed,
            inputs.LocalSpeechStarted: self._on_local_speech_started,
            inputs.LocalSpeechStopped: self._on_local_speech_stopped,
            inputs.SpeechAborted: self._on_speech_aborted,
            inputs.ButtonPressed: self._on_button_pressed,
            inputs.ButtonReleased: lambda event: self.release_button(answer=event.answer),
            inputs.AudioCommitted: lambda event: self._state.commit(event.event_id),
            inputs.AudioCleared: lambda event: self._state.clear(event.event_id, by_user=True),
        }

    def _on_speech_started(self, event: wire.SpeechStarted) -> None:
        if not self._turns.service_started(event.item_id, self._now):
            return
        self._latency.speech_started(self._now, local=False)
        self._do(news.SpeechNoticed("started", "service"))
        self._answers.expect_none()
        self._state.supersede()
        self._do(*self._asking.speech_started(self._now))
        if self._settings.interruption == "service":
            self._state.pause(cancel=not self._settings.service_cancels)

    def _on_speech_stopped(self, _event: wire.SpeechStopped) -> None:
        if self._state.end_service_speech():
            self._state.end_pause()
            self._expect_answer()

    def _on_committed(self, event: wire.InputCommitted) -> None:
        whose = self._turns.committed()
        if whose != "disowned" and not self._turns.is_silence(event.item_id):
            self._state.end_pause()
            self._state.rest.committed(event.item_id)
        if whose == "disowned":
            if event.item_id:
                self._do(outputs.DeleteItem(event.item_id))
            if self._settings.replies:
                self._answers.refuse_unasked(self._now)
        elif whose == "theirs":
            if self._turns.hears(event.item_id):
                self._state.end_service_speech()  # not every service reports that
            if self._asking.takes_turns and not self._turns.is_silence(event.item_id):
                self._take_answer(event.item_id)
                return
            if self._replies and not self._turns.is_silence(event.item_id):
                self._answers.put_question(self._now)
            self._expect_answer()
        elif self._asking.lacks_item:
            self._take_answer(event.item_id)

    def _take_answer(self, item_id: str) -> None:
        """Take a turn as the answer to a program's question, which the model must not answer."""
        self._asking.turn_ended(self._now, item_id)
        self._answers.expected = False
        self._history.answered()

    @property
    def _replies(self) -> bool:
        """Whether the service answers by itself a turn that ends now."""
        return self._settings.replies and not self._asking.refuses_replies

    def _expect_answer(self) -> None:
        if self._replies:
            self._answers.expect(self._now)

    def _on_cleared(self, _event: wire.InputCleared) -> None:
        if self._turns.cleared():
            self._latency.speech_aborted()
            self._do(news.SpeechNoticed("stopped", "service"))

    def _on_user_transcript(self, event: wire.UserTranscript) -> None:
        if self._is_nobodys(event):
            self._take_back(event.item_id)
            return
        self._do(news.Transcript("user", event.text, True, event.item_id))
        self._do(*self._asking.transcribed(event.item_id, event.text, self._now))

    def _is_nobodys(self, event: wire.UserTranscript) -> bool:
        """Return whether a wordless turn interrupted an answer and no other answer is heard yet."""
        if any(character.isalnum() for character in event.text):
            return False
        return self._state.rest.wordless(event.item_id) and not self._playing.queued

    def _take_back(self, item_id: str) -> None:
        """Delete a turn that nobody spoke; undo its interruption if no other turn caused it."""
        self._do(outputs.DeleteItem(item_id))
        if not self._state.rest.unexplained:
            # Something else has been said since, and has its own answer.
            self._do(*self._asking.transcribed(item_id, "", self._now))
            return
        self._asking.nobody_answered(item_id, self._now, self._state.rest.seconds)
        self._answers.take_back_question()
        self._state.drop_owed()
        self._calls.silence()
        self._state.silence(by_speech=True)
        if not self._turns.speaking:
            self._state.play_rest(undone=True)

    def _on_user_transcript_failed(self, event: wire.UserTranscriptFailed) -> None:
        self._do(reports.not_transcribed(event))
        self._asking.not_transcribed(event.item_id, self._now)

    def _on_local_speech_started(self, _event: inputs.LocalSpeechStarted) -> None:
        if (
            not self._state.in_session
            and self._sounds.heard
            and self._settings.interruption != "nobody"
        ):
            self._state.interrupt(cancel=False, by_speech=True)
        kept = not self._state.in_session and self._settings.local_turns
        if not (self._state.in_session or kept) or "local" in self._turns.speaking:
            return
        if kept:
            self._turns.keep(self._now)
        self._turns.speaking.add("local")
        self._latency.speech_started(self._now, local=True)
        self._do(news.SpeechNoticed("started", "local"))
        self._do(*self._asking.speech_started(self._now))
        if self._playing.playing and self._settings.interruption != "nobody":
            ours = self._settings.interruption == "us" or not self._settings.service_cancels
            self._state.pause(cancel=ours)

    def _on_local_speech_stopped(self, _event: inputs.LocalSpeechStopped) -> None:
        self._latency.gate_closed()
        if "local" not in self._turns.speaking:
            return
        self._turns.local_stopped(self._now, in_session=self._state.in_session)
        self._asking.speech_stopped(self._now)
        self._do(news.SpeechNoticed("stopped", "local"))
        if self._state.turn_held_back:
            self._state.end_pause()  # the service in use does not hear it
        if self._settings.local_turns:
            if self._settings.barge_in or not self._playing.playing:
                self._state.silence(by_speech=True)  # the answer began before this was said
            self._state.hand_over()

    def _on_speech_aborted(self, event: inputs.SpeechAborted) -> None:
        if not event.nobody:
            self._state.end_pause(by_speech=False)
            self._state.rest.by_speech = False
        self._abort(taken_back=True)
        if event.nobody and self._state.rest.unexplained and not self._playing.queued:
            self._state.play_rest(undone=True)  # its turn ended before that was known

    def _abort(self, *, taken_back: bool = False) -> None:
        """Discard what is being said or waits for a session.

        `taken_back`: also discard what the service hears of it and has not reported yet.
        """
        self._latency.speech_aborted()
        self._turns.aborted(self._now, in_session=self._state.in_session)
        self._state.clear(taken_back=taken_back)
        self._state.resume_detection()

    def _on_button_pressed(self, _event: inputs.ButtonPressed) -> None:
        turns = self._turns
        if "service" in turns.speaking:
            self._do(news.SpeechNoticed("stopped", "service"))  # the service may report it too late
        if not turns.kept_by_button:
            self._state.clear()
            self._do(outputs.PauseTurnDetection())
        turns.pressed(self._now, in_session=self._state.in_session)
        self._latency.button_pressed(self._now)
        self._do(news.SpeechNoticed("started", "local"))
        self._state.supersede()
        self._do(*self._asking.speech_started(self._now))
        if not self._state.in_session:
            self._unsent.keep_for(self._settings.button_patience_s)
        self._state.silence()

    def release_button(self, *, answer: bool = True) -> None:
        """Note that the button was released; the turn is answered, or forgotten."""
        if not (self._turns.held or self._turns.kept_by_button):
            return
        if self._turns.held:
            self._latency.button_released(self._now)
            self._do(news.SpeechNoticed("stopped", "local"))
        self._turns.speaking.clear()
        if answer:
            self._state.hand_over()
        else:
            self._abort()
        if self._state.in_session or not answer:
            self._state.resume_detection()
