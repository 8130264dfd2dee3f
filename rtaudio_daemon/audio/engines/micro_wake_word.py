"""Wake words by microWakeWord, from the optional package pymicro-wakeword."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...config import WakeWord
from ..processing.format import BYTES_PER_MS, SAMPLE_RATE, Resampler
from ..processing.word_score import Spotted, WordScore
from .open_wake_word import word_score

_RATE = 16_000
_STEP_MS = 10
_FEATURES = 40
_SILENCE = bytes(2_000 * BYTES_PER_MS)  # longer than the context of any model


class MicroWakeWordEngine:
    """Detects words of microWakeWord, by models of the package or from files.

    Raises ImportError or OSError if pymicro-wakeword is missing or does not run, and ValueError
    for another kind of file. A damaged file may end the process.
    """

    def __init__(self, words: Sequence[WakeWord]) -> None:
        import pymicro_wakeword

        kind, shipped = pymicro_wakeword.MicroWakeWord, pymicro_wakeword.Model
        self._features: Any = pymicro_wakeword.MicroWakeWordFeatures()
        self._words = [
            _MicroWord(
                each,
                kind.from_config(each.file) if each.file else kind.from_builtin(shipped(each.word)),
            )
            for each in words
        ]
        self.scores: Sequence[WordScore] = [each.score for each in self._words]
        """The scores of all its words."""
        self._resampler = Resampler(SAMPLE_RATE, _RATE)

    def feed(self, pcm: bytes) -> Spotted | None:
        """Process sound; return the wake word that just ended, if any."""
        found = None
        for features in self._features.process_streaming(self._resampler.feed(pcm)):
            for word in self._words:
                found = word.feed(features) or found
        return found

    def forget(self) -> None:
        """Continue as after a long silence."""
        # The package's own reset reads the file again, which may have been replaced.
        self.feed(_SILENCE)


class _MicroWord:
    """A word and its model, which scores once every few features."""

    def __init__(self, word: WakeWord, model: Any) -> None:
        if word.file:
            _check(model)
        self.score = word_score(word, model.probability_cutoff)
        self._model = model
        self._fed = 0

    def feed(self, features: Any) -> Spotted | None:
        """Process the next features; return the word if it just ended."""
        probability = self._model.process_streaming_prob(features)
        self._fed += 1
        if self._fed < self._model.stride:
            return None
        self._fed = 0
        return self.score.feed(probability, self._model.stride * _STEP_MS)


def _check(model: Any) -> None:
    """Raise ValueError if the library cannot run this model; it does not report that itself."""
    fits = model.lib.TfLiteTensorByteSize(model.input_tensor) == model.stride * _FEATURES
    if not fits or model.lib.TfLiteInterpreterInvoke(model.interpreter):
        raise ValueError(f"{model.id} is no model of microWakeWord")
    model.reset()
