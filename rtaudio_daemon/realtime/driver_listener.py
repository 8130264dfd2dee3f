"""The interface of the owner of a conversation, which carries out what its driver does not."""

from __future__ import annotations

from typing import Protocol

from ..dialogue.outputs import Report, SpeakerCommand
from ..errors import ServiceError
from ..notifications import ConnectionChanged
from ..protocol.events import Message


class DriverListener(Protocol):
    """The owner of the conversation. Its methods must not raise."""

    def command_speaker(self, command: SpeakerCommand) -> None:
        """Pass this command to the loudspeaker."""

    def notify(self, notification: Report) -> None:
        """Report something that people or programs may want to know."""

    def received(self, message: Message) -> None:
        """The service sent this message; the status reflects it already."""

    def connection_changed(self, change: ConnectionChanged) -> None:
        """The state of the connection changed, or there is a reason to report."""

    def attempt_failed(self, error: ServiceError) -> None:
        """No session could be opened, or the one in use ended by itself."""

    def quiet(self) -> bool:
        """Return whether nothing outside the conversation prevents exchanging the session."""
