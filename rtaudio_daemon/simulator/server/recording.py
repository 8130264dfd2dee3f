"""A conversation as JSON lines: both directions, with times, for inspection or replay.

Each line is an object: ``t`` (seconds since the first connection), ``connection`` (1, 2 …), and
``what``: open (with ``path``), in or out (with ``message``, or ``text`` when that was no JSON), or
close (with ``code``; null when the line broke).
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from ...config.file_reading import read_bounded
from ...errors import ConfigError
from ...protocol.codec import Dialect

_MOST_BYTES = 1 << 28
What = Literal["open", "in", "out", "close"]

SOUND_APPENDED = "input_audio_buffer.append"
_SAID_MOST = 1000
_SOUND = {
    SOUND_APPENDED: "audio",
    "response.audio.delta": "delta",
    "response.output_audio.delta": "delta",
}


class Said:
    """The client's messages so far, by type; the first 1000 of each are kept.

    `dialect`: the client's dialect.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect: Dialect = dialect
        self._counts: Counter[str] = Counter()
        self._messages: dict[str, list[dict[str, Any]]] = {}

    def add(self, raw: str) -> None:
        """Add a message."""
        try:
            message = json.loads(raw)
        except (ValueError, RecursionError):
            message = None
        found: dict[str, Any] = message if isinstance(message, dict) else {}
        kind = str(found.get("type")) if found else ""
        self._counts[kind] += 1
        if kind != SOUND_APPENDED and self._counts[kind] <= _SAID_MOST:
            self._messages.setdefault(kind, []).append(found)

    def count(self, kind: str) -> int:
        """Return how many messages of this type it sent."""
        return self._counts[kind]

    def nth(self, kind: str, index: int) -> dict[str, Any]:
        """Return the message of this type with this index; {} if it was not sent, or not kept."""
        messages = self._messages.get(kind, [])
        return messages[index] if 0 <= index < len(messages) else {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a recording. `text` is the frame as transmitted (sound may be elided).

    `made`: creates the frame when it is due, if it depends on the client's messages.
    `patience_s`: how much longer than originally to wait for a message of the client.
    """

    t: float
    what: What
    text: str = ""
    kind: str = ""
    code: int | None = None
    made: Callable[[Said], str] | None = None
    patience_s: float = 5.0


class Recorder:
    """Writes a recording, by the loop's clock. Without `keep_sound`, sound becomes its size."""

    def __init__(self, path: str | Path, *, keep_sound: bool) -> None:
        self._clock = asyncio.get_running_loop().time
        self._keep_sound = keep_sound
        self._began: float | None = None
        self._connections = 0
        try:
            self._file: TextIO = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
        except OSError as error:
            raise ConfigError([f"{path}: cannot be written: {error.strerror}"]) from error

    def connection(self, path: str) -> Track:
        """Note a new connection to `path`; its events are recorded in the returned track."""
        self._connections += 1
        self.write(self._connections, "open", {"path": path})
        return Track(self, self._connections, keep_sound=self._keep_sound)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, connection: int, what: What, content: dict[str, Any]) -> None:
        """Add a line."""
        now = self._clock()
        if self._began is None:
            self._began = now
        if not self._file.closed:
            t = round(now - self._began, 3)
            line = {"t": t, "connection": connection, "what": what, **content}
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")


class Track:
    """One connection of a recording."""

    def __init__(self, recorder: Recorder, number: int, *, keep_sound: bool) -> None:
        self._recorder = recorder
        self._number = number
        self._keep_sound = keep_sound

    def frame(self, what: Literal["in", "out"], text: str) -> None:
        """Record a frame."""
        self._recorder.write(self._number, what, self._content(text))

    def closed(self, code: int | None) -> None:
        """Record the end of the connection; None: it broke."""
        self._recorder.write(self._number, "close", {"code": code})

    def _content(self, text: str) -> dict[str, Any]:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return {"text": text}
        if not isinstance(message, dict):
            return {"text": text}
        key = _SOUND.get(str(message.get("type")))
        if key and isinstance(message.get(key), str) and not self._keep_sound:
            sound = message[key]
            size = len(sound) * 3 // 4 - sound[-2:].count("=")
            message = {**message, key: f"<{size} bytes>"}
        return {"message": message}


def load(path: str | Path) -> list[list[Entry]]:
    """Return the entries of each connection; raises ConfigError that names the line."""
    try:
        lines = read_bounded(path, _MOST_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ConfigError([f"{path}: cannot be read: {why}"]) from error
    connections: dict[int, list[Entry]] = {}
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
            connections.setdefault(data["connection"], []).append(_entry(data))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            words = f"{path}:{number}: is no line of a recording: {error!r}"
            raise ConfigError([words]) from error
    if not connections:
        raise ConfigError([f"{path}: holds no connection"])
    return list(connections.values())


def silence_for(size: str) -> str | None:
    """Base64 of as many zero bytes as an elided sound had (``<4800 bytes>``), or None."""
    words = size.removeprefix("<").removesuffix(" bytes>")
    if not (size.startswith("<") and words.isdigit()):
        return None
    count = int(words)
    return "A" * (-(-count // 3) * 4 - (-count % 3)) + "=" * (-count % 3)


def _entry(data: dict[str, Any]) -> Entry:
    what: What = data["what"]
    if what not in ("open", "in", "out", "close"):
        raise ValueError(what)
    if what in ("open", "close"):
        return Entry(float(data["t"]), what, code=data.get("code"))
    message = data.get("message")
    if message is None:
        return Entry(float(data["t"]), what, data["text"])
    kind = str(message.get("type"))
    key = _SOUND.get(kind)
    if key and isinstance(message.get(key), str):
        sound = silence_for(message[key])
        message = {**message, key: message[key] if sound is None else sound}
    return Entry(float(data["t"]), what, json.dumps(message, separators=(",", ":")), kind)
