"""Finds mistakes in a JSON Schema written by a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..config.secret import did_you_mean
from .schema_keywords import (
    COUNT_LIMITS,
    DEPTH_MOST,
    LENGTH_LIMITS,
    MATCHING_MOST,
    TYPES,
    VALUE_LIMITS,
    below,
    is_number,
    kind_of,
    safe_pattern,
    several,
    shown,
    types_of,
)

_USUAL_CHARACTERS = 100  # texts of this length must be feasible for a pattern
_LIMITS = (
    *(*VALUE_LIMITS, *LENGTH_LIMITS, *COUNT_LIMITS),
    *("multipleOf", "minProperties", "maxProperties"),
)
_KNOWN = (
    *("type", "description", "title", "default", "examples", "enum", "const", "format", "pattern"),
    *("items", "uniqueItems", "properties", "required", "additionalProperties"),
    *("anyOf", "oneOf", "allOf", "not", "nullable", "deprecated", "optional"),
    *_LIMITS,
)


def schema_problems(schema: Any) -> list[str]:
    """Return what is wrong with a schema, in lines such as `who.type: there is no …`.

    `schema`: the schema of all arguments, as returned by `parameters_schema`.
    """
    return [f"{at}: {what}" if at else what for at, what in _problems(schema, "", 0)]


def _problems(schema: Any, at: str, depth: int) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, Mapping):
        yield at, "expected a schema, as in {type: string}"
        return
    if depth > DEPTH_MOST:
        yield at, "is nested too deeply"
        return
    for word in schema:
        if word == "optional":
            yield below(at, "optional"), "expected true or false, beside the type of an argument"
        elif (
            word not in _KNOWN
            and not str(word).startswith(("x-", "$"))
            and (hint := did_you_mean(word, _KNOWN))
        ):
            yield below(at, str(word)), f"there is no such word{hint}"
    yield from _type_problems(schema, at)
    yield from _value_problems(schema, at)
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        yield below(at, "properties"), "expected names, each with its schema"
        properties = {}
    for name, each in properties.items():
        yield from _problems(each, below(at, str(name)), depth + 1)
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(each in [*properties] for each in required):
        yield below(at, "required"), "expected a list of names that properties holds"
    if "items" in schema:
        yield from _problems(schema["items"], below(at, "items"), depth + 1)
    for word in ("allOf", "anyOf", "oneOf"):
        if word in schema and not several(schema, word):
            yield below(at, word), "expected a list of schemas"
        for index, each in enumerate(several(schema, word)):
            yield from _problems(each, f"{below(at, word)}[{index}]", depth + 1)


def _type_problems(schema: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    if "type" not in schema:
        if not any(word in schema for word in ("enum", "const", "anyOf", "oneOf", "allOf", "$ref")):
            yield at, f"needs a type: {', '.join(TYPES)}"
        return
    given = schema["type"]
    for each in given if isinstance(given, list) and given else [given]:
        if each is None:
            yield below(at, "type"), 'write "null" in quotes'
        elif each not in [*TYPES]:
            hint = did_you_mean(each, TYPES) or f"; known are {', '.join(TYPES)}"
            yield below(at, "type"), f"there is no type {shown(each)}{hint}"


def _value_problems(schema: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    for word in _LIMITS:
        if word in schema and not is_number(schema[word]):
            yield below(at, word), f"expected a number, got {shown(schema[word])}"
    for low, high in (VALUE_LIMITS[:2], LENGTH_LIMITS, COUNT_LIMITS):
        smallest, largest = schema.get(low), schema.get(high)
        if is_number(smallest) and is_number(largest) and smallest > largest:
            yield below(at, low), f"must not be larger than {high}"
    pattern = schema.get("pattern", "")
    safe = safe_pattern(pattern) if isinstance(pattern, str) else None
    if safe is None or safe[1](_USUAL_CHARACTERS) > MATCHING_MOST:
        yield below(at, "pattern"), "cannot be used: it is no pattern, or one that may take long"
    choices = schema.get("enum", [None])
    if not isinstance(choices, list) or not choices:
        yield below(at, "enum"), "expected a list of values"
        choices = []
    types = types_of(schema)
    for word, values in (("enum", choices), ("default", [schema.get("default")])):
        for each in values if word in schema and types else []:
            if not any(TYPES[name][1](each) for name in types):
                quotes = "; put it in quotes" if "string" in types else ""
                yield below(at, word), f"{shown(each)} is {kind_of(each)}, not {types[0]}{quotes}"
