"""How soft a frame must be to come late, as a microphone's process knows it."""

from __future__ import annotations

import math

_STEP_DB = 2.0  # by which frames may be softer than need be before they come late too


class SoftLevel:
    """Follows a level that changes with every frame, so that the process hears of it seldom."""

    def __init__(self) -> None:
        self._known_dbfs: float | None = None
        self._pairs = False

    def follow(self, dbfs: float | None, *, pairs: bool = False) -> float | None:
        """The root mean square (0 to 32768) that the process must be sent now; None: it knows.

        Softer frames than `dbfs` may come late (none may, for None). What the process knows is
        never higher, and up to some dB lower. `pairs`: others may come in pairs.
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
        """The process is a new one, and knows nothing."""
        self._known_dbfs, self._pairs = None, False
