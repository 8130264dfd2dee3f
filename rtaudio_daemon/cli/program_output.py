"""What another program of this machine prints."""

from __future__ import annotations

import asyncio

from ..audio.devices.process_end import kill

_MOST_BYTES = 1 << 22


async def output_of(*command: str, patience_s: float = 5.0) -> bytes:
    """What a command prints, 4 MiB at most; nothing if it is not there or takes too long."""
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
