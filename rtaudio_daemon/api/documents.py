"""The state and the news as other programs see them, ready for JSON.

The names and fields are the contract of the window; see docs/http-api.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ..events import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    ErrorReported,
    Interruption,
    MuteChanged,
    News,
    SoundChanged,
    SpeechNoticed,
    StatusChanged,
    Transcript,
    TurnFinished,
    UplinkChanged,
    UsageReported,
    VolumeChanged,
    WakeWordHeard,
)

EVENT_NAMES: Mapping[type[Any], str] = {
    StatusChanged: "status",
    SpeechNoticed: "speech",
    Transcript: "transcript",
    Interruption: "interruption",
    TurnFinished: "turn",
    ConnectionChanged: "connection",
    DeviceChanged: "device",
    SoundChanged: "sound",
    MuteChanged: "mute",
    VolumeChanged: "volume",
    UplinkChanged: "uplink",
    WakeWordHeard: "wake",
    UsageReported: "usage",
    ErrorReported: "error",
}
_TOKENS = ("input_tokens", "output_tokens", "total_tokens")


def describe(news: News) -> tuple[str, dict[str, Any]]:
    """The event's name and its data, ready for JSON (without `time`)."""
    data = asdict(news)
    if isinstance(news, ConnectionChanged) and news.expires_at is not None:
        data["expires_at"] = timestamp(news.expires_at)
    if isinstance(news, TurnFinished):
        data.update(data.pop("latencies"))
    return EVENT_NAMES[type(news)], data


def describe_status(state: Mapping[str, Any]) -> dict[str, Any]:
    """A snapshot of the daemon as `/api/status` shows it: its times become timestamps."""
    connection = dict(state["connection"])
    if connection["expires_at"] is not None:
        connection["expires_at"] = timestamp(connection["expires_at"])
    return {**state, "since": timestamp(state["since"]), "connection": connection}


def reasons_not_ready(state: Mapping[str, Any]) -> list[str]:
    """Why no conversation can be held now; empty when one can.

    A session that is asleep until somebody speaks is no reason.
    """
    reasons = []
    connection = state["connection"]
    asleep = connection["state"] == "closed" and connection.get("asleep", False)
    if not ConnectionState(connection["state"]).is_up and not asleep:
        why = f": {connection['last_error']}" if connection["last_error"] else ""
        reasons.append(f"the connection to the service is {connection['state']}{why}")
    if state["microphone"]["state"] != "ok":
        reasons.append(f"the microphone is {state['microphone']['state']}")
    if state["speaker"]["state"] == "lost":
        reasons.append("the loudspeaker is lost")
    return reasons


def add_usage(total: dict[str, int], news: UsageReported) -> None:
    """Add what one answer cost to the totals since the start."""
    total["responses"] = total.get("responses", 0) + 1
    for name in _TOKENS:
        tokens = news.usage.get(name)
        if isinstance(tokens, int) and not isinstance(tokens, bool):
            total[name] = total.get(name, 0) + tokens


def timestamp(unix_s: float) -> str:
    """Seconds since 1970 as `2026-11-22T08:00:00.000Z`."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
