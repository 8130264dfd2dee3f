"""Bound the values that a service sends: one function per kind of value.

Each function takes any JSON value and returns one that is safe to keep, to log and to publish: of
the right type, of bounded length, and without lone surrogates, which UTF-8 cannot encode.
"""

from __future__ import annotations

from typing import Any

ID_CHARACTERS = 128
ERROR_CHARACTERS = 300
TEXT_CHARACTERS = 64 * 1024
INDEX_MOST = 65_535
DAY_MS = 86_400_000


def id_of(value: Any) -> str:
    """An id, a name or a state of the service; "" if it is not a string."""
    return _text(value, ID_CHARACTERS)


def code_of(value: Any) -> str:
    """The code or the type of an error; some services send a number."""
    return id_of(str(value) if type(value) is int else value)


def error_message_of(value: Any) -> str:
    """The message of an error on one line, cut for a log; "" if it is not a string."""
    text = " ".join(_text(value, 4 * ERROR_CHARACTERS).split())
    return text if len(text) <= ERROR_CHARACTERS else text[: ERROR_CHARACTERS - 1] + "…"


def text_of(value: Any) -> str:
    """A transcript, a text, or the arguments of a call; "" if it is not a string."""
    return _text(value, TEXT_CHARACTERS)


def index_of(value: Any) -> int:
    """A position in a list; 0 if it is not one."""
    return value if type(value) is int and 0 <= value <= INDEX_MOST else 0


def milliseconds_of(value: Any) -> int | None:
    """A duration, clamped to a day; None if it is not a number."""
    if type(value) not in (int, float) or value != value:
        return None
    return int(max(0, min(value, DAY_MS)))


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str):
        return ""
    text = value[:most]
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
