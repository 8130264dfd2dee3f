"""How long people wait: the latencies of every turn, counted from the end of their speech.

The ledger hears the same happenings as the conversation and knows no clock either. A turn begins
with the end of speech (the last moment that sounded like speech to our own gate, or, where only
the service listens, its word for it) or with a request; it is over when the answer was generated
and the loudspeaker is done with it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .events import (
    AudioPart,
    AudioReceived,
    ButtonPressed,
    ButtonReleased,
    Happening,
    InterruptRequested,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    ResponseFinished,
    ResponseStarted,
    SayRequested,
    SessionLost,
    SpeechAborted,
    SpeechStarted,
    SpeechStopped,
    TurnFinished,
)

_BYTES_PER_MS = 48  # 24 kHz, mono, 16 bit
_REQUESTS_MAX = 16
_RESPONSES_MAX = 16


@dataclass(frozen=True, slots=True)
class _Origin:
    """What an answer is counted from, in seconds, and what is known of it in ms."""

    at: float
    latencies: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Answer:
    origin: _Origin
    latencies: dict[str, int] = field(default_factory=dict)
    status: str = ""
    generated: bool = False
    audible: bool = False
    played: bool = False
    sound_ms: dict[AudioPart, float] = field(default_factory=dict)  # since playing last ended

    def receive(self, part: AudioPart, pcm: bytes) -> None:
        self.audible, self.played = True, self.status == "interrupted"
        self.sound_ms[part] = self.sound_ms.get(part, 0.0) + len(pcm) / _BYTES_PER_MS

    def mark(self, name: str, now: float) -> None:
        self.latencies.setdefault(name, max(0, round((now - self.origin.at) * 1000)))


class TurnLedger:
    """Tell it every happening; it answers with `TurnFinished` when an answer is over."""

    def __init__(self) -> None:
        self._speech_began: float | None = None
        self._voice: float | None = None
        self._local = False  # our own gate hears this speech
        self._held = False  # somebody talks by button
        self._gate_closed = False
        self._turn: _Origin | None = None
        self._requests: deque[_Origin] = deque(maxlen=_REQUESTS_MAX)
        self._answers: dict[str, _Answer] = {}

    def voice(self, now: float) -> None:
        """This very moment sounds like speech (told by the gate, frame by frame)."""
        if self._local:
            self._voice = now

    def note(self, happening: Happening, now: float) -> list[TurnFinished]:
        """Take in what happened at `now` (seconds); returns the turns that are over by it."""
        match happening:
            case ButtonPressed():
                self._forget_speech()
                self._held = True
                self._begin_speech(now, local=False)
            case SpeechStarted("service") | SpeechStopped("service") if self._held:
                pass  # that was before the button was pressed
            case SpeechStarted():
                self._begin_speech(now, local=happening == SpeechStarted("local"))
            case SpeechStopped("local"):
                self._gate_closed = True
            case SpeechStopped("service") | ButtonReleased():
                self._end_speech(now, by_hand=isinstance(happening, ButtonReleased))
            case SpeechAborted():
                self._forget_speech()
            case SayRequested():
                self._requests.append(_Origin(now))
            case ResponseStarted(response_id):
                self._begin(response_id, now)
            case AudioReceived(part, pcm):
                self._begin(part.response_id, now)
                answer = self._answers[part.response_id]
                answer.receive(part, pcm)
                answer.mark("first_audio_ms", now)
            case ResponseFinished(response_id, status):
                self._finish(response_id, status, now)
            case PlaybackStarted() | PlaybackFinished() | PlaybackStopped():
                self._play(happening, now)
            case InterruptRequested():
                self._requests.clear()
            case SessionLost():
                self._lose()
            case _:
                pass
        return self._over()

    def _begin_speech(self, now: float, *, local: bool) -> None:
        if self._gate_closed:
            self._forget_speech()  # what the gate took for speech, the service did not
        if self._speech_began is None:
            self._speech_began = now
        self._local = self._local or local

    def _forget_speech(self) -> None:
        self._speech_began = self._voice = None
        self._local = self._gate_closed = self._held = False

    def _end_speech(self, now: float, *, by_hand: bool) -> None:
        ended = now if by_hand or self._voice is None else self._voice
        began = self._speech_began if self._speech_began is not None else ended
        latencies = {"speech_ms": max(0, round((ended - began) * 1000))}
        if not by_hand:
            latencies["endpoint_ms"] = max(0, round((now - ended) * 1000))
        self._turn = _Origin(ended, latencies)
        self._forget_speech()

    def _begin(self, response_id: str, now: float) -> None:
        if response_id in self._answers:
            return
        origin = self._turn
        if origin is None:
            origin = self._requests.popleft() if self._requests else _Origin(now)
        self._turn = None
        while len(self._answers) >= _RESPONSES_MAX:
            del self._answers[next(iter(self._answers))]
        answer = self._answers[response_id] = _Answer(origin, dict(origin.latencies))
        answer.mark("response_ms", now)

    def _finish(self, response_id: str, status: str, now: float) -> None:
        answer = self._answers.get(response_id)
        if answer is None:
            return
        answer.generated, answer.status = True, answer.status or status
        answer.mark("generated_ms", now)
        if not answer.audible and status == "completed":
            self._turn = self._turn or answer.origin  # as before a tool is called: it goes on

    def _play(
        self, happening: PlaybackStarted | PlaybackFinished | PlaybackStopped, now: float
    ) -> None:
        sounding = [each for each in self._answers.values() if each.audible and not each.played]
        if not sounding:
            return
        if isinstance(happening, PlaybackStarted):
            sounding[0].mark("first_sound_ms", now)
            return
        cut = happening.heard if isinstance(happening, PlaybackStopped) else ()
        heard_ms = {each.part: each.heard_ms for each in cut}
        ended = now
        # Nothing tells when one answer gave way to the next: that follows from their lengths.
        for answer in reversed(sounding):
            length_ms = sum(min(ms, heard_ms.get(part, ms)) for part, ms in answer.sound_ms.items())
            if isinstance(happening, PlaybackStopped) and (
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

    def _lose(self) -> None:
        self._forget_speech()
        self._turn = None
        self._requests.clear()
        for answer in self._answers.values():
            answer.generated, answer.status = True, answer.status or "lost"

    def _over(self) -> list[TurnFinished]:
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
