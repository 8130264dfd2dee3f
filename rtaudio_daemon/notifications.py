"""Reports to the HTTP API, the log and systemd, and reports of the loudspeaker.

Durations have their unit in their name. The states and parts that reports refer to are in
`states`, and are available here too.
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
"""Whether a thing is as requested; `unknown` if that cannot be observed."""

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
    """The state of the connection to the realtime service."""

    CONNECTING = "connecting"
    OPEN = "open"
    RENEWING = "renewing"
    CLOSING = "closing"
    CLOSED = "closed"

    @property
    def is_up(self) -> bool:
        """Whether there is a session: a session being renewed remains until the next takes over."""
        return self in (ConnectionState.OPEN, ConnectionState.RENEWING)


class DeviceState(StrEnum):
    """The state of a microphone or a loudspeaker (deaf: microphones only)."""

    OK = "ok"
    LOST = "lost"
    DEAF = "deaf"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AudioPart:
    """One section of a spoken answer: a content part of an item of a response."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a part left the loudspeaker, in whole milliseconds (rounded down).

    `samples`: the same at 24 kHz, if known exactly; otherwise -1.
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

    `silent_in_ms`: how long it takes from now on until the room is silent. `lost`: why there is
    no loudspeaker, if that caused the stop.
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
    """Words that were said; `final` if no more follow for this item.

    The assistant's words are those that were heard. `cut`: playback stopped before the end of
    the item, so `text` ends there. If nobody had spoken, and the rest is played after all, the
    words are reported once more for the same item, including the rest.
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
    """The connection to the service changed; `reason` in words if it is not open.

    `gap_ms`: how long there was no session, if one has just replaced another.
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
    """A microphone or loudspeaker appeared, disappeared, went deaf, or fails for another reason.

    `code`: the kind of `reason`, for programs.
    """

    direction: Literal["microphone", "speaker"]
    state: DeviceState
    device: str
    reason: str | None = None
    code: DeviceCode | None = None


@dataclass(frozen=True, slots=True)
class SoundChanged:
    """The processing of sound in effect.

    `notes`: what was requested and is not in effect, each with the remedy.
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
    """Another daemon, with the id `to`, answers the wake word that was just heard."""

    word: str
    to: str


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """The microphone was muted or unmuted."""

    muted: bool


@dataclass(frozen=True, slots=True)
class VolumeChanged:
    """The volume of everything that is played is now `level` (0 to 1)."""

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
    """An error that a person may want to know: where, a code, and words."""

    source: Literal["service", "device", "config", "conversation", "mqtt"]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ToolReported:
    """Progress of a call of a tool. `took_ms`: time since it was requested.

    `as_asked`: whether the target was then as requested, if that was checked. `arguments` and
    `result`: JSON, shortened; published only if transcripts are.
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
    """The outcome of a text that a program wanted to be said under the id `id`.

    Reported once; once more for an interrupted text whose rest was played after all. `heard_ms`:
    how much of it was played. `audible`: whether the microphone heard it.
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
    """Who answers from now on; "" is the session without a persona.

    `wanted`: who was chosen; if somebody else answers, `reason` says why.
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
