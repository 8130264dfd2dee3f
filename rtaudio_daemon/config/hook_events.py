"""The events for hooks, the fields of each, and their possible values."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import voluptuous as vol

from ..notifications import EVENT_NAMES, ModelStatus
from .checks import Check, choice

EVENTS: tuple[str, ...] = tuple(EVENT_NAMES.values())
"""Every event of `/api/events` that is a notification."""
_ANY: tuple[str, ...] = ()
_BESIDE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "turn": (
            *("speech_ms", "endpoint_ms", "response_ms", "first_audio_ms"),
            *("first_sound_ms", "generated_ms", "last_sound_ms"),
        ),
        "connection": ("asleep",),
    }
)
"""Fields that an event has in addition to those of its notification."""
_NOT_OFFERED = MappingProxyType(
    {
        "level": "it comes ten times a second, which is too often for a hook",
        "snapshot": "it is only for who subscribes; use status, mute or connection",
        "shutdown": "hooks end with the daemon; systemd's ExecStopPost= runs a program then",
    }
)


def event() -> Check:
    """Accept the name of an event for hooks."""
    named = choice(*EVENTS)

    def convert(value: Any) -> Any:
        if isinstance(value, str) and value in _NOT_OFFERED:
            raise vol.Invalid(f"there are no hooks on {value}: {_NOT_OFFERED[value]}")
        if isinstance(value, str) and value in set(ModelStatus):
            what = f"{value} is a status; write on: status, and when: {{status: {value}}}"
            raise vol.Invalid(what)
        return named(value)

    return Check(named.allowed, convert, named.json)


@functools.cache
def fields_of(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the fields of the event `name`, each with its possible words; none: any value."""
    kind = next(kind for kind, each in EVENT_NAMES.items() if each == name)
    hints = get_type_hints(kind)
    found = {field: _words(hint) for field, hint in hints.items() if field != "latencies"}
    return MappingProxyType(found | dict.fromkeys(_BESIDE.get(name, ()), _ANY))


def _words(hint: Any) -> tuple[str, ...]:
    if hint is bool:
        return ("true", "false")
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return tuple(hint)
    return get_args(hint) if get_origin(hint) is Literal else _ANY
