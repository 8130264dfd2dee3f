"""The ways to make other programs softer, and which of them a sound server offers.

By `roles` (WirePlumber, with two files of ours) and by `module` (PulseAudio) the sound server does
it itself for as long as a silent stream of ours, the marker, is there. That ends with us, however
we end, and with it all is as loud as before. By `volumes`, program by program, works everywhere.
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
    """The way there is; `note`: why there is none or no better one, with the remedy."""

    name: WayName
    note: str = ""


class RefusedError(SoundServerError):
    """PulseAudio does not load its module."""


class Way(Protocol):
    """A way to make others softer."""

    async def bring(self, softer: bool) -> None:
        """Make others softer, or as loud as before. Raises SoundServerError."""

    def concerned(self, event: bytes) -> bool:
        """Whether `bring` must be called again, as the sound server reports this event."""

    def doubt(self) -> None:
        """Events may have been missed: look at everything with the next `bring`."""

    async def close(self) -> None:
        """Leave all as it was, as far as the sound server answers."""


async def find_way(*, keeps: bool) -> Found:
    """Look for the best way and change nothing; `keeps`: volumes can be noted in a file."""
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
    """The way that works everywhere; `why` there is no better one."""
    if keeps:
        return Found("volumes", f"{why}; {_PROGRAM_BY_PROGRAM}" if why else "")
    what = "there is no folder to note volumes in: set XDG_STATE_HOME to one"
    return Found("none", f"{why}; {what}" if why else what)


class Marker:
    """Lets the sound server do it: `changed` is set when the marker ends by itself.

    `roles`: for WirePlumber; else by PulseAudio's module, which is loaded with the first `bring`.
    What `volumes` still owes is given back meanwhile.
    """

    def __init__(
        self, changed: asyncio.Event, db: float, volumes: LoweredVolumes | None, *, roles: bool
    ) -> None:
        self._changed = changed
        self._volumes = volumes
        self._db = db
        self._roles = roles
        self._module = ""  # its index, if it is ours
        self._doubted = True
        self._process: asyncio.subprocess.Process | None = None
        self._ending: asyncio.Task[None] | None = None

    async def bring(self, softer: bool) -> None:
        """Begin or end the marker. Raises SoundServerError."""
        if self._doubted:
            self._doubted = False
            await self._see_to_it()
        if self._process is not None and self._process.returncode is not None:
            raise GoneError("the silent stream that makes others softer has ended")
        if softer and self._process is None:
            await self._begin()
        elif not softer:
            await self._end()
        if self._volumes is not None:
            await self._volumes.give_back()

    def concerned(self, event: bytes) -> bool:
        """Whether it has to do with the module, the sink of our role, or what is owed."""
        what = b" on sink " if self._roles else b" on module "
        self._doubted = self._doubted or what in event
        owed = self._volumes is not None and self._volumes.owed
        return self._doubted or (owed and b"'new' on sink-input" in event)

    def doubt(self) -> None:
        """Look at the module or the sink again."""
        self._doubted = True

    async def close(self) -> None:
        """End the marker, and unload the module."""
        await self._end()
        if self._module:
            await success("unload-module", self._module)

    async def _see_to_it(self) -> None:
        """Have what makes others softer. Raises SoundServerError."""
        if self._roles:
            if not await _has_role_sink():
                raise GoneError("the sink of the role has gone")
            return
        before, self._module = self._module, await _loaded_module(self._db)
        if self._module != before:
            await self._end()  # another module takes no notice of what was there before it

    async def _begin(self) -> None:
        try:
            with no_hangups():
                process = await asyncio.create_subprocess_exec(
                    *_MARKER,
                    stdin=asyncio.subprocess.PIPE,  # its end, also with ours, ends the marker
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
    """Changes the volumes of what plays, and of what begins to; without `db` it only gives back."""

    def __init__(self, volumes: LoweredVolumes, db: float | None) -> None:
        self._volumes = volumes
        self._times = None if db is None else factor(db)
        self._softer = False
        volumes.server_changed()

    async def bring(self, softer: bool) -> None:
        """Lower all that plays, or give back. Raises SoundServerError."""
        self._softer = softer
        if softer and self._times is not None:
            await self._volumes.lower(self._times)
        else:
            await self._volumes.give_back()

    def concerned(self, event: bytes) -> bool:
        """Whether a program begins to play."""
        return (self._softer or self._volumes.owed) and b"'new' on sink-input" in event

    def doubt(self) -> None:
        """`bring` looks at everything in any case."""

    async def close(self) -> None:
        """Give back."""
        with contextlib.suppress(SoundServerError):
            await self._volumes.give_back()


async def _server_name() -> str:
    lines = (await answer("info")).splitlines()
    return next((each.partition(":")[2] for each in lines if each.startswith("Server Name:")), "")


async def _has_role_sink() -> bool:
    """Whether WirePlumber has a sink for our marker, as the files of ours make it."""
    return any(
        f'"{MARKER_ROLE}"' in str(value)
        for sink in await listed("sinks")
        for name, value in properties(sink).items()
        if name.replace("_", "-") == "device.intended-roles"
    )


async def _modules() -> list[tuple[str, str]]:
    """Index and arguments of the modules that are loaded to make others softer, at most one.

    Raises GoneError when the sound server does not answer.
    """
    found = await success("list", "short", "modules")
    if found is None:
        raise GoneError("the sound server does not list its modules")
    lines = [line.split("\t") for line in found.splitlines()]
    return [(line[0], line[2]) for line in lines if len(line) > 2 and line[1] == _MODULE]


async def _loaded_module(db: float) -> str:
    """Load the module; its index, empty if it is not ours. Raises SoundServerError."""
    trigger = f"trigger_roles={MARKER_ROLE}"
    roles = ",".join(("no_role", *LOWERED_ROLES))
    wanted = (trigger, f"ducking_roles={roles}", f"volume={db:g}dB", "global=1")
    for index, arguments in await _modules():
        if arguments == " ".join(wanted):
            return index
        if not arguments.startswith(f"{trigger} "):
            return ""
        await success("unload-module", index)  # of a daemon that was killed, with another loudness
    index = await success("load-module", _MODULE, *wanted) or ""
    if not index.isdigit():
        raise RefusedError(f"PulseAudio does not load {_MODULE}")
    return index
