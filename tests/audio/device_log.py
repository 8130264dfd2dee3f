"""A listener that remembers what a device reported."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtaudio_daemon.audio.devices.protocols import PlaybackEvent
from rtaudio_daemon.notifications import DeviceChanged


@dataclass
class DeviceLog:
    """Fits any microphone or loudspeaker."""

    changes: list[DeviceChanged] = field(default_factory=list)
    happenings: list[PlaybackEvent] = field(default_factory=list)

    def device_changed(self, change: DeviceChanged) -> None:
        self.changes.append(change)

    def playback_changed(self, change: PlaybackEvent) -> None:
        self.happenings.append(change)
