"""Judges the scores of one wake word: detected, a near miss, or neither.

Time is counted in sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from types import MappingProxyType

_NEAR = 0.7  # of the cutoff; a score between the two is a near miss
_ONCE_MS = 2_000  # further scores within this time belong to the same word or near miss
_SHIFTS: Mapping[str, float] = MappingProxyType({"low": 1.0, "normal": 0.0, "high": -1.0})
_LEAST, _MOST = 0.05, 0.995  # scores of eight bits reach only 255/256


@dataclass(frozen=True, slots=True)
class Spotted:
    """A wake word that just ended.

    `score`: how certain that is, from 0 to 1; comparable only with scores of the same word.
    `persona`: which one it calls; empty: the default. `stop`: it does not wake, but ends what
    sounds.
    """

    word: str
    score: float
    persona: str = ""
    stop: bool = False


def cutoff_at(cutoff: float, sensitivity: str) -> float:
    """Return `cutoff` (0 to 1) adjusted for `sensitivity` (low, normal or high).

    Low multiplies the odds of the cutoff by 2.7, high divides them by 2.7: 0.5 becomes 0.73 or
    0.27, and 0.9 becomes 0.96 or 0.77.
    """
    shift = _SHIFTS[sensitivity]
    bounded = min(max(cutoff, _LEAST), _MOST)
    shifted = 1 / (1 + (1 / bounded - 1) * exp(-shift))
    if shift > 0:
        return max(cutoff, min(shifted, _MOST))
    return min(cutoff, max(shifted, _LEAST)) if shift < 0 else cutoff


class WordScore:
    """The word `word`, detected when its score exceeds `cutoff`.

    `near_misses`: how often speech came close to the word without matching it.
    """

    def __init__(self, word: str, cutoff: float, *, persona: str = "", stop: bool = False) -> None:
        self.word = word
        self.cutoff = cutoff
        self.stop = stop
        self.near_misses = 0
        self._persona = persona
        self._best = 0.0  # best score of the present near miss
        self._quiet_ms = 0.0  # time until the next event may be counted

    def feed(self, score: float, ms: float) -> Spotted | None:
        """Process the score of the next `ms` of sound; return the word if it was detected."""
        score = min(score, 1.0) if score > 0 else 0.0  # third-party models may exceed the range
        self._quiet_ms = max(0.0, self._quiet_ms - ms)
        if score > self.cutoff:
            self._best, self._quiet_ms = 0.0, _ONCE_MS
            return Spotted(self.word, score, self._persona, self.stop)
        if self._quiet_ms > 0:
            return None
        if score >= self.cutoff * _NEAR:
            self._best = max(self._best, score)
        elif self._best > 0:
            self.near_misses += 1
            self._best, self._quiet_ms = 0.0, _ONCE_MS
        return None
