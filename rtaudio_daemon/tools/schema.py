"""Checks the arguments of a call against a JSON Schema, and schemas written by people.

Supported are type, enum, const, the limits of numbers, texts and lists, pattern, items, properties,
required, additionalProperties, allOf, anyOf and oneOf; of the latter two, at least one alternative
must match. All other keywords (`$ref`, `format`) are ignored.

Values are not converted, except that 3.0 is accepted as the integer 3.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..protocol.bounds import TEXT_CHARACTERS, is_too_deep
from .schema_keywords import (
    COUNT_LIMITS,
    DEPTH_MOST,
    LENGTH_LIMITS,
    TYPES,
    VALUE_LIMITS,
    allowed,
    below,
    is_number,
    kind_of,
    matches,
    same,
    several,
    shown,
    strings,
    types_of,
)
from .schema_problems import schema_problems
from .tool import Json, ToolError

__all__ = ["parameters_schema", "parse_arguments", "schema_problems"]

INTEGER_MOST = 2**53
"""Larger numbers are not represented equally everywhere."""
_WRONG_MOST = 8

Wrong = list[str]
"""What is wrong, each entry with the name of its field."""


def parse_arguments(text: str, schema: Json) -> Json:
    """Parse the arguments of a call from the JSON that the model wrote; "" means none.

    Unknown fields are dropped unless the schema allows them (`additionalProperties`); missing
    fields get their `default`. Raises ToolError, which names every wrong field and what is
    allowed there.
    """
    value = _decoded(text)
    if not isinstance(value, dict):
        raise ToolError(f"the arguments must be a JSON object, not {kind_of(value)}")
    if is_too_deep(value):
        raise ToolError("the arguments are nested too deeply")
    wrong: Wrong = []
    _check_words(value, "", wrong)
    if not wrong:
        # Arguments are always an object with named fields, whatever the schema says.
        schema = {"properties": {}, **schema, "type": "object"}
        value = _checked(value, schema, "", wrong)
    if wrong:
        more = len(wrong) - _WRONG_MOST
        listed = "; ".join(wrong[:_WRONG_MOST]) + (f"; and {more} more" if more > 0 else "")
        raise ToolError(f"wrong arguments: {listed}")
    found: Json = value
    return found


def parameters_schema(parameters: Mapping[str, Any]) -> Json:
    """Return the schema of the arguments for `tools.own[].parameters`: a schema for each name.

    An argument is required unless it has a `default` or says `optional: true`. A complete schema
    (`type: object` with `properties`) is returned unchanged.
    """
    if parameters.get("type") == "object" and isinstance(parameters.get("properties"), Mapping):
        return dict(parameters)
    properties: Json = {}
    required = []
    for name, entry in parameters.items():
        if not isinstance(entry, Mapping):
            properties[name] = entry  # a mistake, reported by `schema_problems`
            continue
        schema = dict(entry)
        if isinstance(entry.get("optional"), bool):
            del schema["optional"]
        properties[name] = schema
        if entry.get("optional") is not True and "default" not in entry:
            required.append(name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


# ----------------------------------------------------------------- the text


def _decoded(text: str) -> Any:
    if len(text) > TEXT_CHARACTERS:
        raise ToolError(f"the arguments are too long: at most {TEXT_CHARACTERS} characters")
    try:
        return json.loads(text.strip() or "{}", parse_constant=_no_number, parse_int=_whole)
    except _NumberError as error:
        raise ToolError(f"the arguments hold {error}, which is no number") from None
    except (ValueError, RecursionError):
        raise ToolError("the arguments are no JSON; send one JSON object") from None


class _NumberError(Exception):
    """The number is not valid in JSON."""


def _no_number(name: str) -> float:
    raise _NumberError(name)


def _whole(digits: str) -> int | float:
    # Numbers of thousands of digits are never parsed: too large ones are refused by name.
    return int(digits) if len(digits) <= 20 else math.inf


def _check_words(value: Any, at: str, wrong: Wrong) -> None:
    """Find numbers and characters that no tool should get, at any depth."""
    if isinstance(value, dict):
        for key, each in value.items():
            _check_words(key, at, wrong)
            _check_words(each, below(at, key), wrong)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_words(each, f"{at}[{index}]", wrong)
    elif isinstance(value, str):
        if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            wrong.append(f"{at or 'a name'}: holds a character that no text may hold")
    elif is_number(value) and not abs(value) <= INTEGER_MOST:
        wrong.append(f"{at}: the number is too large")


# --------------------------------------------------------------- the values


def _checked(value: Any, schema: Any, at: str, wrong: Wrong, depth: int = 0) -> Any:
    """Return `value` as it is to be used; append what is wrong with it to `wrong`."""
    if not isinstance(schema, Mapping) or depth > DEPTH_MOST:
        return value
    before = len(wrong)
    types = types_of(schema)
    if types and not any(TYPES[name][1](value) for name in types):
        absent = " (leave it out if there is none)" if value is None else ""
        wrong.append(_said(at, f"expected {allowed(schema)}, got {kind_of(value)}{absent}"))
        return value
    if isinstance(value, float) and "integer" in types and "number" not in types:
        value = int(value)
    wrong += [_said(at, what) for what in _complaints(value, schema)]
    if isinstance(value, list) and "items" in schema:
        value = [
            _checked(each, schema["items"], f"{at}[{index}]", wrong, depth + 1)
            for index, each in enumerate(value)
        ]
    if len(wrong) > before:
        return value
    value = _one_that_fits(value, schema, at, wrong, depth)
    if isinstance(value, dict):
        value = _checked_fields(value, schema, at, wrong, depth)
    return value


def _one_that_fits(value: Any, schema: Mapping[str, Any], at: str, wrong: Wrong, depth: int) -> Any:
    """Return `value` if it fits all of allOf, and one each of anyOf and oneOf."""
    for each in several(schema, "allOf"):
        _checked(value, each, at, wrong, depth + 1)
    for word in ("anyOf", "oneOf"):
        tries: list[Wrong] = []
        for each in several(schema, word):
            tries.append([])
            fits = _checked(value, each, at, tries[-1], depth + 1)
            if not tries[-1]:
                # A field dropped by an alternative may belong to `properties` beside it.
                value = value if "properties" in schema else fits
                break
        if len(tries) == 1:
            wrong += tries[0]
        elif all(tries):
            may_be = " or ".join(dict.fromkeys(filter(None, map(allowed, several(schema, word)))))
            wrong += [_said(at, f"expected {may_be}, got {kind_of(value)}")] if tries else []
    return value


def _checked_fields(
    value: Json, schema: Mapping[str, Any], at: str, wrong: Wrong, depth: int
) -> Json:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    others = schema.get("additionalProperties", "properties" not in schema)
    known = _names_beside(schema)
    found: Json = {}
    for name, each in value.items():
        if name in properties:
            found[name] = _checked(each, properties[name], below(at, name), wrong, depth + 1)
        elif isinstance(others, Mapping):
            found[name] = _checked(each, others, below(at, name), wrong, depth + 1)
        elif others is True or known is None or name in known:
            found[name] = each
    for name, each in properties.items():
        if name not in found and isinstance(each, Mapping) and "default" in each:
            unfit: Wrong = []
            default = _checked(each["default"], each, name, unfit, depth + 1)
            if not unfit:
                found[name] = default
    for name in strings(schema.get("required")):
        if name not in found:
            may_be = allowed(properties.get(name))
            wrong.append(f"{below(at, name)}: is missing{f', {may_be}' if may_be else ''}")
    return found


def _names_beside(schema: Mapping[str, Any]) -> set[str] | None:
    """Return the fields that only allOf, anyOf and oneOf name; None if any are allowed."""
    if "$ref" in schema or "patternProperties" in schema:
        return None
    names: set[str] = set()
    for word in ("allOf", "anyOf", "oneOf"):
        for each in several(schema, word):
            if isinstance(each, Mapping):
                inner = each.get("properties")
                names |= set(inner) if isinstance(inner, Mapping) else set()
                if "$ref" in each:
                    return None
    return names


def _complaints(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a value of the right type, apart from its parts."""
    if "const" in schema and not same(value, schema["const"]):
        yield f"expected {shown(schema['const'])}"
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(same(value, each) for each in choices):
        yield f"expected {allowed(schema)}"
    if is_number(value) and not _within(value, schema, *VALUE_LIMITS):
        yield f"expected {allowed(schema)}, got {value}"
    if isinstance(value, str):
        if not _within(len(value), schema, *LENGTH_LIMITS):
            yield f"expected {allowed(schema)}, got {len(value)} characters"
        elif not matches(schema.get("pattern"), value):
            yield f"expected text like {shown(schema['pattern'])}"
    if isinstance(value, list) and not _within(len(value), schema, *COUNT_LIMITS):
        yield f"expected {allowed(schema)}, got {len(value)}"


def _within(
    number: float, schema: Mapping[str, Any], low: str, high: str, above: str = "", below: str = ""
) -> bool:
    """Return whether the limits with these names allow `number`."""
    smallest, largest = schema.get(low), schema.get(high)
    lower, upper = schema.get(above), schema.get(below)
    return not (
        (is_number(smallest) and number < smallest)
        or (is_number(largest) and number > largest)
        or (is_number(lower) and number <= lower)
        or (is_number(upper) and number >= upper)
    )


def _said(at: str, what: str) -> str:
    return f"{at}: {what}" if at else what
