"""Writes a report into a new archive: fixed names, bounded, for its owner alone."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import RTAudioError
from ...protocol.recorded_events import EVENTS_FILE
from ..remote_commands import remote
from . import machine, running
from .configuration import configuration

PART_BYTES = 1 << 21
"""Of a file of the archive, unpacked; a longer one is left out."""
_TEXT = """A report of rtaudio-daemon {version}, made on {time}.

It is for developers who shall find out what went wrong. Nobody has it but you: look through it
before you send it. Every file is plain text.

What is in it
  versions.json       of the program, Python, packages, the system, the sound server
  configuration.json  the settings
  checks.json         what the quick part of the doctor says
  log.json            the last entries of the journal: when, how bad, which line of the program
  status.json         what the daemon is doing
  metrics.txt         its counters
  events.json         what happened in the last hour, in numbers: developers can play it again
Files are left out where there was nothing to put into them: {missing}.

What is not in it
  Secrets: keys, tokens, passwords, headers, and all that came from !secret, !credential or
  !env_var. They show as **.
  Words: what was said or written, instructions, announcements, names of people, rooms, devices,
  tools, timers and personas, hosts, addresses, files. They are left out, or show as their length.
  Of a sentence of the log or of an error only the place is in it.
  Sound.

What can be seen in it all the same: when something happened, how long it took, how many letters
it had, and how much was sent.
"""


def report(arguments: argparse.Namespace) -> int:
    """Write the archive, and say what to do with it."""
    when = machine.now()
    file = Path(arguments.output or f"rtaudio-report-{when:%Y%m%d-%H%M%S}.zip")
    with _new(file) as archive:
        parts = asyncio.run(_parts(arguments))
        missing = ", ".join(name for name, part in parts.items() if not part) or "none"
        version = parts["versions.json"]["rtaudio-daemon"]
        text = _TEXT.format(version=version, time=f"{when:%Y-%m-%d %H:%M UTC}", missing=missing)
        write(archive, {"report.txt": text, **parts})
    print(f"the report is in {file}: no secret and no word is in it, but look before you send it")
    if parts["status.json"]:
        return 0
    if parts["configuration.json"]["usable"]:
        print("no daemon answered, so its state is not in it; make it while the daemon runs")
    else:
        print(
            "the configuration cannot be used, so no daemon was asked: `daemon.py check` says why"
        )
    return 0


def write(archive: zipfile.ZipFile, parts: Mapping[str, Any]) -> None:
    """Put each part that is not empty into `archive`: text as it stands, all else as JSON."""
    for name, part in parts.items():
        text = part if isinstance(part, str) else json.dumps(part, indent=1)
        if part and len(content := text.encode()) <= PART_BYTES:
            archive.writestr(name, content)


async def _parts(arguments: argparse.Namespace) -> dict[str, Any]:
    described, settings = configuration(arguments.config)
    answers = await asyncio.to_thread(_answers, arguments)
    return {
        "versions.json": await machine.versions(),
        "configuration.json": described,
        "checks.json": await machine.checks(settings, arguments.config),
        "log.json": await machine.log_places(),
        "status.json": answers.get("status"),
        "metrics.txt": answers.get("metrics"),
        EVENTS_FILE: answers.get("events"),
    }


def _answers(arguments: argparse.Namespace) -> dict[str, Any]:
    try:
        return running.asked(remote(arguments))
    except RTAudioError:
        return {}  # configuration.json says why


@contextmanager
def _new(file: Path) -> Iterator[zipfile.ZipFile]:
    """A new archive at `file` (mode 0600), which is removed when something fails.

    Raises RTAudioError.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has this name"
        raise RTAudioError(f"{file}: cannot be written: {why}; name another by -o") from error
    try:
        with open(handle, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            yield archive
    except BaseException:
        file.unlink(missing_ok=True)
        raise
