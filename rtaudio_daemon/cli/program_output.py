"""Reads the output of other programs on this machine."""

from __future__ import annotations

import asyncio

from ..audio.devices.process_end import kill

_MOST_BYTES = 1 << 22


async def output_of(*command: str, patience_s: float = 5.0) -> bytes:
    """Return a command's output, 4 MiB at most; empty if it is missing or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return b""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(patience_s):
            return await _first(process.stdout)
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            kill(process)
        await process.wait()


async def _first(stream: asyncio.StreamReader) -> bytes:
    found = b""
    while len(found) < _MOST_BYTES and (piece := await stream.read(1 << 16)):
        found += piece
    return found[:_MOST_BYTES]
