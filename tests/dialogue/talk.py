"""A conversation for tests, with a clock of its own, and what is often said to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.inputs import (
    ButtonPressed,
    Input,
    LocalSpeechStarted,
    LocalSpeechStopped,
    SessionOpened,
    SpeechAborted,
)
from rtaudio_daemon.dialogue.outputs import (
    ClearAudio,
    CreateItem,
    CreateResponse,
    Output,
    PauseTurnDetection,
    ResumeTurnDetection,
    SendKeptAudio,
    ServiceCommand,
    SpeakerCommand,
)
from rtaudio_daemon.dialogue.settings import DialogueSettings
from rtaudio_daemon.dialogue.sound_parts import BYTES_PER_MS
from rtaudio_daemon.notifications import (
    AudioPart,
    ModelStatus,
    PlaybackStarted,
    StatusChanged,
    TurnFinished,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

IDLE, LISTENING = ModelStatus.IDLE, ModelStatus.LISTENING
THINKING, SPEAKING = ModelStatus.THINKING, ModelStatus.SPEAKING
PART = AudioPart("resp_1", "item_1", 0)
SECOND = b"\0" * 1000 * BYTES_PER_MS

STARTED, STOPPED = wire.SpeechStarted("item_0"), wire.SpeechStopped("item_0")
GATE_OPENED, GATE_CLOSED = LocalSpeechStarted(), LocalSpeechStopped()


def created(response_id: str, metadata: dict[str, Any] | None = None) -> wire.Event:
    return wire.ResponseCreated(response_id, metadata, "" if metadata else "conv_1")


def done(response_id: str, status: str, reason: str = "", message: str = "") -> wire.Event:
    error = None
    if message:
        error = wire.ServiceErrorReported(reason, "", message, "", Severity.RETRY)
    return wire.ResponseDone(response_id, status, reason, error, (), {})


def message(text: str, role: str = "user") -> CreateItem:
    kind = "text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return CreateItem({"type": "message", "role": role, "content": content})


def say(text: str) -> CreateResponse:
    """An answer outside the conversation that speaks `text`."""
    settings = {
        "conversation": "none",
        "metadata": SAY_METADATA,
        "modalities": ["audio", "text"],
        "instructions": "Speak the user's words exactly as they stand, and add nothing.",
        "input": [message(text).item],
    }
    return CreateResponse(settings)


_ASIDE = (SendKeptAudio, PauseTurnDetection, ResumeTurnDetection, TurnFinished)


class Talk:
    """A conversation with a clock that ticks 0.1 s before everything that happens.

    Changes of status, latencies and what only a session needs have tests of their own. Before a
    session opens a second of sound is kept for it, unless `heard` is False.
    """

    def __init__(self, **options: Any) -> None:
        self.mind = Conversation(DialogueSettings(**options))
        self.now = 0.0
        self.statuses: list[ModelStatus] = []

    def tell(self, *happenings: Input, heard: bool = True) -> list[Output]:
        """Let all of it happen; returns what is done."""
        done: list[Output] = []
        for happening in happenings:
            self.now += 0.1
            if isinstance(happening, SessionOpened) and heard:
                self.mind.unsent.kept(SECOND, self.now)
            for step in self.mind.handle(happening, self.now):
                if isinstance(step, StatusChanged):
                    assert step.previous != step.status
                    self.statuses.append(step.status)
                elif isinstance(step, ClearAudio):
                    done += [] if isinstance(happening, ButtonPressed | SpeechAborted) else [step]
                elif not isinstance(step, _ASIDE):
                    done.append(step)
        return done

    @property
    def status(self) -> ModelStatus:
        return self.mind.status

    @property
    def deadline(self) -> float | None:
        return self.mind.deadline


def opened(**options: Any) -> Talk:
    talk = Talk(**options)
    talk.tell(SessionOpened())
    return talk


def answer_heard(talk: Talk, *, generated: bool = True) -> Talk:
    """An answer of one second is being heard."""
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND))
    if generated:
        talk.tell(wire.AudioDone(PART), done("resp_1", "completed"))
    talk.tell(PlaybackStarted())
    return talk


def commands(steps: Iterable[Output]) -> list[Output]:
    return [step for step in steps if isinstance(step, ServiceCommand | SpeakerCommand)]
