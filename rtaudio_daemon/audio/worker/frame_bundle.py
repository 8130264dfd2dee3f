"""Bundles frames of a microphone that are not urgent, so that the daemon wakes less often.

Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

from array import array
from math import hypot, sqrt

LONG_MS = 200  # bundle of quiet frames while nobody speaks or is answered
SOFT_MS = 100  # bundle of soft frames while somebody does
PAIR_MS = 40  # bundle of other frames if these may be sent in pairs
_QUIET = 200  # maximum amplitude in a quiet frame


class FrameBundle:
    """The frames of one stream, of `frame_ms` each; mono s16le."""

    def __init__(self, frame_ms: int) -> None:
        self._frame_ms = frame_ms
        self._frames: list[bytes] = []
        self._limit_ms = LONG_MS  # of the most urgent frame in the bundle

    def add(
        self, frame: bytes, *, closely: bool, soft_below: float = 0.0, pairs: bool = False
    ) -> bytes:
        """Return what to send now: nothing, or all that waits, ending with this frame.

        `closely`: only frames whose root mean square is below `soft_below` (0 to 32768) may wait
        for long; others may, with `pairs`, wait for one more frame.
        """
        self._frames.append(frame)
        if closely:
            limit_ms = SOFT_MS if _is_soft(frame, soft_below) else PAIR_MS if pairs else 0
        else:
            limit_ms = LONG_MS if _is_quiet(frame) else 0
        self._limit_ms = min(self._limit_ms, limit_ms)
        if len(self._frames) * self._frame_ms < self._limit_ms:
            return b""
        together = b"".join(self._frames)
        self._frames.clear()
        self._limit_ms = LONG_MS
        return together


def _is_soft(pcm: bytes, below: float) -> bool:
    return below > 0 and hypot(*array("h", pcm)) < below * sqrt(len(pcm) / 2)


def _is_quiet(pcm: bytes) -> bool:
    samples = array("h", pcm)
    return max(samples) < _QUIET and min(samples) > -_QUIET
