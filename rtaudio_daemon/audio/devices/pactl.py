"""Queries and controls PulseAudio or PipeWire through `pactl` (16 or newer), if available."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from typing import Any

from ...child_processes import no_hangups
from .process_end import kill

_PATIENCE_S = 2.0
_TIED = ("setpriv", "--pdeathsig", "TERM")  # the kernel ends the process when we die


async def listed(what: str) -> list[dict[str, Any]]:
    """Return all `sources`, `sinks`, `clients` …; none if it does not answer."""
    try:
        found = json.loads(await answer("--format=json", "list", what) or "[]")
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


async def answer(*arguments: str) -> str:
    """Return the output of pactl; "" if it is missing, fails, or takes too long."""
    return await success(*arguments) or ""


async def success(*arguments: str) -> str | None:
    """Return the output of pactl, which may be ""; None if it fails or takes too long."""
    try:
        process = await start(*arguments)
    except OSError:
        return None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            said, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        await end(process)
    return said.decode(errors="replace").strip() if process.returncode == 0 else None


async def end(process: asyncio.subprocess.Process) -> None:
    """End the process and its pipe, even if the caller is cancelled."""
    if process.returncode is None:
        kill(process)
        await process.communicate()


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """Start pactl, to end with this process. Raises OSError if it is missing."""
    with no_hangups():
        return await asyncio.create_subprocess_exec(
            *(_TIED if shutil.which(_TIED[0]) and shutil.which("pactl") else ()),
            "pactl",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # a Ctrl-C in the terminal must reach the daemon only
        )


def properties(one: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a listed object."""
    found = one.get("properties")
    return found if isinstance(found, dict) else {}
