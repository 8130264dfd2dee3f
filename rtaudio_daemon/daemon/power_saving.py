"""Decides when the devices must be quick, and when they may save power.

The microphone is quick during a conversation, and saves power from some seconds after the last
turn, because a home is quiet most of the day. The loudspeaker also saves power during long speech,
when it plays nothing. It becomes quick with the first pause, before the service decides that the
turn is over.
"""

from __future__ import annotations

import asyncio

from ..audio.devices.protocols import Device
from ..notifications import ModelStatus

RELAXED_AFTER_S = 10.0
UNHEARD_AFTER_S = 2.0  # of speech; reopening the loudspeaker twice costs as much as a second of it
_CHANGED_AFTER_S = {"microphone": 1.0, "speaker": 0.2}  # how long a device takes to become quick


class PowerSaving:
    """Switches the microphone and the loudspeaker between quick and power-saving."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._quick = {"microphone": True, "speaker": True}
        self._asked: dict[str, tuple[bool, bool]] = {}
        self._quick_at = 0.0
        self._status: ModelStatus | None = None
        self._speech = False
        self._waiting: asyncio.TimerHandle | None = None

    def use(self, direction: str, device: Device) -> None:
        """Use this `microphone` or `speaker` from now on."""
        self._devices[direction] = device
        self._asked.pop(direction, None)
        self._attend(direction)

    def status_changed(self, status: ModelStatus) -> None:
        """Note the new status, which says whose turn it is to speak."""
        self._status = status
        if status is not ModelStatus.IDLE:
            self._turn("microphone", True)
            # A power-saving loudspeaker remains so while somebody speaks, but keeps its device.
            self._turn("speaker", self._quick["speaker"] or not self._unheard)
        for direction in self._quick:
            self._attend(direction)
        self._wait()

    def speech_expected(self) -> None:
        """Make the microphone quick for a while: somebody may have begun to speak."""
        self._turn("microphone", True)
        self._wait()

    def speech_changed(self, goes_on: bool) -> None:
        """Note whether our own gate hears somebody speak without a pause."""
        self._speech = goes_on
        if self._status is ModelStatus.LISTENING:
            self.status_changed(ModelStatus.LISTENING)

    def stir(self) -> bool:
        """Get ready to hear or play something soon; return whether the devices are quick yet."""
        for direction in self._quick:
            self._turn(direction, True)
        self._wait()
        return asyncio.get_running_loop().time() >= self._quick_at

    def close(self) -> None:
        """Cancel the timer."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    @property
    def _unheard(self) -> bool:
        """Whether nothing is played as long as this speech lasts."""
        return self._status is ModelStatus.LISTENING and self._speech

    def _wait(self) -> None:
        self.close()
        loop = asyncio.get_running_loop()
        if self._status is ModelStatus.IDLE:
            self._waiting = loop.call_later(RELAXED_AFTER_S, self._relax)
        elif self._unheard:
            self._waiting = loop.call_later(UNHEARD_AFTER_S, self._turn, "speaker", False)

    def _relax(self) -> None:
        for direction in self._quick:
            self._turn(direction, False)

    def _turn(self, direction: str, quick: bool) -> None:
        if quick and not self._quick[direction]:
            ready_at = asyncio.get_running_loop().time() + _CHANGED_AFTER_S[direction]
            self._quick_at = max(self._quick_at, ready_at)
        self._quick[direction] = quick
        self._attend(direction)

    def _attend(self, direction: str) -> None:
        device = self._devices.get(direction)
        wanted = self._quick[direction], self._status is not ModelStatus.IDLE
        if device is not None and wanted != self._asked.get(direction):
            self._asked[direction] = wanted
            device.attend(wanted[0], taken=wanted[1])
