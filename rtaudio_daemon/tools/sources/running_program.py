"""Third-party programs that the daemon starts: their environment, and their certain end."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config.placeholders import fill, names_in, revealed

_LOG = logging.getLogger(__name__)
_MOST_BYTES = 64 * 1024
_LAST_BYTES = 4096
_TERM_S = 1.0
_GONE_S = 0.5  # by then a killed program is gone, unless it runs as another user
_LINGER_S = 0.2  # how long its child processes may keep its output open


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: `status` 0 to 255, or minus the number of the signal that ended it.

    `printed`: its first 64 KiB of output; `complained`: the last line of its standard error.
    """

    status: int
    printed: bytes
    complained: str

    @property
    def how(self) -> str:
        """Return its exit status or the signal, in words."""
        if self.status >= 0:
            return f"exit status {self.status}"
        return f"ended by {_signal_name(-self.status)}"


async def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    given: bytes = b"",
    term_s: float = _TERM_S,
) -> Ended:
    """Run `command` to its end, in a process group of its own, with `given` as its input.

    If cancelled, the whole group is ended: with SIGTERM, and with SIGKILL `term_s` later;
    processes that this user may not end are left alone. Raises OSError or ValueError if it cannot
    be started; `why_not` puts that into words.
    """
    starting = asyncio.create_task(_start(command, environment, given), name="program start")
    try:
        # If starting is cancelled half way, asyncio loses track of the program.
        transport, running = await asyncio.shield(starting)
        await running.ended()
    except asyncio.CancelledError:
        await _in_any_case(_stop(starting, term_s))
        raise
    finally:
        starting.add_done_callback(_close)
    await running.closed()
    return Ended(transport.get_returncode() or 0, bytes(running.printed), running.last_complaint)


def why_not(command: Sequence[str], environment: Mapping[str, str], error: Exception) -> str:
    """Return why `command` could not be started, and the remedy."""
    words = getattr(error, "strerror", None) or type(error).__name__
    why = complaint(command[0], environment.get("PATH"))
    return why or f"{Path(command[0]).name} cannot be run: {words}"


async def _start(command: Sequence[str], environment: Mapping[str, str], given: bytes) -> _Started:
    loop = asyncio.get_running_loop()
    read_from = _file_of(given) if given else asyncio.subprocess.DEVNULL
    try:
        return await loop.subprocess_exec(
            _Running, *command, stdin=read_from, env=environment, start_new_session=True
        )
    finally:
        if given:
            os.close(read_from)


def _file_of(given: bytes) -> int:
    """Return a file in memory: unlike with a pipe, nobody waits until it has been read."""
    number = os.memfd_create("input")
    os.write(number, given)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def filled_command(program: Sequence[str], arguments: Mapping[str, Any]) -> list[str]:
    """Return the elements of `program` filled with the arguments; those without value are omitted.

    Raises ValueError if an argument would act as an option, or no program could take it.
    """
    found = []
    for element in program:
        filled = fill(element, arguments)
        if filled is None:
            continue
        if "\0" in filled:
            raise ValueError("an argument holds a character that no program takes")
        if filled.startswith("-") and not revealed(element).startswith("-"):
            name = next((name for _, name in names_in(element)), "an argument")
            raise ValueError(f"{name} must not begin with -")
        found.append(filled)
    return found


def complaint(program: str, path: str | None = None) -> str:
    """Return why we cannot run `program`, and the remedy; "" if we can."""
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
    """A running program: the beginning of its output, and the end of its standard error."""

    def __init__(self) -> None:
        self.printed = bytearray()
        self._complained = bytearray()
        self._open = {1, 2}
        self._exited = asyncio.Event()
        self._silent = asyncio.Event()
        self._closed = asyncio.Event()

    @property
    def last_complaint(self) -> str:
        """Return the last line of standard error."""
        lines = self._complained.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    async def exited(self) -> None:
        """Wait for its end."""
        await self._exited.wait()

    async def ended(self) -> None:
        """Wait for its end and its output, but not for child processes that continue."""
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
        """Collect its output."""
        if fd == 1:
            self.printed += data[: max(0, _MOST_BYTES - len(self.printed))]
        else:
            self._complained += data
            del self._complained[:-_LAST_BYTES]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that it and its child processes closed an output."""
        self._open.discard(fd)
        if not self._open:
            self._silent.set()

    def process_exited(self) -> None:
        """Note that it ended."""
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing of it is left."""
        self._closed.set()


_Started = tuple[asyncio.SubprocessTransport, _Running]


async def _in_any_case(ending: Coroutine[Any, Any, None]) -> None:
    """Wait for `ending`, even if cancelled again: it takes little more than a second."""
    task = asyncio.create_task(ending, name="program end")
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
    task.result()


async def _stop(starting: asyncio.Task[_Started], term_s: float) -> None:
    """End a program as soon as it has started."""
    await asyncio.wait([starting])
    if starting.exception() is None:
        await _end(*starting.result(), term_s)


async def _end(transport: asyncio.SubprocessTransport, running: _Running, term_s: float) -> None:
    """End a process group: with SIGTERM, and with SIGKILL `term_s` later."""
    group = transport.get_pid()
    _signal(group, signal.SIGTERM)
    try:
        async with asyncio.timeout(term_s):
            await running.exited()
    except TimeoutError:
        pass
    _signal(group, signal.SIGKILL)
    try:
        async with asyncio.timeout(_GONE_S):
            try:
                await running.exited()  # closing first could take its status from asyncio
            finally:
                _let_go(transport)
            await running.closed()
    except TimeoutError:
        _LOG.warning("process %d cannot be ended by this user, and goes on", group)


def _close(started: asyncio.Task[_Started]) -> None:
    """Close our side of a program; if it still runs, it was stopped while starting: end it."""
    if started.cancelled() or started.exception() is not None:
        return
    transport, _ = started.result()
    if transport.get_returncode() is None:
        _signal(transport.get_pid(), signal.SIGKILL)
    _let_go(transport)


def _let_go(transport: asyncio.SubprocessTransport) -> None:
    """Close our side, and kill the program if it still runs and we are permitted to."""
    try:
        transport.close()
    except PermissionError:  # it runs as another user now, for example by sudo
        pass


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
