"""Is what is heard that which is played? All sound is pcm."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from .expected_echo import Bands, bins
from .format import SAMPLE_RATE

_WINDOW = SAMPLE_RATE * 4 // 25  # of what is heard, looked for in what is played
_REACH = SAMPLE_RATE * 4 // 5  # of what is played that may be in it
_BLOCK = SAMPLE_RATE // 50


class OwnVoice:
    """Is what is heard that which is played? However loud it is, its samples go up and down alike.

    In a room that echoes much, or with a loudspeaker that distorts, they may not.
    """

    def __init__(self) -> None:
        # Blocks of 20 ms or more.
        self._played: deque[bytes] = deque([bytes(2 * _REACH)], maxlen=_REACH // _BLOCK)
        self._heard: deque[bytes] = deque([bytes(2 * _WINDOW)], maxlen=_WINDOW // _BLOCK)

    def played(self, pcm: bytes, skipped: int) -> None:
        """Take note of what goes to the loudspeaker, after `skipped` samples of silence."""
        if skipped:
            self._played.append(bytes(2 * min(skipped, _REACH)))
        self._played.append(pcm)

    def heard(self, pcm: bytes) -> None:
        """Take note of what the microphone hears meanwhile."""
        self._heard.append(pcm)

    def likeness(self, bands: Bands) -> tuple[float, float]:
        """How alike they are (0 to 1): in all, and at the same delay in these bands alone."""
        far, near = _last(self._played, _REACH), _last(self._heard, _WINDOW)
        near -= near.mean()  # an offset of the sound card
        size = 1 << (_REACH + _WINDOW).bit_length()
        product = np.fft.irfft(np.fft.rfft(far, size) * np.conj(np.fft.rfft(near, size)), size)
        energy = np.concatenate([[0.0], np.cumsum(far * far)])
        scale = np.sqrt((energy[_WINDOW:] - energy[:-_WINDOW]) * float(near @ near))
        likeness = np.abs(product[: _REACH - _WINDOW + 1]) / np.maximum(scale, 1.0)
        at = int(likeness.argmax())
        parts = bins(bands, _WINDOW)
        one, other = (np.fft.rfft(sound)[parts] for sound in (far[at : at + _WINDOW], near))
        norm = float(np.linalg.norm(one) * np.linalg.norm(other))
        return float(likeness[at]), float(abs(np.vdot(one, other))) / max(norm, 1.0)


def _last(blocks: deque[bytes], samples: int) -> NDArray[np.float64]:
    pcm = b"".join(blocks)[-2 * samples :].rjust(2 * samples, b"\0")
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)
