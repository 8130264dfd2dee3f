"""Makes happenings, as the event entity shows them, of the events of a daemon."""

from __future__ import annotations

from .client import Json

_OVER = frozenset({"done", "failed", "timed_out", "late", "refused", "unconfirmed", "cancelled"})
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "wake": ("wake_word", ("word", "score")),
    "yielded": ("yielded", ("word", "to")),
    "interruption": ("interrupted", ("audio_end_ms",)),
    "turn": ("answered", ("first_sound_ms", "last_sound_ms")),
    "tool": ("tool", ("tool", "source", "phase", "took_ms", "as_asked")),
    "timer": ("timer_finished", ("id", "name")),
    "said": ("said", ("id", "outcome", "heard_ms", "audible")),
    "ignored": ("ignored", ()),
    "error": ("error", ("source", "code", "message")),
}


class Happenings:
    """Speech that two detectors notice is one happening."""

    def __init__(self) -> None:
        self._speaks = False

    def of(self, name: str, data: Json) -> tuple[str, Json] | None:
        """The type and what is known of it; None if this event is none."""
        if name == "speech":
            starts = data.get("phase") == "started"
            if starts == self._speaks:
                return None
            self._speaks = starts
            return ("speech_started" if starts else "speech_stopped"), {}
        if name == "status" and data.get("status") == "idle":
            self._speaks = False  # what was begun and given up has no end of its own
        if name not in _KINDS or not _counts(name, data):
            return None
        kind, fields = _KINDS[name]
        return kind, {each: data[each] for each in fields if each in data}


def _counts(name: str, data: Json) -> bool:
    if name == "turn":
        return data.get("status") == "completed"
    if name == "tool":
        return data.get("phase") in _OVER
    return name != "timer" or data.get("phase") == "ringing"
