"""From the device names in the configuration to a microphone and a loudspeaker."""

from __future__ import annotations

from .files import SilentMicrophone, SilentSpeaker, WavMicrophone, WavSpeaker
from .interface import Microphone, OnChange, OnHappening, Speaker


def open_microphone(device: str, *, on_change: OnChange) -> Microphone:
    """The microphone that `device` names: default, part of a name, wav:PATH or none.

    DeviceError if a file cannot be read; a missing sound device is waited for instead.
    """
    if device == "none":
        return SilentMicrophone(on_change=on_change)
    if device.startswith("wav:"):
        return WavMicrophone(device.removeprefix("wav:"), on_change=on_change)
    return SilentMicrophone(on_change=on_change, device=device)


def open_speaker(
    device: str, *, on_happening: OnHappening, on_change: OnChange, volume: float = 1.0
) -> Speaker:
    """The loudspeaker that `device` names: default, part of a name, wav:PATH or none.

    DeviceError if a file cannot be written; a missing sound device is waited for instead.
    """
    if device.startswith("wav:"):
        return WavSpeaker(
            device.removeprefix("wav:"),
            on_happening=on_happening,
            on_change=on_change,
            volume=volume,
        )
    return SilentSpeaker(
        on_happening=on_happening, on_change=on_change, volume=volume, device=device
    )
