"""Backs up and restores what the daemon stores: timers, notes, actions, costs, settings.

The archive is a zip of the state directory's files. It contains neither configuration nor key.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ..config.file_reading import BOUNDED_PACKINGS, read_below
from ..errors import RTAudioError
from ..user_folders import locked, state_folder

MOST_FILES = 2000
MOST_BYTES = 1 << 28
"""Maximum size of all files in an archive, unpacked."""
_FILE_BYTES = 1 << 25
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_LEFT_OUT = ("daemon.lock", "lowered_volumes.json")
"""Files that are useful only to the running daemon."""


def back_up(state: Path, file: Path) -> int:
    """Write the files of `state` to the new archive `file` (mode 0600); return their number.

    The daemon may be running: it replaces its files atomically. Raises RTAudioError.
    """
    names = [
        name
        for path in sorted((*state.glob("*"), *state.glob("*/*")))
        if path.is_file() and _NAME.fullmatch(name := str(path.relative_to(state)))
        if name not in _LEFT_OUT
    ]
    if not names:
        raise RTAudioError(
            f"there is nothing to back up: no daemon has kept anything in {state} yet; name "
            "another folder by --state (a service of the machine: with sudo, "
            "--state /var/lib/rtaudio-daemon)"
        )
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RTAudioError(f"{file}: cannot be written: {error.strerror}") from error
    try:
        with open(handle, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                entry = archive_entry(name, time.time())
                archive.writestr(entry, read_below(state, name, _FILE_BYTES), zipfile.ZIP_DEFLATED)
    except OSError as error:
        file.unlink()
        raise RTAudioError(f"{state} cannot be backed up: {error.strerror}") from error
    return len(names)


def archive_entry(name: str, now: float) -> zipfile.ZipInfo:
    """Return a new zip entry; `now` (Unix s) is clamped to the range of zip, 1980 to 2107."""
    earliest, latest = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
    return zipfile.ZipInfo(name, min(max(time.localtime(now)[:6], earliest), latest))


def restore(file: Path, state: Path) -> int:
    """Extract the files of the archive `file` to `state`; return their number.

    Everything is read and checked first; other files in `state` are kept. The files then
    belong to the owner of `state`. Raises RTAudioError, also while a daemon uses `state`,
    because it would overwrite them.
    """
    found = _read(file)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(state) as alone:
            if not alone:
                raise RTAudioError(
                    f"a daemon runs and keeps its things in {state}; stop it first: "
                    "systemctl stop rtaudio-daemon (a user's: systemctl --user …)"
                )
            _put(found, state)
    except OSError as error:
        raise RTAudioError(f"{state} cannot be written: {error.strerror}") from error
    return len(found)


def _read(file: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if (why := _refusal(entry, found)) or len(found) >= MOST_FILES:
                    raise RTAudioError(
                        f"{file} is no backup: {entry.filename[:100]!r} {why or 'is one too many'}"
                    )
                with archive.open(entry) as packed:  # the size that it states may be false
                    content = packed.read(min(left, _FILE_BYTES) + 1)
                left -= len(content)
                if left < 0 or len(content) > _FILE_BYTES:
                    raise RTAudioError(f"{file} is no backup: it is too large when unpacked")
                found[entry.filename] = content
    except OSError as error:
        raise RTAudioError(f"{file}: cannot be read: {error.strerror}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise RTAudioError(f"{file} is no backup, or damaged: {error}") from error
    if not found:
        raise RTAudioError(f"{file} is no backup: it is empty")
    return found


def _refusal(entry: zipfile.ZipInfo, found: dict[str, bytes]) -> str:
    """Return why an entry cannot be from a backup; "" if it can."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is no plain file"
    if not _NAME.fullmatch(entry.filename) or entry.filename in _LEFT_OUT:
        return "is no name of a file that is kept"
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type not in BOUNDED_PACKINGS:
        return "is packed in a way that backups are not"
    if entry.filename in found:
        return "is there twice"
    return ""


def _put(found: dict[str, bytes], state: Path) -> None:
    """Write all files beside their places first; only then move them into place."""
    owner = state.stat()
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=state) as beside:
        for name, content in found.items():
            path = Path(beside, name)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)
        for path in Path(beside).rglob("*"):
            if os.geteuid() == 0:
                os.chown(path, owner.st_uid, owner.st_gid)
        for name in found:
            target = state / name
            if target.parent.is_symlink():
                raise RTAudioError(f"{target.parent} is a link; remove it first")
            if not target.parent.exists():
                target.parent.mkdir(mode=0o700)
                shutil.copystat(Path(beside, name).parent, target.parent)
                if os.geteuid() == 0:
                    os.chown(target.parent, owner.st_uid, owner.st_gid)
            Path(beside, name).replace(target)


def _backup(arguments: argparse.Namespace) -> int:
    state = _state(arguments)
    count = back_up(state, Path(arguments.file))
    print(f"{count} files of {state} are in {arguments.file}; configuration and key are not")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    state = _state(arguments)
    count = restore(Path(arguments.file), state)
    print(f"{count} files are back in {state}; start the daemon again")
    return 0


def _state(arguments: argparse.Namespace) -> Path:
    state = Path(arguments.state) if arguments.state else state_folder()
    if state is None:
        raise RTAudioError("there is no home folder here; name the folder by --state")
    return state


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = MappingProxyType(
    {"backup": _backup, "restore": _restore}
)
"""Each returns its exit status, and raises RTAudioError."""
