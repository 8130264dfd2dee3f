"""Wake words by microWakeWord, from the optional package pymicro-wakeword."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ...config import Wake, WakeWord
from ...optional_packages import how_to_install
from ..processing.format import SAMPLE_RATE, Resampler
from ..processing.wake_word import Attention, CombinedEngine, WakeWordEngine
from ..processing.word_score import Spotted, WordScore, cutoff_at

_LOG = logging.getLogger(__name__)
_RATE = 16_000
_STEP_MS = 10


class MicroWakeWordEngine:
    """Words of microWakeWord; the models are in the package.

    ImportError or OSError where pymicro-wakeword is missing or does not run.
    """

    def __init__(self, words: Sequence[WakeWord]) -> None:
        import pymicro_wakeword

        self._features: Any = pymicro_wakeword.MicroWakeWordFeatures()
        self._words = [
            _MicroWord(
                each, pymicro_wakeword.MicroWakeWord.from_builtin(pymicro_wakeword.Model(each.word))
            )
            for each in words
        ]
        self.scores = [each.score for each in self._words]
        """Each word that it knows."""
        self._resampler = Resampler(SAMPLE_RATE, _RATE)

    def feed(self, pcm: bytes) -> Spotted | None:
        """The wake word that just ended, if any."""
        found = None
        for features in self._features.process_streaming(self._resampler.feed(pcm)):
            for word in self._words:
                found = word.feed(features) or found
        return found


class _MicroWord:
    """A word and its model, which has news once every few features."""

    def __init__(self, word: WakeWord, model: Any) -> None:
        cutoff = cutoff_at(model.probability_cutoff, word.sensitivity)
        self.score = WordScore(word.called, cutoff, persona=word.persona, stop=word.stop)
        self._model = model
        self._fed = 0

    def feed(self, features: Any) -> Spotted | None:
        """Take in the next features; the word, if it just ended."""
        probability = self._model.process_streaming_prob(features)
        self._fed += 1
        if self._fed < self._model.stride:
            return None
        self._fed = 0
        return self.score.feed(probability, self._model.stride * _STEP_MS)


def open_attention(listen: str, wake: Wake) -> Attention:
    """What `audio.listen` names, with the words of `wake`.

    Where no wake word can be spotted, nothing but push to talk is listened to.
    """
    if listen == "push_to_talk":
        return Attention("push_to_talk")
    if listen == "open":
        return Attention()
    engines: list[WakeWordEngine] = []
    try:
        engines.append(MicroWakeWordEngine([each for each in wake.entries() if each.word]))
    except (ImportError, OSError) as error:
        note = (
            "audio.listen is wake_word, but nothing except push to talk is listened to: that needs "
            f"the package pymicro-wakeword: `{how_to_install('pymicro_wakeword')}`, then restart "
            f"the daemon ({error})"
        )
        _LOG.warning("%s", note)
        return Attention("push_to_talk", note=note)
    return Attention("wake_word", CombinedEngine(engines), wake.follow_up_s * 1000)
