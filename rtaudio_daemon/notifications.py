"""What there is to report: to the HTTP API, the log and systemd, and of the loudspeaker.

Durations carry their unit in their name. The states and parts that reports speak of are in
`states`, and are offered here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from .device_codes import DeviceCode as DeviceCode

Source = Literal["local", "service"]

ToolPhase = Literal[
    "started", "done", "failed", "timed_out", "late", "refused", "unconfirmed", "cancelled"
]

AsAsked = Literal["yes", "no", "unknown"]
"""Whether a thing is as it was asked for; `unknown` where that cannot be seen."""

QuestionOutcome = Literal["answered", "no_answer", "interrupted"]
SaidOutcome = Literal["said", "interrupted", "not_played", "dropped", "failed"]


class ModelStatus(StrEnum):
    """The status of the conversation, as seen from outside."""

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
    """How much of a part left the loudspeaker, in whole milliseconds (rounded down).

    `samples`: the same at 24 kHz, where it is known as exactly; else -1.
    """

    part: AudioPart
    heard_ms: int
    samples: int = field(default=-1, compare=False)


# ------------------------------------------------------------------ playback


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sample of the queue left the loudspeaker."""


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """The last sample of everything queued and ended left the loudspeaker."""


@dataclass(frozen=True, slots=True)
class PlaybackStopped:
    """Playback was cut off; `heard` lists every part that was not played whole.

    `silent_in_ms`: how long it takes from now on until the room is silent. `lost`: why there is no
    loudspeaker, if that is what stopped it.
    """

    heard: tuple[Heard, ...] = ()
    silent_in_ms: int = 0
    lost: str | None = None


# ---------------------------------------------------------------------- news


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The status went from `previous` to `status`."""

    status: ModelStatus
    previous: ModelStatus


@dataclass(frozen=True, slots=True)
class SpeechNoticed:
    """Somebody started or stopped speaking."""

    phase: Literal["started", "stopped"]
    source: Source


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words that were said; `final` when no more will come for this item.

    The assistant's are those that were heard. `cut`: playing stopped before the end of the item, so
    that `text` ends there too. Was that nobody's doing, and is the rest played after all, they come
    once more for the same item, with those of the rest.
    """

    role: Literal["user", "assistant"]
    text: str
    final: bool
    item_id: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Interruption:
    """An answer was cut off after `audio_end_ms` of it had been heard."""

    item_id: str | None
    audio_end_ms: int
    latency_ms: int


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The connection to the service changed; `reason` in words when it is not open.

    `gap_ms`: how long there was no session, when one has just replaced another.
    """

    state: ConnectionState
    profile: str
    session_id: str | None = None
    expires_at: float | None = None
    reconnects: int = 0
    reason: str | None = None
    retry_in_s: float | None = None
    renewals: int = 0
    gap_ms: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """A microphone or loudspeaker came, went, went deaf, or does not work for another reason.

    `code`: the kind of the `reason`, for programs.
    """

    direction: Literal["microphone", "speaker"]
    state: DeviceState
    device: str
    reason: str | None = None
    code: DeviceCode | None = None


@dataclass(frozen=True, slots=True)
class SoundChanged:
    """How sound is judged now, in effect.

    `notes`: what was asked for and is not so, each with the remedy.
    """

    echo: str
    engine: str
    listen: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WakeWordHeard:
    """Somebody said a wake word. `score`: how certain that is, from 0 to 1."""

    word: str
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class WakeWordYielded:
    """The wake word that was just heard is answered by another daemon, whose id is `to`."""

    word: str
    to: str


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """The microphone was muted or unmuted."""

    muted: bool


@dataclass(frozen=True, slots=True)
class VolumeChanged:
    """The loudness of everything that is played is now `level` (0 to 1)."""

    level: float


@dataclass(frozen=True, slots=True)
class UplinkChanged:
    """Sending sound to the service started or stopped; `bytes` sent since the start."""

    open: bool
    bytes: int


@dataclass(frozen=True, slots=True)
class UsageReported:
    """What one answer cost, in tokens as the service reports them."""

    response_id: str
    usage: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The latencies of one answer, in ms from the end of the user's speech (or the request)."""

    response_id: str
    status: str
    latencies: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """Something went wrong that a person may want to know: where, a code, and words."""

    source: Literal["service", "device", "config", "conversation", "mqtt"]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ToolReported:
    """A call of a tool went on. `took_ms`: since it was asked for.

    `as_asked`: whether the target was found as it was asked for, if that was looked at. `arguments`
    and `result`: JSON, cut; published only where transcripts are.
    """

    call: str
    tool: str
    source: str
    phase: ToolPhase
    took_ms: int = 0
    as_asked: AsAsked = "unknown"
    arguments: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class TextSaid:
    """What became of a text that a program wanted to be said under the id `id`.

    It comes once; for a text that was interrupted, and whose rest was played after all, once more.
    `heard_ms`: how much of it was played. `audible`: whether the microphone heard it.
    """

    id: str
    outcome: SaidOutcome
    heard_ms: int = 0
    audible: Literal["yes", "no", "unknown"] = "unknown"


@dataclass(frozen=True, slots=True)
class TimerReported:
    """Something happened to a timer, an alarm or a reminder."""

    id: str
    name: str
    phase: Literal["set", "changed", "cancelled", "ringing", "dismissed", "missed"]


@dataclass(frozen=True, slots=True)
class SpeechIgnored:
    """The model judged that what was said was not meant for it."""


@dataclass(frozen=True, slots=True)
class PersonaChanged:
    """Who answers from now on; "" is the session as it stands.

    `wanted`: who was chosen; if it is somebody else, `reason` says why they do not answer.
    """

    name: str
    wanted: str
    reason: str | None = None


Notification = (
    StatusChanged
    | SpeechNoticed
    | Transcript
    | Interruption
    | ConnectionChanged
    | DeviceChanged
    | SoundChanged
    | WakeWordHeard
    | MuteChanged
    | VolumeChanged
    | UplinkChanged
    | UsageReported
    | TurnFinished
    | ErrorReported
    | ToolReported
    | TextSaid
    | TimerReported
    | SpeechIgnored
    | WakeWordYielded
    | PersonaChanged
)

EVENT_NAMES: Mapping[type[Any], str] = {
    StatusChanged: "status",
    SpeechNoticed: "speech",
    Transcript: "transcript",
    Interruption: "interruption",
    TurnFinished: "turn",
    ConnectionChanged: "connection",
    DeviceChanged: "device",
    SoundChanged: "sound",
    MuteChanged: "mute",
    VolumeChanged: "volume",
    UplinkChanged: "uplink",
    WakeWordHeard: "wake",
    UsageReported: "usage",
    ErrorReported: "error",
    ToolReported: "tool",
    TextSaid: "said",
    TimerReported: "timer",
    SpeechIgnored: "ignored",
    WakeWordYielded: "yielded",
    PersonaChanged: "persona",
}
"""The name of each notification as an event, for `/api/events` and hooks."""
