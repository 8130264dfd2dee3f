"""The identity of this daemon among all daemons of a home."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

from .. import config
from ..mqtt.topics import Topics

MACHINE_ID = Path("/etc/machine-id")
_LENGTH = 8


def identity(settings: config.Config, machine_id: Path = MACHINE_ID) -> str:
    """Return `mqtt.id`, or eight letters derived from machine and configuration path.

    They are the same at every start, and differ for two daemons on one machine.
    """
    if settings.mqtt.id:
        return settings.mqtt.id
    file = os.path.abspath(settings.source.file) if settings.source else ""
    text = f"rtaudio-daemon\n{_machine(machine_id)}\n{file}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_LENGTH]


def name(settings: config.Config) -> str:
    """The name for people."""
    return settings.mqtt.name or f"{settings.mqtt.base}-{identity(settings)}"


def topics(settings: config.Config) -> Topics:
    """The topics of this daemon."""
    return Topics(settings.mqtt.base, identity(settings))


def _machine(path: Path) -> str:
    try:
        found = path.read_text("ascii").strip()
    except (OSError, ValueError):
        found = ""
    return found or socket.gethostname()
