"""Lets other programs be softer while somebody talks with the daemon or something of it sounds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .. import config
from ..audio.devices.ducker import Ducker, DuckingListener
from ..audio.devices.lowered_volumes import LOWERED_FILE, LoweredVolumes
from ..audio.processing.ducking_times import DuckingTimes, Facts
from ..notifications import DeviceChanged, DeviceState, Notification, StatusChanged, TimerReported
from ..tools.timers.keeper import TimerKeeper
from .assistant import Assistant

_LOOK_S = 0.05  # while others are softer: not every fact that ends is reported


class OtherSound:
    """What others hear of the conversation that `assistant` runs, and of what `timers` ring.

    The folder `state` keeps the volumes of programs that are lowered one by one; None: none are.
    """

    def __init__(
        self,
        assistant: Assistant,
        timers: TimerKeeper,
        state: Path | None,
        listener: DuckingListener,
    ) -> None:
        self._assistant = assistant
        self._timers = timers
        self._volumes = LoweredVolumes(state / LOWERED_FILE) if state else None
        self._listener = listener
        self._changed = asyncio.Event()
        self._ducker = Ducker(None, self._volumes, listener)

    def adjust(self, audio: config.Audio) -> None:
        """Do as these settings say with the next `run`."""
        db = audio.duck_db if audio.duck != "off" else None
        self._ducker = Ducker(db, self._volumes, self._listener)

    @property
    def note(self) -> str | None:
        """What was asked for and is not so, with the remedy."""
        note = self._ducker.found.note
        return f"audio.duck: {note}" if note else None

    def document(self) -> dict[str, object]:
        """In which way others are made softer, and whether they are now, ready for JSON."""
        return {"way": self._ducker.found.name, "active": self._ducker.active}

    def look(self) -> None:
        """Somebody begins to speak, or another fact may have changed."""
        self._changed.set()

    def notice(self, notification: Notification) -> None:
        """This happens now."""
        if isinstance(notification, (StatusChanged, TimerReported)):
            self._changed.set()
        elif isinstance(notification, DeviceChanged) and notification.state is DeviceState.OK:
            self._ducker.try_again()

    async def run(self) -> None:
        """Make others softer when it is time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ducker.run(), name="ducker")
            if self._ducker.ducks:
                group.create_task(self._keep_time(self._ducker), name="ducking times")

    async def _keep_time(self, ducker: Ducker) -> None:
        clock, times = asyncio.get_running_loop().time, DuckingTimes()
        while True:
            self._changed.clear()
            ducker.want(times.look(self._facts(), clock()))
            try:
                async with asyncio.timeout(_LOOK_S if times.softer else None):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _facts(self) -> Facts:
        gate = self._assistant.microphone_input.gate
        return Facts(
            floor_taken=not self._assistant.quiet() or gate.playing,
            hears=gate.hears,
            attends=gate.attends,
            rings=bool(self._timers.ringing),
        )
