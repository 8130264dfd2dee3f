"""Says of each text that was played whether the microphone heard it in the room.

    yes       its echo is there
    no        it was played at volume 0; or its echo is not there, although that of two texts in a
              row was, since the devices were opened, and would be found now
    unknown   it was too short, the room too loud, or nothing says that an echo is to be expected:
              with headphones, or where the microphone, its sound server or nobody cancels it

After three times no in a row the loudspeaker seems to be off. That is to be known of it, as what
else is of a device, until the microphone hears it again or another device is used.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Protocol

from ..audio.processing.audibility import Audible, EchoPath, Finding, Recording, examine
from ..notifications import Notification, TextSaid

_LOG = logging.getLogger(__name__)
_LEAD_MS = 500  # before the words: a chime
_TIMES_KNOWN = 2  # in a row; a canceller in the device lets the first through while it learns
_TIMES_UNHEARD = 3
_SEEMS_OFF = (
    f"it seems to be off: the microphone heard nothing of the last {_TIMES_UNHEARD} texts, though "
    "it heard those before; is it (or its amplifier) switched on, turned up and plugged in?"
)


class AudibleHost(Protocol):
    """Plays and hears."""

    @property
    def volume(self) -> float:
        """The loudness of everything that is played, from 0 to 1."""

    @property
    def expects_echo(self) -> bool:
        """Whether an echo that is gone means something: nobody takes it away on its way here."""

    def publish(self, notification: Notification) -> None:
        """Report this to everybody."""

    def loudspeaker_unheard(self, why: str | None) -> None:
        """The loudspeaker seems to be off; None: it is heard again."""


class AudibleTexts:
    """Publishes every receipt on `host`, those of what was played with what `recording` proves.

    Texts whose receipts come at once, as they were played in one go, are judged as one.
    """

    def __init__(self, recording: Recording, host: AudibleHost) -> None:
        self._recording = recording
        self._host = host
        self._due: list[TextSaid] = []
        self._is_due = asyncio.Event()
        self._path: EchoPath | None = None
        self._found = self._unheard = 0  # times in a row
        self._devices = 0  # counts their changes

    def add(self, receipt: TextSaid) -> None:
        """This became of a text; it is published at once, or by `run`."""
        if receipt.heard_ms <= 0:
            self._host.publish(receipt)
            return
        self._due.append(receipt)
        self._is_due.set()

    def forget(self) -> None:
        """Another microphone or loudspeaker is in use: nothing is known of the way between them."""
        self._recording.drop()
        self._path, self._found, self._unheard = None, 0, 0
        self._devices += 1

    async def run(self) -> None:
        """Judge and publish receipts until cancelled; then what waits is published as it is."""
        try:
            while True:
                await self._is_due.wait()
                self._is_due.clear()
                await self._judge(tuple(self._due))
        finally:
            self._publish("unknown")

    async def _judge(self, receipts: tuple[TextSaid, ...]) -> None:
        newest_ms = sum(receipt.heard_ms for receipt in receipts) + _LEAD_MS
        played, heard = self._recording.take(newest_ms)
        devices = self._devices
        finding = await asyncio.to_thread(examine, played, heard, self._path)
        same = devices == self._devices
        audible = self._conclude(finding) if same else "unknown"
        if not played.strip(b"\0") and self._host.volume == 0:
            audible = "no"
        elif same:
            self._count(audible)
        _LOG.debug("audible: %s (%s)", audible, finding)
        self._publish(audible, len(receipts))

    def _publish(self, audible: Audible, count: int | None = None) -> None:
        receipts, self._due = self._due[:count], self._due[len(self._due[:count]) :]
        for receipt in receipts:
            self._host.publish(replace(receipt, audible=audible))

    def _conclude(self, finding: Finding) -> Audible:
        if finding.path is not None:
            self._path, self._found = finding.path, self._found + 1
            return "yes"
        if not finding.missing:
            return "unknown"
        if self._found < _TIMES_KNOWN or not self._host.expects_echo:
            self._found = 0
            return "unknown"
        return "no"

    def _count(self, audible: Audible) -> None:
        """Note what this means for the loudspeaker."""
        if audible == "yes" and self._unheard >= _TIMES_UNHEARD:
            self._host.loudspeaker_unheard(None)
        if audible != "unknown":
            self._unheard = self._unheard + 1 if audible == "no" else 0
        if self._unheard == _TIMES_UNHEARD and audible == "no":
            self._host.loudspeaker_unheard(_SEEMS_OFF)
