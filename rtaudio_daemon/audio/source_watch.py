"""Which source of a sound server does an audio process hear? It must not change silently.

When a microphone goes away, PulseAudio and PipeWire move its stream to any other source, as to the
monitor of the loudspeaker, and PortAudio notices nothing. `pactl` tells, where there is one;
without it, or without a sound server, nothing is watched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from typing import Any

from ..errors import DeviceError

_PATIENCE_S = 2.0
_SETTLED_S = 0.05  # a move is told of in several events


class SourceWatch:
    """Watches the stream of one audio process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._source: str | None = None

    async def check(self) -> None:
        """Look where the stream is now.

        Raises DeviceError when that is the monitor of the loudspeaker, or another source than it
        was at the first look.
        """
        source = await self._find()
        if source is None:
            return
        if source == f"{await _line('get-default-sink')}.monitor":
            raise DeviceError(
                f"it would be {source}, which hears the loudspeaker itself; there is no microphone"
            )
        if self._source is not None and source != self._source:
            raise DeviceError(f"the sound server moved it from {self._source} to {source}")
        self._source = source

    async def run(self) -> None:
        """Look whenever something changes, until cancelled. Raises as `check` does."""
        if self._source is None:
            return
        process = await _start("subscribe")
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                if b"source" in line:
                    await asyncio.sleep(_SETTLED_S)
                    await self.check()
        finally:
            await _end(process)

    async def _find(self) -> str | None:
        if shutil.which("pactl") is None:
            return None
        outputs, sources = await _listed("source-outputs"), await _listed("sources")
        names = {source.get("index"): source.get("name") for source in sources}
        for each in outputs:
            properties = each.get("properties", {})
            if properties.get("application.process.id") == str(self._pid):
                return names.get(each.get("source"))
        return None


async def _listed(what: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(await _line("--format=json", "list", what) or "[]")
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


async def _line(*arguments: str) -> str:
    """What pactl answers; nothing when it cannot or does not in time."""
    process = await _start(*arguments)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            answer, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        await _end(process)
    return answer.decode(errors="replace").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave neither the process nor its pipe behind, also when its end is not awaited."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "pactl",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
