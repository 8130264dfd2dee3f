"""The first actions of the program: standard streams and signals, before the slow imports.

The event loop of `daemon.signals` later takes over the signals. Until then SIGINT and SIGTERM end
the process at once, even as process 1 of a container, where the kernel ignores signals without a
handler. `run` remembers SIGHUP, to reload as soon as it is ready.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # importing typing takes longer than everything here
if TYPE_CHECKING:
    from typing import Any

EXIT_INTERRUPTED = 130
_EXIT_TERMINATED = 143
_hung_up = False
_hangup_before: Any = signal.SIG_DFL


def take_signals() -> None:
    """Handle SIGINT, SIGTERM and SIGHUP from now on, as `run` needs it."""
    global _hangup_before
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    _hangup_before = signal.signal(signal.SIGHUP, _hang_up)


def release_signals() -> None:
    """For all other commands: SIGTERM ends them with 143, and SIGHUP acts as before."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_EXIT_TERMINATED))
    signal.signal(signal.SIGHUP, _hangup_before)
    if _hung_up:
        os.kill(os.getpid(), signal.SIGHUP)


def hung_up() -> bool:
    """Return whether SIGHUP arrived before the event loop took over the signals."""
    return _hung_up


def fill_standard_streams() -> None:
    """Open /dev/null in place of closed stdin, stdout or stderr.

    Otherwise the next opened file would get its number, and print() would write to it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            handle = os.open(os.devnull, os.O_RDWR)
            os.dup2(handle, number)
            if handle != number:
                os.close(handle)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _hang_up(_number: int, _frame: Any) -> None:
    global _hung_up
    _hung_up = True


def _interrupt(_number: int, _frame: Any) -> None:
    # A thread waiting for DNS would delay an orderly end by seconds.
    os.write(2, b"\ninterrupted\n")
    os._exit(EXIT_INTERRUPTED)
