"""When a session has to make way for the next one."""

from __future__ import annotations

from dataclasses import dataclass

_EARLY_S = 300.0  # from here on the next quiet moment is taken
_LATE_S = 30.0  # from here on the next session is made ready whatever happens
_SANE_S = (1.0, 48 * 3600.0)


@dataclass(frozen=True, slots=True)
class Renewal:
    """In seconds after the greeting: from `due_s` on in a quiet moment, at `latest_s` anyway."""

    due_s: float
    latest_s: float


def renewal(expires_in_s: float | None, lifetime_s: float) -> Renewal:
    """When to renew a session that ends in `expires_in_s`, as its greeting tells.

    `lifetime_s` is taken where it does not tell, or tells what cannot be, as happens on a machine
    whose clock is wrong.
    """
    if expires_in_s is None or not _SANE_S[0] <= expires_in_s <= _SANE_S[1]:
        expires_in_s = lifetime_s
    early = min(_EARLY_S, expires_in_s * 0.2)
    late = min(_LATE_S, expires_in_s * 0.05)
    return Renewal(expires_in_s - early, expires_in_s - late)
