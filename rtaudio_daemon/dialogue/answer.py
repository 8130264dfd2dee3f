"""An answer, what asks for it, and which one an event of the service names."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..protocol.events import (
    AudioDelta,
    AudioDone,
    CallArgumentsDone,
    Event,
    ItemReported,
    ResponseCreated,
    ResponseDone,
    TextDelta,
    TextDone,
)
from ..protocol.session_format import Json
from .latency import Origin


@dataclass(slots=True)
class Request:
    """An answer that we ask for, once nothing stands in its way."""

    settings: Json | None = None
    before: tuple[Json, ...] = ()
    """Items that are created first."""
    after: tuple[Json, ...] = ()
    """Items that are created after it was asked for."""
    outside: bool = False
    """Whether the answer is no part of the conversation."""
    aloud: bool = True
    """Whether it is played, so that it counts for the status and no other goes beside it."""
    after_speech: bool = True
    """Whether it waits until nobody speaks and the service owes no answer of its own."""
    say: bool = False
    """Whether a program wants it said: it gets a report when nothing comes of it."""
    question: bool = False
    """Whether it answers what the user said: one such request is enough."""
    origin: Origin | None = None
    """Since when somebody waits for it; None: since the end of the user's turn."""
    round: int = 0
    """How many answers with calls there were already for what was said."""
    said: str = ""
    """The id of the text that it says, if a program wants a receipt."""
    chime: bytes = b""
    """Sound to be played before the answer."""
    sound: bytes = b""
    """Sound to be played instead of asking for an answer."""
    event_id: str = ""
    attempts: int = 1


@dataclass(slots=True)
class Answer:
    """An answer that the service generates."""

    response_id: str
    request: Request | None = None
    """What it answers, if we asked for it."""
    interrupted: bool = False
    earlier: bool = False
    """Whether a newer question has been put since, about which it says nothing."""
    sounding: set[str] = field(default_factory=set)
    """The ids of its items of which sound came while somebody wanted to hear it."""
    written: set[str] = field(default_factory=set)
    """The ids of its items whose words, without sound, were reported."""
    refused: bool = False
    """Whether it was not wanted when it began: nothing that it calls is carried out."""

    @property
    def sounded(self) -> bool:
        """Whether any did."""
        return bool(self.sounding)

    @property
    def outside(self) -> bool:
        """Whether it is no part of the conversation."""
        return self.request is not None and self.request.outside

    @property
    def aloud(self) -> bool:
        """Whether it is played, and counts for the status."""
        return not self.outside or (self.request is not None and self.request.aloud)


def response_id_of(event: Event) -> str:
    """The answer that an event names; "" if none."""
    match event:
        case AudioDelta(part) | AudioDone(part) | TextDelta(part) | TextDone(part):
            return part.response_id
        case (
            ItemReported(response_id=found)
            | ResponseCreated(found)
            | CallArgumentsDone(found)
            | ResponseDone(found)
        ):
            return found
    return ""
