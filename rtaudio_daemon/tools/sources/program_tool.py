"""A tool that runs a program, as `program` of an entry of `tools.own` lists it; never a shell.

An argument fills one element, whatever it holds. The program gets a small environment without
secrets, no input, and a process group of its own, which ends with it when the call is stopped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from ...child_processes import harmless_environment
from ...config import OwnTool
from ...config.placeholders import fill, names_in, revealed
from ...protocol.bounds import error_message_of
from ..tool import CallContext, Json, ToolError
from .http_tool import as_json
from .masking import Masking

_MOST_BYTES = 64 * 1024
_LAST_BYTES = 4096
_TERM_S = 1.0
_LINGER_S = 0.2  # what a program leaves behind may hold its output open


class ProgramTool:
    """Runs the program of `tool` with the arguments of a call."""

    def __init__(self, tool: OwnTool, environment: Mapping[str, str] = os.environ) -> None:
        self._program = tool.program
        self._name = Path(revealed(tool.program[0])).name
        self._environment = harmless_environment(environment)
        self._mask = Masking(tool.program)

    async def run(self, arguments: Json, _context: CallContext) -> Any:
        """What the program prints: JSON if it is JSON, else text. Raises ToolError."""
        command = self._command(arguments)
        starting = asyncio.create_task(self._start(command), name="program start")
        try:
            # Asyncio loses sight of a program whose start is cancelled half way.
            transport, running = await asyncio.shield(starting)
            await running.ended()
        except asyncio.CancelledError:
            await _in_any_case(_stop(starting))
            raise
        finally:
            starting.add_done_callback(_close)
        await running.closed()
        if status := transport.get_returncode():
            raise ToolError(self._failed(status, running.last_complaint))
        text = self._mask.text(running.printed.decode("utf-8", "replace"))
        return self._mask.value(as_json(text)) if text.strip() else "done"

    async def _start(self, command: list[str]) -> _Started:
        loop = asyncio.get_running_loop()
        try:
            return await loop.subprocess_exec(
                _Running,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = complaint(command[0], self._environment["PATH"])
            raise ToolError(why or f"{self._name} cannot be run: {_words(error)}") from None

    def _command(self, arguments: Json) -> list[str]:
        """The elements with the arguments in them; those for what was not given are left out."""
        found = []
        for element in self._program:
            filled = fill(element, arguments)
            if filled is None:
                continue
            if "\0" in filled:
                raise ToolError("an argument holds a character that no program takes")
            if filled.startswith("-") and not revealed(element).startswith("-"):
                name = next((name for _, name in names_in(element)), "an argument")
                raise ToolError(f"{name} must not begin with -")
            found.append(filled)
        return found

    def _failed(self, status: int, complained: str) -> str:
        how = f"exit status {status}" if status > 0 else f"ended by {_signal_name(-status)}"
        said = error_message_of(self._mask.text(complained))
        return f"{self._name} failed ({how}){f': {said}' if said else ''}"


def complaint(program: str, path: str | None = None) -> str:
    """Why `program` cannot be run by us, and what to do; "" if it can."""
    if shutil.which(program, path=path or os.environ.get("PATH", os.defpath)):
        return ""
    if os.path.isdir(program):
        return f"{program} is a folder, not a program"
    if "/" in program and os.path.exists(program):
        return f"{program} may not be run by this user; chmod +x, and see its folder"
    if "~" in Path(program).parts:
        return f"there is no program {program}; write the whole path instead of ~"
    if " " in program.strip() and shutil.which(program.split()[0], path=path):
        entries = ", ".join(program.split())
        return f"there is no program {program!r}; write each argument as an entry: [{entries}]"
    return f"there is no program {program}; install it, or write its whole path"


class _Running(asyncio.SubprocessProtocol):
    """A program that runs: the first part of what it prints, the last of what it complains."""

    def __init__(self) -> None:
        self.printed = bytearray()
        self._complained = bytearray()
        self._open = {1, 2}
        self._exited = asyncio.Event()
        self._silent = asyncio.Event()
        self._closed = asyncio.Event()

    @property
    def last_complaint(self) -> str:
        """The last line of standard error."""
        lines = self._complained.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    async def exited(self) -> None:
        """Wait for its end."""
        await self._exited.wait()

    async def ended(self) -> None:
        """Wait for its end and for what it printed, but not for what it leaves running."""
        await self._exited.wait()
        try:
            async with asyncio.timeout(_LINGER_S):
                await self._silent.wait()
        except TimeoutError:
            pass

    async def closed(self) -> None:
        """Wait until it has ended and its output is closed on our side."""
        await self._closed.wait()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It printed something."""
        if fd == 1:
            self.printed += data[: max(0, _MOST_BYTES - len(self.printed))]
        else:
            self._complained += data
            del self._complained[:-_LAST_BYTES]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It closed an output, and so did all that it started."""
        self._open.discard(fd)
        if not self._open:
            self._silent.set()

    def process_exited(self) -> None:
        """It ended."""
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing of it is left."""
        self._closed.set()


_Started = tuple[asyncio.SubprocessTransport, _Running]


async def _in_any_case(ending: Coroutine[Any, Any, None]) -> None:
    """Wait for `ending`, also when we are cancelled once more: it takes little over a second."""
    task = asyncio.create_task(ending, name="program end")
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
    task.result()


async def _stop(starting: asyncio.Task[_Started]) -> None:
    """End a program as soon as it has started."""
    await asyncio.wait([starting])
    if starting.exception() is None:
        await _end(*starting.result())


async def _end(transport: asyncio.SubprocessTransport, running: _Running) -> None:
    """End a group of processes: kindly, and a second later for certain."""
    group = transport.get_pid()
    _signal(group, signal.SIGTERM)
    try:
        async with asyncio.timeout(_TERM_S):
            await running.exited()
    except TimeoutError:
        pass
    _signal(group, signal.SIGKILL)
    transport.close()
    await running.closed()


def _close(started: asyncio.Task[_Started]) -> None:
    """Close our side of a program; one that still runs was stopped while it started: end it."""
    if started.cancelled() or started.exception() is not None:
        return
    transport, _ = started.result()
    if transport.get_returncode() is None:
        _signal(transport.get_pid(), signal.SIGKILL)
    transport.close()


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
