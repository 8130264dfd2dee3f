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


class DeviceCode(StrEnum):
    """Why a microphone or a loudspeaker does not work, or is not the wanted one."""

    LOST = "lost"
    """It broke off, or was pulled out."""
    NO_DEVICE = "no_device"
    """This machine has none in this direction."""
    NOT_FOUND = "not_found"
    """No device has the name that is configured."""
    AMBIGUOUS = "ambiguous"
    """Several devices have the name that is configured."""
    BUSY = "busy"
    """Another program has it for itself."""
    NO_PERMISSION = "no_permission"
    """The user may not open sound devices."""
    UNSUPPORTED = "unsupported"
    """It takes none of the sample rates and channel counts of the daemon."""
    NO_LIBRARY = "no_library"
    """PyAudio or PortAudio cannot be loaded."""
    STUCK = "stuck"
    """It does not open in time, or moves no sound."""
    MONITOR = "monitor"
    """The sound server gives the sound of the loudspeaker instead of a microphone's."""
    MOVED = "moved"
    """The sound server moved the stream to another device."""
    FILE = "file"
    """The WAV file that stands for it cannot be used."""
    SILENT = "silent"
    """It delivers digital silence."""
    OVERDRIVEN = "overdriven"
    """It is stuck at full scale."""
    NO_SPEECH = "no_speech"
    """It delivers sound, and for many hours no speech."""
    FALLBACK = "fallback"
    """The system's default is used while it is lost."""
    RETURNED = "returned"
    """It is there again, and takes over from the default."""


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
