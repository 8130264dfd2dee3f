"""How the simulator answers: the settings of its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from .pacing import Pacing
from .reply import ReplyFunction, heard_words
from .voice_detector import SileroVoiceDetector, VoiceDetector
from .voices import Voice

Transcription = Literal["normal", "early", "late", "failed", "streamed", "never"]
Quirks = Literal["localai", "huggingface", "huggingface-old", "xai", "sglang"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the simulator answers.

    * `think_s` passes between the request and the first event.
    * `understand` converts the user's sound to words, in a thread unless it is the default.
    * `voice_detector` creates a speech detector, for each change of the turn detection.
    * `late_deltas` still follow an interruption.
    * `transcription`: when the words of the user arrive: after 250 ms (normal), before the answer
      (early), long after it (late), as an error (failed), word by word (streamed), or never.
    * `extras`: send the fields that the real service sends without documenting them.
    * `refused_schemas`: names of functions that are refused when they are offered as tools.
    * `quirks`: imitate a server that is not quite compatible.
    """

    voice: Voice = "auto"
    reply: ReplyFunction | None = None
    pacing: Pacing = "burst"
    late_deltas: int = 0
    think_s: float = 0.1
    transcription: Transcription = "normal"
    extras: bool = False
    quirks: Quirks | None = None
    refused_schemas: Sequence[str] = ()
    understand: Callable[[bytes], str] = heard_words
    voice_detector: Callable[[], VoiceDetector] = SileroVoiceDetector
