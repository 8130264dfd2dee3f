"""Commands in messages: plain text or JSON, parsed and bounded here.

Plain text is for people and simple devices (`ON`, `40`, words to say), JSON for everything else;
its fields are named as in the HTTP API.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ..protocol import bounds
from .states import NOBODY
from .topics import COMMANDS

BYTES_MOST = 16 * 1024
"""Maximum size of a message."""
TEXT_MOST = 4000
"""Maximum number of characters to say."""
RETAINED = "was retained by the broker, so it may be old; send commands without the retain flag"

_SAID_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_NUMBER = re.compile(r"\d{1,3}(\.\d{1,9})?", re.ASCII)
_ON = frozenset({"on", "true", "1"})
_OFF = frozenset({"off", "false", "0"})
_PRESSES = frozenset({"", "press", "on", "true", "1", "{}"})
Read = TypeVar("Read")
_SPACES = "\n\r\t"
_BROADCAST_FIELDS = ("text", "id", "from")
_SAY_FIELDS = ("text", "priority", "remember", "id", "chime")


class WrongCommandError(Exception):
    """A message that is no valid command: why, in words for people."""


@dataclass(frozen=True, slots=True)
class Microphone:
    """Mute the microphone, or unmute it."""

    muted: bool


@dataclass(frozen=True, slots=True)
class Volume:
    """Play at this level, 0 to 1."""

    level: float


@dataclass(frozen=True, slots=True)
class Persona:
    """Let this persona answer; "": no persona."""

    name: str


@dataclass(frozen=True, slots=True)
class Press:
    """A button: `listen`, `interrupt` or `dismiss`."""

    button: str


@dataclass(frozen=True, slots=True)
class Say:
    """A text to speak verbatim, or for the model to answer; fields as in `Controls.say`."""

    text: str
    mode: Literal["verbatim", "prompt"]
    urgent: bool = False
    remember: bool = False
    id: str | None = None
    chime: bool = False


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A text from `sender` that every daemon speaks; the same `id` is said once."""

    text: str
    id: str | None
    sender: str


Command = Microphone | Volume | Persona | Press | Say


def read(name: str, payload: bytes, *, retained: bool = False) -> Command:
    """Parse a command. Raises WrongCommandError."""
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise WrongCommandError(f"there is no command {_shown(name)}; known are {known}")
    return _read(name, payload, _READERS[name], retained=retained)


def read_broadcast(payload: bytes, *, retained: bool = False) -> Broadcast:
    """Parse a text for all daemons. Raises WrongCommandError."""
    return _read("broadcast", payload, _broadcast, retained=retained)


def _read(name: str, payload: bytes, reader: Callable[[str, str], Read], *, retained: bool) -> Read:
    if retained:
        raise WrongCommandError(f"{name}: {RETAINED}")
    if len(payload) > BYTES_MOST:
        what = f"{len(payload)} bytes are too many, {BYTES_MOST} fit"
        raise WrongCommandError(f"{name}: {what}")
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise WrongCommandError(f"{name}: is no text in UTF-8") from None
    try:
        return reader(name, text)
    except WrongCommandError as error:
        raise WrongCommandError(f"{name}: {error}") from None


def _microphone(_name: str, text: str) -> Command:
    word = text.lower()
    if word not in _ON | _OFF:
        raise WrongCommandError(f"expected ON (it hears) or OFF (it is muted), got {_shown(text)}")
    return Microphone(word in _OFF)


def _volume(_name: str, text: str) -> Command:
    if not text.startswith("{"):
        percent = float(text) if _NUMBER.fullmatch(text) else -1.0
        if not 0 <= percent <= 100:
            raise WrongCommandError(f"expected a number from 0 to 100, got {_shown(text)}")
        return Volume(percent / 100)
    level = _fields(text, "level").get("level")
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level <= 1:
        raise WrongCommandError("level: expected a number from 0 to 1")
    return Volume(float(level))


def _persona(_name: str, text: str) -> Command:
    if text.startswith("{"):
        name = _fields(text, "name").get("name")
        if not isinstance(name, str):
            raise WrongCommandError("name: expected the name of a persona, or an empty text")
        text = bounds.text_of(name)
    return Persona("" if text == NOBODY else text)


def _press(name: str, text: str) -> Command:
    if text.lower() not in _PRESSES:
        raise WrongCommandError(f"is a button; expected PRESS or nothing, got {_shown(text)}")
    return Press(name)


def _say(name: str, text: str) -> Command:
    given = _fields(text, *_SAY_FIELDS) if text.startswith("{") else {"text": text}
    priority = given.get("priority", "normal")
    if priority not in ("normal", "high"):
        raise WrongCommandError("priority: expected normal or high")
    return Say(
        _words(given.get("text")),
        "verbatim" if name == "say" else "prompt",
        urgent=priority == "high",
        remember=_flag(given, "remember"),
        id=_named(given, "id"),
        chime=_flag(given, "chime"),
    )


def _broadcast(_name: str, text: str) -> Broadcast:
    given = _fields(text, *_BROADCAST_FIELDS) if text.startswith("{") else {"text": text}
    return Broadcast(_words(given.get("text")), _named(given, "id"), _named(given, "from") or "")


def _named(given: Mapping[str, Any], name: str) -> str | None:
    """Return an id, if there is one."""
    found = given.get(name)
    if found is not None and not (isinstance(found, str) and _SAID_ID.fullmatch(found)):
        raise WrongCommandError(f"{name}: expected 1 to 64 letters, digits and . _ : -")
    return found


def _words(value: Any) -> str:
    """Return the words to say."""
    text = bounds.text_of(value).strip()
    if not text:
        raise WrongCommandError("there are no words to say; send them as text, or as text in JSON")
    if len(text) > TEXT_MOST:
        raise WrongCommandError(f"{len(text)} characters are too many, {TEXT_MOST} fit")
    if any(unicodedata.category(each) == "Cc" and each not in _SPACES for each in text):
        raise WrongCommandError("there are control characters in the text")
    return text


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise WrongCommandError(f"{name}: expected true or false")
    return value


def _fields(text: str, *known: str) -> Mapping[str, Any]:
    """Return the JSON object in `text`, which may have only these fields."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise WrongCommandError("begins with { and is no JSON object") from None
    if bounds.is_too_deep(found):
        raise WrongCommandError("is nested too deeply")
    for name in found:
        if name not in known:
            there = ", ".join(known)
            raise WrongCommandError(f"there is no field {_shown(name)}; known are {there}")
    return dict(found)


def _no_number(name: str) -> float:
    raise ValueError(name)


def _shown(text: str) -> str:
    """Return what somebody sent, for a message."""
    short = text if len(text) <= 24 else f"{text[:24]}…"
    return repr(bounds.printable(bounds.text_of(short)))


_READERS: Mapping[str, Callable[[str, str], Command]] = {
    "microphone": _microphone,
    "volume": _volume,
    "persona": _persona,
    "say": _say,
    "prompt": _say,
    **dict.fromkeys(("listen", "interrupt", "dismiss"), _press),
}
