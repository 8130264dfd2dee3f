"""The interfaces for what the assistant reports, except to devices and session."""

from __future__ import annotations

from typing import Protocol

from ..dialogue.outputs import CallsRequested, QuestionClosed
from ..notifications import Notification
from ..protocol.events import Event, Message


class AlertListener(Protocol):
    """Rings, and needs to know about people."""

    def somebody_there(self, *, addressed: bool) -> None:
        """Note that somebody speaks or presses a button; `addressed`: to us, as far as is known."""

    def floor_changed(self) -> None:
        """Note a change of whose turn it is to speak."""

    @property
    def rings(self) -> bool:
        """Whether any ringing is audible."""


class Watcher(Protocol):
    """Re-examines the present state."""

    def look(self) -> None:
        """Note that somebody begins to speak to us, or presses a button."""


class PersonaListener(Protocol):
    """Decides who answers."""

    def called(self, name: str) -> None:
        """Note that this persona's wake word was heard; "": one without persona."""


class Recorder(Protocol):
    """Records speech that is not played."""

    def received(self, event: Event) -> None:
        """Handle an event of the service."""


class QuestionListener(Protocol):
    """Asks questions."""

    def closed(self, question: QuestionClosed) -> None:
        """Note the outcome of a question."""


class CallsListener(Protocol):
    """Answers the model's function calls."""

    def run(self, requested: CallsRequested) -> None:
        """Run the calls of an answer, and give each its result."""

    def note(self, notification: Notification) -> None:
        """Handle a notification."""

    def button_pressed(self) -> None:
        """Note that the push-to-talk button is pressed."""

    def received(self, message: Message) -> None:
        """Handle a message of the service."""
