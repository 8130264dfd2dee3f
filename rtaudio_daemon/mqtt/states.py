"""States and events as JSON for the broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..controls import Snapshot, timestamp
from ..notifications import (
    ConnectionState,
    DeviceState,
    ErrorReported,
    Interruption,
    ModelStatus,
    Notification,
    SpeechIgnored,
    SpeechNoticed,
    StatusChanged,
    TextSaid,
    TimerReported,
    ToolReported,
    Transcript,
    TurnFinished,
    WakeWordHeard,
    WakeWordYielded,
)

EVENTS = (
    "wake_word",
    "speech_started",
    "speech_stopped",
    "interrupted",
    "answered",
    "tool",
    "timer_finished",
    "said",
    "ignored",
    "yielded",
    "error",
)
"""The types of events, as Home Assistant gets them."""
NOBODY = "(nobody special)"
"""Stands for the session without a persona; it is not a valid name of a persona."""
STATE_MOST = 250
"""Maximum number of characters of a state; Home Assistant accepts 255."""
_OVER = frozenset({"done", "failed", "timed_out", "late", "refused", "unconfirmed", "cancelled"})
_OF_A_TIMER = ("id", "kind", "name", "state", "ends_at", "days")
Json = dict[str, Any]


def state(snapshot: Snapshot, first_sound_ms: int | None) -> Json:
    """Return the daemon's state; `first_sound_ms` of the last answer, if known."""
    connection = snapshot.connection
    sleeps = connection.state is ConnectionState.CLOSED and connection.asleep
    problems = _problems(snapshot)
    return {
        "status": snapshot.status,
        "previous": snapshot.previous,
        "since": timestamp(snapshot.since),
        "ha_state": snapshot.ha_state,
        "muted": snapshot.muted,
        "volume": snapshot.volume,
        "persona": snapshot.persona["name"] or NOBODY,
        "service": connection.state.is_up or sleeps,
        "uplink": snapshot.uplink.open,
        "problem": bool(problems),
        "reason": "; ".join(problems),
        "cost_today": round(snapshot.usage.cost_today, 4),
        "first_sound_ms": first_sound_ms,
    }


def timers(snapshot: Snapshot) -> Json:
    """Return when the next timer ends, if any, and all timers, without the texts of reminders."""
    ends = [each["ends_at"] for each in snapshot.timers if each.get("ends_at")]
    listed = [_some(each, *_OF_A_TIMER) for each in snapshot.timers]
    return {"next": min(ends, default=None), "timers": listed}


def words(transcript: Transcript) -> Json:
    """Return what was said: `text` is short enough for a state, `whole` is all of it."""
    text = transcript.text
    cut = text if len(text) <= STATE_MOST else f"{text[: STATE_MOST - 1]}…"
    return {"text": cut, "whole": text}


class Events:
    """Converts notifications to events; speech that two detectors report is one event."""

    def __init__(self) -> None:
        self._speaks = False

    def of(self, notification: Notification) -> Json | None:
        """Return the event, with its `event_type`; None if there is none for it."""
        if isinstance(notification, SpeechNoticed):
            starts = notification.phase == "started"
            if starts == self._speaks:
                return None
            self._speaks = starts
            return {"event_type": f"speech_{notification.phase}"}
        if isinstance(notification, StatusChanged) and notification.status is ModelStatus.IDLE:
            self._speaks = False  # speech that was aborted has no end of its own
        return _event(notification)


def _event(notification: Notification) -> Json | None:
    match notification:
        case WakeWordHeard(word, score):
            return _typed("wake_word", word=word, score=score)
        case Interruption(audio_end_ms=heard_ms):
            return _typed("interrupted", heard_ms=heard_ms)
        case TurnFinished(status="completed", latencies=latencies):
            return _typed("answered", **_some(latencies, "first_sound_ms", "last_sound_ms"))
        case ToolReported(_, tool, source, phase, took_ms) if phase in _OVER:
            return _typed("tool", tool=tool, source=source, phase=phase, took_ms=took_ms)
        case TimerReported(id, name, "ringing"):
            return _typed("timer_finished", id=id, name=name)
        case TextSaid(id, outcome, heard_ms, audible):
            return _typed("said", id=id, outcome=outcome, heard_ms=heard_ms, audible=audible)
        case SpeechIgnored():
            return _typed("ignored")
        case WakeWordYielded(word, to):
            return _typed("yielded", word=word, to=to)
        case ErrorReported(source, code, message):
            return _typed("error", source=source, code=code, message=message)
        case _:
            return None


def _typed(kind: str, **data: Any) -> Json:
    return {"event_type": kind, **data}


def _some(values: Mapping[str, Any], *names: str) -> Json:
    return {name: values[name] for name in names if name in values}


def _problems(snapshot: Snapshot) -> list[str]:
    microphone, speaker = snapshot.microphone, snapshot.speaker
    found = []
    if microphone.is_missing or microphone.state is DeviceState.DEAF:
        found.append(f"the microphone is {microphone.state}: {microphone.reason or 'no reason'}")
    if speaker.is_missing:
        found.append(f"the loudspeaker is {speaker.state}: {speaker.reason or 'no reason'}")
    return found
