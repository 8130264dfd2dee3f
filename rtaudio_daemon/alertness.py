"""When the devices must be quick, and when they may be cheap.

Quick while somebody has the floor; cheap from some seconds after the last turn on. A home is quiet
most of the day.
"""

from __future__ import annotations

import asyncio

from .audio.interface import Microphone, Speaker

RELAXED_AFTER_S = 10.0


class Alertness:
    """Tells the microphone and the loudspeaker what they are needed for."""

    def __init__(self) -> None:
        self._devices: dict[str, Microphone | Speaker] = {}
        self._alert = True
        self._relaxing: asyncio.TimerHandle | None = None

    def use(self, direction: str, device: Microphone | Speaker) -> None:
        """From now on this is the `microphone` or the `speaker`."""
        self._devices[direction] = device
        device.attend(self._alert)

    def floor_is_free(self, free: bool) -> None:
        """Whether nobody has the floor (any more)."""
        self.close()
        if free:
            loop = asyncio.get_running_loop()
            self._relaxing = loop.call_later(RELAXED_AFTER_S, self._turn, False)
        elif not self._alert:
            self._turn(True)

    def close(self) -> None:
        """Forget the deadline that is being waited for."""
        if self._relaxing is not None:
            self._relaxing.cancel()
            self._relaxing = None

    def _turn(self, alert: bool) -> None:
        self._alert = alert
        for device in self._devices.values():
            device.attend(alert)
