"""Short sounds that signal events (earcons), computed from notes: no file is read."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .format import SAMPLE_RATE

_Notes = tuple[tuple[int, int, int], ...]
# Each note: pitch (Hz), start and duration (ms). Nothing below 300 Hz, which small loudspeakers
# cannot play. Rising means on or good, falling means off or bad.
_NOTES = {
    "listening": ((660, 0, 90), (880, 60, 90)),
    "done": ((880, 0, 90), (660, 60, 90)),
    "working": ((440, 0, 120),),
    "muted": ((523, 0, 120), (349, 90, 160)),
    "unmuted": ((349, 0, 120), (523, 90, 160)),
    "error": ((349, 0, 130), (330, 150, 200)),
    "connected": ((523, 0, 110), (659, 90, 110), (784, 180, 160)),
    "announcement": ((659, 0, 160), (523, 140, 240)),
    "due": ((1047, 0, 180),),
}
NAMES = tuple(_NOTES)
_RING = tuple(
    (pitch, time + begin, length)
    for time in (0, 500)
    for pitch, begin, length in ((880, 0, 160), (1109, 130, 160), (1319, 260, 240))
)
_PEAK = 0.5  # of full scale, at full loudness
_ATTACK_MS = 8
_OVERTONE = 0.2


def earcon(name: str, loudness: float) -> bytes:
    """Return the sound `name` (of `NAMES`) as pcm; at `loudness` 1 its peak is half of full."""
    return _pcm(_NOTES[name], _PEAK * loudness)


def ring(volume: float) -> bytes:
    """Return a second of ringing as pcm; at `volume` 1 its peak is full scale."""
    return _pcm(_RING, volume)


def _pcm(notes: _Notes, peak: float) -> bytes:
    return bytes((_shape(notes) * (32767 * peak)).astype("<i2").tobytes())


@cache
def _shape(notes: _Notes) -> NDArray[np.float64]:
    """Return the sound with a peak of 1."""
    shape = np.zeros(max(begin + length for _, begin, length in notes) * SAMPLE_RATE // 1000)
    for pitch, begin, length in notes:
        time = np.arange(length * SAMPLE_RATE // 1000) / SAMPLE_RATE
        turn = 2 * np.pi * pitch * time
        left = 1 - time * 1000 / length
        envelope = np.minimum(1, time * 1000 / _ATTACK_MS) * left * left
        start = begin * SAMPLE_RATE // 1000
        shape[start : start + len(time)] += envelope * (np.sin(turn) + _OVERTONE * np.sin(2 * turn))
    shape /= np.abs(shape).max()
    return shape
