"""How it stands with the connection over all of its lines, and telling everybody of it."""

from __future__ import annotations

from collections.abc import Callable

from rtaudio_daemon.events import ConnectionChanged, ConnectionState
from rtaudio_daemon.realtime.codec import SessionFacts


class Standing:
    """Times are seconds of any one clock.

    `facts` returns what the session in use said about itself, `on_change` gets the news.
    """

    def __init__(
        self,
        profile: str,
        *,
        facts: Callable[[], SessionFacts | None],
        on_change: Callable[[ConnectionChanged], None],
    ) -> None:
        self.state = ConnectionState.CLOSED
        self.opened = 0
        """How many lines were taken into use since the start."""
        self.renewals = 0
        """How many of them took over from one that was still in use."""
        self._profile = profile
        self._facts = facts
        self._on_change = on_change
        self._lost_at: float | None = None

    @property
    def reconnects(self) -> int:
        """How many lines after the first replaced one that was lost."""
        return max(0, self.opened - 1 - self.renewals)

    def open(self, since: float, now: float, *, renewed: bool, reason: str | None) -> None:
        """A line is in use; it took from `since` to `now`, or since the last one was lost."""
        first = self.opened == 0
        self.opened += 1
        self.renewals += renewed
        since = since if self._lost_at is None else self._lost_at
        self._lost_at = None
        self.change(ConnectionState.OPEN, reason=reason, gap_s=None if first else now - since)

    def lost(self, now: float) -> None:
        """The line in use is gone, which is told later."""
        self._lost_at = now

    def rested(self) -> None:
        """No line was wanted: what was lost before is no gap."""
        self._lost_at = None

    def change(
        self,
        state: ConnectionState,
        *,
        reason: str | None = None,
        retry_in_s: float | None = None,
        gap_s: float | None = None,
    ) -> None:
        """Note and tell the new state."""
        self.state = state
        facts = self._facts()
        self._on_change(
            ConnectionChanged(
                state=state,
                profile=self._profile,
                session_id=facts.id if facts else None,
                expires_at=facts.expires_at if facts else None,
                reconnects=self.reconnects,
                reason=reason,
                retry_in_s=retry_in_s,
                renewals=self.renewals,
                gap_ms=None if gap_s is None else round(gap_s * 1000, 3),
            )
        )
