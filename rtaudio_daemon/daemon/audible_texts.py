"""Decides for each text that was played whether the microphone heard it in the room.

    yes       its echo was found
    no        it was played at volume 0; or its echo was not found, although that of two texts in
              a row was, since the devices were opened, and although it would be found now
    unknown   it was too short, the room too loud, or an echo cannot be expected: headphones, or
              the echo is cancelled by the microphone, its sound server or something unknown

After three times no in a row the loudspeaker seems to be off. That is reported like other facts
about a device, until the microphone hears it again or a device is exchanged.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Protocol

from ..audio.processing.audibility import Audible, EchoPath, Finding, Recording, examine
from ..notifications import Notification, TextSaid

_LOG = logging.getLogger(__name__)
_LEAD_MS = 500  # before the words, for a chime
_TIMES_KNOWN = 2  # in a row: a canceller in the device passes the first echo while it learns
_TIMES_UNHEARD = 3
_SEEMS_OFF = (
    f"it seems to be off: the microphone heard nothing of the last {_TIMES_UNHEARD} texts, though "
    "it heard those before; is it (or its amplifier) switched on, turned up and plugged in?"
)


class AudibleHost(Protocol):
    """Plays sound, and hears."""

    @property
    def volume(self) -> float:
        """The volume of everything that is played, from 0 to 1."""

    @property
    def expects_echo(self) -> bool:
        """Whether a missing echo is meaningful: nothing removes it before it gets here."""

    def publish(self, notification: Notification) -> None:
        """Publish this notification."""

    def loudspeaker_unheard(self, why: str | None) -> None:
        """Note that the loudspeaker seems to be off; None: it is heard again."""


class AudibleTexts:
    """Publishes every receipt on `host`; for played texts with the evidence of `recording`.

    Texts whose receipts come together, because they were played in one go, are judged as one.
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
        """Take a receipt, which is published at once, or by `run`."""
        if receipt.heard_ms <= 0:
            self._host.publish(receipt)
            return
        self._due.append(receipt)
        self._is_due.set()

    def forget(self) -> None:
        """Forget the echo: a microphone or loudspeaker was exchanged."""
        self._recording.drop()
        self._path, self._found, self._unheard = None, 0, 0
        self._devices += 1

    async def run(self) -> None:
        """Judge and publish receipts until cancelled; then publish the rest unjudged."""
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
        """Draw conclusions about the loudspeaker."""
        if audible == "yes" and self._unheard >= _TIMES_UNHEARD:
            self._host.loudspeaker_unheard(None)
        if audible != "unknown":
            self._unheard = self._unheard + 1 if audible == "no" else 0
        if self._unheard == _TIMES_UNHEARD and audible == "no":
            self._host.loudspeaker_unheard(_SEEMS_OFF)
