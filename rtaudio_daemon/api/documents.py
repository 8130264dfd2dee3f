"""News as other programs see it: the name and the JSON of every event.

The names and fields are the contract of `/api/events`; see docs/http-api.md.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ..events import (
    ConnectionChanged,
    DeviceChanged,
    ErrorReported,
    Interruption,
    MuteChanged,
    News,
    SpeechNoticed,
    StatusChanged,
    Transcript,
    TurnFinished,
    UplinkChanged,
    UsageReported,
)

EVENT_NAMES = {
    StatusChanged: "status",
    SpeechNoticed: "speech",
    Transcript: "transcript",
    Interruption: "interruption",
    TurnFinished: "turn",
    ConnectionChanged: "connection",
    DeviceChanged: "device",
    MuteChanged: "mute",
    UplinkChanged: "uplink",
    UsageReported: "usage",
    ErrorReported: "error",
}


def describe(news: News) -> tuple[str, dict[str, Any]]:
    """The event's name and its data, ready for JSON (without `time`)."""
    data = asdict(news)
    if isinstance(news, ConnectionChanged) and news.expires_at is not None:
        data["expires_at"] = timestamp(news.expires_at)
    if isinstance(news, TurnFinished):
        data.update(data.pop("latencies"))
    return EVENT_NAMES[type(news)], data


def timestamp(unix_s: float) -> str:
    """Seconds since 1970 as `2026-11-22T08:00:00.000Z`."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
