"""The running daemon in a report: its state and its metrics, without words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from ...api import answer_schemas
from ...config import wordless
from ...errors import RTAudioError
from ...protocol import recorded_events
from ..http_client import DaemonClient

_SAMPLE = re.compile(r"(rtaudio_[a-z_]{1,60})(?:\{([^{}]{0,200})\})? ([0-9.e+-]{1,30})")
_LABEL = re.compile(r'(\w{1,20})="([a-z_]{1,20}|[0-9.e+]{1,10}|\+Inf)"')
_LABELS = frozenset(
    {"status", "state", "direction", "phase", "source", "kind", "stage", "cause", "le"}
    | {"outcome", "audible"}
)
"""Labels with words from fixed lists; names of tools and wake words are private."""
_MOST_LINES = 3000


def status(document: dict[str, Any]) -> dict[str, Any]:
    """Return the content of `/api/status`, without words."""
    found = wordless.wordless(document, answer_schemas.STATUS)
    assert isinstance(found, dict), "the schema names its fields"
    return found


def events(document: dict[str, Any]) -> dict[str, Any]:
    """Return the content of `/api/report/events`, filtered again."""
    try:
        found = recorded_events.read(document)
    except ValueError as error:
        raise RTAudioError(f"the daemon is of another version: {error}") from error
    counted = recorded_events.number(0, 1 << 53)
    times = {name: counted(document.get(name)) for name in ("seconds", "dropped")}
    return {"format": recorded_events.FORMAT, **times, "events": found}


def metrics(text: str) -> str:
    """Return the samples of `/metrics` whose labels have words from fixed lists."""
    lines = (_SAMPLE.fullmatch(line) for line in text.splitlines()[:_MOST_LINES])
    return "".join(f"{each[0]}\n" for each in lines if each and _plain(each))


def asked(daemon: DaemonClient) -> tuple[dict[str, Any], str]:
    """Return all that a running daemon provides, and why something is missing; "" if not."""
    found: dict[str, Any] = {}
    why = ""
    questions: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("status", lambda: status(daemon.get("/api/status"))),
        ("events", lambda: events(daemon.get("/api/report/events"))),
        ("metrics", lambda: metrics(daemon.text("/metrics"))),
    )
    for name, ask in questions:
        try:
            found[name] = ask()
        except RTAudioError as error:
            why = why or str(error)
    return found, why


def _plain(sample: re.Match[str]) -> bool:
    labels = sample[2] or ""
    pairs = _LABEL.findall(labels)
    rebuilt = ",".join(f'{name}="{value}"' for name, value in pairs)
    known = rebuilt == labels and all(name in _LABELS for name, _ in pairs)
    try:
        return known and math.isfinite(float(sample[3]))
    except ValueError:
        return False
