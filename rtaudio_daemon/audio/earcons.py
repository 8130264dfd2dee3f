"""Short sounds that say what the house does, computed, not recorded."""

from __future__ import annotations

import numpy as np

from .format import SAMPLE_RATE

# Each is a row of tones: hertz (0 = a pause), and milliseconds.
_TONES: dict[str, tuple[tuple[float, int], ...]] = {
    "listening": ((660, 60), (880, 90)),
    "done": ((880, 60), (660, 90)),
    "muted": ((440, 80), (330, 120)),
    "error": ((220, 120), (0, 60), (220, 180)),
    "connected": ((523, 60), (659, 60), (784, 90)),
}
NAMES = tuple(_TONES)
_EDGE_MS = 8  # each tone swells and fades, so that nothing clicks


def earcon(name: str, loudness: float = 0.2) -> bytes:
    """The sound called `name` (one of `NAMES`) as pcm; `loudness` is its peak, 0 to 1."""
    tones = [_tone(hertz, ms, loudness) for hertz, ms in _TONES[name]]
    return b"".join(tones)


def _tone(hertz: float, ms: int, loudness: float) -> bytes:
    count = SAMPLE_RATE * ms // 1000
    wave = np.sin(2 * np.pi * hertz * np.arange(count) / SAMPLE_RATE)
    edge = np.linspace(0, 1, SAMPLE_RATE * _EDGE_MS // 1000)
    wave[: len(edge)] *= edge
    wave[-len(edge) :] *= edge[::-1]
    return bytes((wave * loudness * 32767).astype("<i2").tobytes())
