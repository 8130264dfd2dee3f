"""The events that a daemon records for reports: numbers, flags and words of fixed lists only.

`KINDS` lists every kind with its fields and their possible values. A field that is not listed is
never recorded, and never read from a report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args

from ..config.audio_sections import Audio, Gate
from ..device_codes import DeviceCode
from ..notifications import (
    AsAsked,
    ConnectionState,
    DeviceState,
    ModelStatus,
    SaidOutcome,
    Source,
    ToolPhase,
)
from .bounds import DAY_MS, INDEX_MOST, OTHER, RESPONSE_STATES, TEXT_CHARACTERS
from .codec import CLIENT_EVENTS
from .error_codes import CODES
from .event_decoding import ACTED_ON
from .events import ItemKind

FORMAT = 1
"""Version of the document; other numbers may give fields other meanings."""
EVENTS_FILE = "events.json"
"""Name of the document in the archive of a report."""
MOST = 2000
"""Maximum number of events in a document."""

Field = Callable[[Any], Any]
"""Returns the value to be recorded; None if nothing may be."""

_BYTES_MOST = 1 << 40
_DAY_S = DAY_MS / 1000
_MODULE = re.compile(r"rtaudio_daemon(\.[a-z_]{1,40}){0,6}")
_OWN_CODES = frozenset(
    {"no_reply", "not_said", "not_played", "not_answered", "not_connected", "not_heard"}
    | {"not_done", "reload_failed"}
)
_REASONS = ("turn_detected", "client_cancelled", "max_output_tokens", "content_filter")


def number(low: float, high: float) -> Field:
    """Accept a number from `low` to `high`, both finite."""

    def field(value: Any) -> float | None:
        if type(value) not in (int, float) or not low <= value <= high:
            return None
        return value if type(value) is int else round(float(value), 3)

    return field


def words(names: Iterable[str]) -> Field:
    """Accept one of these words; any other text becomes `OTHER`."""
    known = frozenset(map(str, names)) | {OTHER}

    def field(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        return str(value) if value in known else OTHER

    return field


def flag(value: Any) -> bool | None:
    """Accept true or false."""
    return value if isinstance(value, bool) else None


def module(value: Any) -> str | None:
    """Accept the name of a module of this program; any other becomes `OTHER`."""
    if not isinstance(value, str):
        return None
    return value if _MODULE.fullmatch(value) else OTHER


def _options(section: type[Any], name: str) -> Field:
    """Accept the values of an option."""
    return words(section.__dataclass_fields__[name].metadata["check"].json["enum"])


_COUNT = number(0, INDEX_MOST)
_MS = number(-DAY_MS, DAY_MS)
_SECONDS = number(0, 7 * _DAY_S)
_LEVEL = number(0, 1)
_TOKENS = number(0, 1_000_000_000)
_SIZE = number(0, _BYTES_MOST)
_CHARACTERS = number(0, TEXT_CHARACTERS)
_STATUS = words(ModelStatus)
_CODE = words(CODES | _OWN_CODES)
_LATENCIES = ("speech", "endpoint", "response", "first_audio", "first_sound", "generated")
_IDS: Mapping[str, Field] = dict.fromkeys(("session", "response", "item", "call", "part"), _COUNT)
_SAME: Mapping[str, Field] = {
    **_IDS,
    "role": words(get_args(ItemKind)),
    "end_ms": _MS,
    "ours": flag,
    "outside": flag,
}

KINDS: Mapping[str, Mapping[str, Field]] = {
    "status": {"status": _STATUS, "previous": _STATUS},
    "speech": {"phase": words(("started", "stopped")), "source": words(get_args(Source))},
    "transcript": {
        "role": words(("user", "assistant")),
        "final": flag,
        "cut": flag,
        "characters": _CHARACTERS,
    },
    "interruption": {"audio_end_ms": _MS, "latency_ms": _MS},
    "turn": {
        "status": words(RESPONSE_STATES),
        **{f"{name}_ms": _MS for name in (*_LATENCIES, "last_sound")},
    },
    "connection": {
        "state": words(ConnectionState),
        "reconnects": _COUNT,
        "renewals": _COUNT,
        "retry_in_s": _SECONDS,
        "gap_ms": number(0, 7 * DAY_MS),
    },
    "device": {
        "direction": words(("microphone", "speaker")),
        "state": words(DeviceState),
        "code": words(DeviceCode),
    },
    "sound": {
        "echo": _options(Audio, "echo"),
        "engine": _options(Gate, "engine"),
        "listen": _options(Audio, "listen"),
    },
    "wake": {"score": _LEVEL},
    "mute": {"muted": flag},
    "volume": {"level": _LEVEL},
    "uplink": {"open": flag, "bytes": _SIZE},
    "usage": {"input_tokens": _TOKENS, "output_tokens": _TOKENS},
    "error": {
        "source": words(("service", "device", "config", "conversation", "mqtt")),
        "code": _CODE,
    },
    "tool": {
        "phase": words(get_args(ToolPhase)),
        "took_ms": _MS,
        "as_asked": words(get_args(AsAsked)),
    },
    "said": {
        "outcome": words(get_args(SaidOutcome)),
        "heard_ms": _MS,
        "audible": words(get_args(AsAsked)),
    },
    "timer": {"phase": words(("set", "changed", "cancelled", "ringing", "dismissed", "missed"))},
    "ignored": {},
    "yielded": {},
    "persona": {"as_wanted": flag},
    # Traffic with the service; ids are numbers counted from 1.
    "session": {
        "session": _COUNT,
        "phase": words(("opened", "ended")),
        "by": words(("us", "service")),
        "code": number(1000, 4999),
    },
    "received": {
        "type": words(ACTED_ON),
        **_SAME,
        "bytes": _SIZE,
        "pieces": _COUNT,
        "over_s": _SECONDS,
        "characters": _CHARACTERS,
        "status": words(RESPONSE_STATES),
        "reason": words(_REASONS),
        "code": _CODE,
        "about": words(CLIENT_EVENTS),
        "expires_in_s": _SECONDS,
    },
    "sent": {"type": words(CLIENT_EVENTS), **_SAME},
    "log": {
        "level": words(("warning", "error", "critical")),
        "module": module,
        "line": number(0, 100_000),
    },
}
"""Every kind of event that is recorded, with its fields."""

Direction = Literal["received", "sent"]


def recorded(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that may be recorded of an event of this kind (one of `KINDS`)."""
    found = {name: field(values.get(name)) for name, field in KINDS[kind].items()}
    return {name: value for name, value in found.items() if value is not None}


