"""Typed events for the messages of a service; events that nobody acts on are `Unknown`.

A missing id is "", which means *the answer under way*. An event that lacks a field it is useless
without is `Unknown`. `Message.raw` is the whole dictionary, unbounded, in canonical names and
shapes. `event_decoding` creates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..notifications import AudioPart
from .error_codes import Severity
from .session_format import Json, SessionFacts

ItemKind = Literal["user", "assistant", "system", "call", "result", "other"]


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the conversation."""

    id: str
    kind: ItemKind
    text: str
    """The text of a message, the arguments of a call, or the output of a result."""
    spoken: bool
    """Whether it contains audio of the user."""
    status: str
    call_id: str
    """The id of the call that it is, or is the result of; "" for a message."""
    name: str
    """The function that is called."""


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The service greets."""

    facts: SessionFacts


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The service accepted settings; `settings` contains all effective ones, flat."""

    facts: SessionFacts
    settings: Json


@dataclass(frozen=True, slots=True)
class ServiceErrorReported:
    """An error occurred; `event_id` names our message that caused it, "" if none."""

    code: str
    type: str
    message: str
    event_id: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The service detects speech; `item_id` is the id that the turn will get."""

    item_id: str


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The service detects the end of speech."""

    item_id: str


@dataclass(frozen=True, slots=True)
class InputCommitted:
    """The audio in the service's input buffer became an item, a turn of the user."""

    item_id: str


@dataclass(frozen=True, slots=True)
class InputCleared:
    """The service has emptied its input buffer."""


@dataclass(frozen=True, slots=True)
class InputTimedOut:
    """Nobody spoke for long; the service makes an item of the silence and answers it."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ItemReported:
    """An item was created, or is complete (`done`); `response_id` is "" outside answers."""

    item: Item
    response_id: str
    done: bool


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """The service keeps only the first `audio_end_ms` of an item's audio."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    """The service removed an item from the conversation."""

    item_id: str


@dataclass(frozen=True, slots=True)
class UserTranscript:
    """The complete transcript of a user's turn; `usage` is {} if not reported."""

    item_id: str
    text: str
    usage: Json


@dataclass(frozen=True, slots=True)
class UserTranscriptFailed:
    """The service could not transcribe a turn of the user; it still answers the turn."""

    item_id: str
    error: ServiceErrorReported


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    """The service begins an answer; `conversation_id` is "" for one outside the conversation."""

    response_id: str
    metadata: Json | None
    conversation_id: str


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """The next piece of an answer's audio: whole samples, in the format of the session.

    `size`: its length in bytes, even if `decode` omitted the bytes themselves.
    """

    part: AudioPart
    audio: bytes
    size: int = -1

    def __post_init__(self) -> None:
        if self.size < 0:
            object.__setattr__(self, "size", len(self.audio))


@dataclass(frozen=True, slots=True)
class AudioDone:
    """The service sent all audio of a part."""

    part: AudioPart


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of an answer; nobody acts on the text itself.

    `spoken`: it transcribes audio, which may still follow.
    """

    part: AudioPart
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class TextDone:
    """The complete text of a part of an answer, written or `spoken`."""

    part: AudioPart
    text: str
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class CallArgumentsDone:
    """The arguments of a function call are complete; fields missing in the event are ""."""

    response_id: str
    item_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """An answer has ended: `status` is completed, cancelled, failed, incomplete, … or "other".

    `reason` says why it was not completed, "" if unknown; `error` is what made it fail;
    `usage` contains only plausible token counts, {} if there are none.
    """

    response_id: str
    status: str
    reason: str
    error: ServiceErrorReported | None
    output: tuple[Item, ...]
    usage: Json


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event that nobody acts on, or one that lacks a field it is useless without."""

    name: str


Event = (
    SessionCreated
    | SessionUpdated
    | ServiceErrorReported
    | SpeechStarted
    | SpeechStopped
    | InputCommitted
    | InputCleared
    | InputTimedOut
    | ItemReported
    | ItemTruncated
    | ItemDeleted
    | UserTranscript
    | UserTranscriptFailed
    | ResponseCreated
    | AudioDelta
    | AudioDone
    | TextDelta
    | TextDone
    | CallArgumentsDone
    | ResponseDone
    | Unknown
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the service: its canonical name, its dictionary, and what it means."""

    name: str
    raw: Json
    event: Event
    malformed: bool = False
    """Whether it is audio that cannot be decoded; its event is `Unknown`."""
