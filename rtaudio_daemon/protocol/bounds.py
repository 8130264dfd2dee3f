"""Bound the values that a service sends: one function per kind of value.

Each function takes any JSON value and returns one that is safe to keep, to log and to publish: of
the right type, of bounded length, and without lone surrogates, which UTF-8 cannot encode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ID_CHARACTERS = 128
ERROR_CHARACTERS = 300
TEXT_CHARACTERS = 64 * 1024
INDEX_MOST = 65_535
DAY_MS = 86_400_000
TOKENS_MOST = 1_000_000_000
DEPTH_MOST = 64
"""Maximum nesting depth of lists and objects: no real message has a quarter of that."""
OTHER = "other"
"""Stands for an unknown state."""

RESPONSE_STATES = frozenset({"in_progress", "completed", "cancelled", "failed", "incomplete"})
"""The known states of an answer."""
_KINDS = ("text_tokens", "audio_tokens", "image_tokens", "cached_tokens", "reasoning_tokens")
_USAGE: Mapping[str, Any] = {
    **dict.fromkeys(("total_tokens", "input_tokens", "output_tokens", "seconds")),
    "input_token_details": {
        **dict.fromkeys(_KINDS),
        "cached_tokens_details": dict.fromkeys(_KINDS),
    },
    "output_token_details": dict.fromkeys(_KINDS),
}
# Control characters except tab and line feed, directional marks, and unusual line separators.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def id_of(value: Any) -> str:
    """Return an id, a name or a state of the service; "" if it is not a string."""
    return _text(value, ID_CHARACTERS)


def code_of(value: Any) -> str:
    """Return the code or type of an error; some services send a number."""
    return id_of(str(value) if type(value) is int else value)


def error_message_of(value: Any) -> str:
    """Return the message of an error on one line, shortened; "" if it is not a string."""
    text = printable(" ".join(_text(value, 4 * ERROR_CHARACTERS).split()))
    return text if len(text) <= ERROR_CHARACTERS else text[: ERROR_CHARACTERS - 1] + "…"


def text_of(value: Any) -> str:
    """Return a transcript, a text, or the arguments of a call; "" if it is not a string."""
    return _text(value, TEXT_CHARACTERS)


def index_of(value: Any) -> int:
    """Return an index into a list; 0 if it is not one."""
    return value if type(value) is int and 0 <= value <= INDEX_MOST else 0


def milliseconds_of(value: Any) -> int | None:
    """Return a duration, clamped to a day; None if it is not a number."""
    if type(value) not in (int, float) or value != value:
        return None
    return int(max(0, min(value, DAY_MS)))


def response_status_of(value: Any) -> str:
    """Return the status of an answer: a known one, "completed" if missing, otherwise `OTHER`."""
    if not isinstance(value, str) or not value:
        return "completed"
    return value if value in RESPONSE_STATES else OTHER


def usage_of(value: Any) -> dict[str, Any]:
    """Return the known, plausible fields of a ``usage`` object; {} for anything else."""
    usage = _known(value, _USAGE)
    if usage and (kind := id_of(value.get("type"))):
        usage["type"] = kind
    return usage


def is_too_deep(value: Any) -> bool:
    """Return whether lists and objects are nested deeper than `DEPTH_MOST`."""
    level = [value]
    for _ in range(DEPTH_MOST + 1):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        if not inner:
            return False
        level = inner
    return True


def printable(text: str) -> str:
    """Escape what could forge lines or control a terminal; tabs and "\\n" are kept."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def _known(value: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not isinstance(value, dict):
        return found
    for name, kind in fields.items():
        given = value.get(name)
        if isinstance(kind, Mapping):
            if isinstance(given, dict):
                found[name] = _known(given, kind)
        elif (
            isinstance(given, int | float) and type(given) is not bool and 0 <= given <= TOKENS_MOST
        ):
            found[name] = given
    return found


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str):
        return ""
    text = value[:most]
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
