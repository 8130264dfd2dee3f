"""Recognizes the phrases of a scenario, offline, with the optional package pocketsphinx.

Its small English model is too weak for free dictation, but good enough to choose among a few short
phrases.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import numpy as np
import soxr

from .reply import heard_words

_LOG = logging.getLogger(__name__)
_RATE_IN, _RATE = 24_000, 16_000
_PAUSE_S = 0.2
_QUIET = 200  # samples below this are silence
_HISS = 20.0  # the model was trained in rooms, and does not expect perfect silence
# Other speech must match something else, or it would be taken for one of the phrases.
_OTHER_WORDS = (
    "hello there how are you friend the cat sat dog big music play some seven hundred three people "
    "go home because never water yellow under morning please thank very much open window door "
    "kitchen think which good night time when where"
)
_OTHER_WEIGHT = "0.000001"
_BEAMS = {"beam": 1e-30, "pbeam": 1e-30, "wbeam": 1e-20}  # a third of the time of the usual ones
_LONGEST_S = 4.0
_PHRASE_S, _CHARACTER_S = 0.4, 0.1  # maximum duration: the decoder stretches short phrases


def can_recognize() -> bool:
    """Return whether pocketsphinx is installed."""
    return find_spec("pocketsphinx") is not None


class PhraseRecognizer:
    """Call it with 24 kHz pcm; it returns one of `phrases`, or `heard_words` of it.

    Takes up to half of the sound's duration: run it in a thread. Sound longer than four seconds
    is no phrase. Phrases with words missing in the model's dictionary are left out, with a
    warning.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self._phrases = tuple(dict.fromkeys(phrases))
        self._decoder: Any = None
        self._lock = threading.Lock()  # a decoder can process only one sound at a time

    def __call__(self, pcm: bytes) -> str:
        """Return what was said in `pcm`."""
        sound = _prepared(pcm)
        if len(sound) > 2 * _RATE * _LONGEST_S:
            return heard_words(pcm)
        with self._lock:
            if self._decoder is None:
                self._load()
            words = self._decode(sound) if self._phrases else ""
        # Speech that only begins like a phrase was not that phrase.
        fits = words in self._phrases and _speech_s(sound) <= _longest_s(words)
        return words if fits else heard_words(pcm)

    def _decode(self, sound: bytes) -> str:
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr.strip() if found is not None else ""

    def _load(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=float(_RATE), loglevel="FATAL", lm=None, **_BEAMS)
        self._phrases = tuple(phrase for phrase in self._phrases if self._knows(phrase))
        if self._phrases:
            self._decoder.add_jsgf_string("phrases", _grammar(self._phrases))
            self._decoder.activate_search("phrases")

    def _knows(self, phrase: str) -> bool:
        unknown = [word for word in phrase.split() if self._decoder.lookup_word(word) is None]
        if unknown:
            _LOG.warning("the dictionary has no %r: %r will not be heard", unknown[0], phrase)
        return not unknown


def _longest_s(phrase: str) -> float:
    return _PHRASE_S + _CHARACTER_S * len(phrase)


def _speech_s(prepared: bytes) -> float:
    return len(prepared) / (2 * _RATE) - 2 * _PAUSE_S


def _prepared(pcm: bytes) -> bytes:
    """Return 16 kHz pcm with short pauses around the speech, and a little noise."""
    samples = np.frombuffer(pcm, dtype="<i2")
    sound = soxr.resample(samples, _RATE_IN, _RATE).astype(np.int32)
    loud = np.flatnonzero(np.abs(sound) > _QUIET)
    if len(loud):
        sound = sound[int(loud[0]) : int(loud[-1]) + 1]
    sound = np.pad(sound, int(_PAUSE_S * _RATE))
    hiss = np.random.default_rng(0).normal(0.0, _HISS, len(sound))
    return np.clip(sound + hiss, -32_768, 32_767).astype("<i2").tobytes()


def _grammar(phrases: Iterable[str]) -> str:
    other = " | ".join(dict.fromkeys(_OTHER_WORDS.split()))
    return (
        "#JSGF V1.0; grammar phrases; "
        f"public <phrase> = /1/ ({' | '.join(phrases)}) | /{_OTHER_WEIGHT}/ <other>+ ; "
        f"<other> = {other} ;"
    )
