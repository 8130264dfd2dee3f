"""The state that a real device reports: whether it works, under which name, and why not."""

from __future__ import annotations

from typing import Literal

from ...errors import DeviceError
from ...notifications import DeviceChanged, DeviceCode, DeviceState
from .protocols import DeviceListener
from .worker_process import MissingDeviceError


class ReportedDevice:
    """State, name and reason of the device named by `device`; `listener` gets every change."""

    def __init__(
        self, direction: Literal["microphone", "speaker"], device: str, listener: DeviceListener
    ) -> None:
        self.device = self._wanted = device
        self.state = DeviceState.LOST
        self.reason: str | None = None
        self._direction = direction
        self._device_listener = listener
        self._found = False
        self._reported = False

    def _report_open(self, device: str, note: str | None) -> None:
        """Report that the device works; `note`: what people should know about it."""
        self._found = True
        code = None if note is None else DeviceCode.FALLBACK
        self._report(DeviceState.OK, device, note, code)

    def _report_lost(self, error: DeviceError, *, is_new: bool) -> None:
        """Report that the device does not work. A machine without any device is not at fault."""
        absent = isinstance(error, MissingDeviceError) and self._wanted == "default"
        state = DeviceState.NONE if absent and not self._found else DeviceState.LOST
        self._report(state, self.device, str(error), error.code, is_new=is_new)

    def _report(
        self,
        state: DeviceState,
        device: str,
        reason: str | None,
        code: DeviceCode | None,
        *,
        is_new: bool = False,
    ) -> None:
        """Report a change of state or device; if `is_new`, also a new reason."""
        self.reason = reason
        if (state, device) == (self.state, self.device) and self._reported and not is_new:
            return
        self._reported = True
        self.state, self.device = state, device
        change = DeviceChanged(self._direction, state, device, reason, code)
        self._device_listener.device_changed(change)
