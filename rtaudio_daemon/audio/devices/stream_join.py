"""Joins two streams of one microphone at the point where their sound coincides.

A stream cannot change the length of its frames. Therefore the next stream is opened beside it, both
are read for a while, and the new one continues where the old one ends: nothing is lost and nothing
is heard twice. If the old stream delivers long frames, the new one takes over as soon as both
coincide with certainty, because a short word would be over before the old one has ended. Sound is
mono s16le at the sample rate of the device.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..processing.format import median

_REACH_MS = 700  # maximum offset between the two streams
_LEAST_MS = 50  # minimum overlap; silence of that length is no pause within a word
_SAME = 0.8
_ALIKE = 0.4  # two samplings of one white noise, half a sample apart, correlate by 0.64 there
_NEARBY_MS = 2  # and by 0 elsewhere; two vowels of one voice correlate by 0.5 at many places
_SILENT = 8  # maximum amplitude in silence, digital or dithered
_PATIENCE_MS = 800
_HELD_MS = 2000
_LONG_MS = 100
_CERTAIN_MS = 80  # minimum overlap for certainty
_CERTAIN = 0.97  # minimum correlation for certainty
_ELSEWHERE = 0.95  # maximum correlation anywhere else, relative to the best; vowels reach 0.93

_Samples = NDArray[np.float64]


class StreamJoin:
    """Combines the sound of numbered streams into one stream."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._number = 0
        self._old = bytearray()
        self._new = bytearray()
        self._next: int | None = None
        self._expected: int | None = None  # expected overlap of the ended stream with the new one
        self._skip_bytes = 0

    def feed(self, number: int, sound: bytes) -> bytes:
        """Return how the combined stream continues; the next stream's sound awaits `switched`."""
        if number < self._number:
            return b""  # the new stream has taken over already
        joined = b""
        if self._expected is not None and number != self._next:  # yet another stream: stop waiting
            joined = self._join(self._guess(self._expected))
        if number != self._number:
            if number != self._next:
                self._next = number
                self._new.clear()
            self._new += sound
            if self._expected is not None:
                return self._go_on(self._expected)
            if len(self._new) > self._bytes(_HELD_MS):  # no report about the end of the old one
                return joined + self.switched(number)
            return joined
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(sound))
            self._skip_bytes -= skipped
            sound = sound[skipped:]
        self._old += sound
        del self._old[: -self._bytes(_HELD_MS)]
        joined += sound
        if self._next is not None and len(sound) >= self._bytes(_LONG_MS):
            known = overlap(bytes(self._old), bytes(self._new), self._rate, certain=True)
            if known is not None:
                joined += self._join(known)
        return joined

    def switched(self, number: int) -> bytes:
        """Note that the old stream has ended; return what the new one has beyond it.

        If the new one has not reached the old one's last sound yet, `feed` returns this later.
        """
        if number != self._next:  # nothing of it has arrived yet
            rest = b"" if self._expected is None else self._join(self._guess(self._expected))
            self._number, self._next = number, None
            return rest
        self._expected = len(self._new) // 2
        return self._go_on(self._expected)

    def _go_on(self, expected: int) -> bytes:
        known = overlap(bytes(self._old), bytes(self._new), self._rate, expected)
        if known is not None:
            return self._join(known)
        if len(self._new) // 2 - expected < self._rate * _PATIENCE_MS // 1000:
            return b""
        return self._join(self._guess(expected))

    def _guess(self, expected: int) -> int:
        before, after = _centred(bytes(self._old), bytes(self._new))
        in_pause = not _loud(before[-(self._rate * _LEAST_MS // 1000) :]).any()
        return _until_loud(after, expected) if in_pause else expected

    def _join(self, known: int) -> bytes:
        rest = bytes(self._new[2 * known :])
        self._number, self._next, self._expected = self._next or 0, None, None
        self._skip_bytes = max(0, 2 * known - len(self._new))
        self._new.clear()
        self._old += rest
        return rest

    def _bytes(self, ms: int) -> int:
        return self._rate * ms // 1000 * 2


def overlap(
    old: bytes, new: bytes, rate: int, expected: int | None = None, *, certain: bool = False
) -> int | None:
    """Return how many samples of the beginning of `new` are in `old`; may exceed its length.

    Searches around `expected`; None: around the whole of `new`. The entire overlap is compared,
    because a voice resembles itself one period later, but not at its beginning. Returns None if
    more of `new` is needed; with `certain`, also in case of doubt.
    """
    before, after = _centred(old, new)
    expected = len(after) if expected is None else expected
    reach = rate * _REACH_MS // 1000
    least = rate * (_CERTAIN_MS if certain else _LEAST_MS) // 1000
    known = np.arange(max(least, expected - reach), min(len(before), expected + reach) + 1)
    begin = len(before) - known  # start of `new` in `before`
    end = np.minimum(len(before), begin + len(after))
    known, begin, end = (places[end - begin >= least] for places in (known, begin, end))
    if len(known):
        size = 1 << (len(before) + len(after)).bit_length()
        spectrum = np.fft.rfft(before, size) * np.conj(np.fft.rfft(after, size))
        product = np.fft.irfft(spectrum, size)[begin]
        energy = _energy(before, begin, end) + _energy(after, np.zeros_like(begin), end - begin)
        likeness = 2 * product / (energy + (end - begin))
        best = int(np.argmax(likeness))
        elsewhere = np.abs(known - known[best]) > rate * _NEARBY_MS // 1000
        next_best = likeness[elsewhere].max(initial=0.0)
        if certain:
            sure = likeness[best] >= _CERTAIN and next_best <= _ELSEWHERE * likeness[best]
            return int(known[best]) if sure else None
        unlike = max(_ALIKE, 2 * next_best)
        if likeness[best] >= min(_SAME, unlike):
            return int(known[best])
    if certain:
        return None
    if _loud(before[-2 * reach :]).any():
        return None
    return _until_loud(after, expected)


def _centred(old: bytes, new: bytes) -> tuple[_Samples, _Samples]:
    """Return both without the DC offset of many microphones."""
    before, after = (np.frombuffer(pcm, dtype="<i2").astype(np.float64) for pcm in (old, new))
    constant = median(before) if len(before) else 0.0
    return before - constant, after - constant


def _loud(samples: _Samples) -> NDArray[np.bool_]:
    return np.abs(samples) > _SILENT


def _until_loud(after: _Samples, expected: int) -> int:
    """Return `expected`, but skip no sound: an old stream that ended in silence has none."""
    loud = np.flatnonzero(_loud(after))
    return min(expected, int(loud[0])) if len(loud) else expected


def _energy(samples: _Samples, begin: NDArray[np.int_], end: NDArray[np.int_]) -> _Samples:
    sums = np.concatenate([[0.0], np.cumsum(samples * samples)])
    energy: _Samples = sums[end] - sums[begin]
    return energy
