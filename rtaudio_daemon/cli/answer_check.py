"""Validates answers that claim to come from a daemon, before a command reads them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ..api.routes import ROUTES
from ..api.schema_parts import Schema
from ..protocol.bounds import is_too_deep

_MOST = 1e15
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


def parsed(text: bytes | str) -> dict[str, Any]:
    """Return the JSON object in `text`, with numbers of a readable size.

    Raises ValueError for anything else.
    """
    try:
        found = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no object")
    if is_too_deep(found):
        raise ValueError("nested too deeply")
    return found


def check_answer(method: str, path: str, answer: Mapping[str, Any]) -> None:
    """Raise ValueError if a field has another type than in this route's answers.

    A daemon of another version may lack fields, and have others.
    """
    for route in ROUTES:
        pattern = re.sub(r"{\w+}", "[^/]+", route.path)
        if route.method == method and route.gives and re.fullmatch(pattern, path):
            _check(route.gives, answer, "the answer")


def _number(text: str) -> int | float:
    value = int(text) if re.fullmatch(r"-?\d{1,16}", text) else float(text)
    if not math.isfinite(value) or abs(value) > _MOST:
        raise ValueError("a number without measure")
    return value


def _check(schema: Schema, value: object, name: str) -> None:
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(kind, value) for kind in kinds):
        raise ValueError(f"{name} is no {' or '.join(kinds)}")
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if key in value:
                _check(inner, value[key], key)
    elif isinstance(value, list):
        for each in value:
            _check(schema.get("items", {}), each, name)


def _is(kind: str, value: object) -> bool:
    return isinstance(value, _PLAIN[kind]) and (kind == "boolean" or not isinstance(value, bool))
