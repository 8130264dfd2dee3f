"""Events and readiness as JSON.

Names and fields are the contract of the HTTP API; see docs/http-api.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ..controls import Snapshot, timestamp
from ..notifications import (
    EVENT_NAMES,
    ConnectionChanged,
    ConnectionState,
    DeviceState,
    Notification,
    ToolReported,
    Transcript,
    TurnFinished,
)

_SAID = frozenset({"arguments", "result"})


def describe(notification: Notification) -> tuple[str, dict[str, Any]]:
    """Return the event's name and its data as JSON (without `time`)."""
    data = asdict(notification)
    if isinstance(notification, ConnectionChanged) and notification.expires_at is not None:
        data["expires_at"] = timestamp(notification.expires_at)
    if isinstance(notification, TurnFinished):
        data.update(data.pop("latencies"))
    if isinstance(notification, ToolReported):
        data = {key: value for key, value in data.items() if value or key not in _SAID}
    return EVENT_NAMES[type(notification)], data


def as_event(
    notification: Notification, *, said: bool, asleep: Callable[[], bool]
) -> tuple[str, dict[str, Any]] | None:
    """Return the event's name and data as others may see them; None if they may not.

    `said`: whether they may see what was said, and the arguments and results of tools. `asleep`:
    whether there is no session because nobody needs one.
    """
    if isinstance(notification, Transcript) and not said:
        return None
    if isinstance(notification, ToolReported) and not said:
        notification = replace(notification, arguments="", result="")
    name, data = describe(notification)
    if isinstance(notification, ConnectionChanged):
        data["asleep"] = notification.state is ConnectionState.CLOSED and asleep()
    return name, data


def actions(found: Sequence[Mapping[str, Any]], *, said: bool) -> list[dict[str, Any]]:
    """Return the last calls as JSON; question, arguments and result only if `said`."""
    hidden = frozenset() if said else _SAID | {"asked"}
    return [{key: each[key] for key in each if key not in hidden} for each in found]


def reasons_not_ready(state: Snapshot) -> list[str]:
    """Return why no conversation is possible now; empty if one is.

    A session that sleeps until somebody speaks is no reason.
    """
    reasons = []
    connection = state.connection
    asleep = connection.state is ConnectionState.CLOSED and connection.asleep
    if not connection.state.is_up and not asleep:
        why = f": {connection.last_error}" if connection.last_error else ""
        reasons.append(f"the connection to the service is {connection.state}{why}")
    if state.microphone.state is not DeviceState.OK:
        reasons.append(f"the microphone is {state.microphone.state}")
    if state.speaker.is_missing:
        reasons.append(f"the loudspeaker is {state.speaker.state}")
    return reasons
