"""Kills child processes and leaves their exit status to whoever waits for it."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Protocol


class Process(Protocol):
    """A child process of asyncio or subprocess."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """Its exit status; None if nobody has collected it."""


def kill(process: Process) -> None:
    """Kill `process` if it still runs.

    Does not call its `kill` method: that would collect the exit status of a process that has just
    ended, and asyncio, which waits for the status too, would warn of an "Unknown child process".
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
