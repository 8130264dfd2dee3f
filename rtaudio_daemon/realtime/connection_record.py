"""Keeps the state of the connection and counts its sessions."""

from __future__ import annotations

from ..notifications import ConnectionChanged, ConnectionState
from ..protocol.codec import SessionFacts


class ConnectionRecord:
    """The state of the connection over all of its sessions. Times are in seconds on one clock."""

    def __init__(self, profile: str) -> None:
        self.state = ConnectionState.CLOSED
        self.opened = 0
        """How many sessions have been in use since the start."""
        self.renewals = 0
        """How many of these took over from one that was still in use."""
        self._profile = profile
        self._lost_at: float | None = None

    @property
    def reconnects(self) -> int:
        """How many sessions after the first replaced a lost one."""
        return max(0, self.opened - 1 - self.renewals)

    def open(self, since: float, now: float, *, renewed: bool) -> float | None:
        """Note that a session is in use, which took over between `since` and `now`.

        Returns how many seconds there was no session, counted from the loss of the previous one if
        it was lost; None for the first.
        """
        first = self.opened == 0
        self.opened += 1
        self.renewals += renewed
        since = since if self._lost_at is None else self._lost_at
        self._lost_at = None
        return None if first else now - since

    def lost(self, now: float) -> None:
        """Note that the session in use is gone."""
        self._lost_at = now

    def rested(self) -> None:
        """Note that no session was wanted: the time without one does not count as a gap."""
        self._lost_at = None

    def change(
        self,
        state: ConnectionState,
        facts: SessionFacts | None = None,
        *,
        reason: str | None = None,
        retry_in_s: float | None = None,
        gap_s: float | None = None,
    ) -> ConnectionChanged:
        """Note the new state; return the notification about it. `facts`: those of the session."""
        self.state = state
        return ConnectionChanged(
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
