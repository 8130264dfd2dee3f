"""Tracks the state of microphone and loudspeaker, and rejects what they cannot do now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from ..audio.devices.protocols import Device, Microphone, Speaker
from ..controls import DeviceStatus, MicrophoneStatus
from ..errors import NotNowError
from ..notifications import DeviceChanged, DeviceCode, DeviceState
from ..program_name import PROGRAM

RECOVERY_S = 5.0  # a lost loudspeaker may be back when the answer arrives

_Direction = Literal["microphone", "speaker"]


class DeviceTracker:
    """The latest state of each device. Report every exchange and every change to it."""

    def __init__(self) -> None:
        self._latest: dict[str, DeviceChanged] = {}
        self._untried: set[str] = set()  # devices that have reported nothing yet
        self._lost_at: dict[str, float] = {}
        self.unheard: str | None = None
        """Why the loudspeaker, although it works, seems to be inaudible."""

    def exchanged(self, direction: _Direction) -> None:
        """Note that another device is used from now on."""
        self._untried.add(direction)
        self._lost_at.pop(direction, None)

    def changed(self, change: DeviceChanged) -> bool:
        """Note a change; return whether it is the same stream, now deaf or hearing again."""
        direction, before = change.direction, self._latest.get(change.direction)
        self._untried.discard(direction)
        self._latest[direction] = change
        if direction == "speaker":
            self.unheard = None
        if change.state is DeviceState.LOST:
            self._lost_at.setdefault(direction, asyncio.get_running_loop().time())
        else:
            self._lost_at.pop(direction, None)
        if before is None or before.device != change.device:
            return False
        states = {before.state, change.state}
        return DeviceState.DEAF in states and states <= {DeviceState.OK, DeviceState.DEAF}

    def loudspeaker_unheard(self, why: str | None) -> DeviceChanged:
        """Note that the loudspeaker seems to be off, or (None) is heard; return the report.

        Raises KeyError if it never reported anything.
        """
        self.unheard, latest = why, self._latest["speaker"]
        if why is None:
            return latest
        return replace(latest, reason=why, code=DeviceCode.UNHEARD)

    def need_microphone(self) -> None:
        """Raise NotNowError if, as far as is known, it delivers no sound."""
        latest = self._latest.get("microphone")
        if latest is not None and "microphone" not in self._untried and not _hears(latest):
            why = latest.reason or "there is none"
            raise NotNowError(f"not listening: the microphone is {latest.state} ({why})")

    def need_loudspeaker(self, speaker: Speaker | None, in_vain: str = "nothing was said") -> None:
        """Raise NotNowError if there never was one, or it has been lost for `RECOVERY_S`."""
        if speaker is not None and speaker.state is DeviceState.NONE and speaker.reason:
            raise NotNowError(
                f"{in_vain}: there is no loudspeaker ({speaker.reason}): plug one in, "
                f"or see what `{PROGRAM} doctor` says"
            )
        lost_at = self._lost_at.get("speaker")
        if lost_at is not None and asyncio.get_running_loop().time() - lost_at >= RECOVERY_S:
            why = (speaker and speaker.reason) or self._latest["speaker"].reason
            raise NotNowError(
                f"{in_vain}: the loudspeaker is lost ({why}); it is looked for by itself: "
                f"plug it in again, or see what `{PROGRAM} doctor` says"
            )

    def microphone(
        self, device: Microphone | None, *, paused: bool, level_dbfs: float
    ) -> MicrophoneStatus:
        """Return the state of the microphone in use; `paused`: it is not open."""
        state, name, reason = self._of("microphone", device, paused=paused)
        return MicrophoneStatus(state, name, reason, level_dbfs)

    def speaker(self, device: Speaker | None) -> DeviceStatus:
        """Return the state of the loudspeaker in use."""
        state, name, reason = self._of("speaker", device, paused=False)
        return DeviceStatus(state, name, self.unheard or reason)

    def _of(
        self, direction: _Direction, device: Device | None, *, paused: bool
    ) -> tuple[DeviceState, str, str | None]:
        if device is None:
            return DeviceState.NONE, "none", None
        latest, state = self._latest.get(direction), device.state
        if direction in self._untried:
            if latest is not None and paused:
                state = latest.state  # of the previous device: nobody opens the new one
            reason = None if state is DeviceState.OK else "it was not opened yet"
        else:
            reason = device.reason or (latest.reason if latest is not None else None)
        return state, device.device, reason


def _hears(microphone: DeviceChanged) -> bool:
    """Return whether it delivers sound; one deaf only for lack of speech does."""
    return microphone.state is DeviceState.OK or microphone.code is DeviceCode.NO_SPEECH
