"""Decides which device to try next: the wanted one, or meanwhile the system's default."""

from __future__ import annotations

from collections.abc import Iterator

from ...backoff import backoff

_PATIENCE = 2  # failures of the wanted device: after a brief fault it is used again
_FIRST_LOOK_S = 5.0
_LAST_LOOK_S = 30.0
_RARE_LOOK_S = 900.0  # for a device that seemed to be back and was not


class Fallback:
    """Replaces the device `wanted`, if `allowed`, by the default. Report every attempt to it."""

    def __init__(self, wanted: str, *, allowed: bool) -> None:
        self.wanted = wanted
        self.active = False
        """Whether the default is used, or tried, meanwhile."""
        self._allowed = allowed and wanted != "default"
        self._failures = 0
        self._looks: Iterator[float]
        self._rare_looks: Iterator[float]
        self._begin()
        self._returning = False

    @property
    def device(self) -> str:
        """The device to open."""
        return "default" if self.active else self.wanted

    @property
    def note(self) -> str | None:
        """What people should know while a device other than the wanted one is in use."""
        return f"using the default meanwhile, as {self.wanted!r} is lost" if self.active else None

    def works(self) -> None:
        """Note that the device is open."""
        self._failures = 0
        if not self.active:
            self._begin()
            self._returning = False

    def failed(self) -> None:
        """Note that the device did not open, or is lost."""
        self._failures += 1
        if self._returning:
            self._returning = False
            look_s = next(self._rare_looks)
            self._looks = backoff(look_s, look_s)
        if self.active:
            self.active = False
            self._failures = _PATIENCE - 1  # try the wanted device once, then the default again
        elif self._allowed and self._failures >= _PATIENCE:
            self.active = True

    def go_back(self) -> None:
        """Note that the wanted device is back."""
        self.active, self._failures, self._returning = False, _PATIENCE - 1, True

    def next_look_s(self) -> float:
        """Return how many seconds to wait before checking whether it is back; longer each time."""
        return next(self._looks)

    def _begin(self) -> None:
        self._looks = backoff(_FIRST_LOOK_S, _LAST_LOOK_S, factor=1.5)
        self._rare_looks = backoff(2 * _LAST_LOOK_S, _RARE_LOOK_S)
