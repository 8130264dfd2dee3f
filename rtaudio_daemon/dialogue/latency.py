"""How long people wait: the latencies of every turn, counted from the end of speech.

A turn begins with a request or with the end of speech. The end of speech is the last moment that
sounded like speech to our own gate and was not much softer than the rest; if only the service
listens, it is when the service reports it. A turn is over when the answer was generated and played.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..notifications import (
    AudioPart,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    TurnFinished,
)

_BYTES_PER_MS = 48  # 24 kHz, mono, 16 bit
_RESPONSES_MAX = 16
_FADED_DB = 30.0  # below the loudest part of the speech: detectors linger for 40 to 150 ms
_PAUSE_S = 0.2  # without a voice while the gate is closed: what follows is another word
_RECENT_S = 0.5  # frames may arrive in groups of ten
_FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class Origin:
    """The starting point of an answer's latencies, in seconds, and those known so far, in ms."""

    at: float
    latencies: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Answer:
    origin: Origin
    latencies: dict[str, int] = field(default_factory=dict)
    status: str = ""
    generated: bool = False
    audible: bool = False
    played: bool = False
    sound_ms: dict[AudioPart, float] = field(default_factory=dict)  # since playback last ended

    def receive(self, part: AudioPart, pcm: bytes) -> None:
        self.audible, self.played = True, self.status == "interrupted"
        self.sound_ms[part] = self.sound_ms.get(part, 0.0) + len(pcm) / _BYTES_PER_MS

    def mark(self, name: str, now: float) -> None:
        self.latencies.setdefault(name, max(0, round((now - self.origin.at) * 1000)))


@dataclass(slots=True)
class _Voice:
    """A stretch that sounds like speech: its first and last moment and its peak level."""

    began: float
    heard: float
    ended: float
    loudest_dbfs: float

    def go_on(self, at: float, level_dbfs: float) -> None:
        self.heard = at
        self.loudest_dbfs = max(self.loudest_dbfs, level_dbfs)
        if level_dbfs >= self.loudest_dbfs - _FADED_DB:
            self.ended = at


