"""The meaning of a changed configuration: which options differ, and which parts they concern.

Nothing is applied here; `app.App` does that, part by part.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .. import config

COMPONENT_OF: Mapping[str, str] = MappingProxyType(
    {
        "logger": "log",
        "hooks": "hooks",
        "personas": "personas",
        "audio": "gate",
        "audio.gate.resume": "session",
        "audio.gate.barge_in": "session",
        "audio.earcons": "earcons",
        "audio.duck": "ducking",
        "audio.duck_db": "ducking",
        "audio.play": "sounds",
        "tools": "tools",
        "home_assistant": "tools",
        "tools.timers": "timers",
        "audio.input": "microphone",
        "audio.input.gain_db": "gate",
        "audio.input.auto_gain": "gate",
        "audio.input.noise_suppression": "gate",
        "audio.output": "speaker",
        "audio.output.volume": "volume",
        "mqtt": "mqtt",
        "http": "access",
        "http.host": "http_api",
        "http.port": "http_api",
        "http.announce": "announcement",
        "realtime": "service",
        "realtime.budget": "budget",
        "realtime.persona": "personas",
        "realtime.session": "session",
        # A session cannot change its voice once it has spoken, nor remove merged settings:
        # both need a new session.
        "realtime.session.voice": "service",
        "realtime.session.extra": "service",
    }
)
"""The part that each option concerns; the longest matching entry applies."""

RESTART = "daemon"
"""Stands for settings that cannot be changed while the daemon runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """One option that differs; values as JSON, secrets as `**`."""

    option: str
    part: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class _Option:
    path: str
    steps: tuple[str, ...]
    part: str


def component_of(option: str) -> str:
    """Return the part that `option` (such as audio.gate.threshold) concerns."""
    steps = option.split(".")
    for length in range(len(steps), 0, -1):
        if part := COMPONENT_OF.get(".".join(steps[:length])):
            return part
    return RESTART


def changes(old: config.Config, new: config.Config) -> list[Change]:
    """Return every option whose value differs, in the order of config.yaml."""
    return differences(dict.fromkeys({each.part for each in _options()}, old), new)


def differences(applied: Mapping[str, config.Config], new: config.Config) -> list[Change]:
    """Return every option whose value in `new` differs from the one that its part uses.

    `applied`: the settings that each part uses, by its name; the options of other parts are
    left out. The order is that of config.yaml. Each option is compared once.
    """
    different = [
        each
        for each in _options()
        if (old := applied.get(each.part)) is not None
        and _value(old, each.steps) != _value(new, each.steps)
    ]
    if not different:
        return []
    shown_new = config.redacted(new)
    shown_old = _redacted(applied[each.part] for each in different)
    return [
        Change(
            each.path,
            each.part,
            _shown(shown_old[id(applied[each.part])], each.steps),
            _shown(shown_new, each.steps),
        )
        for each in different
    ]


@functools.cache
def _options() -> tuple[_Option, ...]:
    return tuple(
        _Option(each.path, tuple(map(str, each.steps)), component_of(each.path))
        for each in config.describe()
        if each.check is not None
    )


def _redacted(settings: Iterable[config.Config]) -> dict[int, dict[str, Any]]:
    """Return the settings without secrets, by identity: many parts share the same settings."""
    return {key: config.redacted(each) for key, each in {id(e): e for e in settings}.items()}


def _value(settings: config.Config, steps: tuple[str, ...]) -> Any:
    value: Any = settings
    for step in steps:
        value = getattr(value, step)
    return value


def _shown(shown: Mapping[str, Any], steps: tuple[str, ...]) -> Any:
    value: Any = shown
    for step in steps:
        value = value[step]
    return value
