"""What holds for every process that the daemon starts."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def no_hangups() -> Iterator[None]:
    """A process that is started inside never gets SIGHUP, from its first moment on.

    It may be sent to all processes of the daemon, as `systemctl kill` does, and is for the daemon
    alone. What this thread gets of it meanwhile waits.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        if signal.SIGHUP not in before:  # else it is another task's, which began earlier
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