class LatencyTracker:
    """Times are seconds on the caller's clock. `over` returns the turns that have ended since."""

    def __init__(self) -> None:
        self._speech_began: float | None = None
        self._voice: _Voice | None = None
        self._local = False  # our own gate hears this speech
        self._held = False  # a push-to-talk button is held
        self._gate_closed = False
        self._turn: Origin | None = None
        self._answers: dict[str, _Answer] = {}

    def voice(self, at: float, level_dbfs: float) -> None:
        """Note that the 20 ms up to `at` sound like speech, at `level_dbfs`.

        Called for every such frame, even before the gate opens, or for every third while they last.
        """
        voice = self._voice
        if voice is None or (not self._local and at - voice.heard > _PAUSE_S):
            self._voice = _Voice(at - _FRAME_S, at, at, level_dbfs)
        else:
            voice.go_on(at, level_dbfs)

    # ---------------------------------------------------------------- speech

    def speech_started(self, now: float, *, local: bool) -> None:
        """Note that our own gate or the service hears somebody."""
        if self._held:
            return  # this speech was before the button was pressed
        if self._gate_closed:
            self.speech_aborted()  # the service did not take for speech what the gate did
        if self._speech_began is None:
            self._speech_began = now
        if local and not self._local:
            self._local = True
            if self._voice is not None and now - self._voice.heard <= _RECENT_S:
                self._speech_began = min(self._speech_began, self._voice.began)
            else:
                self._voice = None

    def gate_closed(self) -> None:
        """Note that our own gate no longer hears anybody."""
        self._gate_closed = True

    def speech_stopped(self, now: float) -> None:
        """Note that the service reports the end of the turn."""
        if not self._held:
            self._end_speech(now, by_hand=False)

    def speech_aborted(self) -> None:
        """Note that what was said does not count."""
        self._speech_began = self._voice = None
        self._local = self._gate_closed = self._held = False

    def button_pressed(self, now: float) -> None:
        """Note that a push-to-talk turn begins."""
        self.speech_aborted()
        self._held = True
        self._speech_began = now

    def button_released(self, now: float) -> None:
        """Note that the push-to-talk turn is over."""
        self._end_speech(now, by_hand=True)

    # --------------------------------------------------------------- answers

    def begun(self, response_id: str, now: float, origin: Origin | None = None) -> None:
        """Note that an answer begins; `origin`: what to count from, if not the turn before it."""
        if origin is None:
            origin, self._turn = self._turn or Origin(now), None
        while len(self._answers) >= _RESPONSES_MAX:
            del self._answers[next(iter(self._answers))]
        answer = self._answers[response_id] = _Answer(origin, dict(origin.latencies))
        answer.mark("response_ms", now)

    def received(self, part: AudioPart, audio: bytes, now: float) -> None:
        """Note a piece of an answer's sound."""
        answer = self._answers.get(part.response_id)
        if answer is not None:
            answer.receive(part, audio)
            answer.mark("first_audio_ms", now)

    def finished(self, response_id: str, status: str, now: float) -> Origin | None:
        """Note that an answer was generated; return what it is counted from."""
        answer = self._answers.get(response_id)
        if answer is None:
            return None
        answer.generated, answer.status = True, answer.status or status
        answer.mark("generated_ms", now)
        return answer.origin

    def session_lost(self) -> None:
        """Note that nothing more arrives of the answers under way."""
        self.speech_aborted()
        self._turn = None
        for answer in self._answers.values():
            answer.generated, answer.status = True, answer.status or "lost"

    def played(
        self, event: PlaybackStarted | PlaybackFinished | PlaybackStopped, now: float
    ) -> None:
        """Note that the loudspeaker began, finished or stopped."""
        sounding = [each for each in self._answers.values() if each.audible and not each.played]
        if not sounding:
            return
        if isinstance(event, PlaybackStarted):
            sounding[0].mark("first_sound_ms", now)
            return
        cut = event.heard if isinstance(event, PlaybackStopped) else ()
        heard_ms = {each.part: each.heard_ms for each in cut}
        ended = now
        # No report marks the change from one answer to the next: it follows from their lengths.
        for answer in reversed(sounding):
            length_ms = sum(min(ms, heard_ms.get(part, ms)) for part, ms in answer.sound_ms.items())
            if isinstance(event, PlaybackStopped) and (
                not cut or not heard_ms.keys().isdisjoint(answer.sound_ms)
            ):
                answer.status = "interrupted"
            if length_ms or not cut or "first_sound_ms" in answer.latencies:
                answer.latencies.pop("last_sound_ms", None)  # there was a pause in it
                answer.mark("last_sound_ms", ended)
                ended -= length_ms / 1000
                answer.mark("first_sound_ms", ended)
            answer.played = True
            answer.sound_ms.clear()

    def over(self) -> list[TurnFinished]:
        """Return the turns that have ended since the last call."""
        done = [
            (response_id, answer)
            for response_id, answer in self._answers.items()
            if answer.generated and (answer.played or not answer.audible)
        ]
        for response_id, _ in done:
            del self._answers[response_id]
        return [
            TurnFinished(response_id, answer.status, answer.latencies)
            for response_id, answer in done
        ]

    # --------------------------------------------------------------- private

    def _end_speech(self, now: float, *, by_hand: bool) -> None:
        ended = now
        if self._local and self._voice is not None and not by_hand:
            ended = self._voice.ended
        began = self._speech_began if self._speech_began is not None else ended
        latencies = {"speech_ms": max(0, round((ended - began) * 1000))}
        if not by_hand:
            latencies["endpoint_ms"] = max(0, round((now - ended) * 1000))
        self._turn = Origin(ended, latencies)
        self.speech_aborted()
