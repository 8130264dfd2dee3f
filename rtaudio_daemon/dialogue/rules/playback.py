"""What the loudspeaker has played."""

from __future__ import annotations

from ... import notifications as news
from .. import reports
from ..outputs import CancelResponse
from .state import RuleGroup, Rules


class PlaybackRules(RuleGroup):
    """The rules."""

    @property
    def rules(self) -> Rules:
        """What to do when an input of this type comes."""
        return {
            news.PlaybackStarted: self._on_playback_started,
            news.PlaybackFinished: self._on_playback_finished,
            news.PlaybackStopped: self._on_playback_stopped,
        }

    def _on_playback_started(self, event: news.PlaybackStarted) -> None:
        self._playing.started()
        self._latency.played(event, self._now)
        interrupts = {"local", "button"} if self._settings.barge_in else {"button"}
        not_done = self._turns.speaking & interrupts
        if self._settings.local_turns and self._playing.playing and not_done:
            self._state.interrupt(
                cancel=True
            )  # nobody else would notice that they are not done yet

    def _on_playback_finished(self, event: news.PlaybackFinished) -> None:
        heard_ms, transcripts = self._playing.finished()
        for response_id, each in heard_ms.items():
            self._receipts.heard(response_id, each)
        self._do(*transcripts)
        self._latency.played(event, self._now)

    def _on_playback_stopped(self, event: news.PlaybackStopped) -> None:
        stopped = self._playing.stopped(event)
        self._latency.played(event, self._now)
        for heard in stopped.past:
            self._history.heard(heard.part.item_id, heard.heard_ms)
        for response_id, heard_ms in stopped.heard_ms.items():
            self._receipts.heard(response_id, heard_ms)
            if stopped.answers[response_id] != "whole" or self._answers.get(response_id):
                self._receipts.stopped(response_id, lost=stopped.asked_at is None)
        if self._settings.truncation == "us":
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
