"""Lowers other programs while somebody talks with the daemon or its own sound is heard."""

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

_LOOK_S = 0.05  # while they are lowered: the end of some facts is not reported


class OtherSound:
    """Lowers other programs for the conversation of `assistant` and the ringing of `timers`.

    The folder `state` stores the volumes of programs that are lowered one by one; None: none are.
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
        """Apply these settings with the next `run`."""
        db = audio.duck_db if audio.duck != "off" else None
        self._ducker = Ducker(db, self._volumes, self._listener)

    @property
    def note(self) -> str | None:
        """What was requested and is not in effect, with the remedy."""
        note = self._ducker.found.note
        return f"audio.duck: {note}" if note else None

    def document(self) -> dict[str, object]:
        """Return in which way others are lowered, and whether they are now, ready for JSON."""
        return {"way": self._ducker.found.name, "active": self._ducker.active}

    def look(self) -> None:
        """Check the facts: somebody begins to speak, or another fact may have changed."""
        self._changed.set()

    def notice(self, notification: Notification) -> None:
        """Handle a notification."""
        if isinstance(notification, (StatusChanged, TimerReported)):
            self._changed.set()
        elif isinstance(notification, DeviceChanged) and notification.state is DeviceState.OK:
            self._ducker.try_again()

    async def run(self) -> None:
        """Lower other programs when it is time, until cancelled."""
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
            in_conversation=not self._assistant.quiet() or gate.playing,
            hears=gate.hears,
            attends=gate.attends,
            rings=bool(self._timers.ringing),
        )
