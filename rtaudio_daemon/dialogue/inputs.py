"""Events on our side: speech in our own gate, buttons, requests, sessions that come and go.

Events of the service (`protocol.events`) and reports of the loudspeaker (`PlaybackStarted`,
`PlaybackFinished`, `PlaybackStopped`) are inputs of the conversation too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..notifications import PlaybackFinished, PlaybackStarted, PlaybackStopped
from ..protocol.events import Event
from ..protocol.session_format import Json
from .settings import DialogueSettings


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A session is in use: the first one, or one after a loss."""


@dataclass(frozen=True, slots=True)
class SessionRenewed:
    """Another session has taken over; items and answers of the previous one are gone."""


@dataclass(frozen=True, slots=True)
class SoundHeldBack:
    """From now on, speech waits for another session, which is being opened."""


@dataclass(frozen=True, slots=True)
class SoundLetGo:
    """No other session opens; the session in use gets what was held back."""


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The session is gone. `closing`: on purpose, so that we await no other."""

    reason: str
    closing: bool = False


@dataclass(frozen=True, slots=True)
class SessionAwaited:
    """There is no session. `hopeful`: one may open soon, so that waiting makes sense."""

    hopeful: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The conversation continues with other settings."""

    settings: DialogueSettings


@dataclass(frozen=True, slots=True)
class LocalSpeechStarted:
    """Our own gate hears somebody speak."""


@dataclass(frozen=True, slots=True)
class LocalSpeechStopped:
    """Our own gate no longer hears anybody speak."""


@dataclass(frozen=True, slots=True)
class SpeechAborted:
    """What is being said does not count: muted, no wake word, or the microphone is gone.

    `nobody`: nobody said it; what it interrupted may continue.
    """

    nobody: bool = False


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """Push to talk begins: from now on the user speaks, whatever any detector reports."""


@dataclass(frozen=True, slots=True)
class ButtonReleased:
    """Push to talk ends; `answer`: the turn is answered, otherwise forgotten."""

    answer: bool = True


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """A person or a program asks for silence."""


@dataclass(frozen=True, slots=True)
class ContinueRequested:
    """Play the rest of the answer that was interrupted last, if it is still kept."""


@dataclass(frozen=True, slots=True)
class SayRequested:
    """Speak `text` as it stands (verbatim), or let the model answer it (prompt).

    `urgent`: interrupt what is being said, and go before everything that waits. `remember`: make a
    verbatim text a message of the assistant. `said`: the id under which `TextSaid` reports what
    became of the text; "" for no report. `chime`: sound to play before it. `listen`: once it was
    said, the user may speak without a wake word. `instructions`: a system message that follows the
    text.
    """

    text: str
    mode: Literal["verbatim", "prompt"] = "prompt"
    urgent: bool = False
    remember: bool = False
    said: str = ""
    chime: bytes = b""
    listen: bool = False
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class OfferedAnswer:
    """An answer that a program offers: its id, and sentences that mean it."""

    id: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskRequested:
    """Speak the question `text` as it stands, and report the one spoken answer as `ask`.

    `timeout_s`: how long to wait for speech after the question. `transcribed`: the service
    transcribes turns. `chime`: sound to play before the question.
    """

    ask: str
    text: str
    answers: tuple[OfferedAnswer, ...] = ()
    timeout_s: float = 20.0
    transcribed: bool = False
    chime: bytes = b""


@dataclass(frozen=True, slots=True)
class MicrophoneClosed:
    """From now on, nobody can be heard, and why: muted, or the microphone is lost."""

    reason: str


@dataclass(frozen=True, slots=True)
class PlayRequested:
    """Play `pcm` (not empty), even without a session; `urgent`, `said` as in `SayRequested`."""

    pcm: bytes
    urgent: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRequested:
    """Ask for an answer, optionally with settings of its own.

    `outside`: it stays outside the conversation. `after_speech`: wait until nobody speaks and no
    answer is expected. `event_id` names the request in errors of the service.
    """

    settings: Json | None = None
    outside: bool = False
    after_speech: bool = False
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Stop generating an answer: this one, or the one under way."""

    response_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The result of a function call.

    `sent`: the session has it already. `silent`: it needs no answer. We still ask for one if
    another call of the same answer needs it.
    """

    call_id: str
    output: str
    sent: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class CallsTakeLong:
    """The results of these calls are delayed: let the model say so, as `note` asks it to."""

    call_ids: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class AnswerDropped:
    """Nobody waits for the answer any more: do not ask another session for it."""


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    """The user of the library makes an item of the sound sent so far."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """The user of the library empties the input buffer."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline that the conversation named has come."""


Playback = PlaybackStarted | PlaybackFinished | PlaybackStopped

LocalInput = (
    SessionOpened
    | SessionRenewed
    | SoundHeldBack
    | SoundLetGo
    | SessionLost
    | SessionAwaited
    | SettingsChanged
    | LocalSpeechStarted
    | LocalSpeechStopped
    | SpeechAborted
    | ButtonPressed
    | ButtonReleased
    | InterruptRequested
    | ContinueRequested
    | SayRequested
    | PlayRequested
    | AskRequested
    | MicrophoneClosed
    | AnswerRequested
    | CancelRequested
    | CallAnswered
    | CallsTakeLong
    | AnswerDropped
    | AudioCommitted
    | AudioCleared
    | TimePassed
)

Input = Event | Playback | LocalInput
