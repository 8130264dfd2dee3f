"""Replays the sessions in a daemon's report: the service's side, with its times.

A report contains neither words nor sound: words become as many letters, sound becomes a tone of the
same length. Where the service repeats something from the client (ids, settings, marks of an
answer), the present client's data is used.
"""

from __future__ import annotations

import base64
import io
import json
import math
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...config.file_reading import BOUNDED_PACKINGS, read_bounded
from ...errors import ConfigError
from ...protocol.codec import wire_name
from ...protocol.recorded_events import EVENTS_FILE, read
from .recording import Entry, Said

Event = Mapping[str, Any]
Json = dict[str, Any]

_ZIP = b"PK\x03\x04"
_MOST_BYTES = 1 << 24
_EVENTS_BYTES = 1 << 22
_SOUND_BYTES = 1 << 26
"""Maximum of all sessions together: 23 minutes."""
_PIECES_MOST = 20_000
_PIECE_BYTES = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_LONG_S = 2.0
_BRIEF_S = 0.3
_PATIENCE_S: Mapping[str, float] = {
    "session.update": 5.0,
    **dict.fromkeys(
        ("response.cancel", "conversation.item.truncate", "conversation.item.delete"), _BRIEF_S
    ),
    **dict.fromkeys(("input_audio_buffer.commit", "input_audio_buffer.clear"), _BRIEF_S),
}
"""How many seconds to wait for a message of the client. Messages that follow from speech in its own
gate do not come from a daemon that hears nothing; the service's next event must not be late."""
_BROKEN = (1005, 1006, 1015)
"""Codes that are never sent in a close frame."""
_PERIOD = struct.pack("<50h", *(round(4000 * math.sin(math.tau * n / 50)) for n in range(50)))
"""One period of a soft tone of 480 Hz."""
_CREATE = "conversation.item.create"
_PART = ("response_id", "item_id", "output_index", "content_index")
_PLACES: Sequence[tuple[str, Sequence[str]]] = (
    ("input_audio_buffer.cleared", ()),
    ("input_audio_buffer.", ("item_id",)),
    ("conversation.item.input_audio_", ("item_id", "content_index")),
    ("conversation.item.truncated", ("item_id", "content_index")),
    ("conversation.item.deleted", ("item_id",)),
    ("response.output_item.", ("response_id", "output_index")),
    ("response.function_call", ("response_id", "item_id", "output_index", "call_id")),
    ("response.created", ()),
    ("response.done", ()),
    ("response.", _PART),
    ("", ()),
)
"""Which ids and positions a message contains, by the start of its type; the first match applies."""


def is_report(path: str | Path) -> bool:
    """Return whether the file is an archive, which a recording is not."""
    try:
        return read_bounded(path, _MOST_BYTES).startswith(_ZIP)
    except OSError:
        return False


def load(path: str | Path) -> list[list[Entry]]:
    """Return the entries of each session in a report; raises ConfigError that names the place."""
    try:
        events = read(json.loads(_content(path)))
        _bound_sound(events)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except RecursionError as error:
        raise ConfigError([f"{path}: {EVENTS_FILE}: is nested too deeply"]) from error
    except ValueError as error:
        raise ConfigError([f"{path}: {EVENTS_FILE}: {error}"]) from error
    except _DAMAGED as error:
        raise ConfigError([f"{path} is no report, or damaged: {error}"]) from error
    wire = [each for each in events if each["kind"] in ("session", "received", "sent")]
    numbers = dict.fromkeys(each["session"] for each in wire)
    if not numbers:
        raise ConfigError([f"{path}: {EVENTS_FILE}: holds no session with a service"])
    return [
        list(_SessionEntries([each for each in wire if each["session"] == number]))
        for number in numbers
    ]


def _content(path: str | Path) -> bytes:
    with zipfile.ZipFile(io.BytesIO(read_bounded(path, _MOST_BYTES))) as archive:
        if EVENTS_FILE not in archive.namelist():
            raise ValueError("is not in it: the report was made while no daemon ran")
        if archive.getinfo(EVENTS_FILE).compress_type not in BOUNDED_PACKINGS:
            raise ValueError("is packed in a way that reports are not")
        with archive.open(EVENTS_FILE) as packed:  # the size that it states may be false
            content = packed.read(_EVENTS_BYTES + 1)
    if len(content) > _EVENTS_BYTES:
        raise ValueError("is too large when unpacked")
    return content


