"""Decides whether a session is needed: somebody uses it, and the budget allows it.

Times `now` are in seconds on the caller's clock. `wall_s` are seconds since 1970, because a
budget's day ends at local midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .options import SessionPolicy
from .usage import UsageMeter


@dataclass(frozen=True, slots=True)
class Recess:
    """Why there should be no session for `for_s` seconds, or until `ReconnectingSession.wake`."""

    reason: str | None = None
    for_s: float | None = None


class SessionNeed:
    """Decides by `policy` and by what was spent according to `usage`."""

    def __init__(self, policy: SessionPolicy, usage: UsageMeter) -> None:
        self._policy = policy
        self._usage_meter = usage
        self._needed_at = float("-inf")

    @property
    def on_speech(self) -> bool:
        """Whether a session is held only while somebody speaks to it."""
        return self._policy.hold == "on_speech"

    def arise(self, now: float) -> None:
        """Note that somebody needs a session."""
        self._needed_at = now

    def over(self, now: float) -> bool:
        """Return whether nobody has needed a session for `idle_s` of the policy."""
        return self.on_speech and now - self._needed_at >= self._policy.idle_s

    def asleep(self, now: float, wall_s: float) -> bool:
        """Return whether there is no session only because nobody needs one."""
        return self.recess(now, wall_s) == Recess()

    def recess(self, now: float, wall_s: float) -> Recess | None:
        """Return why there should be no session; None if there should be one."""
        time = datetime.fromtimestamp(wall_s)
        day = time.toordinal()
        if self._usage_meter.exhausted(day):
            midnight = (time + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            limit, spent = self._usage_meter.daily_limit, self._usage_meter.cost_today(day)
            return Recess(
                f"the daily limit of {limit:g} is used up ({spent:.2f} spent); "
                "it goes on at midnight, or with a higher realtime.budget.daily_limit",
                midnight.timestamp() - wall_s + 1,
            )
        return Recess() if self.over(now) else None
