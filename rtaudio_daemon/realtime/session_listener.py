"""The interface of the user of successive sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..errors import ServiceError
from ..notifications import ConnectionChanged
from ..protocol.events import Message
from .session_need import Recess

if TYPE_CHECKING:
    from .session import Session


class SessionListener(Protocol):
    """Uses successive sessions. Its methods must not raise."""

    def session_opened(self, session: Session, *, renewed: bool) -> None:
        """`session` is in use from now on; what is sent now is sent to it first.

        `renewed`: it took over from a session that was still open.
        """

    def session_lost(self, reason: str) -> None:
        """The session in use has ended; what was under way in it is gone."""

    def received(self, message: Message) -> None:
        """The service sent a message on the session in use, or on the first while it opens."""

    def connection_changed(self, change: ConnectionChanged) -> None:
        """The state of the connection changed, or there is a reason to report."""

    def attempt_failed(self, error: ServiceError) -> None:
        """No session could be opened, or the one in use ended by itself."""

    def recess(self) -> Recess | None:
        """Return why there should be no session now; None if there should be one."""

    def quiet(self) -> bool:
        """Return whether nobody speaks and no answer is under way, so that it can be renewed."""

    def stale(self) -> bool:
        """Return whether the session in use contains a past that should be forgotten."""

    def exchangeable(self) -> bool:
        """Return whether a session with other settings may take over now."""

    def exchange_failed(self, error: ServiceError) -> None:
        """No session with other settings takes over; the one in use continues."""


class IdleListener(SessionListener):
    """Holds a session and ignores what it reports."""

    def session_opened(self, session: Session, *, renewed: bool) -> None:
        """Ignore it."""

    def session_lost(self, reason: str) -> None:
        """Ignore it."""

    def received(self, message: Message) -> None:
        """Ignore it."""

    def connection_changed(self, change: ConnectionChanged) -> None:
        """Ignore it."""

    def attempt_failed(self, error: ServiceError) -> None:
        """Ignore it."""

    def recess(self) -> Recess | None:
        """Return None: a session is always wanted, even if it is held on speech only."""
        return None

    def quiet(self) -> bool:
        """Return True: nobody talks."""
        return True

    def stale(self) -> bool:
        """Return False: nothing was said."""
        return False

    def exchangeable(self) -> bool:
        """Return True: nobody talks."""
        return True

    def exchange_failed(self, error: ServiceError) -> None:
        """Ignore it."""
