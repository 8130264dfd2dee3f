"""Detects whether the microphone heard what was played, by searching for it in the recording.

The two are compared in overlapping pieces of a second, which clock drift hardly blurs. First all
frequencies are given the same strength (GCC-PHAT). An echo then stands out at its delay, while
another voice, music or noise, however loud, is spread over all delays. A delay only counts if it
stands out by far, without a rival, and in most of the pieces.

Finding nothing proves something only if an echo was found before and would be found now. To test
that, such an echo, only softer, is added to the recording.

All sound is pcm. A delay is the time from handing a sample to the loudspeaker until it arrives from
the microphone, so it includes the buffers of both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .format import BYTES_PER_MS, SAMPLE_RATE, Resampler, median

Audible = Literal["yes", "no", "unknown"]
KEPT_MS = 10_000
"""How much sound is examined at most."""
_Samples = NDArray[np.float64]
_RATE = 8_000
_FROM_HZ, _TO_HZ = 200.0, 3_800.0
_PIECE = 8_192  # samples per search
_STEP = _PIECE // 4
_MOST_PIECES = 20
_EARLY, _LATE = 800, 6_400  # range of delays, in samples; early: reports may arrive late
_SIZE = 16_384  # of the spectra; holds a piece and all delays
_BLOCK = 16  # samples; the resolution of the delay
_FAINT = 0.1  # relative to the loudest piece; softer pieces are ignored
_DEEP = 1e-3  # relative to the strongest frequency; weaker ones are not raised fully
_BEFORE, _AFTER = 15, 100  # blocks that belong to a peak: 30 ms before, 0.2 s of decay after
_STANDS_OUT = 14.0  # height of a peak, in units of the spread of all delays
_ALONE = 3.0  # height relative to the next best delay
_DOUBTFUL = 8.0  # height of a possible echo, such as in a stream with a gap
_LEAST_PIECES = 3
_AGREEING = 2 / 3  # share of the pieces
_SAME_BEFORE, _SAME_AFTER = 3, 10  # blocks; the strongest echo of a room may be a little later
_SOFTER = 0.5  # relative to the echo found before; must still be found
_DIGITAL_SILENCE = 4  # maximum amplitude of resampled silence


@dataclass(frozen=True, slots=True)
class EchoPath:
    """The path from loudspeaker to microphone: its delay, and the gain of the amplitude."""

    delay_ms: float
    gain: float


@dataclass(frozen=True, slots=True)
class Finding:
    """The echo path if the sound was heard.

    `missing`: there is no trace of the sound, although it would have been found.
    """

    path: EchoPath | None = None
    missing: bool = False


class Recording:
    """The last ten seconds of what is played and of what is heard at the same time."""

    def __init__(self) -> None:
        self._on = False
        self._played, self._heard = _Side(), _Side()

    def begin(self) -> None:
        """Record what is played and heard, until `take`."""
        self._on = True

    def drop(self) -> None:
        """Forget everything because one of the streams is replaced."""
        self._on = False
        self._played, self._heard = _Side(), _Side()

    def played(self, pcm: bytes, skipped: int) -> None:
        """Add sound that goes to the loudspeaker now, after `skipped` samples of silence."""
        if not self._on:
            return
        if not self._played.pieces:
            self._played.begin = self._played.end = self._heard.end
        elif skipped:
            self._played.add(bytes(2 * min(skipped, KEPT_MS * SAMPLE_RATE // 1000)))
        self._played.add(pcm)

    def heard(self, pcm: bytes) -> None:
        """Add a frame of the microphone, unprocessed."""
        if self._on:
            self._heard.add(pcm)

    def take(self, newest_ms: float) -> tuple[bytes, bytes]:
        """End the recording; return the newest sound played, and what was heard meanwhile."""
        played, heard = self._played, self._heard
        self.drop()
        wanted = int(newest_ms * BYTES_PER_MS) & ~1
        begin = max(played.begin, heard.begin, played.end - wanted)
        return played.since(begin), heard.since(begin)


@dataclass(slots=True)
class _Side:
    """The sound of one stream; positions in bytes."""

    pieces: deque[bytes] = field(default_factory=deque)
    begin: int = 0
    end: int = 0

    def add(self, pcm: bytes) -> None:
        self.pieces.append(pcm)
        self.end += len(pcm)
        while self.end - self.begin > KEPT_MS * BYTES_PER_MS:
            self.begin += len(self.pieces.popleft())

    def since(self, position: int) -> bytes:
        return b"".join(self.pieces)[max(0, position - self.begin) :]


def examine(played: bytes, heard: bytes, known: EchoPath | None = None) -> Finding:
    """Search for what was played in what was heard; both begin at the same time.

    `known`: the echo path found before.
    """
    far, near = _prepared(played), _prepared(heard)
    trace = _search(far, near)
    if trace.clear:
        return Finding(EchoPath(trace.delay / _RATE * 1000, _gain(far, near, trace.delay)))
    if known is None or trace.doubtful:
        return Finding()
    as_before = near + _SOFTER * known.gain * _delayed(far, known.delay_ms, len(near))
    wanted = _search(far, as_before)
    return Finding(missing=wanted.clear and 2 * trace.pieces >= wanted.pieces)


@dataclass(frozen=True, slots=True)
class _Trace:
    """The best delay (samples), its height, its height over the next best; agreeing pieces."""

    delay: int = 0
    stands_out: float = 0.0
    alone: float = 0.0
    agreeing: int = 0
    pieces: int = 0

    @property
    def clear(self) -> bool:
        return (
            self.agreeing >= max(_LEAST_PIECES, _AGREEING * self.pieces)
            and self.stands_out >= _STANDS_OUT
            and self.alone >= _ALONE
        )

    @property
    def doubtful(self) -> bool:
        """Whether there may be an echo, or too little sound to tell."""
        return self.pieces < _LEAST_PIECES or self.stands_out >= _DOUBTFUL


def _search(far: _Samples, near: _Samples) -> _Trace:
    likeness = list(_likeness(far, near))
    if not likeness:
        return _Trace()
    by_delay = np.mean(likeness, axis=0)
    usual = median(by_delay)
    spread = median(np.abs(by_delay - usual)) * 1.4826
    best = int(np.argmax(by_delay))
    others = np.delete(by_delay, slice(max(0, best - _BEFORE), best + _AFTER))
    height = float(by_delay[best]) - usual
    next_best = max(float(others.max()) - usual, 1e-9)
    own = np.argmax(likeness, axis=1)
    return _Trace(
        best * _BLOCK - _EARLY,
        height / max(spread, 1e-9),
        height / next_best,
        int(np.sum((own >= best - _SAME_BEFORE) & (own <= best + _SAME_AFTER))),
        len(likeness),
    )


def _likeness(far: _Samples, near: _Samples) -> Iterator[_Samples]:
    """Yield, for each piece loud enough, the correlation of the two by delay in blocks."""
    reach = _PIECE + _EARLY + _LATE
    far = np.pad(far, (0, _PIECE))
    near = np.pad(near, (_EARLY, reach))
    step = max(_STEP, len(far) // _MOST_PIECES)
    starts = range(0, max(1, len(far) - _PIECE - _PIECE // 2), step)
    loudness = [float(np.linalg.norm(far[start : start + _PIECE])) for start in starts]
    faint = max(*loudness, 1.0) * _FAINT if len(loudness) > 1 else 1.0
    for start, loud in zip(starts, loudness, strict=True):
        heard = near[start : start + reach]
        if loud < faint or len(heard) < reach or float(np.ptp(heard)) <= _DIGITAL_SILENCE:
            continue
        piece = _evened(far[start : start + _PIECE] * np.hanning(_PIECE))
        around = _evened(heard * _edges(reach))
        found = _powers(np.conj(piece) * around, _EARLY + _LATE)
        # What two unrelated sounds of this loudness and timing would yield.
        expected = np.correlate(_powers(around, reach), _powers(piece, _PIECE), "valid")
        expected = np.maximum(expected[: len(found)] / _BLOCK, 1e-30)
        pairs = (found[:-1] + found[1:]) / (expected[:-1] + expected[1:]) / _BLOCK
        yield np.sqrt(pairs)


def _powers(spectrum: NDArray[np.complex128], length: int) -> _Samples:
    """Return the power of a sound with this spectrum, by blocks."""
    sound = np.fft.irfft(spectrum, _SIZE)[:length]
    return np.asarray((sound**2).reshape(-1, _BLOCK).sum(axis=1), dtype=np.float64)


def _evened(samples: _Samples) -> NDArray[np.complex128]:
    """Return the spectrum with equal strength at all but the faintest frequencies of the band."""
    spectrum = np.fft.rfft(samples, _SIZE) * _band()
    strength = np.abs(spectrum)
    deep = max(float(strength.max()) * _DEEP, 1e-9)
    evened: NDArray[np.complex128] = spectrum / np.maximum(strength, deep)
    return evened


def _band() -> _Samples:
    pitch = np.fft.rfftfreq(_SIZE, 1 / _RATE)
    return np.asarray((pitch > _FROM_HZ) & (pitch < _TO_HZ), dtype=np.float64)


def _edges(length: int) -> _Samples:
    """Return fades of 50 ms at both ends."""
    at = np.arange(length)
    return np.asarray(np.minimum(1.0, np.minimum(at, at[::-1]) / 400), dtype=np.float64)


def _gain(far: _Samples, near: _Samples, delay: int) -> float:
    """Return the gain of the amplitude at this delay; in a reverberant room, of the direct path."""
    found = []
    for start in range(0, len(far), _PIECE):
        piece = far[start : start + _PIECE]
        power = float(np.dot(piece, piece))
        around = near[max(0, start + delay - _BLOCK) :][: len(piece) + 2 * _BLOCK]
        if power > 0 and len(around) >= len(piece):
            likeness = np.correlate(around, piece, "valid")
            found.append((power, float(np.abs(likeness).max()) / power))
    return max(found)[1] if found else 0.0


def _delayed(far: _Samples, delay_ms: float, length: int) -> _Samples:
    late = max(0, round(delay_ms * _RATE / 1000))
    return np.pad(far, (late, length))[:length]


def _prepared(pcm: bytes) -> _Samples:
    resampler = Resampler(SAMPLE_RATE, _RATE)
    low = resampler.feed(pcm) + resampler.flush()
    return np.frombuffer(low, dtype="<i2").astype(np.float64)
