"""Who learns from the assistant what happens, beside the devices and the session."""

from __future__ import annotations

from typing import Protocol

from ..dialogue.outputs import CallsRequested, QuestionClosed
from ..notifications import Notification
from ..protocol.events import Event, Message


class AlertListener(Protocol):
    """Rings, and needs to know who is there."""

    def somebody_there(self, *, addressed: bool) -> None:
        """Somebody speaks, or presses a button; `addressed`: to us, as far as that is known."""

    def floor_changed(self) -> None:
        """Somebody else has the floor now, or nobody."""

    @property
    def rings(self) -> bool:
        """Whether anything can be heard to ring."""


class Watcher(Protocol):
    """Looks at what happens now."""

    def look(self) -> None:
        """Somebody begins to speak to us, or presses a button."""


class PersonaListener(Protocol):
    """Decides who answers."""

    def called(self, name: str) -> None:
        """The wake word of this persona was heard, or of nobody ("")."""


class Recorder(Protocol):
    """Records what is spoken for nobody to hear."""

    def received(self, event: Event) -> None:
        """The service sent this."""


class QuestionListener(Protocol):
    """Asks questions."""

    def closed(self, question: QuestionClosed) -> None:
        """This became of a question."""


class CallsListener(Protocol):
    """Answers the function calls of the model."""

    def run(self, requested: CallsRequested) -> None:
        """Run the calls of an answer, and give each its result."""

    def note(self, notification: Notification) -> None:
        """This happens now."""

    def button_pressed(self) -> None:
        """Somebody holds a button to talk."""

    def received(self, message: Message) -> None:
        """The service sent this."""
