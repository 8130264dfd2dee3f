"""The keywords of JSON Schema: types, limits and patterns, and what they allow, in words."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from ..protocol.bounds import printable

DEPTH_MOST = 16
"""Maximum nesting depth of schemas; deeper ones are ignored."""
_NAME_CHARACTERS = 40
_SHOWN_CHARACTERS = 200
MATCHING_MOST = 2_000_000
"""Maximum number of steps that matching a pattern may take, approximately."""
VALUE_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
LENGTH_LIMITS = ("minLength", "maxLength")
COUNT_LIMITS = ("minItems", "maxItems")
TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("text", lambda value: isinstance(value, str)),
    "integer": ("a whole number", lambda value: _is_whole(value)),
    "number": ("a number", lambda value: is_number(value)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "array": ("a list", lambda value: isinstance(value, list)),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "null": ("null", lambda value: value is None),
}
"""The types: their names in words, and functions that test a value."""


def allowed(schema: Any) -> str:
    """Return what a schema allows, in words; "" if it allows everything."""
    if not isinstance(schema, Mapping):
        return ""
    if "const" in schema:
        return shown(schema["const"])
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return _cut(f"one of {', '.join(map(shown, choices))}")
    names = " or ".join(TYPES[name][0] for name in types_of(schema))
    if not names:
        parts = [allowed(each) for each in several(schema, "anyOf") + several(schema, "oneOf")]
        return _cut(" or ".join(dict.fromkeys(filter(None, parts))))
    if limits := _limits(schema):
        return f"{names} {limits}"
    return names


def _limits(schema: Mapping[str, Any]) -> str:
    for low, high, unit in (
        (*VALUE_LIMITS[:2], ""),
        (*LENGTH_LIMITS, " characters"),
        (*COUNT_LIMITS, " entries"),
    ):
        smallest, largest = schema.get(low), schema.get(high)
        if is_number(smallest) and is_number(largest):
            return f"from {smallest} to {largest}{unit}"
        if is_number(smallest):
            return f"of at least {smallest}{unit}"
        if is_number(largest):
            return f"of at most {largest}{unit}"
    lower, upper = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    words = [f"above {lower}"] * is_number(lower) + [f"below {upper}"] * is_number(upper)
    return " and ".join(words)


def kind_of(value: Any) -> str:
    """Return the type of a JSON value in words."""
    return next(what for what, fits in TYPES.values() if fits(value))


def shown(value: Any) -> str:
    """Return a JSON value for a message, shortened."""
    words = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return _cut(printable(words))


def _cut(words: str) -> str:
    return words if len(words) <= _SHOWN_CHARACTERS else f"{words[: _SHOWN_CHARACTERS - 1]}…"


def below(at: str, name: str) -> str:
    """Return the path of the field `name` inside the value at `at`."""
    name = printable(name[:_NAME_CHARACTERS])
    return f"{at}.{name}" if at else name


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """Return the types that a schema allows; [] if any."""
    given = schema.get("type")
    names = strings(given if isinstance(given, list) else [given])
    known = [name for name in names if name in TYPES]
    if known and schema.get("nullable") is True:
        known.append("null")
    return known if len(known) >= len(names) else []  # an unknown type may be anything


def several(schema: Mapping[str, Any], word: str) -> list[Any]:
    """Return the list for the keyword `word`; [] if there is none."""
    given = schema.get(word)
    return given if isinstance(given, list) else []


def strings(value: Any) -> list[str]:
    """Return the texts in a list; [] if it is no list."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether it is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return is_number(value) and (isinstance(value, int) or value.is_integer())


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal; true is not 1."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def matches(pattern: Any, text: str) -> bool:
    """Return whether `text` contains `pattern`; an unsafe pattern matches everything."""
    if not isinstance(pattern, str) or (safe := safe_pattern(pattern)) is None:
        return True
    found, cost = safe
    if cost(len(text)) > MATCHING_MOST:
        return False  # longer than any sensible text
    return found.search(text) is not None


_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?:)?|\)|\||[*+?]\??|\{\d*,?\d*\}\??|.", re.DOTALL
)


def safe_pattern(pattern: str) -> tuple[re.Pattern[str], Callable[[int], float]] | None:
    """Compile a pattern; also return its worst-case steps for a text of a given length.

    None if it is invalid or may take too long: repeated groups, references, lookaround.
    """
    if len(pattern) > _SHOWN_CHARACTERS:
        return None
    tokens = _TOKEN.findall(pattern)
    loops, choices = 0 if pattern.startswith("^") and "|" not in tokens else 1, 1
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token[0] in "*+{":
            if before == ")":
                return None
            loops += "," in token or token[0] in "*+"
        elif token[0] == "?" or token == "|":
            if before == "(":
                return None  # lookaround, or a named group
            choices *= 2
        elif token[0] == "\\" and token[1:].isdigit():
            return None
    # In JSON Schema, `$` is the very end, and \d and \w are ASCII.
    exact = "".join(r"\Z" if token == "$" else token for token in tokens)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # such as [[a], whose meaning may change
            found = re.compile(exact, re.ASCII)
    except (re.error, OverflowError, RecursionError, FutureWarning):
        return None
    return found, lambda length: float(choices) * float(length + 1) ** loops
