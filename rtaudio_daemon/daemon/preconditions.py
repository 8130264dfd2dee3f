"""Checks before something is said or heard; the errors name the remedy."""

from __future__ import annotations

from ..errors import NotConnectedError, NotNowError
from ..protocol.settings_check import speaks
from .assistant import Assistant


class Preconditions:
    """Checks for `assistant`; raises NotNowError, NotConnectedError or DeviceError."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def need_voice(self, *, aloud: bool) -> None:
        """Raise if nothing can be said; `aloud`: even if the session's answers are text."""
        assistant = self._assistant
        if aloud or speaks(assistant.driver.settings):
            assistant.devices.need_loudspeaker(assistant.speaker)
        if assistant.driver.session.asleep:
            assistant.driver.wake()
        else:
            self.need_connection("nothing was said")
        if assistant.conversation.full:
            raise NotNowError("nothing was said: too much is waiting to be said; try again later")

    def need_hearing(self) -> None:
        """Raise if nobody can be heard."""
        if self._assistant.microphone_input.gate.muted:
            raise NotNowError("not listening: the microphone is muted; unmute it first")
        self._assistant.devices.need_microphone()

    def need_connection(self, what: str) -> None:
        """Raise if there is no session, after requesting one; `what`: what fails without it."""
        connection = self._assistant.connection
        if not connection.state.is_up:
            self._assistant.driver.wake()
            why = connection.reason or connection.state
            raise NotConnectedError(
                f"{what}: there is no connection to the service ({why}); "
                "it is tried again by itself"
            )
