"""What the conversation decides: what to send, what to play, and what to report."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..notifications import (
    AudioPart,
    ErrorReported,
    Interruption,
    QuestionOutcome,
    SpeechNoticed,
    StatusChanged,
    TextSaid,
    Transcript,
    TurnFinished,
    UsageReported,
)
from ..protocol.session_format import Json
from .function_calls import FunctionCall

# -------------------------------------------------------------- for the service


@dataclass(frozen=True, slots=True)
class CreateItem:
    """Put an item at the end of the conversation."""

    item: Json


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Remove an item that nobody heard or nobody said."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Shorten an answer to the part that was heard."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Ask for an answer, optionally with settings of its own."""

    settings: Json | None = None
    event_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop generating this answer; None: the one under way, whatever its id."""

    response_id: str | None
    event_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """Make an item of the sound that the service holds."""

    event_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget the sound that the service holds."""

    event_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SendKeptAudio:
    """Send the sound that was kept for this session."""

    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PauseTurnDetection:
    """Keep the service from detecting turns until `ResumeTurnDetection`, in later sessions too."""


@dataclass(frozen=True, slots=True)
class ResumeTurnDetection:
    """Let the service detect turns again as before."""


@dataclass(frozen=True, slots=True)
class PauseReplies:
    """Keep the service from answering turns by itself until `ResumeReplies`."""


@dataclass(frozen=True, slots=True)
class ResumeReplies:
    """Let the service answer turns again as before."""


ServiceCommand = (
    CreateItem
    | DeleteItem
    | TruncateItem
    | CreateResponse
    | CancelResponse
    | CommitAudio
    | ClearAudio
    | SendKeptAudio
    | PauseTurnDetection
    | ResumeTurnDetection
    | PauseReplies
    | ResumeReplies
)

# ------------------------------------------------------------ for the loudspeaker


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
    """Fall silent now and report how much was played (answered by `PlaybackStopped`)."""


SpeakerCommand = Play | EndPlay | StopPlayback

# ------------------------------------------------------------------- to report


@dataclass(frozen=True, slots=True)
class CallsRequested:
    """The function calls of a complete answer, in its order.

    `spoken`: the answer had sound too. `round`: 1 for the calls of the answer to what was said,
    2 for those of the answer to their results, and so on.
    """

    calls: tuple[FunctionCall, ...]
    spoken: bool = False
    round: int = 1


@dataclass(frozen=True, slots=True)
class AnswerGivenUp:
    """A question will not be answered: a code, and why in words."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ListenWithoutWakeWord:
    """From now on, speech needs no wake word; or it needs one again."""

    on: bool


@dataclass(frozen=True, slots=True)
class QuestionClosed:
    """What became of a program's question.

    `text`: what was said. `answer`: the id of the offered answer that it means, if any.
    `reason`: why there is no answer, in words.
    """

    ask: str
    outcome: QuestionOutcome
    text: str = ""
    answer: str | None = None
    reason: str = ""


Report = (
    StatusChanged
    | SpeechNoticed
    | Transcript
    | Interruption
    | TurnFinished
    | UsageReported
    | ErrorReported
    | TextSaid
    | CallsRequested
    | AnswerGivenUp
    | ListenWithoutWakeWord
    | QuestionClosed
)

Output = ServiceCommand | SpeakerCommand | Report
