"""What went wrong, in words for people."""

from __future__ import annotations

from ..notifications import ErrorReported
from ..protocol.error_codes import Severity
from ..protocol.events import ResponseDone, ServiceErrorReported, UserTranscriptFailed
from .outputs import AnswerGivenUp

_EXPIRED = "session_expired"  # another session takes over


def not_said(why: str) -> ErrorReported:
    """A text that a program wanted to be said is not said."""
    return ErrorReported("conversation", "not_said", f"not said: {why}")


def sound_not_played(why: str) -> ErrorReported:
    """A sound that a program wanted to be played is not played."""
    return ErrorReported("conversation", "not_played", f"not played: {why}")


def not_answered(why: str) -> AnswerGivenUp:
    """A question gets no answer."""
    return AnswerGivenUp("not_answered", f"not answered: {why}")


def not_connected(why: str) -> AnswerGivenUp:
    """A push-to-talk turn waited in vain for a session."""
    why = why or "it took too long"
    words = f"not listening: there is no connection to the service ({why})"
    return AnswerGivenUp("not_connected", words)


def not_played(lost: str, *, heard: bool) -> ErrorReported:
    """The loudspeaker was lost in the middle of an answer; `heard`: some of it was played."""
    what = "not played to its end" if heard else "not played"
    words = f"{what}: the loudspeaker is lost ({lost})"
    return ErrorReported("conversation", "not_played", words)


def not_transcribed(event: UserTranscriptFailed) -> ErrorReported:
    """The words of a turn are unknown."""
    code = event.error.code or event.error.type or "transcription_failed"
    words = f"the service could not transcribe what was said: {event.error.message or code}"
    return ErrorReported("service", code, words)


def trouble(event: ServiceErrorReported) -> list[ErrorReported]:
    """What a person may want to know about an error of the service."""
    if event.severity is Severity.BENIGN or event.code == _EXPIRED:
        return []
    code = event.code or event.type or "error"
    return [ErrorReported("service", code, event.message or code)]


def calls_in_vain(event: ResponseDone) -> list[AnswerGivenUp]:
    """Why the calls of an answer lead to nothing when none of them can be given a result."""
    calls = [item for item in event.output if item.kind == "call"]
    if event.status != "completed" or not calls:
        return []
    return [not_answered("the model called a function, and the service gave the call no id")]


def failure(event: ResponseDone) -> list[ErrorReported]:
    """Why an answer was not completed."""
    if event.status not in ("failed", "incomplete"):
        return []
    error = event.error
    code = (error.code if error else "") or event.reason or event.status
    message = (error.message if error else "") or f"the answer ended {event.status}"
    return [ErrorReported("service", code, message)]
