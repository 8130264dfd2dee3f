"""Reads files of unknown origin with limits for size and time."""

from __future__ import annotations

import errno
import os
import select
import stat
import time

BOUNDED_PACKINGS = (0, 8)
"""Methods of `zipfile`: stored and deflated. Others can expand a few bytes to gigabytes."""
_PATIENCE_S = 1.0
_CHUNK = 1 << 16
_GIVES_NOTHING = "a pipe or a device that gives nothing"


def read_bounded(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return the whole content of the file at `path`, within a second or so.

    Raises OSError, whose ``strerror`` is the reason: also for a file of more than `most_bytes`
    (EFBIG), for a pipe without writer or a terminal (ETIMEDOUT), and for an invalid name
    (EINVAL).
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError as error:  # the name contains a NUL
        raise OSError(errno.EINVAL, "no such name") from error
    try:
        return _all_of(handle, most_bytes)
    finally:
        os.close(handle)


def read_below(folder: str | os.PathLike[str], name: str, most_bytes: int) -> bytes:
    """Return the whole content of the regular file `name` in or below `folder`.

    Links below `folder` are not followed. Raises OSError like `read_bounded`, also for a name
    that leads out of the folder, for a link (ELOOP), and for anything but a regular file.
    """
    *folders, last = name.split("/")
    if not all(step not in ("", ".", "..") and "\0" not in step for step in (*folders, last)):
        raise OSError(errno.EINVAL, "no name of a file below the folder")
    where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in folders:
            inside = _opened(step, os.O_RDONLY | os.O_DIRECTORY, where)
            os.close(where)
            where = inside
        handle = _opened(last, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY, where)
    finally:
        os.close(where)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return _all_of(handle, most_bytes)
    finally:
        os.close(handle)


def _opened(step: str, flags: int, folder: int) -> int:
    try:
        return os.open(step, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(step, folder):
            raise OSError(errno.ELOOP, "a link, which is not followed") from error
        raise


def _is_link(step: str, folder: int) -> bool:
    return stat.S_ISLNK(os.stat(step, dir_fd=folder, follow_symlinks=False).st_mode)


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
