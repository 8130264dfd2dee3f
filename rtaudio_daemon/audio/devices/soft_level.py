"""The level below which a microphone's process may send frames late."""

from __future__ import annotations

import math

_STEP_DB = 2.0  # hysteresis: how much the level may rise before the process is sent a new one


class SoftLevel:
    """Follows a level that changes with every frame, and updates the process only rarely."""

    def __init__(self) -> None:
        self._known_dbfs: float | None = None
        self._pairs = False

    def follow(self, dbfs: float | None, *, pairs: bool = False) -> float | None:
        """Return the root mean square (0 to 32768) to send to the process now; None: no change.

        Frames softer than `dbfs` may be late (None: no frames). The level that the process has is
        never higher than that, and up to some dB lower. `pairs`: others may arrive in pairs.
        """
        known, same = self._known_dbfs, pairs == self._pairs
        if dbfs is None or known is None:
            same = same and dbfs is known
        else:
            same = same and known <= dbfs < known + _STEP_DB
        if same:
            return None
        self._pairs = pairs
        self._known_dbfs = None if dbfs is None else math.floor(dbfs)
        return 0.0 if self._known_dbfs is None else 32_768 * 10 ** (self._known_dbfs / 20)

    def forget(self) -> None:
        """Note that the process is new and has no level."""
        self._known_dbfs, self._pairs = None, False
