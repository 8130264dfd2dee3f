"""Decides whether what is heard is what is being played. All sound is pcm.

A room turns what is played into a signal that looks quite different, but in the same way all the
time. Its effect is estimated from the last seconds, and predicts what the newest sound should be.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from .expected_echo import Bands, bins
from .format import SAMPLE_RATE

_Samples = NDArray[np.float64]
_Either = _Samples | NDArray[np.complex128]  # sound, or its spectrum
_WINDOW = SAMPLE_RATE * 4 // 25  # length of what is heard that is searched for
_REACH = SAMPLE_RATE * 4 // 5  # length of what is played that is searched
_FRAME = SAMPLE_RATE // 50
_KEPT = 4 * SAMPLE_RATE  # for the estimate of the room
_ALIKE = 0.55, 0.45  # correlation of the unfiltered sounds: overall, and where louder than echo
_SAME = 0.85, 0.8  # the same, above which the prediction is not needed
_EVERY = 3  # samples: 8 kHz suffice for the room
_RATE = SAMPLE_RATE // _EVERY
_TAPS = 24  # of the low-pass filter for that rate
_LOW_TONES = np.hamming(_TAPS) * np.sinc(0.3 * (np.arange(_TAPS) - (_TAPS - 1) / 2))
_LOW_TONES /= _LOW_TONES.sum()  # -6 dB at 3.6 kHz
_NEWEST = _RATE // 20  # the part that is judged
_LEFT_OUT = _RATE // 5  # the part in doubt, from which the room is not estimated
_LEAST = _RATE  # minimum of both for an estimate
_LATEST = _RATE * 3 // 5  # maximum delay of an echo
_BEFORE, _TAIL = _RATE // 100, _RATE * 3 // 20  # around the peak of the echo
_SMOOTHED = 33  # bins of the spectrum
_FAINT = 1e-3  # of the total power: weaker frequencies do not reveal the room
_CORRECTIONS = 2  # iterations on what the estimate does not explain
_TRUSTED = 0.7  # minimum correlation of past prediction and recording if the room is known
_PREDICTED = 0.72  # minimum correlation of both if it is the same voice


class OwnVoice:
    """Compares what is played with what is heard, in frames of 20 ms or more."""

    def __init__(self) -> None:
        self._played: deque[bytes] = deque(maxlen=_KEPT // _FRAME)
        self._heard: deque[bytes] = deque(maxlen=_KEPT // _FRAME)

    def played(self, pcm: bytes, skipped: int) -> None:
        """Note what goes to the loudspeaker, after `skipped` samples of silence."""
        if skipped:
            self._played.append(bytes(2 * min(skipped, _KEPT)))
        self._played.append(pcm)

    def heard(self, pcm: bytes) -> None:
        """Note what the microphone hears meanwhile."""
        self._heard.append(pcm)

    def is_heard(self, louder: Bands) -> bool:
        """Return whether what now exceeds the echo in these bands is the echo all the same."""
        alike = self._predicted(louder)
        if alike is not None and alike >= _PREDICTED:
            return True
        at_all, there = self.likeness(louder)
        least_at_all, least_there = _ALIKE if alike is None else _SAME
        return at_all >= least_at_all and there >= least_there

    def likeness(self, bands: Bands) -> tuple[float, float]:
        """Return the correlation (0 to 1) of the newest of both, unfiltered: overall, and at the
        same delay in these bands alone.
        """
        far, near = _last(self._played, _REACH), _last(self._heard, _WINDOW)
        near -= near.mean()  # the DC offset of the sound card
        size = 1 << (_REACH + _WINDOW).bit_length()
        product = np.fft.irfft(np.fft.rfft(far, size) * np.conj(np.fft.rfft(near, size)), size)
        energy = np.concatenate([[0.0], np.cumsum(far * far)])
        scale = np.sqrt((energy[_WINDOW:] - energy[:-_WINDOW]) * float(near @ near))
        likeness = np.abs(product[: _REACH - _WINDOW + 1]) / np.maximum(scale, 1.0)
        at = int(likeness.argmax())
        parts = bins(bands, _WINDOW)
        one, other = (np.fft.rfft(sound)[parts] for sound in (far[at : at + _WINDOW], near))
        return float(likeness[at]), _alike(one, other)

    def _predicted(self, bands: Bands) -> float | None:
        """Return the recent correlation (0 to 1) of recording and prediction in these bands.

        None: the effect of the room is unknown, or does not cover these bands.
        """
        parts = bins(bands, _NEWEST * _EVERY)[: _NEWEST // 2]
        far, near = (_thinned(_last(each, _KEPT)) for each in (self._played, self._heard))
        sounding = np.flatnonzero(far)
        begin = int(sounding[0]) if len(sounding) else len(far)
        known = slice(begin, len(far) - _LEFT_OUT)
        if known.stop - known.start < _LEAST or not parts.any():
            return None
        expected = _expected(far, near, known)
        if _alike(expected[known], near[known]) < _TRUSTED:
            return None
        one, other = (
            np.fft.rfft(sound[-_NEWEST:])[: _NEWEST // 2][parts] for sound in (expected, near)
        )
        return _alike(one, other)


def _expected(far: _Samples, near: _Samples, known: slice) -> _Samples:
    """Return what should be heard if the room affects all of `far` as it does its `known` part."""
    size = 1 << (len(far) - 1).bit_length()
    there = np.zeros((2, len(far)))
    there[:, known] = far[known], near[known]
    one, other = np.fft.rfft(there, size)
    power = np.convolve(np.abs(one) ** 2, np.full(_SMOOTHED, 1 / _SMOOTHED), "same")
    inverse = np.conj(one) / (power + _FAINT * power.mean() + 1.0)
    found, room = np.fft.irfft(other * inverse, size), np.zeros(size)
    begin = max(0, int(np.abs(found[:_LATEST]).argmax()) - _BEFORE)
    echo = slice(begin, begin + _BEFORE + _TAIL)
    room[echo] = found[echo]
    for _ in range(_CORRECTIONS):
        there[1, known] = near[known] - np.fft.irfft(one * np.fft.rfft(room), size)[known]
        room[echo] += np.fft.irfft(np.fft.rfft(there[1], size) * inverse, size)[echo]
    return np.asarray(np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(room), size)[: len(far)])


def _thinned(sound: _Samples) -> _Samples:
    """Return the sound at a third of the rate, without DC, its high tones raised to equal power."""
    padded = np.concatenate([np.zeros(_TAPS - _EVERY), sound])
    thinned = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)[::_EVERY] @ _LOW_TONES
    return np.asarray(np.diff(thinned, prepend=0.0))


def _alike(one: _Either, other: _Either) -> float:
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(abs(np.vdot(one, other))) / max(norm, 1.0)


def _last(blocks: deque[bytes], samples: int) -> _Samples:
    """Return the last `samples` samples, padded with silence at the beginning."""
    taken: list[bytes] = []
    missing = 2 * samples
    for block in reversed(blocks):
        if missing <= 0:
            break
        taken.append(block)
        missing -= len(block)
    pcm = b"".join(reversed(taken))[-2 * samples :].rjust(2 * samples, b"\0")
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)
