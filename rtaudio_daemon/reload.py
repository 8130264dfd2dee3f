"""What a changed configuration means: which options differ, and which part each of them concerns.

Nothing is applied here; `app.App` does that, part by part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from . import config

PART_OF: Mapping[str, str] = MappingProxyType(
    {
        "logger": "log",
        "audio": "gate",
        "audio.earcons": "earcons",
        "audio.input": "microphone",
        "audio.output": "speaker",
        "audio.output.volume": "volume",
        "http": "access",
        "http.host": "window",
        "http.port": "window",
        "realtime": "service",
        "realtime.budget": "budget",
        "realtime.session": "session",
        # A voice that was heard cannot be changed in its session, and what was merged into a
        # session cannot be taken out again: both need a new session.
        "realtime.session.voice": "service",
        "realtime.session.extra": "service",
    }
)
"""The part that each option concerns; the longest entry that fits decides."""

RESTART = "daemon"
"""Stands for a part that cannot be changed while the daemon runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """One option that is different; values as JSON, secrets as `**`."""

    option: str
    part: str
    before: Any
    after: Any


def part_of(option: str) -> str:
    """The part that `option` (as in audio.gate.threshold) concerns."""
    steps = option.split(".")
    for length in range(len(steps), 0, -1):
        if part := PART_OF.get(".".join(steps[:length])):
            return part
    return RESTART


def changes(old: config.Config, new: config.Config) -> list[Change]:
    """Every option whose value differs, in the order of config.yaml."""
    shown_old, shown_new = config.redacted(old), config.redacted(new)
    found = []
    for each in config.describe():
        if each.check is None or _value(old, each.steps) == _value(new, each.steps):
            continue
        before, after = _shown(shown_old, each.steps), _shown(shown_new, each.steps)
        found.append(Change(each.path, part_of(each.path), before, after))
    return found


def _value(settings: config.Config, steps: tuple[Any, ...]) -> Any:
    value: Any = settings
    for step in steps:
        value = getattr(value, str(step))
    return value


def _shown(shown: Mapping[str, Any], steps: tuple[Any, ...]) -> Any:
    value: Any = shown
    for step in steps:
        value = value[str(step)]
    return value