def _bound_sound(events: Sequence[Event]) -> None:
    size = pieces = 0
    for index, event in enumerate(events):
        size += event.get("bytes", 0) if event["kind"] == "received" else 0
        pieces += event.get("pieces", 1)
        if size > _SOUND_BYTES or pieces > _PIECES_MOST:
            raise ValueError(f"events[{index}]: more sound than can be played")


class _SessionEntries:
    """The entries of one session, created from its events."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._created: dict[int, int] = {}
        """Items that the client created, each with the index of its message."""
        self._asked: list[int] = []
        """Indices of the client's requests with marks for which no answer has begun."""
        self._counts: dict[str, int] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in order."""
        first = self._events[0]
        yield Entry(first["t"], "open")
        if first["kind"] != "session":  # what was before is no longer known
            greeting = ("session.created", "session.update", "session.updated")
            for name, kind in zip(greeting, ("received", "sent", "received"), strict=True):
                yield from self._entries({"t": first["t"], "kind": kind, "type": name})
        for event in self._events:
            yield from self._entries(event)

    def _entries(self, event: Event) -> Iterator[Entry]:
        at, kind = event["t"], event["kind"]
        if kind == "sent":
            patience_s = _PATIENCE_S.get(event["type"], _LONG_S)
            yield Entry(at, "in", kind=event["type"], patience_s=patience_s)
            self._note_sent(event)
        elif kind == "received" and event["type"] == "response.audio.delta":
            yield from self._sound(event)
        elif kind == "received":
            yield Entry(at, "out", made=self._made(event))
        elif event["phase"] == "ended" and event.get("by") == "service":
            code = event.get("code")
            yield Entry(at, "close", code=None if code in _BROKEN else code)

    def _note_sent(self, event: Event) -> None:
        index = self._counts.get(event["type"], 0)
        self._counts[event["type"]] = index + 1
        if event["type"] == _CREATE and "item" in event:
            self._created[event["item"]] = index
        if event["type"] == "response.create" and event.get("ours"):
            self._asked.append(index)

    def _sound(self, event: Event) -> Iterator[Entry]:
        size = event.get("bytes", 0) // 2 * 2
        pieces = max(1, min(event.get("pieces", 1), size // 2), -(-size // _PIECE_BYTES))
        each = -(-size // pieces // 2) * 2
        step_s = event.get("over_s", 0.0) / max(1, pieces - 1)
        for index in range(pieces):
            length = max(0, min(each, size - index * each))
            made = self._maker(event, partial(_delta, length))
            yield Entry(round(event["t"] + index * step_s, 4), "out", made=made)

    def _made(self, event: Event) -> Callable[[Said], str]:
        kind = event["type"]
        if kind in ("session.created", "session.updated"):
            index = self._counts.get("session.update", 0) - 1
            return self._maker(event, lambda said: {"session": _session(event, said, index)})
        if kind == "error":
            about = event.get("about", "")
            index = self._counts.get(about, 0) - 1
            return self._maker(event, lambda said: {"error": _error(event, said, about, index)})
        if kind == "response.created":
            index = self._asked.pop(0) if event.get("ours") and self._asked else -1
            return self._maker(event, lambda said: {"response": _response(event, said, index)})
        if kind == "response.done":
            return self._maker(event, lambda said: {"response": _response(event, said, -1)})
        if "item" in event and kind.endswith(("item.created", "item.done", "item.added")):
            return self._maker(event, lambda said: {"item": self._item(event, said)})
        return self._maker(event, lambda said: _words(event, said))

    def _maker(self, event: Event, more: Callable[[Said], Json]) -> Callable[[Said], str]:
        def made(said: Said) -> str:
            where = self._where(event, said)
            message = {"type": wire_name(event["type"], said.dialect), **where, **more(said)}
            return json.dumps(message, separators=(",", ":"))

        return made

    def _where(self, event: Event, said: Said) -> Json:
        """Return the ids and the position for a message of this type."""
        found: Json = {"event_id": "event_replayed"}
        for name in next(names for start, names in _PLACES if event["type"].startswith(start)):
            if name == "response_id":
                found[name] = f"resp_{event.get('response', 0)}"
            elif name == "item_id":
                found[name] = self._item_id(event, said)
            elif name == "call_id":
                found[name] = f"call_{event.get('call', 0)}"
            else:
                found[name] = event.get("part", 0) if name == "content_index" else 0
        return found

    def _item_id(self, event: Event, said: Said) -> str:
        """Return the id, as the client names it if it created the item."""
        number = event.get("item", 0)
        item = said.nth(_CREATE, self._created.get(number, -1)).get("item")
        given = item.get("id") if isinstance(item, dict) else None
        return given if isinstance(given, str) and given else f"item_{number}"

    def _item(self, event: Event, said: Said) -> Json:
        role, name = event.get("role", "other"), self._item_id(event, said)
        if role in ("call", "result"):
            call: Json = {"id": name, "call_id": f"call_{event.get('call', 0)}"}
            if role == "result":
                return {**call, "type": "function_call_output", "output": "{}"}
            return {**call, "type": "function_call", "name": "recorded_call", "arguments": "{}"}
        who = role if role in ("user", "assistant", "system") else "user"
        output = "output_audio" if said.dialect == "ga" else "audio"
        spoken = {"user": "input_audio", "assistant": output, "system": "input_text"}[who]
        words = _letters(event.get("characters", 0), who)
        part = {"type": spoken, "text" if who == "system" else "transcript": words}
        message = {"id": name, "object": "realtime.item", "type": "message", "role": who}
        return {**message, "status": "completed", "content": [part] if words else []}


def _session(event: Event, said: Said, index: int) -> Json:
    """Return a session as the client wants it, as far as it has said so."""
    given = said.nth("session.update", index).get("session")
    found: Json = dict(given) if isinstance(given, dict) else {}
    if said.dialect == "ga":
        found["type"] = "realtime"
    if "expires_in_s" in event:
        found["expires_at"] = int(time.time() + event["expires_in_s"])
    return {**found, "id": "sess_replayed", "object": "realtime.session"}


def _error(event: Event, said: Said, about: str, index: int) -> Json:
    code = event.get("code", "other")
    words = "an error as it was recorded, without its words"
    cause = said.nth(about, index).get("event_id")
    return {"type": "invalid_request_error", "code": code, "message": words, "event_id": cause}


def _response(event: Event, said: Said, index: int) -> Json:
    begins = event["type"] == "response.created"
    status = "in_progress" if begins else event.get("status", "completed")
    found: Json = {"object": "realtime.response", "id": f"resp_{event.get('response', 0)}"}
    found |= {"status": status, "status_details": None, "output": [], "usage": None}
    if begins:
        asked = said.nth("response.create", index).get("response")
        found["metadata"] = asked.get("metadata") if isinstance(asked, dict) else None
        found["conversation_id"] = None if event.get("outside") else "conv_replayed"
    elif status != "completed":
        details: Json = {"type": status, "reason": event.get("reason")}
        if "code" in event:
            details["error"] = {"type": "server_error", "code": event["code"], "message": ""}
        found["status_details"] = details
    return found


def _words(event: Event, said: Said) -> Json:
    """Return what else a message contains, in as many letters as it had."""
    kind = event["type"]
    letters = _letters(event.get("characters", 0), "user" if ".input_" in kind else "assistant")
    if kind.endswith("function_call_arguments.done"):
        named = {"name": "recorded_call"} if said.dialect == "ga" else {}
        return {**named, "arguments": "{}"}
    if kind.endswith("transcription.failed"):
        return {"error": {"type": "server_error", "code": event.get("code"), "message": ""}}
    if kind.endswith("speech_started"):
        return {"audio_start_ms": 0}
    if kind.endswith(("speech_stopped", "truncated")):
        return {"audio_end_ms": event.get("end_ms", 0)}
    if kind.endswith("timeout_triggered"):
        return {"audio_start_ms": 0, "audio_end_ms": 0}
    if kind.endswith("committed"):
        return {"previous_item_id": None}
    if kind.endswith(("audio_transcript.done", "transcription.completed")):
        return {"transcript": letters}
    return {"text": letters} if kind.endswith("text.done") else {}


def _letters(count: int, who: str) -> str:
    """Return `count` letters, different ones for user and assistant."""
    word = "na " if who == "user" else "la "
    return (word * (count // 3 + 1))[:count]


def _delta(length: int, _said: Said) -> Json:
    tone = (_PERIOD * (length // len(_PERIOD) + 1))[:length]
    return {"delta": base64.b64encode(tone).decode()}
