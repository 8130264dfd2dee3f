"""An answer, the request for it, and the answer that an event of the service belongs to."""

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
    """An answer that we ask for as soon as nothing prevents it."""

    settings: Json | None = None
    before: tuple[Json, ...] = ()
    """Items to create before asking."""
    after: tuple[Json, ...] = ()
    """Items to create after asking."""
    outside: bool = False
    """Whether the answer stays outside the conversation."""
    aloud: bool = True
    """Whether it is played: it then counts for the status, and at most one runs at a time."""
    after_speech: bool = True
    """Whether to wait until nobody speaks and the service owes no answer of its own."""
    say: bool = False
    """Whether a program wants it said: it gets a report if nothing comes of it."""
    question: bool = False
    """Whether it answers what the user said; only one such request may wait."""
    origin: Origin | None = None
    """When somebody began to wait for it; None: at the end of the user's turn."""
    round: int = 0
    """How many answers with calls there have been for what was said."""
    said: str = ""
    """The id of the text that it speaks, if a program wants a receipt."""
    chime: bytes = b""
    """Sound to play before the answer."""
    sound: bytes = b""
    """Sound to play instead of asking for an answer."""
    event_id: str = ""
    attempts: int = 1


@dataclass(slots=True)
class Answer:
    """An answer that the service generates."""

    response_id: str
    request: Request | None = None
    """The request that it answers, if we asked for it."""
    interrupted: bool = False
    earlier: bool = False
    """Whether a newer question has been put since, which it does not answer."""
    sounding: set[str] = field(default_factory=set)
    """The ids of its items whose sound arrived while somebody wanted to hear it."""
    written: set[str] = field(default_factory=set)
    """The ids of its items whose words were reported without sound."""
    refused: bool = False
    """Whether it was unwanted when it began: none of its calls is carried out."""

    @property
    def sounded(self) -> bool:
        """Whether any of its items sounded."""
        return bool(self.sounding)

    @property
    def outside(self) -> bool:
        """Whether it stays outside the conversation."""
        return self.request is not None and self.request.outside

    @property
    def aloud(self) -> bool:
        """Whether it is played, and so counts for the status."""
        return not self.outside or (self.request is not None and self.request.aloud)


def response_id_of(event: Event) -> str:
    """Return the id of the answer that an event belongs to; "" if none."""
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
