"""Records events as numbers and words of fixed lists, for reports: no spoken words, no sound.

The newest events are kept for an hour, in memory only. `recorded_events` lists what may be recorded
of each kind.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ..notifications import (
    EVENT_NAMES,
    Notification,
    PersonaChanged,
    Transcript,
    TurnFinished,
    UsageReported,
)
from ..protocol.codec import Json
from ..protocol.event_decoding import ACTED_ON
from ..protocol.events import (
    AudioDelta,
    CallArgumentsDone,
    Event,
    ItemReported,
    ItemTruncated,
    Message,
    ResponseCreated,
    ResponseDone,
    ServiceErrorReported,
    SessionCreated,
    TextDelta,
    TextDone,
    UserTranscript,
)
from ..protocol.recorded_events import FORMAT, MOST, recorded

KEPT_S = 3600.0
_IDS_MOST = 512
_SENT_MOST = 64
_SOUND = "input_audio_buffer.append"


class EventRecord:
    """The newest `most` events. `clock` returns seconds, `wall_clock` seconds since 1970."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        most: int = MOST,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._began = clock()
        self._most = most
        self._events: deque[dict[str, Any]] = deque()
        self._dropped = 0
        self._sessions = itertools.count(1)
        self._ids: dict[str, _Numbers] = {}
        self._sent: OrderedDict[str, str] = OrderedDict()

    def document(self) -> dict[str, Any]:
        """Return the events, oldest first, ready for JSON; `seconds` is now.

        `t` of an event: seconds since the start. `dropped`: how many older events are gone.
        """
        self._forget_old()
        events = [dict(each) for each in self._events]
        return {
            "format": FORMAT,
            "seconds": self._now(),
            "dropped": self._dropped,
            "events": events,
        }

    def note(self, kind: str, values: Mapping[str, Any]) -> None:
        """Record an event of this kind, as far as permitted."""
        self._events.append({"t": self._now(), "kind": kind, **recorded(kind, values)})
        if len(self._events) > self._most:
            self._events.popleft()
            self._dropped += 1

    def notice(self, notification: Notification) -> None:
        """Record a notification."""
        self.note(EVENT_NAMES[type(notification)], _values(notification))

    # ------------------------------------------------------------ traffic with the service

    def opened(self) -> int:
        """Note that a connection is open; return the number of its session."""
        session = next(self._sessions)
        self.note("session", {"session": session, "phase": "opened"})
        return session

    def ended(self, session: int, code: int | None) -> None:
        """Note that it ended: the service closed it with this code, or (None) we did."""
        by = "us" if code is None else "service"
        self.note("session", {"session": session, "phase": "ended", "by": by, "code": code})

    def received(self, session: int, message: Message) -> None:
        """Note a message of the service in this session."""
        event = message.event
        if message.name not in ACTED_ON or isinstance(event, TextDelta):
            return
        values = {"session": session, "type": message.name, **self._facts(event)}
        if not (isinstance(event, AudioDelta) and self._joined(values)):
            self.note("received", values)

    def sent(self, session: int, message: Json) -> None:
        """Note a message that we sent in this session."""
        name = message.get("type")
        if name == _SOUND:
            return
        if event_id := message.get("event_id"):
            self._sent[str(event_id)] = str(name)
            while len(self._sent) > _SENT_MOST:
                self._sent.popitem(last=False)
        item, response = message.get("item") or {}, message.get("response") or {}
        values = {
            "session": session,
            "type": name,
            "item": self._number("item", message.get("item_id") or item.get("id")),
            "response": self._number("response", message.get("response_id")),
            "call": self._number("call", item.get("call_id")),
            "part": message.get("content_index"),
            "end_ms": message.get("audio_end_ms"),
            "role": _ROLES.get(str(item.get("type")), item.get("role")),
            "ours": bool(response.get("metadata")) or None,
            "outside": response.get("conversation") == "none" or None,
        }
        self.note("sent", values)

    # --------------------------------------------------------------------- private

    def _now(self) -> float:
        return round(self._clock() - self._began, 3)

    def _forget_old(self) -> None:
        oldest = self._now() - KEPT_S
        while self._events and self._events[0]["t"] < oldest:
            self._events.popleft()
            self._dropped += 1

    def _joined(self, sound: Mapping[str, Any]) -> bool:
        """Try to add this sound to the newest event, if that is of the same part."""
        newest = self._events[-1] if self._events else {}
        same = ("session", "type", "response", "item", "part")
        if newest.get("kind") != "received" or any(
            newest.get(name) != sound.get(name) for name in same
        ):
            return False
        newest["bytes"] += sound["bytes"]
        newest["pieces"] = newest.get("pieces", 1) + 1
        newest["over_s"] = round(self._now() - newest["t"], 3)
        return True

    def _number(self, kind: str, name: object) -> int | None:
        """Return the number that represents an id, counted from 1; None: no id."""
        if not isinstance(name, str) or not name:
            return None
        return self._ids.setdefault(kind, _Numbers()).of(name)

    def _facts(self, event: Event) -> dict[str, Any]:
        part = getattr(event, "part", None)
        found: dict[str, Any] = {
            "response": self._number("response", getattr(part or event, "response_id", "")),
            "item": self._number("item", getattr(part or event, "item_id", "")),
            "call": self._number("call", getattr(event, "call_id", "")),
            "part": part.content_index if part else None,
        }
        match event:
            case SessionCreated(facts) if facts.expires_at is not None:
                found["expires_in_s"] = facts.expires_at - self._wall_clock()
            case ServiceErrorReported(code=code, type=kind, event_id=event_id):
                found |= {"code": (code or kind).lower(), "about": self._sent.get(event_id)}
            case ItemReported(item):
                found["item"] = self._number("item", item.id)
                found["call"] = self._number("call", item.call_id)
                found |= {"role": item.kind, "characters": len(item.text)}
            case ItemTruncated(content_index=index, audio_end_ms=end_ms):
                found |= {"part": index, "end_ms": end_ms}
            case ResponseCreated(metadata=metadata, conversation_id=conversation):
                found |= {"ours": metadata is not None, "outside": not conversation}
            case ResponseDone(status=status, reason=reason, error=error):
                found |= {"status": status, "reason": reason or None}
                found["code"] = (error.code or error.type).lower() if error else None
            case AudioDelta(size=size):
                found["bytes"] = size
            case TextDone(text=text) | UserTranscript(text=text):
                found["characters"] = len(text)
            case CallArgumentsDone(arguments=text):
                found["characters"] = len(text)
            case _:
                pass
        return found


_ROLES = {"function_call": "call", "function_call_output": "result"}


class _Numbers:
    """Numbers for the newest names."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, int] = OrderedDict()
        self._last = 0

    def of(self, name: str) -> int:
        if name not in self._known:
            self._last = self._last % 65_535 + 1
            self._known[name] = self._last
            while len(self._known) > _IDS_MOST:
                self._known.popitem(last=False)
        return self._known[name]


class LogPlaces(logging.Handler):
    """Records which lines of the program warn, without their messages."""

    def __init__(self, record: EventRecord) -> None:
        super().__init__(logging.WARNING)
        self._record = record
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Record the place of this entry; called in any thread."""
        values = {
            "level": record.levelname.lower(),
            "module": record.name,
            "line": record.lineno,
        }
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._record.note, "log", values)


def _values(notification: Notification) -> dict[str, Any]:
    match notification:
        case Transcript(text=text):
            return {**asdict(notification), "characters": len(text)}
        case TurnFinished(latencies=latencies):
            return {"status": notification.status, **latencies}
        case UsageReported(usage=usage):
            return usage
        case PersonaChanged(name, wanted):
            return {"as_wanted": name == wanted}
        case _:
            return asdict(notification)