def read(document: Any) -> list[dict[str, Any]]:
    """The events of a document that somebody else wrote, in order, with `t` and `kind`.

    Raises ValueError that names the event (counted from 0) and what is wrong with it.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it is no list of events in format {FORMAT}")
    events = document.get("events")
    if not isinstance(events, list) or len(events) > MOST:
        raise ValueError(f"events: expected a list of at most {MOST}")
    found: list[dict[str, Any]] = []
    for index, event in enumerate(events):
        found.append(_read_one(event, f"events[{index}]", found[-1]["t"] if found else 0.0))
    return found


def _read_one(event: Any, place: str, since: float) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ValueError(f"{place}: expected an object")
    time = number(0, 366 * _DAY_S)(event.get("t"))
    if time is None or time < since:
        raise ValueError(f"{place}.t: expected seconds that never go back")
    kind = event.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"{place}.kind: there is no such kind")
    values = recorded(kind, event)
    if missing := sorted(_NEEDED.get(kind, frozenset()) - values.keys()):
        raise ValueError(f"{place}.{missing[0]}: is missing, or is not what it can be")
    return {"t": time, "kind": kind, **values}


_NEEDED: Mapping[str, frozenset[str]] = {
    "status": frozenset({"status"}),
    "session": frozenset({"session", "phase"}),
    "received": frozenset({"session", "type"}),
    "sent": frozenset({"session", "type"}),
}
