"""Where does a sound server have the stream of an audio process? It must not move silently.

When a device goes away, PulseAudio and PipeWire move its streams to any other, as that of the
microphone to the monitor of the loudspeaker, and PortAudio notices nothing. PipeWire even opens a
stream on another device when the named one is not there. `pactl` (16 or newer) says where, if there
is one; without it, or without a sound server, nothing is watched.
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

_SETTLED_S = 0.05  # a move comes as several events
_SUBSCRIBED_S = 0.5  # what happens before that may not be reported
_FIRST_PAUSE_S = 2.0
_LAST_PAUSE_S = 600.0  # a stream that goes by no sound server is never found: it may cost nothing
_STREAMS = {"input": "source-output", "output": "sink-input"}
_DEVICES = {"input": "sources", "output": "sinks"}


class MoveListener(Protocol):
    """Lets a stream move, and follows where to."""

    def stream_moved(self, where: str) -> None:
        """The sound server moved the stream to the device `where`."""


class RoutingWatch:
    """Watches the stream of the audio process `pid`; it may move only with a `listener`."""

    def __init__(
        self, pid: int, direction: Direction, listener: MoveListener | None = None
    ) -> None:
        self._pid = pid
        self._direction = direction
        self._listener = listener
        self._listed = False
        self._where: str | None = None

    async def check(self) -> None:
        """Look where the stream is now.

        Raises DeviceError when that is the monitor of the loudspeaker, or, if it may not move,
        another device than it asked for, as far as the sound server knows (PipeWire does), or than
        it was at the first look.
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
        """After a first `check`: look whenever something changes. Raises as `check` does.

        Until the stream is found, and after the server stopped telling, it looks again: after two
        seconds, then less and less often. Returns only where there is no `pactl`.
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
        """Check at every change that the server reports, until it ends."""
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
        """Where each stream of the process is, and which device it wanted, if that is another."""
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
            if (device := by_index.get(stream.get(kind.partition("-")[0])))  # or it is being moved
        ]


def _missed(stream: dict[str, Any], device: dict[str, Any]) -> str | None:
    """The device that the stream asked for by name, if that is known and is not this one."""
    asked = properties(stream).get("target.object")
    if not isinstance(asked, str) or asked.startswith("@") or asked.lstrip("-").isdigit():
        return None
    name = str(device.get("name"))
    names = (name, name.removesuffix(".monitor"), properties(device).get("object.path"))
    return None if asked in names else asked
