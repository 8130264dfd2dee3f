"""Wake words by openWakeWord, from the optional package pyopen-wakeword.

Sound becomes rows of 96 features, one per 80 ms, from which every word computes its score. The rows
equal those of the package, but are computed in pairs, and only for sound that is not quiet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from ...config import WakeWord
from ..processing.format import SAMPLE_RATE, Resampler
from ..processing.stirring import LoudParts
from ..processing.word_score import Spotted, WordScore, cutoff_at
from .tflite import Floats, Interpreter, Library

RATE = 16_000
ROW_MS = 80
FEATURES = 96
CUTOFF = 0.5
"""The cutoff of every word: the files contain none."""
_CHUNK, _OVERLAP = 1280, 480  # samples
_MELS, _STEPS = 32, 8  # per chunk
_SEEN = 84  # steps from which two rows are computed
_LATE = 4  # steps that the package defers to the next row
_SEEN_MS = 760
_WINDOWS_MOST = 120


class RowWord(Protocol):
    """A word that is detected in rows of features."""

    @property
    def score(self) -> WordScore:
        """Its name, and its counters."""

    @property
    def windows(self) -> int:
        """How many rows of context it needs."""

    def feed(self, rows: Floats) -> Spotted | None:
        """Process the next rows (n, 96); return the word if it just ended."""

    def forget(self) -> None:
        """Continue as after a long silence."""


class RowMaker:
    """Computes rows of features from a stream of 16 kHz sound, s16le and mono.

    It starts as after a long silence. Raises ImportError or OSError if the package is missing or
    does not run.
    """

    def __init__(self, library: Library) -> None:
        self._mel = Interpreter(
            library, library.shipped("melspectrogram"), (1, _CHUNK + _OVERLAP), fast=True
        )
        self._embed = Interpreter(
            library, library.shipped("embedding_model"), (1, _SEEN, _MELS, 1), fast=True
        )
        self._silent_steps = self._steps(np.zeros(_CHUNK + _OVERLAP, np.float32))
        self.forget()
        self.silence: Floats = self._row_pair()[0]
        """The row for silence."""

    def forget(self) -> None:
        """Start again."""
        self._waiting = np.zeros(2 * _CHUNK, np.float32)
        self._seen = np.resize(self._silent_steps, (_SEEN + _LATE, _MELS))

    def feed(self, pcm: bytes) -> Iterator[Floats]:
        """Yield rows (2, 96), for each complete 160 ms."""
        new = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        self._waiting = np.concatenate([self._waiting, new])
        while len(self._waiting) >= 2 * _CHUNK + _OVERLAP:
            # Separately, because the floor depends on the highest peak in the same call.
            first = self._steps(self._waiting[: _CHUNK + _OVERLAP])
            second = self._steps(self._waiting[_CHUNK : 2 * _CHUNK + _OVERLAP])
            self._waiting = self._waiting[2 * _CHUNK :]
            self._seen = np.concatenate([self._seen[2 * _STEPS :], first, second])
            yield self._row_pair()

    def _steps(self, samples: Floats) -> Floats:
        # The embedding model was trained on values in this range.
        found: Floats = self._mel.run(samples).reshape(_STEPS, _MELS) / np.float32(10)
        return found + np.float32(2)

    def _row_pair(self) -> Floats:
        return self._embed.run(self._seen[:_SEEN]).reshape(2, FEATURES)


class OpenWord:
    """A word of openWakeWord, from its file.

    Raises ValueError for another kind of file. A damaged file may end the process.
    """

    def __init__(
        self, library: Library, path: str | os.PathLike[str], score: WordScore, silence: Floats
    ) -> None:
        self.score = score
        """Its name, and its counters."""
        self._model = Interpreter(library, path, fast=False)
        shape = self._model.shape
        if len(shape) != 3 or shape[2] != FEATURES or not 0 < shape[1] <= _WINDOWS_MOST:
            raise ValueError(f"{os.path.basename(path)} is no word of openWakeWord")
        self.windows = shape[1]
        """How many rows of context it needs."""
        self._silence: Floats = np.tile(silence, (self.windows, 1))
        self._rows = self._silence
        self._model.run(self._rows)

    def feed(self, rows: Floats) -> Spotted | None:
        """Process the next rows (n, 96); return the word if it just ended."""
        found = None
        for row in rows:
            self._rows = np.concatenate([self._rows[1:], row[np.newaxis]])
            probability = float(self._model.run(self._rows)[0])
            found = self.score.feed(probability, ROW_MS) or found
        return found

    def forget(self) -> None:
        """Continue as after a long silence."""
        self._rows = self._silence


class RowWordEngine:
    """Detects several words in the same rows of features."""

    def __init__(self, maker: RowMaker, words: Sequence[RowWord]) -> None:
        self.scores = [each.score for each in words]
        """The scores of all its words."""
        self._maker = maker
        self._words = tuple(words)
        longest = max((each.windows for each in words), default=0)
        self._loud = LoudParts(_SEEN_MS + 2 * ROW_MS + longest * ROW_MS)
        self._resampler = Resampler(SAMPLE_RATE, RATE)

    def feed(self, pcm: bytes) -> Spotted | None:
        """Process sound; return the wake word that just ended, if any."""
        found = None
        loud = self._loud.feed(pcm)
        for rows in self._maker.feed(self._resampler.feed(loud)) if loud else ():
            for word in self._words:
                found = word.feed(rows) or found
        return found

    def forget(self) -> None:
        """Continue as after a long silence."""
        self._loud.forget()
        self._maker.forget()
        for word in self._words:
            word.forget()


def word_score(word: WakeWord, cutoff: float) -> WordScore:
    """Return the score of a word with this cutoff at normal sensitivity."""
    shifted = cutoff_at(cutoff, word.sensitivity)
    return WordScore(word.called, shifted, persona=word.persona, stop=word.stop)
