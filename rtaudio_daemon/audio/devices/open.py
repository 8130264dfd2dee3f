"""Opens the microphone and the loudspeaker that the configuration names."""

from __future__ import annotations

from typing import Any

from ...config import Input, Output
from ..worker.device_lookup import DeviceInfo
from .microphone import PortAudioMicrophone
from .protocols import DeviceListener, Microphone, Speaker, SpeakerListener
from .signal_check import SignalCheck
from .speaker import PortAudioSpeaker
from .wav_devices import SilentMicrophone, SilentSpeaker, WavMicrophone, WavSpeaker
from .worker_supervisor import list_devices

__all__ = [
    "DeviceInfo",
    "Devices",
    "described",
    "list_devices",
    "open_microphone",
    "open_speaker",
]


def described(info: DeviceInfo) -> dict[str, Any]:
    """Return a device as JSON for other programs; `name` and `place` are valid in options."""
    return {
        "name": info.name,
        "kind": "microphone" if info.direction == "input" else "speaker",
        "direction": info.direction,
        "default": info.default,
        "place": f"usb:{info.place}" if info.place else None,
        "channels": info.channels,
        "rates": None if info.rates is None else list(info.rates),
    }


def open_microphone(settings: Input, listener: DeviceListener) -> Microphone:
    """Open the microphone of the settings: default, part of a name, usb:…, wav:PATH or none.

    Raises DeviceError if a file cannot be read. A missing sound device is waited for.
    """
    device = settings.device
    if device == "none":
        return SilentMicrophone(listener)
    if device.startswith("wav:"):
        return WavMicrophone(device.removeprefix("wav:"), listener)
    signal_check = SignalCheck(settings.deaf_after_s, settings.deaf_without_speech_h)
    return PortAudioMicrophone(
        device,
        listener,
        channel=settings.channel,
        fallback=settings.fallback == "default",
        signal_check=signal_check,
    )


def open_speaker(settings: Output, listener: SpeakerListener) -> Speaker:
    """Open the loudspeaker of the settings: default, part of a name, usb:…, wav:PATH or none.

    Raises DeviceError if a file cannot be written. A missing sound device is waited for.
    """
    device, volume = settings.device, settings.volume
    if device == "none":
        return SilentSpeaker(listener, volume=volume)
    if device.startswith("wav:"):
        return WavSpeaker(device.removeprefix("wav:"), listener, volume=volume)
    return PortAudioSpeaker(
        device, listener, volume=volume, fallback=settings.fallback == "default"
    )


class Devices:
    """Opens the devices that the settings name; subclasses provide others."""

    def open_microphone(self, settings: Input, listener: DeviceListener) -> Microphone:
        """See `open_microphone`."""
        return open_microphone(settings, listener)

    def open_speaker(self, settings: Output, listener: SpeakerListener) -> Speaker:
        """See `open_speaker`."""
        return open_speaker(settings, listener)
