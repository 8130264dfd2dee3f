"""Remedies for a device that cannot be opened, by the reason from its audio process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ...audio.devices.protocols import PlaybackEvent
from ...notifications import DeviceChanged, DeviceCode
from ...optional_packages import how_to_install
from ...program_name import PROGRAM, script

_NAMES = f"correct {{option}}; `{PROGRAM} devices` lists what there is"
PORTAUDIO = "sudo apt install libportaudio2 portaudio19-dev, then " + script(
    "setup", how_to_install("pyaudio")
)
"""The remedy if PortAudio or its package is missing."""
_PLUG_IN = (
    "plug one in (`cat /proc/asound/cards` lists them), or set {option}; "
    "does it run as a service? With PipeWire or PulseAudio it hears and plays only if it was "
    "installed by `script/install --user`, without them by `script/install --system`"
)
_REMEDIES: Mapping[DeviceCode, str] = {
    DeviceCode.BUSY: "end that program (is it the daemon itself?), or set {option}: default",
    DeviceCode.UNSUPPORTED: "set {option}: default",
    DeviceCode.NOT_FOUND: _NAMES,
    DeviceCode.AMBIGUOUS: _NAMES,
    DeviceCode.NO_PERMISSION: "do that, then run the doctor again",
    DeviceCode.NO_LIBRARY: PORTAUDIO,
    DeviceCode.MONITOR: (
        "plug in a microphone; `pactl set-default-source NAME` makes it the default"
    ),
    DeviceCode.NO_DEVICE: _PLUG_IN,
}
_OTHERWISE = f"`{PROGRAM} devices` lists what {{option}} takes; does another program hold it?"


class Reasons:
    """Listens to devices, and keeps the last reason that each of them reported."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        """Set at every change of a device."""
        self._last: dict[str, DeviceChanged] = {}

    def device_changed(self, change: DeviceChanged) -> None:
        """Note a change of a device."""
        self.changed.set()
        if change.reason:
            self._last[change.direction] = change

    def playback_changed(self, change: PlaybackEvent) -> None:
        """Do nothing: playback gives no reasons."""

    def of(self, direction: str) -> str:
        """Return the last reason of the microphone or the speaker; "" if none was reported."""
        last = self._last.get(direction)
        return (last.reason or "") if last else ""

    def remedy(self, direction: str, option: str) -> str:
        """Return the remedy for the last reason; `option` of config.yaml names the device."""
        last = self._last.get(direction)
        return remedy_for(last.code if last else None, option)


def remedy_for(code: DeviceCode | None, option: str) -> str:
    """Return the remedy for a device lost for this reason; `option` names the device."""
    return _REMEDIES.get(code or DeviceCode.LOST, _OTHERWISE).format(option=option)
