"""A wake word taught by the user: what was learned of it, and its detection in a stream.

A front end computes *embeddings* of sound: rows of 96 numbers, one per 80 ms, each covering about
0.8 s. A `Basis` turns them into *features*: rows of 32 numbers. Two measures are combined: the
distance of the features from the recordings (dynamic time warping), and a small classifier trained
on them. Either alone errs too often: noise and other voices increase the distance, and a quiet room
differs from what the classifier knows best.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp, inf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EMBEDDING_SIZE = 96
FEATURES = 32
STEP_S = 0.08
"""Interval between embeddings."""
SEEN_S = 0.78
"""Duration of sound that each embedding covers."""
_TEMPLATES_MOST, _ROWS_MOST = 6, 32
_NEAREST = 2  # templates whose costs count; the others may be pronounced differently
_AGREE_ROWS = 3  # 0.24 s
COST = 0.48
"""Sound farther from a recording is another word, or pronounced very differently."""
# How much of each measure makes a word 2.7 times as likely, and the logit that is neutral at
# `COST`. As strict as detection among other talkers permits: bench/taught.py, part dev.
_COST_SCALE, _LOGIT_SCALE, _LOGIT = 0.12, 1.2, 4.4
CUTOFF = 0.5
"""The cutoff of scores."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Turns embeddings into features. `mean`: 96 numbers; `projection`: 96 rows of 32."""

    mean: Floats
    projection: Floats

    def features(self, embeddings: Floats) -> Floats:
        """Return rows of length one."""
        rows = (embeddings - self.mean) @ self.projection
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-6), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class LearnedWord:
    """What was learned of a word.

    `templates`: features of each recording; `weights`, `bias`: those of the classifier, which
    covers as many rows as `weights` has.
    """

    templates: tuple[Floats, ...]
    weights: Floats
    bias: float

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return everything by name, for a file."""
        named = {f"template_{number}": each for number, each in enumerate(self.templates)}
        return {**named, "weights": self.weights, "bias": np.array([self.bias], np.float32)}


def learned_word(arrays: dict[str, NDArray[np.float32]]) -> LearnedWord:
    """Convert from the result of `LearnedWord.arrays`. Raises ValueError if it is invalid."""
    templates = [
        arrays[name]
        for number in range(_TEMPLATES_MOST)
        if (name := f"template_{number}") in arrays
    ]
    weights, bias = arrays.get("weights"), arrays.get("bias")
    if not templates or weights is None or bias is None or bias.shape != (1,):
        raise ValueError("something is missing")
    for each in (*templates, weights):
        if each.ndim != 2 or each.shape[1] != FEATURES or not 1 <= len(each) <= _ROWS_MOST:
            raise ValueError("something has a wrong size")
    for each in (*templates, weights, bias):
        if each.dtype != np.float32 or not np.isfinite(each).all():
            raise ValueError("something is no number")
    return LearnedWord(tuple(templates), weights, float(bias[0]))


class _Warp:
    """Matches the latest sound to the whole of one template, at any speed."""

    def __init__(self, template: Floats) -> None:
        self.template = template
        rows = len(template)
        self._sums = [inf] * rows
        self._lengths = [1] * rows

    def feed(self, costs: list[float]) -> float:
        """Take the newest cost of each row of the template; return the mean on the best path.

        A path through the template begins at any time and ends now; it may repeat or skip rows.
        """
        before, lengths = self._sums, self._lengths
        sums, steps = [costs[0]], [1]
        for row in range(1, len(costs)):
            cost = costs[row]
            best, length = before[row - 1], lengths[row - 1]
            if (before[row] + cost) / (lengths[row] + 1) < (best + cost) / (length + 1):
                best, length = before[row], lengths[row]
            if (sums[row - 1] + cost) / (steps[row - 1] + 1) < (best + cost) / (length + 1):
                best, length = sums[row - 1], steps[row - 1]
            sums.append(best + cost)
            steps.append(length + 1)
        self._sums, self._lengths = sums, steps
        return sums[-1] / steps[-1]


class WordScores:
    """Scores a stream of features by both measures."""

    def __init__(self, word: LearnedWord) -> None:
        self._word = word
        self._warps = [_Warp(each) for each in word.templates]
        self._stacked = np.concatenate(word.templates)
        self._recent: deque[Floats] = deque(maxlen=len(word.weights))

    def feed(self, row: Floats) -> tuple[float, float]:
        """Return cost and logit at the newest row; inf and -inf after too little sound."""
        costs = (1.0 - self._stacked @ row).tolist()
        found, start = [], 0
        for warp in self._warps:
            end = start + len(warp.template)
            found.append(warp.feed(costs[start:end]))
            start = end
        found.sort()
        nearest = found[:_NEAREST]
        cost = sum(nearest) / len(nearest)
        self._recent.append(row)
        if len(self._recent) < len(self._word.weights):
            return cost, -inf
        logit = float(np.vdot(np.stack(self._recent), self._word.weights)) + self._word.bias
        return cost, logit


class TaughtWordDetector:
    """Scores one word in a stream of embeddings: how certain it is that it just ended."""

    def __init__(self, basis: Basis, word: LearnedWord) -> None:
        self._basis = basis
        self._word = word
        self.forget()

    def forget(self) -> None:
        """Continue as if nothing had been heard before."""
        self._scores = WordScores(self._word)
        self._costs: deque[float] = deque(maxlen=_AGREE_ROWS)
        self._logits: deque[float] = deque(maxlen=_AGREE_ROWS)

    def feed(self, embeddings: Floats) -> list[float]:
        """Return the score of each row, from 0 to 1, by both measures.

        From `CUTOFF` on, the word is detected.
        """
        found = []
        for row in self._basis.features(embeddings):
            cost, logit = self._scores.feed(row)
            self._costs.append(cost)
            self._logits.append(logit)
            found.append(score(min(self._costs), max(self._logits)))
        return found


def score(cost: float, logit: float) -> float:
    """Combine both measures, from 0 to 1; one can compensate for the other."""
    margin = (COST - cost) / _COST_SCALE + (logit - _LOGIT) / _LOGIT_SCALE
    return 1 / (1 + exp(-max(margin, -30.0)))
