"""Writes a report to a new archive: fixed names, bounded, readable by its owner only."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigError, RTAudioError
from ...program_name import PROGRAM
from ...protocol.bounds import printable
from ...protocol.recorded_events import EVENTS_FILE
from ..backup import archive_entry
from ..remote_commands import remote
from . import machine, running
from .configuration import configuration

PART_BYTES = 1 << 21
"""Maximum size of a file in the archive, unpacked; a larger one is left out."""
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
    """Write the archive, and print what to do with it. Raises RTAudioError."""
    when = machine.now()
    parts, why = asyncio.run(_parts(arguments))
    missing = ", ".join(name for name, part in parts.items() if not part) or "none"
    version = parts["versions.json"]["rtaudio-daemon"]
    text = _TEXT.format(version=version, time=f"{when:%Y-%m-%d %H:%M UTC}", missing=missing)
    content = packed({"report.txt": text, **parts}, when.timestamp())
    if arguments.output == "-":
        sys.stdout.buffer.write(content)
        where = "what was written"
    else:
        file = Path(arguments.output or f"rtaudio-report-{when:%Y%m%d-%H%M%S}.zip")
        _write(file, content)
        where = str(file)
    said = f"the report is in {where}: no secret and no word is in it, but look before you send it"
    print(printable(said), file=sys.stderr if arguments.output == "-" else sys.stdout)
    if why:
        print(printable(f"without the state of a daemon: {why}"), file=sys.stderr)
    return 0


def packed(parts: Mapping[str, Any], now: float) -> bytes:
    """Return an archive of the parts that are not empty: text unchanged, all else as JSON.

    `now`: the time of the clock (Unix s).
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in parts.items():
            text = part if isinstance(part, str) else json.dumps(part, indent=1)
            if part and len(content := text.encode()) <= PART_BYTES:
                file.writestr(archive_entry(name, now), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


async def _parts(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Return the contents of the archive, and why a daemon's state is missing; "" if it is not."""
    described, settings = configuration(arguments.config)
    answers, why = await asyncio.to_thread(_answers, arguments)
    found = {
        "versions.json": await machine.versions(),
        "configuration.json": described,
        "checks.json": await machine.checks(settings, arguments.config),
        "log.json": await machine.log_places(),
        "status.json": answers.get("status"),
        "metrics.txt": answers.get("metrics"),
        EVENTS_FILE: answers.get("events"),
    }
    return found, why


def _answers(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    try:
        return running.asked(remote(arguments))
    except ConfigError:
        return {}, f"the configuration cannot be used; `{PROGRAM} check` says why"
    except RTAudioError as error:
        return {}, str(error)


def _write(file: Path, content: bytes) -> None:
    """Write a new file for its owner only. Raises RTAudioError, leaving nothing behind."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has this name"
        raise RTAudioError(f"{file}: cannot be written: {why}; name another by -o") from error
    try:
        with open(handle, "wb") as out:
            out.write(content)
    except OSError as error:
        file.unlink(missing_ok=True)
        why = f"{file}: cannot be written: {error.strerror}; name another place by -o"
        raise RTAudioError(why) from error
