"""Judges the scores of one wake word: spotted, nearly so, or not.

Time is the sound itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from types import MappingProxyType

_NEAR = 0.7  # of the cutoff; what reaches it and no more is a near miss
_ONCE_MS = 2_000  # what is said within this time after a word or a near miss belongs to it
_SHIFTS: Mapping[str, float] = MappingProxyType({"low": 1.0, "normal": 0.0, "high": -1.0})
_LEAST, _MOST = 0.05, 0.995  # scores of eight bits reach no further than 255/256


@dataclass(frozen=True, slots=True)
class Spotted:
    """A wake word that just ended.

    `score`: how certain that is, from 0 to 1; it compares only with scores of the same word.
    `persona`: who answers to it; empty = whoever answers otherwise. `stop`: it wakes nobody, but
    ends what sounds.
    """

    word: str
    score: float
    persona: str = ""
    stop: bool = False


def cutoff_at(cutoff: float, sensitivity: str) -> float:
    """`cutoff` (0 to 1) as `sensitivity` (low, normal or high) has it.

    At low the odds of the cutoff are 2.7 times as high, at high 2.7 times as low: 0.5 becomes 0.73
    or 0.27, and 0.9 becomes 0.96 or 0.77.
    """
    shift = _SHIFTS[sensitivity]
    bounded = min(max(cutoff, _LEAST), _MOST)
    shifted = 1 / (1 + (1 / bounded - 1) * exp(-shift))
    if shift > 0:
        return max(cutoff, min(shifted, _MOST))
    return min(cutoff, max(shifted, _LEAST)) if shift < 0 else cutoff


class WordScore:
    """The word `word`, spotted where its score is above `cutoff`.

    `near_misses`: how often somebody came near it, and no nearer.
    """

    def __init__(self, word: str, cutoff: float, *, persona: str = "", stop: bool = False) -> None:
        self.word = word
        self.cutoff = cutoff
        self.stop = stop
        self.near_misses = 0
        self._persona = persona
        self._best = 0.0  # of the sound that is near now
        self._quiet_ms = 0.0  # still to go until another may be counted

    def feed(self, score: float, ms: float) -> Spotted | None:
        """Take in the score of the next `ms` of sound; the word, if this is it."""
        score = min(score, 1.0) if score > 0 else 0.0  # models of others say anything
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
