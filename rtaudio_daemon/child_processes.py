"""Rules for all child processes of the daemon."""

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
    """Return `command`, wrapped so that the kernel ends it when we die, for whatever reason.

    Does not use setpriv, which needs more privileges than the daemon has as a service.
    """
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command]


def harmless_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for third-party programs: other variables may be secrets."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith("LC_")
    }
    return {"PATH": os.defpath, **kept}


def environment_of_ours() -> dict[str, str]:
    """Return the environment for a process that runs our module on third-party data."""
    path = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
    return {
        **harmless_environment(os.environ),
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",  # each thread would need memory beyond the limit
    }


def limit_this_process(memory: int, cpu_s: int) -> None:
    """Limit memory (bytes) and CPU time, and forbid files: for processes with hostile input."""
    for what, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


@contextlib.contextmanager
def no_hangups() -> Iterator[None]:
    """Protect processes started inside from SIGHUP, from their first moment on.

    SIGHUP may be sent to all processes of the daemon, as by `systemctl kill`, and is meant for the
    daemon only. In this thread it is deferred meanwhile.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        if signal.SIGHUP not in before:  # otherwise an earlier task unblocks it
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
