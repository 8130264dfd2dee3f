"""Settings and states without words: only numbers, flags and words of fixed lists are kept.

For reports that people send to others. Only what is listed here is kept: a text becomes its length,
a secret `**`, and names that somebody chose become numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from .checks import Check
from .schema import written
from .secret import Secret
from .sections import Config

HIDDEN = "**"
"""Stands for a secret, and for the result of a tag such as !secret."""
_MOST = 200  # maximum number of entries of a list or a group


def settings(config: Config, source: Any = None) -> dict[str, Any]:
    """Return all settings, ready for JSON.

    An option at its default is shown unchanged. `source`: the plain values of the file, as
    returned by `yaml_loader.read`; results of tags are hidden, even numbers.
    """
    return _group(config, source)


def wordless(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return of `value` only what its JSON Schema bounds: numbers, flags, words of a list.

    Fields that are not in the schema are left out; free names become numbers.
    """
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if value is None:
        return None
    if isinstance(value, Secret):
        return HIDDEN if value else ""
    if isinstance(value, str):
        return value if value in schema.get("enum", ()) else _length(value)
    if isinstance(value, bool):
        return value if kinds == ("boolean",) else "yes or no"
    if isinstance(value, int | float):
        plain = set(kinds) <= {"integer", "number", "null"} and kinds and abs(value) < math.inf
        return value if plain else "a number"
    if isinstance(value, Mapping):
        return _mapping(value, schema)
    if isinstance(value, list | tuple):
        return [wordless(each, schema.get("items", {})) for each in value[:_MOST]]
    return "something"


def _length(text: str) -> str:
    return f"text of {len(text)} characters" if text else ""


def _mapping(value: Mapping[Any, Any], schema: Mapping[str, Any]) -> Any:
    named, others = schema.get("properties", {}), schema.get("additionalProperties")
    if named:
        return {name: wordless(value[name], named[name]) for name in named if name in value}
    if isinstance(others, Mapping):
        given = list(value.values())[:_MOST]
        return {str(number): wordless(each, others) for number, each in enumerate(given, 1)}
    return f"a group of {len(value)}"


def _group(group: Any, source: Any) -> dict[str, Any]:
    return {
        each.name: _option(getattr(group, each.name), each, _below(source, each.name))
        for each in fields(group)
        if "meaning" in each.metadata
    }


def _option(value: Any, option: Field[Any], source: Any) -> Any:
    if isinstance(source, Secret):
        return HIDDEN
    if "section" in option.metadata:
        return _group(value, source)
    if value == option.default is not MISSING and not isinstance(value, Secret):
        return written(value)
    check: Check = option.metadata["check"]
    if check.entries is None:
        return _hidden_by_tags(wordless(value, check.json), source)
    if isinstance(value, Mapping):
        entries = list(value.items())[:_MOST]
        return {
            str(number): _entry(each, _below(source, name))
            for number, (name, each) in enumerate(entries, 1)
        }
    given = source if isinstance(source, list) else [source]
    return [
        _entry(each, given[number] if number < len(given) else None)
        for number, each in enumerate((value or ())[:_MOST])
    ]


def _entry(entry: Any, source: Any) -> Any:
    return _group(entry, source) if is_dataclass(entry) else "something"


def _hidden_by_tags(shown: Any, source: Any) -> Any:
    """Return `shown`, or `**` if it was made from any secret in `source`."""
    if isinstance(source, Secret):
        return HIDDEN
    inner = source.values() if isinstance(source, Mapping) else source
    if not isinstance(source, list | Mapping):
        return shown
    return HIDDEN if any(_hidden_by_tags("", each) == HIDDEN for each in inner) else shown


def _below(source: Any, name: Any) -> Any:
    return source.get(name) if isinstance(source, Mapping) else None
