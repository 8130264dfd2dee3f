"""How things can stand, and what an answer is made of: the nouns of the words in `events`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Source = Literal["local", "service"]


class ModelStatus(StrEnum):
    """Who has the floor, as seen from outside."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


ModelStatusEnum = ModelStatus
"""The name it has in the TypeScript original."""


class ConnectionState(StrEnum):
    """How it stands with the realtime service."""

    CONNECTING = "connecting"
    OPEN = "open"
    RENEWING = "renewing"
    CLOSING = "closing"
    CLOSED = "closed"

    @property
    def is_up(self) -> bool:
        """Whether there is a session: one that is being renewed goes on until the next is there."""
        return self in (ConnectionState.OPEN, ConnectionState.RENEWING)


class DeviceState(StrEnum):
    """How it stands with a microphone or a loudspeaker (deaf: microphones only)."""

    OK = "ok"
    LOST = "lost"
    DEAF = "deaf"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AudioPart:
    """One stretch of spoken answer: a content part of an item of a response."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a part left the loudspeaker, in whole milliseconds (rounded down)."""

    part: AudioPart
    heard_ms: int
