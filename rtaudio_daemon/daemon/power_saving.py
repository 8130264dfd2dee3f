"""When the devices must be quick, and when they may be cheap.

Quick while somebody has the floor; cheap from some seconds after the last turn on. A home is quiet
most of the day.
"""

from __future__ import annotations

import asyncio

from ..audio.devices.protocols import Device

RELAXED_AFTER_S = 10.0
_CHANGED_AFTER_S = 1.0  # how long the devices need to become quick


class PowerSaving:
    """Switches the microphone and the loudspeaker between quick and cheap."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._alert = True
        self._quick_at = 0.0
        self._relaxing: asyncio.TimerHandle | None = None

    def use(self, direction: str, device: Device) -> None:
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

    def stir(self) -> bool:
        """Somebody may have the floor soon; whether the devices are quick already."""
        if self._relaxing is not None or not self._alert:
            self.floor_is_free(False)
            self.floor_is_free(True)
        return asyncio.get_running_loop().time() >= self._quick_at

    def close(self) -> None:
        """Forget the deadline that is being waited for."""
        if self._relaxing is not None:
            self._relaxing.cancel()
            self._relaxing = None

    def _turn(self, alert: bool) -> None:
        if alert:
            self._quick_at = asyncio.get_running_loop().time() + _CHANGED_AFTER_S
        self._alert = alert
        for device in self._devices.values():
            device.attend(alert)
