"""The words everybody in the house uses: what happens, what to do about it, what is news.

Three small vocabularies of frozen dataclasses:

* *happenings* go into :class:`rtaudio_daemon.conversation.Conversation`,
* *commands* come out of it and are carried out by the assistant,
* *news* goes to everybody who listens: the HTTP events, the log, systemd.

Times are seconds of a monotonic clock that the caller chooses; durations carry their unit in
their name. Sound is always 24 kHz, mono, signed 16-bit little-endian ("pcm"). The states and parts
that the words speak of are told here too; they live in `states`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .states import AudioPart as AudioPart
from .states import ConnectionState as ConnectionState
from .states import DeviceCode as DeviceCode
from .states import DeviceState as DeviceState
from .states import Heard as Heard
from .states import ModelStatus as ModelStatus
from .states import Source as Source

# ---------------------------------------------------------------- happenings


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak, in the judgement of our own gate or of the service."""

    source: Source


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """They stopped; the turn is over in the judgement of `source`."""

    source: Source


@dataclass(frozen=True, slots=True)
class SpeechAborted:
    """What was being said does not count: muted, cleared, or the microphone went away."""


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The service made a user item out of the sound it holds."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The service began an answer. Answers outside the conversation cannot be truncated."""

    response_id: str
    in_conversation: bool = True


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """A piece of spoken answer arrived (much faster than it can be played)."""

    part: AudioPart
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioEnded:
    """All sound of this part has been received."""

    part: AudioPart


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """The service ended an answer. `status`: completed, cancelled, incomplete or failed."""

    response_id: str
    status: str
    reason: str | None = None
    message: str | None = None


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


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The service is ready for a conversation (connected and configured).

    `heard`: it was given enough for a turn of what was said before it was there.
    """

    heard: bool = True


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The connection is gone, and with it all items and responses."""

    reason: str


@dataclass(frozen=True, slots=True)
class SessionRenewed:
    """Another session has taken over without a gap; items and responses of the old are gone."""


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """A person or a program asked for silence."""


@dataclass(frozen=True, slots=True)
class SayRequested:
    """Speak `text` as it stands (verbatim), or let the model answer it (prompt).

    `urgent`: before everything that waits, and whoever speaks is interrupted. `remember`: the
    model is told that it said the verbatim text.
    """

    text: str
    mode: Literal["verbatim", "prompt"] = "prompt"
    urgent: bool = False
    remember: bool = False


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """Push to talk: from now on somebody speaks, whatever any detector thinks."""


@dataclass(frozen=True, slots=True)
class ButtonReleased:
    """Push to talk: the turn is over, and is to be answered."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline the conversation named has come."""


Happening = (
    SpeechStarted
    | SpeechStopped
    | SpeechAborted
    | TurnCommitted
    | ResponseStarted
    | AudioReceived
    | AudioEnded
    | ResponseFinished
    | PlaybackStarted
    | PlaybackFinished
    | PlaybackStopped
    | SessionOpened
    | SessionLost
    | SessionRenewed
    | InterruptRequested
    | SayRequested
    | ButtonPressed
    | ButtonReleased
    | TimePassed
)

# ------------------------------------------------------------------ commands


@dataclass(frozen=True, slots=True)
class Play:
    """Append `pcm` to what the loudspeaker plays."""

    part: AudioPart
    pcm: bytes


@dataclass(frozen=True, slots=True)
class EndPlay:
    """No more sound will come for this part."""

    part: AudioPart


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Be silent now and say how far playing came (answered by `PlaybackStopped`)."""


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Ask the service to stop generating."""

    response_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Tell the service how much of its answer was heard."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Remove an item that nobody heard, or nobody said."""

    item_id: str


@dataclass(frozen=True, slots=True)
class CreateMessage:
    """Put a text message of the user (or of the assistant) into the conversation."""

    text: str
    role: Literal["user", "assistant"] = "user"


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """Make a user item of the sound that the service holds."""


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget the sound that no turn was made of, here and in the service."""


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Ask for an answer; with `say`, for exactly these words outside the conversation."""

    say: str | None = None


ToldToService = (
    CancelResponse
    | TruncateItem
    | DeleteItem
    | CreateMessage
    | CommitAudio
    | ClearAudio
    | CreateResponse
)

Command = Play | EndPlay | StopPlayback | ToldToService

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
    """Words that were said; `final` when no more will come for this item."""

    role: Literal["user", "assistant"]
    text: str
    final: bool
    item_id: str


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
    """Somebody said a wake word."""

    word: str


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
    """Sound began or ceased to leave the house; `bytes` so far, since the start."""

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

    source: Literal["service", "device", "config", "conversation"]
    code: str
    message: str


News = (
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
)
