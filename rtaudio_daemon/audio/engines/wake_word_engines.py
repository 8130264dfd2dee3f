"""Wake words by microWakeWord, from the optional package pymicro-wakeword."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ...optional_packages import how_to_install
from ..processing.format import SAMPLE_RATE, Resampler
from ..processing.wake_word import Attention, Listen, WakeWordEngine

_LOG = logging.getLogger(__name__)
WORDS = ("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft")
_RATE = 16_000


class MicroWakeWordEngine:
    """One or more of okay_nabu, hey_jarvis, alexa and hey_mycroft; the models are in the package.

    ImportError or OSError where pymicro-wakeword is missing or does not run.
    """

    def __init__(self, words: Sequence[str]) -> None:
        import pymicro_wakeword

        self._features: Any = pymicro_wakeword.MicroWakeWordFeatures()
        self._models: dict[str, Any] = {
            word: pymicro_wakeword.MicroWakeWord.from_builtin(pymicro_wakeword.Model(word))
            for word in words
        }
        self._resampler = Resampler(SAMPLE_RATE, _RATE)

    def feed(self, pcm: bytes) -> str | None:
        """The wake word that just ended, if any."""
        found = None
        for features in self._features.process_streaming(self._resampler.feed(pcm)):
            for word, model in self._models.items():
                if model.process_streaming(features):
                    found = word
        return found


def open_attention(listen: str, word: str, follow_up_s: float) -> Attention:
    """What `audio.listen` names; `word` is one of `WORDS`, or any.

    Where no wake word can be spotted, nothing but push to talk is listened to.
    """
    if listen == "push_to_talk":
        return Attention("push_to_talk")
    if listen == "open":
        return Attention()
    mode: Listen = "wake_word"
    try:
        engine: WakeWordEngine = MicroWakeWordEngine(WORDS if word == "any" else (word,))
    except (ImportError, OSError) as error:
        note = (
            "audio.listen is wake_word, but nothing except push to talk is listened to: that needs "
            f"the package pymicro-wakeword: `{how_to_install('pymicro_wakeword')}`, then restart "
            f"the daemon ({error})"
        )
        _LOG.warning("%s", note)
        return Attention("push_to_talk", note=note)
    return Attention(mode, engine, follow_up_s * 1000)
