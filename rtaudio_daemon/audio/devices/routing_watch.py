"""Watches to which device a sound server connects the stream of an audio process.

When a device disappears, PulseAudio and PipeWire move its streams to any other one, for example a
microphone's stream to the monitor of the loudspeaker, and PortAudio does not notice. PipeWire even
opens a stream on another device if the named one is missing. `pactl` (16 or newer) reports the
device; without it, or without a sound server, nothing is watched.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import Any, Protocol

from ...backoff import backoff
from ...errors import DeviceError
from ...notifications import DeviceCode
from ..worker.device_lookup import Direction
from .pactl import answer, end, listed, properties, start

_SETTLED_S = 0.05  # one move causes several events
_SUBSCRIBED_S = 0.5  # earlier events may not be reported
_FIRST_PAUSE_S = 2.0
_LAST_PAUSE_S = 600.0  # a stream that bypasses the sound server is never found: keep this cheap
_STREAMS = {"input": "source-output", "output": "sink-input"}
_DEVICES = {"input": "sources", "output": "sinks"}


class MoveListener(Protocol):
    """Permits a stream to move, and is notified when it does."""

    def stream_moved(self, where: str) -> None:
        """The sound server moved the stream to the device `where`."""


class RoutingWatch:
    """Watches the stream of the audio process `pid`; only with a `listener` may it move."""

    def __init__(
        self, pid: int, direction: Direction, listener: MoveListener | None = None
    ) -> None:
        self._pid = pid
        self._direction = direction
        self._listener = listener
        self._listed = False
        self._where: str | None = None

    async def check(self) -> None:
        """Check to which device the stream is connected.

        Raises DeviceError if that is the monitor of the loudspeaker. If the stream may not move,
        also raises DeviceError if the device is not the one requested, as far as the sound server
        knows that (PipeWire does), or not the one found by the first check.
        """
        places = await self._find()
        self._listed = bool(places)
        for where, missed in places:
            if self._direction == "input":
                await self._refuse_monitor(where)
            before, self._where = self._where or where, where
            if self._listener is not None:
                if where != before:
                    self._listener.stream_moved(where)
            elif where != before:
                what = f"the sound server moved it from {before} to {where}"
                raise DeviceError(what, code=DeviceCode.MOVED)
            elif missed is not None:
                what = f"the sound server gave it {where} instead of {missed}"
                raise DeviceError(what, code=DeviceCode.MOVED)

    async def run(self) -> None:
        """Check again whenever something changes. Call `check` first. Raises like `check`.

        Until the stream is found, and when the server stops reporting, it checks after two seconds,
        then less and less often. Returns only if there is no `pactl`.
        """
        pauses = backoff(_FIRST_PAUSE_S, _LAST_PAUSE_S)
        while shutil.which("pactl") is not None:
            if self._listed:
                pauses = backoff(_FIRST_PAUSE_S, _LAST_PAUSE_S)
                with contextlib.suppress(OSError):
                    await self._follow()
            await asyncio.sleep(next(pauses))
            await self.check()

    async def _follow(self) -> None:
        """Check at every change that the server reports, until the reports end."""
        process = await start("subscribe")
        assert process.stdout is not None
        try:
            await asyncio.sleep(_SUBSCRIBED_S)
            await self.check()
            while events := await process.stdout.read(1 << 16):
                if f"on {_STREAMS[self._direction]} ".encode() in events:
                    await asyncio.sleep(_SETTLED_S)
                    await self.check()
        finally:
            await end(process)

    async def _refuse_monitor(self, where: str) -> None:
        if where == f"{await answer('get-default-sink')}.monitor":
            raise DeviceError(
                f"it would be {where}, which hears the loudspeaker itself; there is no microphone",
                code=DeviceCode.MONITOR,
            )

    async def _find(self) -> list[tuple[str, str | None]]:
        """Return the device of each stream of the process, and the requested one if it differs."""
        own = {
            str(client.get("index"))
            for client in await listed("clients")
            if properties(client).get("application.process.id") == str(self._pid)
        }
        if not own:
            return []
        kind = _STREAMS[self._direction]
        streams = [one for one in await listed(f"{kind}s") if str(one.get("client")) in own]
        devices = await listed(_DEVICES[self._direction]) if streams else []
        by_index = {device.get("index"): device for device in devices}
        return [
            (str(device.get("name")), _missed(stream, device))
            for stream in streams
            if (device := by_index.get(stream.get(kind.partition("-")[0])))  # absent while moving
        ]


def _missed(stream: dict[str, Any], device: dict[str, Any]) -> str | None:
    """Return the device that the stream requested by name, if known and not this one."""
    asked = properties(stream).get("target.object")
    if not isinstance(asked, str) or asked.startswith("@") or asked.lstrip("-").isdigit():
        return None
    name = str(device.get("name"))
    names = (name, name.removesuffix(".monitor"), properties(device).get("object.path"))
    return None if asked in names else asked
