"""Detects begin and end of turns from the speech probability of each frame.

Time is counted in frames of sound received, never by a clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

FRAME_MS = 32

_WINDOW = 4
_NEEDED = 2
_HYSTERESIS = 0.15


@dataclass(frozen=True, slots=True)
class Edge:
    """Speech started or stopped, `at_ms` after the first frame."""

    kind: Literal["started", "stopped"]
    at_ms: int


class TurnDetector:
    """Speech starts with 2 of 4 frames over the threshold, and stops after enough silence."""

    def __init__(self, *, threshold: float, silence_ms: int) -> None:
        self.speaking = False
        self._threshold = threshold
        self._silence_ms = silence_ms
        self._window: deque[bool] = deque(maxlen=_WINDOW)
        self._frames = 0
        self._last_speech_ms = 0

    def frame(self, probability: float) -> Edge | None:
        """Process the next frame; return an edge when speech starts or stops."""
        start_ms = self._frames * FRAME_MS
        self._frames += 1
        now_ms = self._frames * FRAME_MS
        if self.speaking:
            if probability >= max(0.01, self._threshold - _HYSTERESIS):
                self._last_speech_ms = now_ms
            elif now_ms - self._last_speech_ms >= self._silence_ms:
                self.speaking = False
                return Edge("stopped", now_ms)
            return None
        self._window.append(probability >= self._threshold)
        if sum(self._window) < _NEEDED:
            return None
        first = start_ms - (len(self._window) - 1 - self._window.index(True)) * FRAME_MS
        self.speaking = True
        self._last_speech_ms = now_ms
        self._window.clear()
        return Edge("started", first)

    def abandon(self) -> None:
        """Discard the speech in progress (committed by hand, or cleared)."""
        self.speaking = False
        self._window.clear()
