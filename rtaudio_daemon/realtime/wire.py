"""The recording of traffic, if somebody wants it."""

from __future__ import annotations

from typing import Protocol

from ..protocol.codec import Json
from ..protocol.events import Message


class WireListener(Protocol):
    """Records the traffic of all sessions. Its methods must not raise."""

    def opened(self) -> int:
        """A connection is open; return the number of its session."""

    def received(self, session: int, message: Message) -> None:
        """The service sent a message in this session."""

    def sent(self, session: int, message: Json) -> None:
        """A message other than sound was passed to this session to be sent, in canonical names."""

    def ended(self, session: int, code: int | None) -> None:
        """The service closed the connection with this code, or (None) we closed it."""


class Wire:
    """The traffic of one session, with or without a listener."""

    def __init__(self, listener: WireListener | None) -> None:
        self._listener = listener
        self._number: int | None = None

    def opened(self) -> None:
        """Note that the connection is open."""
        if self._listener is not None:
            self._number = self._listener.opened()

    def received(self, message: Message) -> None:
        """Note a message of the service."""
        if self._listener is not None and self._number is not None:
            self._listener.received(self._number, message)

    def sent(self, message: Json) -> None:
        """Note a message that was passed to the session to be sent."""
        if self._listener is not None and self._number is not None:
            self._listener.sent(self._number, message)

    def ended(self, code: int | None) -> None:
        """Note that the connection has ended; only the first call counts."""
        number, self._number = self._number, None
        if self._listener is not None and number is not None:
            self._listener.ended(number, code)
