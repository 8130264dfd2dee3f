"""What follows from reports of the loudspeaker."""

from __future__ import annotations

from ... import notifications as news
from .state import RuleGroup, Rules


class PlaybackRules(RuleGroup):
    """Rules for reports of the loudspeaker."""

    @property
    def rules(self) -> Rules:
        """The handler of each type of input."""
        return {
            news.PlaybackStarted: self._on_playback_started,
            news.PlaybackFinished: self._on_playback_finished,
            news.PlaybackStopped: self._on_playback_stopped,
        }

    def _on_playback_started(self, event: news.PlaybackStarted) -> None:
        self._playing.started()
        self._latency.played(event, self._now)
        if not self._playing.playing:
            return
        # Nothing else reports that somebody is still speaking.
        if self._turns.held and self._settings.local_turns:
            self._state.interrupt(cancel=True)
        elif "local" in self._turns.speaking and self._gate_interrupts:
            self._state.pause(cancel=True)

    @property
    def _gate_interrupts(self) -> bool:
        """Whether speech that began before an answer is heard interrupts that answer."""
        settings = self._settings
        if settings.local_turns:
            return settings.barge_in
        return settings.resume and settings.interruption == "us"

    def _on_playback_finished(self, event: news.PlaybackFinished) -> None:
        self._note_played(*self._playing.finished())
        self._latency.played(event, self._now)

    def _note_played(self, heard_ms: dict[str, float], transcripts: list[news.Transcript]) -> None:
        for response_id, each in heard_ms.items():
            self._receipts.heard(response_id, each)
        self._state.report_words(transcripts)

    def _on_playback_stopped(self, event: news.PlaybackStopped) -> None:
        played = self._playing.note_pause(event, self._now)
        if played is None:
            self._state.report_stop(self._playing.stopped(event, self._now), event)
            return
        self._note_played(*played)
        if self._playing.verdict == "go on":
            self._do(*self._playing.resume())
        elif self._playing.verdict == "stop":
            settled = self._playing.settled()
            assert settled is not None
            self._state.report_stop(*settled)
            self._do(*self._playing.play_later())
