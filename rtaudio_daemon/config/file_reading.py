"""Reads files that somebody else wrote: never more than was bargained for, and never for long."""

from __future__ import annotations

import errno
import os
import select
import stat
import time

_PATIENCE_S = 1.0
_CHUNK = 1 << 16
_GIVES_NOTHING = "a pipe or a device that gives nothing"


def read_bounded(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """The whole content of the file at `path`, within a second or so.

    Raises OSError whose ``strerror`` says why not: also for a file of more than `most_bytes`
    (EFBIG), for a pipe that nobody writes to or a terminal (ETIMEDOUT), and for a name that no
    file can have (EINVAL).
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError as error:  # it holds a NUL
        raise OSError(errno.EINVAL, "no such name") from error
    try:
        return _all_of(handle, most_bytes)
    finally:
        os.close(handle)


def _all_of(handle: int, most_bytes: int) -> bytes:
    found = bytearray()
    ready = select.poll()
    ready.register(handle, select.POLLIN)
    deadline = time.monotonic() + _PATIENCE_S
    while len(found) <= most_bytes:
        if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise OSError(errno.ETIMEDOUT, _GIVES_NOTHING)
        piece = os.read(handle, min(_CHUNK, most_bytes + 1 - len(found)))
        if not piece:
            if not found and stat.S_ISFIFO(os.fstat(handle).st_mode):
                raise OSError(errno.ETIMEDOUT, _GIVES_NOTHING)
            return bytes(found)
        found += piece
    raise OSError(errno.EFBIG, "too large")
