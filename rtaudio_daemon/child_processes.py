"""What holds for every process that the daemon starts."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_KEPT = {
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER", "PIPEWIRE_RUNTIME_DIR"),
}

_ROOT = str(Path(__file__).resolve().parents[1])

_TIE = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""


def tied(command: Sequence[str]) -> list[str]:
    """`command`, so that the kernel ends it when we die, however that is.

    Not by setpriv, which needs more rights than the daemon has as a service.
    """
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command]


def harmless_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a program of others is given of our environment: anything else may be a secret."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith("LC_")
    }
    return {"PATH": os.defpath, **kept}


def environment_of_ours() -> dict[str, str]:
    """What a process that runs a module of ours on things of others is given."""
    path = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
    return {
        **harmless_environment(os.environ),
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",  # each would take memory that is not there
    }


def limit_this_process(memory: int, cpu_s: int) -> None:
    """For a process that reads what may be hostile: so much memory (bytes) and time, no files."""
    for what, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


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
