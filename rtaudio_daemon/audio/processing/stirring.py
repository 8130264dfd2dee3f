"""Detects sound above the quiet of the room, so that costly engines can skip the rest.

Time is counted in sound.
"""

from __future__ import annotations

from collections import deque

from .format import BYTES_PER_MS, dbfs, dbfs_of_each

_STIRRING_DB = 3.0  # how far above the quiet level a frame may be speech
_INAUDIBLE_DBFS = -72.0
_FLOOR_RISES_DB_PER_S = 1.0
_AWAKE_MS = 800.0  # longer than the pauses between words
_AT_ONCE = 10  # maximum number of frames that wait to be measured


class Stirring:
    """Decides for every frame of pcm, 20 ms or more."""

    def __init__(self) -> None:
        self._floor_dbfs: float | None = None
        self._awake_ms = 0.0
        self._waiting: list[bytes] = []  # frames to be measured; the result is certain meanwhile
        self._waiting_ms = 0.0

    def feed(self, pcm: bytes) -> bool:
        """Return whether this frame, or one a moment before it, is louder than the quiet level."""
        self._waiting.append(pcm)
        self._waiting_ms += len(pcm) / BYTES_PER_MS
        if self._awake_ms > self._waiting_ms and len(self._waiting) < _AT_ONCE:
            return True
        waiting, self._waiting, self._waiting_ms = self._waiting, [], 0.0
        levels = [dbfs(pcm)] if len(waiting) == 1 else dbfs_of_each(waiting)
        for level, each in zip(levels, waiting, strict=True):
            self._note(level, len(each) / BYTES_PER_MS)
        return self._awake_ms > 0

    def _note(self, level: float, ms: float) -> None:
        floor = level if self._floor_dbfs is None else self._floor_dbfs
        if level < floor:
            floor += 0.3 * (level - floor)
        else:
            floor += _FLOOR_RISES_DB_PER_S * ms / 1000
        self._floor_dbfs = floor
        self._awake_ms -= ms
        if level > _loud_from(floor):
            self._awake_ms = _AWAKE_MS

    @property
    def quiet_below_dbfs(self) -> float | None:
        """Level below which frames still count as quiet; None while sound above it is recent."""
        if self._floor_dbfs is None or self._awake_ms > 0:
            return None
        return _loud_from(self._floor_dbfs)


def _loud_from(floor_dbfs: float) -> float:
    return max(floor_dbfs + _STIRRING_DB, _INAUDIBLE_DBFS)


class LoudParts:
    """Omits quiet sound, except for the last `before_ms` before something louder."""

    def __init__(self, before_ms: float) -> None:
        self._most = int(before_ms * BYTES_PER_MS)
        self._stirring = Stirring()
        self._held: deque[bytes] = deque()
        self._held_bytes = 0

    def feed(self, pcm: bytes) -> bytes:
        """Return the sound to process now: none while it is quiet, and more when that ends."""
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        if self._stirring.feed(pcm):
            loud = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
            return loud
        while self._held_bytes > self._most:
            self._held_bytes -= len(self._held.popleft())
        return b""

    def forget(self) -> None:
        """Discard what is being held back."""
        self._held.clear()
        self._held_bytes = 0
