"""The ways to lower other programs, and which of them a sound server offers.

`roles` (WirePlumber, with two files of ours) and `module` (PulseAudio): the sound server itself
lowers them while a silent stream of ours, the marker, exists. The marker ends with our process,
however that ends, and then all volumes return. `volumes`, program by program, works everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import Literal, Protocol

from ...child_processes import no_hangups
from ..processing.lowered_streams import factor
from ..processing.stream_roles import LOWERED_ROLES, MARKER_ROLE
from .lowered_volumes import GoneError, LoweredVolumes, SoundServerError
from .pactl import answer, end, listed, properties, success

WayName = Literal["off", "none", "module", "roles", "volumes"]

_PROGRAMS = ("pactl", "pacat")
_MODULE = "module-role-ducking"
_SILENCE = b"\x80" * 800  # 100 ms
_MARKER = (
    *("pacat", "--playback", "--raw", "--rate=8000", "--channels=1", "--format=u8"),
    *("--latency-msec=20", f"--property=media.role={MARKER_ROLE}"),
    *("--client-name=rtaudio-daemon", "--stream-name=makes others softer"),
)
_LAST_WORDS_S = 1.0
_PROGRAM_BY_PROGRAM = "the volumes are changed program by program instead"


@dataclass(frozen=True, slots=True)
class Found:
    """The best way available; `note`: why there is none or no better one, with the remedy."""

    name: WayName
    note: str = ""


class RefusedError(SoundServerError):
    """PulseAudio refuses to load its module."""


class Way(Protocol):
    """A way to lower other programs."""

    async def bring(self, softer: bool) -> None:
        """Lower other programs, or restore them. Raises SoundServerError."""

    def concerned(self, event: bytes) -> bool:
        """Return whether this event of the sound server requires another call of `bring`."""

    def doubt(self) -> None:
        """Note that events may have been missed: the next `bring` checks everything."""

    async def close(self) -> None:
        """Restore the original state, as far as the sound server answers."""


async def find_way(*, keeps: bool) -> Found:
    """Find the best way without changing anything; `keeps`: volumes can be noted in a file."""
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        what = f"needs {' and '.join(missing)}; run: sudo apt install pulseaudio-utils"
        return Found("none", what)
    server = await _server_name()
    if not server:
        what = (
            "no sound server answers, so other programs cannot be made softer; run the daemon as a "
            "user with PipeWire or PulseAudio (docs/audio.md), or set audio.duck: off"
        )
        return Found("none", what)
    if "PipeWire" in server:
        return Found("roles") if await _has_role_sink() else by_volumes(keeps=keeps)
    try:
        modules = await _modules()
    except GoneError as error:
        return Found("none", str(error))
    for _, arguments in modules:
        if MARKER_ROLE not in arguments:
            what = (
                f"{_MODULE} is loaded for other roles ({arguments}), and PulseAudio takes it once "
                f"only: add {MARKER_ROLE} to its trigger_roles, or unload it"
            )
            return by_volumes(what, keeps=keeps)
    return Found("module")


def by_volumes(why: str = "", *, keeps: bool) -> Found:
    """Return the way "volumes", or "none" if it is unavailable; `why`: why not a better one."""
    if keeps:
        return Found("volumes", f"{why}; {_PROGRAM_BY_PROGRAM}" if why else "")
    what = "there is no folder to note volumes in: set XDG_STATE_HOME to one"
    return Found("none", f"{why}; {what}" if why else what)


class Marker:
    """Lets the sound server lower programs; `changed` is set when the marker ends by itself.

    `roles`: by WirePlumber; otherwise by PulseAudio's module, which the first `bring` loads. Until
    then, volumes that `volumes` still has to restore are restored.
    """

    def __init__(
        self, changed: asyncio.Event, db: float, volumes: LoweredVolumes | None, *, roles: bool
    ) -> None:
        self._changed = changed
        self._volumes = volumes
        self._db = db
        self._roles = roles
        self._module = ""  # its index, if we loaded it
        self._doubted = True
        self._process: asyncio.subprocess.Process | None = None
        self._ending: asyncio.Task[None] | None = None

    async def bring(self, softer: bool) -> None:
        """Start or end the marker. Raises SoundServerError."""
        if self._doubted:
            self._doubted = False
            await self._ensure_marker()
        if self._process is not None and self._process.returncode is not None:
            raise GoneError("the silent stream that makes others softer has ended")
        if softer and self._process is None:
            await self._begin()
        elif not softer:
            await self._end()
        if self._volumes is not None:
            await self._volumes.give_back()

    def concerned(self, event: bytes) -> bool:
        """Return whether the event concerns the module, the sink of our role, or `volumes`."""
        what = b" on sink " if self._roles else b" on module "
        self._doubted = self._doubted or what in event
        owed = self._volumes is not None and self._volumes.owed
        return self._doubted or (owed and b"'new' on sink-input" in event)

    def doubt(self) -> None:
        """Check the module or the sink again."""
        self._doubted = True

    async def close(self) -> None:
        """End the marker, and unload the module."""
        await self._end()
        if self._module:
            await success("unload-module", self._module)

    async def _ensure_marker(self) -> None:
        """Ensure that the module or the sink exists. Raises SoundServerError."""
        if self._roles:
            if not await _has_role_sink():
                raise GoneError("the sink of the role has gone")
            return
        before, self._module = self._module, await _loaded_module(self._db)
        if self._module != before:
            await self._end()  # a new module ignores streams that existed before it

    async def _begin(self) -> None:
        try:
            with no_hangups():
                process = await asyncio.create_subprocess_exec(
                    *_MARKER,
                    stdin=asyncio.subprocess.PIPE,  # the marker ends with this pipe, and so with us
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    env={**os.environ, "LC_ALL": "C"},
                    start_new_session=True,
                )
        except OSError as error:
            raise SoundServerError(f"cannot start pacat: {error.strerror}") from error
        assert process.stdin is not None
        process.stdin.write(_SILENCE)
        self._process = process
        self._ending = asyncio.create_task(self._follow(process))

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self._changed.set()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if process is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await end(process)


class ByVolumes:
    """Changes volumes of streams, present and new; without `db` it only restores them."""

    def __init__(self, volumes: LoweredVolumes, db: float | None) -> None:
        self._volumes = volumes
        self._times = None if db is None else factor(db)
        self._softer = False
        volumes.server_changed()

    async def bring(self, softer: bool) -> None:
        """Lower everything that plays, or restore it. Raises SoundServerError."""
        self._softer = softer
        if softer and self._times is not None:
            await self._volumes.lower(self._times)
        else:
            await self._volumes.give_back()

    def concerned(self, event: bytes) -> bool:
        """Return whether a program begins to play."""
        return (self._softer or self._volumes.owed) and b"'new' on sink-input" in event

    def doubt(self) -> None:
        """Do nothing: `bring` checks everything in any case."""

    async def close(self) -> None:
        """Restore the volumes."""
        with contextlib.suppress(SoundServerError):
            await self._volumes.give_back()


async def _server_name() -> str:
    lines = (await answer("info")).splitlines()
    return next((each.partition(":")[2] for each in lines if each.startswith("Server Name:")), "")


async def _has_role_sink() -> bool:
    """Return whether WirePlumber has the sink for our marker that our files define."""
    return any(
        f'"{MARKER_ROLE}"' in str(value)
        for sink in await listed("sinks")
        for name, value in properties(sink).items()
        if name.replace("_", "-") == "device.intended-roles"
    )


async def _modules() -> list[tuple[str, str]]:
    """Return index and arguments of the loaded modules that lower programs, at most one.

    Raises GoneError when the sound server does not answer.
    """
    found = await success("list", "short", "modules")
    if found is None:
        raise GoneError("the sound server does not list its modules")
    lines = [line.split("\t") for line in found.splitlines()]
    return [(line[0], line[2]) for line in lines if len(line) > 2 and line[1] == _MODULE]


async def _loaded_module(db: float) -> str:
    """Load the module; return its index, "" if not loaded by us. Raises SoundServerError."""
    trigger = f"trigger_roles={MARKER_ROLE}"
    roles = ",".join(("no_role", *LOWERED_ROLES))
    wanted = (trigger, f"ducking_roles={roles}", f"volume={db:g}dB", "global=1")
    for index, arguments in await _modules():
        if arguments == " ".join(wanted):
            return index
        if not arguments.startswith(f"{trigger} "):
            return ""
        await success("unload-module", index)  # of a killed daemon with another `db`
    index = await success("load-module", _MODULE, *wanted) or ""
    if not index.isdigit():
        raise RefusedError(f"PulseAudio does not load {_MODULE}")
    return index
