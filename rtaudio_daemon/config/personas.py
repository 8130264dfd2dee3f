"""Rules between personas, wake words and the session."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .persona_sections import Persona
from .secret import did_you_mean
from .sections import Config
from .source import Mistake, Steps

MOST = 32
"""Maximum number of personas."""


def mistakes(config: Config, failed: Collection[Steps]) -> Iterator[Mistake]:
    """Yield every mistake: at which option, and the remedy.

    Yields nothing if an option involved has `failed`, so that its value is unknown.
    """
    if any(steps[:1] == ("personas",) or steps[:2] == ("realtime", "session") for steps in failed):
        return
    at: Steps
    personas = config.personas or {}
    if len(personas) > MOST:
        yield ("personas",), f"expected {MOST} personas at most, got {len(personas)}"
    ours = config.realtime.session.turn_detection.type == "none"
    for name, persona in personas.items():
        if (persona.over(config.realtime.session).turn_detection.type == "none") != ours:
            what = "who ends the turns is the same for all: the service, or with none the gate; "
            at = ("personas", name, "turn_detection", "type")
            yield at, f"{what}set realtime.session.turn_detection.type instead"
    first = config.realtime.persona
    if first and first not in personas and ("realtime", "persona") not in failed:
        yield ("realtime", "persona"), f"there is no such persona{_known(first, personas)}"
    for index, word in enumerate(config.audio.wake.words):
        if word.persona and word.persona not in personas:
            at = ("audio", "wake", "words", index, "persona")
            yield at, f"there is no such persona{_known(word.persona, personas)}"


def cautions(config: Config) -> Iterator[Mistake]:
    """Yield what has no effect, in the same form."""
    for name, persona in (config.personas or {}).items():
        if persona == Persona():
            what = "answers as realtime.session does; give it a voice or instructions"
            yield ("personas", name), what
        if persona.language and not config.realtime.session.transcription.model:
            what = "is not used: nothing is transcribed; set realtime.session.transcription.model"
            yield ("personas", name, "language"), what


def _known(name: str, personas: dict[str, Persona]) -> str:
    if not personas:
        return "; write it down: personas, and this name with its voice below that"
    return did_you_mean(name, personas) or f"; known are {', '.join(personas)}"
