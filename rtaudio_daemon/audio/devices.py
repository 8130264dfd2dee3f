"""From the device names in the configuration to a microphone and a loudspeaker."""

from __future__ import annotations

from typing import Any

from ..config import Input
from .deafness import Deafness
from .device_names import DeviceInfo
from .files import SilentMicrophone, SilentSpeaker, WavMicrophone, WavSpeaker
from .interface import Microphone, OnChange, OnHappening, Speaker
from .microphone import PortAudioMicrophone
from .sound_process import list_devices
from .speaker import PortAudioSpeaker

__all__ = ["DeviceInfo", "described", "list_devices", "open_microphone", "open_speaker"]


def described(info: DeviceInfo) -> dict[str, Any]:
    """What other programs are told of a device, as JSON; `name` and `place` name it in options."""
    return {
        "name": info.name,
        "direction": info.direction,
        "default": info.default,
        "place": f"usb:{info.place}" if info.place else None,
        "channels": info.channels,
        "rates": None if info.rates is None else list(info.rates),
    }


def open_microphone(settings: Input, *, on_change: OnChange) -> Microphone:
    """The microphone that its settings name: default, part of a name, usb:…, wav:PATH or none.

    DeviceError if a file cannot be read; a missing sound device is waited for instead.
    """
    device = settings.device
    if device == "none":
        return SilentMicrophone(on_change=on_change)
    if device.startswith("wav:"):
        return WavMicrophone(device.removeprefix("wav:"), on_change=on_change)
    deafness = Deafness(settings.deaf_after_s, settings.deaf_without_speech_h)
    return PortAudioMicrophone(
        device,
        on_change=on_change,
        channel=settings.channel,
        fallback=settings.fallback == "default",
        deafness=deafness,
    )


def open_speaker(
    device: str,
    *,
    on_happening: OnHappening,
    on_change: OnChange,
    volume: float = 1.0,
    fallback: str = "none",
) -> Speaker:
    """The loudspeaker that `device` names: default, part of a name, wav:PATH or none.

    DeviceError if a file cannot be written; a missing sound device is waited for instead, with
    `fallback` default by using the system's default.
    """
    if device == "none":
        return SilentSpeaker(on_happening=on_happening, on_change=on_change, volume=volume)
    if device.startswith("wav:"):
        path = device.removeprefix("wav:")
        return WavSpeaker(path, on_happening=on_happening, on_change=on_change, volume=volume)
    return PortAudioSpeaker(
        device,
        on_happening=on_happening,
        on_change=on_change,
        volume=volume,
        fallback=fallback == "default",
    )
