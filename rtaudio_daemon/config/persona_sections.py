"""The settings of personas: who else answers, in which voice, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .checks import option, text
from .realtime_sections import PERSONA_NAME as PERSONA_NAME
from .realtime_sections import Session, TurnDetection
from .schema import some_of


@dataclass(frozen=True)
class Persona:
    """Somebody else who answers; settings left out are those of `realtime.session`."""

    voice: str = option("", "the voice", text())
    instructions: str = option("", "who answers, and how they should talk", text())
    language: str = option(
        "", "language that the transcription expects, such as en or de; needs its model", text()
    )
    turn_detection: dict[str, Any] | None = option(
        None,
        "different settings of the turn detection, as in silence_duration_ms: 900",
        some_of(TurnDetection),
    )

    def over(self, session: Session) -> Session:
        """Return `session` with the settings of this persona."""
        transcription = session.transcription
        language = self.language or transcription.language
        return replace(
            session,
            voice=self.voice or session.voice,
            instructions=self.instructions or session.instructions,
            transcription=replace(transcription, language=language),
            turn_detection=replace(session.turn_detection, **(self.turn_detection or {})),
        )


def session_as(session: Session, personas: Mapping[str, Persona] | None, name: str) -> Session:
    """Return `session` for this persona; unchanged for "" or one that does not exist."""
    persona = (personas or {}).get(name)
    return persona.over(session) if persona else session
