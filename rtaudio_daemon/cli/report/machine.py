"""The machine in a report: versions, the doctor's findings, and places in the log."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ... import config
from ...audio.devices import pactl
from ...controls import timestamp
from ...optional_packages import SPECS
from ...protocol.bounds import printable
from ...version import VERSION
from ..doctor.finding import Finding
from ..doctor.machine import check_machine, check_python
from ..doctor.wake_words import check_wake_words
from ..program_output import output_of

_PACKAGES = ("aiohttp", "PyYAML", "voluptuous", "numpy", "soxr", "prometheus-client")
_SHOWN = ("python", "packages", "portaudio", "clock")
"""Checks of the doctor whose text consists of versions and numbers."""
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)*")
_MODULE = re.compile(r"rtaudio_daemon(\.[a-z_]{1,40}){0,6}")
_FUNCTION = re.compile(r"<?[A-Za-z_]{1,60}>?")
_ENTRIES = "500"
_PLAIN = ("--no-pager", "--quiet")
_JOURNAL_S = 20.0


async def versions() -> dict[str, Any]:
    """Return the versions of program, Python, packages, system and sound server."""
    kernel = _NUMBERS.match(platform.release())
    return {
        "rtaudio-daemon": VERSION,
        "python": platform.python_version(),
        "packages": dict(_package_versions()),
        "system": _system(),
        "kernel": kernel[0] if kernel else "",
        "architecture": platform.machine(),
        "model": _model(),
        "processors": os.cpu_count() or 0,
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "sound_server": _sound_server(await pactl.answer("info")),
    }


async def checks(settings: config.Config | None, path: str) -> list[dict[str, str]]:
    """Return the verdicts of the doctor's quick checks, with their text if it contains no words of
    a home. Nothing is recorded, and nothing outside this machine is contacted.
    """
    found = [_finding(each) async for each in check_python()]
    if settings is not None:
        for check in (check_machine(settings, path), check_wake_words(settings.audio)):
            found += [_finding(each) async for each in check]
    return found


async def log_places() -> list[dict[str, Any]]:
    """Return the newest entries of the journal without their messages: time, level, and the line
    of code. Empty if there is no journal.
    """
    found: list[dict[str, Any]] = []
    async for line in _journal():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and (place := log_place(entry)):
            found.append(place)
    return sorted(found, key=lambda each: str(each["time"]))


def log_place(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return an entry of the journal without its words; None if nothing is left."""
    when = _number(entry.get("__REALTIME_TIMESTAMP"), 1 << 52)
    if when is None:
        return None
    time = timestamp(when / 1_000_000)
    ended = _number(entry.get("EXIT_STATUS"), 255)
    if ended is not None:
        return {"time": time, "exit_status": ended}
    module, function = str(entry.get("RTAUDIO_LOGGER")), str(entry.get("CODE_FUNC"))
    if "RTAUDIO_LOGGER" not in entry:
        return None
    return {
        "time": time,
        "priority": _number(entry.get("PRIORITY"), 7),
        "module": module if _MODULE.fullmatch(module) else "another",
        "function": function if _is_ours(module, function) else "",
        "line": _number(entry.get("CODE_LINE"), 100_000),
    }


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def _is_ours(module: str, function: str) -> bool:
    return bool(_MODULE.fullmatch(module) and _FUNCTION.fullmatch(function))


def _number(text: Any, most: int) -> int | None:
    plain = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if plain and int(text) <= most else None


def _package_versions() -> Iterable[tuple[str, str]]:
    names = {re.split(r"[<>=!~\[]", each)[0] for each in SPECS.values()}
    for name in sorted({*_PACKAGES, *names}, key=str.lower):
        try:
            yield name, _short(importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield name, ""


def _system() -> str:
    try:
        found = platform.freedesktop_os_release()
    except OSError:
        return ""
    return _short(f"{found.get('ID', '')} {found.get('VERSION_ID', '')}".strip())


def _model() -> str:
    """Return the model of the computer, as makers of small ones provide it."""
    try:
        return _short(Path("/proc/device-tree/model").read_text("utf-8", "replace").strip("\0\n"))
    except OSError:
        return ""


def _sound_server(info: str) -> str:
    """Return its name and version, without user and host."""
    lines = dict(line.split(": ", 1) for line in info.splitlines() if ": " in line)
    names = (lines.get("Server Name", ""), lines.get("Server Version", ""))
    return _short(" ".join(filter(None, names)))


def _short(text: str) -> str:
    return printable(text[:80])


def _finding(finding: Finding) -> dict[str, str]:
    what = {"what": finding.what[:500]} if finding.name in _SHOWN else {}
    return {"check": finding.name, "verdict": finding.verdict, **what}


async def _journal() -> AsyncIterator[bytes]:
    """Yield the journal's JSON lines about the system service and the user's service."""
    for scope in ((), ("--user",)):
        command = (
            "journalctl",
            *scope,
            "-u",
            "rtaudio-daemon",
            "-o",
            "json",
            "-n",
            _ENTRIES,
            *_PLAIN,
        )
        for line in (await output_of(*command, patience_s=_JOURNAL_S)).splitlines():
            yield line
