"""Kills child processes, and leaves their exit status to whoever waits for them."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Protocol


class Process(Protocol):
    """A child process, as asyncio and subprocess have it."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """Its exit status, or None while nobody has collected it."""


def kill(process: Process) -> None:
    """Kill `process` if it still runs.

    Not by its own ``kill``: that collects the exit status of a process that has just ended, and
    asyncio, which waits for that status too, then warns of an "Unknown child process".
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
