"""What holds for every process that the daemon starts."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping

_KEPT = {
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER", "PIPEWIRE_RUNTIME_DIR"),
}


def harmless_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a program of others is given of our environment: anything else may be a secret."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith("LC_")
    }
    return {"PATH": os.defpath, **kept}


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
