"""Limits errors that the service repeats: one is reported every few seconds."""

from __future__ import annotations

from ..notifications import ErrorReported

_SAME_S = 5.0
_CODES_MOST = 64  # how many codes are distinguished


class RepeatedErrors:
    """Times are in seconds on the caller's clock."""

    def __init__(self) -> None:
        self.count = 0
        """How many errors were not reported."""
        self._until: dict[str, float] = {}

    def is_one(self, error: ErrorReported, now: float) -> bool:
        """Return whether an error of this kind was reported a moment ago."""
        known = self._until
        code = error.code if error.code in known or len(known) < _CODES_MOST else ""
        repeated = now < known.get(code, 0.0)
        if repeated:
            self.count += 1
        else:
            known[code] = now + _SAME_S
        return repeated
