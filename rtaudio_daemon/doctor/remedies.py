"""Why a device cannot be had, as its audio process told, and what to do about it."""

from __future__ import annotations

import asyncio

from ..audio.interface import PlaybackHappening
from ..events import DeviceChanged

_NAMES = "correct {option}; `daemon.py devices` lists what there is"
_PLUG_IN = (
    "plug one in (arecord -l and aplay -l list them), or set {option}; "
    "a daemon as a service needs the right unit"
)
# The first that the reason contains counts.
_REMEDIES = (
    ("another program", "end that program (is it the daemon itself?), or set {option}: default"),
    ("opens neither", "set {option}: default"),
    ("is called", _NAMES),
    ("names several", _NAMES),
    ("plugged in at", _NAMES),
    ("no permission", "do that, then run the doctor again"),
    ("PyAudio", "sudo apt install libportaudio2 portaudio19-dev, then script/setup"),
    (".monitor", "plug in a microphone; `pactl set-default-source NAME` makes it the default"),
    ("no sound device", _PLUG_IN),
    ("there is no", _PLUG_IN),
)
_OTHERWISE = "`daemon.py devices` lists what {option} takes; does another program hold it?"


class Reasons:
    """Listens to devices, and keeps the last reason that each of them gave."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        """Set at every change of a device."""
        self._last: dict[str, str] = {}

    def device_changed(self, change: DeviceChanged) -> None:
        """A device changed."""
        self.changed.set()
        if change.reason:
            self._last[change.direction] = change.reason

    def playback_changed(self, change: PlaybackHappening) -> None:
        """What is played makes no reason."""

    def of(self, direction: str) -> str:
        """The last one of the microphone or the speaker; empty if none was told."""
        return self._last.get(direction, "")


def remedy_for(reason: str, option: str) -> str:
    """What to do about a device that `option` of config.yaml names, lost for this reason."""
    found = (remedy for words, remedy in _REMEDIES if words in reason)
    return next(found, _OTHERWISE).format(option=option)
