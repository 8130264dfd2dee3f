"""The bounds of what a service sends: one function per kind of value.

Each function takes any JSON value and returns one that is safe to keep, to log and to publish: of
the right type, no longer than its kind may be, and without lone surrogates, which no file takes.
"""

from __future__ import annotations

from typing import Any

ID_CHARACTERS = 128
ERROR_CHARACTERS = 300
TEXT_CHARACTERS = 64 * 1024
INDEX_MOST = 65_535
DAY_MS = 86_400_000


def id_of(value: Any) -> str:
    """An id, a name or a state of the service; "" for what is no text."""
    return _text(value, ID_CHARACTERS)


def code_of(value: Any) -> str:
    """The code or the type of an error; some services send a number."""
    return id_of(str(value) if type(value) is int else value)


def error_message_of(value: Any) -> str:
    """The words of an error on one line, as a log holds them; "" for what is no text."""
    text = " ".join(_text(value, 4 * ERROR_CHARACTERS).split())
    return text if len(text) <= ERROR_CHARACTERS else text[: ERROR_CHARACTERS - 1] + "…"


def text_of(value: Any) -> str:
    """What was said or written, or the arguments of a call; "" for what is no text."""
    return _text(value, TEXT_CHARACTERS)


def index_of(value: Any) -> int:
    """A position in a list; 0 for what is none."""
    return value if type(value) is int and 0 <= value <= INDEX_MOST else 0


def milliseconds_of(value: Any) -> int | None:
    """A length of sound, from nothing to a day; None for what is no number."""
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
