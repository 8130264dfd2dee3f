"""The input audio buffer: sound that is not yet a turn, on a clock of audio received."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..protocol.rejection import Rejection
from ..protocol.session_config import TurnDetection
from .items import BYTES_PER_MS
from .turn_detector import TurnDetector
from .voice_detector import VoiceDetector

_MARGIN_MS = 500  # more than the detector's context, besides the prefix
_LIMIT_BYTES = 600_000 * BYTES_PER_MS
_MINIMUM_MS = 100


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """Speech started; `start_ms` includes the prefix padding."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """Speech stopped; `pcm` is the whole turn, with its prefix and the silence at its end."""

    end_ms: int
    pcm: bytes


class InputBuffer:
    """Times are ms since the first byte ever appended; clearing does not reset that clock."""

    def __init__(self) -> None:
        self.dropped_bytes = 0
        self._sound = bytearray()
        self._origin = 0  # position of the first byte held, in bytes
        self._voice_detector: VoiceDetector | None = None
        self._settings: TurnDetection | None = None
        self._detector: TurnDetector | None = None
        self._detector_ms = 0  # position of the detector's first frame
        self._floor_ms = 0  # the end of the last turn: no turn begins before it
        self._start_ms = 0

    @property
    def speaking(self) -> bool:
        """Whether a turn is in progress."""
        return self._detector is not None and self._detector.speaking

    @property
    def position_ms(self) -> int:
        """How many ms were appended in total."""
        return (self._origin + len(self._sound)) // BYTES_PER_MS

    def listen(self, settings: TurnDetection | None, voice_detector: VoiceDetector | None) -> None:
        """Detect turns with `settings` and a new `voice_detector` from here on, or not at all."""
        self._settings = settings
        self._voice_detector = voice_detector
        self._detector_ms = self.position_ms
        self._detector = None
        if settings is not None:
            self._detector = TurnDetector(
                threshold=settings.threshold, silence_ms=settings.silence_duration_ms
            )

    def append(self, pcm: bytes) -> Iterator[SpeechStart | SpeechEnd]:
        """Add sound; yield begin and end of turns in it, one at a time, as they are detected."""
        self._sound += pcm
        if self._detector is not None and self._voice_detector is not None:
            for probability in self._voice_detector.probabilities(pcm):
                yield from self._frame(probability)
        self._trim()

    def commit(self) -> bytes:
        """Take what is held as a turn; raises `Rejection` if it is shorter than 100 ms."""
        if self._detector is not None and not self._detector.speaking:
            held = b""
        else:
            held = bytes(self._sound)
        if len(held) < _MINIMUM_MS * BYTES_PER_MS:
            raise Rejection(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_MINIMUM_MS}ms of audio, but buffer only has "
                f"{len(held) / BYTES_PER_MS:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        if self._detector is not None:
            held = self._between(self._start_ms, self.position_ms)
        self.clear()
        return held

    def clear(self) -> None:
        """Forget what is held."""
        self._forget_until(self.position_ms)
        if self._detector is not None:
            self._detector.abandon()

    def _frame(self, probability: float) -> Iterator[SpeechStart | SpeechEnd]:
        assert self._detector is not None
        assert self._settings is not None
        edge = self._detector.frame(probability)
        if edge is None:
            return
        at_ms = self._detector_ms + edge.at_ms
        if edge.kind == "started":
            start_ms = at_ms - self._settings.prefix_padding_ms
            self._start_ms = max(self._floor_ms, start_ms)
            yield SpeechStart(self._start_ms)
        else:
            pcm = self._between(self._start_ms, at_ms)
            self._forget_until(at_ms)
            yield SpeechEnd(at_ms, pcm)

    def _between(self, start_ms: int, end_ms: int) -> bytes:
        start = max(0, start_ms * BYTES_PER_MS - self._origin)
        return bytes(self._sound[start : max(start, end_ms * BYTES_PER_MS - self._origin)])

    def _forget_until(self, at_ms: int) -> None:
        self._floor_ms = at_ms
        self._drop(at_ms * BYTES_PER_MS - self._origin)

    def _trim(self) -> None:
        if self._settings is not None and not self.speaking:
            keep_ms = self._settings.prefix_padding_ms + _MARGIN_MS
            self._drop(len(self._sound) - keep_ms * BYTES_PER_MS)
        excess = len(self._sound) - _LIMIT_BYTES
        if excess > 0:
            self.dropped_bytes += excess
            self._drop(excess)

    def _drop(self, count: int) -> None:
        if count > 0:
            count = min(count, len(self._sound))
            del self._sound[:count]
            self._origin += count
