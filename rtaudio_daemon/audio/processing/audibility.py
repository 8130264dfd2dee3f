"""Did the microphone hear what was played? What was played is looked for in what was heard.

The two are compared in overlapping pieces of a second, which a clock that drifts hardly blurs. The
strength of every frequency is made equal first (GCC-PHAT): then an echo stands out at its delay,
while another voice, music or noise, however loud, is spread over all delays. Only a delay counts
that stands out by far, alone, and in most of the pieces.

That nothing was found proves something only where an echo was found before, and would be found now:
that is tried by adding such an echo, only softer, to what was heard.

All sound is pcm. A delay is counted from when a sample was handed to the loudspeaker until it came
from the microphone, so it contains the buffers of both.
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
"""Of so much sound at most it is judged whether it was heard."""
_Samples = NDArray[np.float64]
_RATE = 8_000
_FROM_HZ, _TO_HZ = 200.0, 3_800.0
_PIECE = 8_192  # samples that are looked for at once
_STEP = _PIECE // 4
_MOST_PIECES = 20
_EARLY, _LATE = 800, 6_400  # delays that are looked at, in samples; early: reports may come late
_SIZE = 16_384  # of the spectra; holds a piece and all delays
_BLOCK = 16  # samples; the delay is found so exactly
_FAINT = 0.1  # of the loudest piece; what is softer says nothing
_DEEP = 1e-3  # of the strongest frequency: what is weaker is not made equal to it
_BEFORE, _AFTER = 15, 100  # blocks around a delay that belong to it: 30 ms, and 0.2 s of dying away
_STANDS_OUT = 14.0  # in units of the spread of all delays
_ALONE = 3.0  # against the next best delay
_DOUBTFUL = 8.0  # what stands out so far may be one, as of a stream with a hole in it
_LEAST_PIECES = 3
_AGREEING = 2 / 3  # of the pieces
_SAME_BEFORE, _SAME_AFTER = 3, 10  # blocks; a room's echo may be strongest a little later
_SOFTER = 0.5  # than the echo that was found before, and would still be found
_DIGITAL_SILENCE = 4  # what a resampler makes of it


@dataclass(frozen=True, slots=True)
class EchoPath:
    """From the loudspeaker to the microphone: the delay, and what is left of the amplitude."""

    delay_ms: float
    gain: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether it was heard, and how it came back if it was.

    `missing`: there is no trace of it, although one would have been found.
    """

    path: EchoPath | None = None
    missing: bool = False


class Recording:
    """The newest ten seconds of what is played and, beside it, of what is heard."""

    def __init__(self) -> None:
        self._on = False
        self._played, self._heard = _Side(), _Side()

    def begin(self) -> None:
        """Keep what is played and heard from now on, until `take`."""
        self._on = True

    def drop(self) -> None:
        """Forget all, as one of the streams of sound is another from now on."""
        self._on = False
        self._played, self._heard = _Side(), _Side()

    def played(self, pcm: bytes, skipped: int) -> None:
        """This goes to the loudspeaker now, after `skipped` samples of silence."""
        if not self._on:
            return
        if not self._played.pieces:
            self._played.begin = self._played.end = self._heard.end
        elif skipped:
            self._played.add(bytes(2 * min(skipped, KEPT_MS * SAMPLE_RATE // 1000)))
        self._played.add(pcm)

    def heard(self, pcm: bytes) -> None:
        """A frame of the microphone, as it came."""
        if self._on:
            self._heard.add(pcm)

    def take(self, newest_ms: float) -> tuple[bytes, bytes]:
        """The newest of what was played, and what was heard from its first sample on; ends it."""
        played, heard = self._played, self._heard
        self.drop()
        wanted = int(newest_ms * BYTES_PER_MS) & ~1
        begin = max(played.begin, heard.begin, played.end - wanted)
        return played.since(begin), heard.since(begin)


@dataclass(slots=True)
class _Side:
    """Pieces of one stream; positions in bytes."""

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
    """Look for what was played in what was heard; both begin at the same time.

    `known`: how it came back before.
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
    """The best delay (samples), by how much it stands out, and from the next; pieces that agree."""

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
        """Whether there may be an echo, or too little of anything to know."""
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
    """By pieces that say something: how alike the two are, by the delay in blocks."""
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
        # What two sounds that have nothing in common would lead to, as loud as they are and when.
        expected = np.correlate(_powers(around, reach), _powers(piece, _PIECE), "valid")
        expected = np.maximum(expected[: len(found)] / _BLOCK, 1e-30)
        pairs = (found[:-1] + found[1:]) / (expected[:-1] + expected[1:]) / _BLOCK
        yield np.sqrt(pairs)


def _powers(spectrum: NDArray[np.complex128], length: int) -> _Samples:
    """The power of a sound with this spectrum, by blocks."""
    sound = np.fft.irfft(spectrum, _SIZE)[:length]
    return np.asarray((sound**2).reshape(-1, _BLOCK).sum(axis=1), dtype=np.float64)


def _evened(samples: _Samples) -> NDArray[np.complex128]:
    """The spectrum with every frequency of the band equally strong, but the faintest."""
    spectrum = np.fft.rfft(samples, _SIZE) * _band()
    strength = np.abs(spectrum)
    deep = max(float(strength.max()) * _DEEP, 1e-9)
    evened: NDArray[np.complex128] = spectrum / np.maximum(strength, deep)
    return evened


def _band() -> _Samples:
    pitch = np.fft.rfftfreq(_SIZE, 1 / _RATE)
    return np.asarray((pitch > _FROM_HZ) & (pitch < _TO_HZ), dtype=np.float64)


def _edges(length: int) -> _Samples:
    """Fades of 50 ms at both ends."""
    at = np.arange(length)
    return np.asarray(np.minimum(1.0, np.minimum(at, at[::-1]) / 400), dtype=np.float64)


def _gain(far: _Samples, near: _Samples, delay: int) -> float:
    """What is left of the amplitude after this delay; in a room that echoes, of the direct way."""
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
