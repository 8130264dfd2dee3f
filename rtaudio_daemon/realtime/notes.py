"""What a client remembers of its conversation: floor, history, requests, calls and cost, together.

It hears every event of the service once and says what follows from it. It knows no clock: times are
seconds of any one clock, days are numbers that change at midnight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rtaudio_daemon.events import ModelStatus
from rtaudio_daemon.protocol.error_codes import Severity, severity_of
from rtaudio_daemon.realtime.floor import Floor
from rtaudio_daemon.realtime.function_calls import FunctionCall, FunctionCalls
from rtaudio_daemon.realtime.history import History
from rtaudio_daemon.realtime.options import SessionPolicy
from rtaudio_daemon.realtime.owed import OwedAnswer
from rtaudio_daemon.realtime.response_queue import ResponseQueue
from rtaudio_daemon.realtime.shapes import Json
from rtaudio_daemon.realtime.usage import Ledger

_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_SOUNDS = frozenset(
    {"response.audio.delta", "response.text.delta", "response.audio_transcript.delta"}
)


@dataclass(slots=True)
class Heard:
    """What follows from an event."""

    status: ModelStatus
    late: bool = False
    """It belongs to an answer that was interrupted, and is to be dropped."""
    send: list[Json] = field(default_factory=list)
    """Messages that may go out now."""
    calls: list[FunctionCall] = field(default_factory=list)
    """The function calls of an answer that is complete."""
    trouble: str | None = None
    """What a person has to mend, in words."""


class Notes:
    """Everything that is known of one conversation, over all of its sessions."""

    def __init__(self, policy: SessionPolicy, ledger: Ledger | None = None) -> None:
        self.floor = Floor()
        self.history = History(
            turns=policy.history_turns,
            characters=policy.history_characters,
            forget_after_s=policy.forget_after_s,
        )
        self.queue = ResponseQueue()
        self.calls = FunctionCalls()
        self.owed = OwedAnswer()
        self.ledger = ledger or Ledger(policy.prices, daily_limit=policy.daily_limit)
        self.late = 0

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks and nothing is being answered, as far as the wire tells."""
        return not (self.floor.listening or self.queue.busy or self.calls.open)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Another session, or none: what lived in the last one is gone."""
        self.floor = Floor()
        self.adjust(settings)
        self.queue.lose()
        self.calls = FunctionCalls()

    @property
    def askable(self) -> bool:
        """Whether another session could give the answer that somebody waits for."""
        return self.owed.due and self.history.answerable

    def take_turn(self, pcm: bytes) -> None:
        """A turn with this sound is becoming an item; empty: its sound is not known."""
        self.history.ask(pcm)

    def drop_answer(self) -> None:
        """Nobody waits for an answer any more."""
        self.owed.drop()
        self.history.answered()

    def adjust(self, settings: Mapping[str, Any]) -> None:
        """The session goes on with these settings."""
        detection = settings.get("turn_detection", {})
        detection = detection if isinstance(detection, Mapping) else {"create_response": False}
        self.floor.replies = bool(detection.get("create_response", True))
        self.floor.interrupts = bool(detection.get("interrupt_response", True))

    def hear(self, event: Json, status: ModelStatus, now: float, day: int) -> Heard:
        """Take in an event of the service, given the status before it."""
        name = event["type"]
        outside = self.queue.outside(event)
        send = self.queue.hear(event, now)
        outside = outside or self.queue.outside(event)
        if name in _SOUNDS and self.floor.late(event):
            self.late += 1
            return Heard(status, late=True, send=send)
        if not outside:
            status = self.floor.heard(name, event, status)
            if self.owed.hear(event, replies=self.floor.replies):
                self.history.answered()
        self.history.hear(event, now, outside=outside)
        trouble = self._count(name, event, day)
        return Heard(status, send=send, calls=self.calls.hear(event), trouble=trouble)

    def _count(self, name: str, event: Mapping[str, Any], day: int) -> str | None:
        if name == "error":
            return _trouble(event.get("error"))
        if name == _TRANSCRIBED and isinstance(event.get("usage"), dict):
            self.ledger.add_transcription(event["usage"], day)
        response = event.get("response")
        if name != "response.done" or not isinstance(response, dict):
            return None
        if isinstance(response.get("usage"), dict):
            self.ledger.add_response(response["usage"], day)
        details = response.get("status_details")
        return _trouble(details.get("error")) if isinstance(details, dict) else None


def _trouble(error: Any) -> str | None:
    if not isinstance(error, dict) or severity_of(error) is not Severity.FATAL:
        return None
    words = error.get("message") or error.get("code") or error.get("type")
    return f"the service will not answer with this configuration: {words}"
