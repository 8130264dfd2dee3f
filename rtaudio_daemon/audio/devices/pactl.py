"""What `pactl` (16 or newer) says of a sound server, PulseAudio or PipeWire, if there is one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from typing import Any

from ...child_processes import no_hangups
from .process_end import kill

_PATIENCE_S = 2.0
_TIED = ("setpriv", "--pdeathsig", "TERM")  # the kernel ends it when we die


async def listed(what: str) -> list[dict[str, Any]]:
    """All `sources`, `sinks`, `clients` …; none when it does not answer."""
    try:
        found = json.loads(await answer("--format=json", "list", what) or "[]")
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


async def answer(*arguments: str) -> str:
    """What pactl answers; nothing when there is none, it cannot, or does not in time."""
    return await success(*arguments) or ""


async def success(*arguments: str) -> str | None:
    """What pactl answers, which may be nothing; None when it could not do it, or not in time."""
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
    """Leave neither the process nor its pipe behind, also when its end is not awaited."""
    if process.returncode is None:
        kill(process)
        await process.communicate()


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """Start it, to end with this process. Raises OSError where there is none."""
    with no_hangups():
        return await asyncio.create_subprocess_exec(
            *(_TIED if shutil.which(_TIED[0]) and shutil.which("pactl") else ()),
            "pactl",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # a Ctrl-C in the terminal is for the daemon alone
        )


def properties(one: dict[str, Any]) -> dict[str, Any]:
    """The properties of something listed."""
    found = one.get("properties")
    return found if isinstance(found, dict) else {}
