"""Holds messages of Voice Live against the models of its official SDK, field by field.

The SDK itself lets everything pass; its annotations say what it knows.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin, get_type_hints

from azure.ai.voicelive import _unions, models
from azure.ai.voicelive.models import _models

_BASE = models.ServerEvent.__mro__[1]
_NAMES = {**vars(models), **vars(_models), "_models": models, "_unions": _unions}

# Seen on the wire of the real service, but not in the SDK's models.
_UNKNOWN_EVENTS = {"conversation.item.done"}
_NOT_ALWAYS = {("RequestAudioContentPart", "audio")}


def assert_valid_voice_live_events(events: Iterable[Mapping[str, Any]]) -> None:
    """Every event is one that Voice Live may send; there is at least one."""
    _assert_valid(events, models.ServerEvent)


def assert_valid_voice_live_messages(messages: Iterable[Mapping[str, Any]]) -> None:
    """Every message is one that a client of Voice Live may send; there is at least one."""
    _assert_valid(messages, models.ClientEvent)


def problems(event: Mapping[str, Any], union: Any = models.ServerEvent) -> list[str]:
    """What is wrong with one event, in words; empty when it is valid."""
    kind = str(event.get("type"))
    if kind in _UNKNOWN_EVENTS:
        return []
    if kind not in union.__mapping__:
        return [f"{kind!r} is none of Voice Live"]
    return [f"{kind}: {each}" for each in _against_model(event, union, "")]


def _assert_valid(events: Iterable[Mapping[str, Any]], union: Any) -> None:
    checked = list(events)
    assert checked, "there is nothing to check"
    found = [words for event in checked for words in problems(event, union)]
    assert not found, "\n".join(found)


def _against_model(value: Any, model: Any, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: {value!r} is no object"
        return
    model = _exactly(model, value)
    hints = _hints(model)
    for name in value:
        if name not in hints:
            yield f"unknown field {path}{name} of {model.__name__}"
    for name, hint in hints.items():
        if name in value:
            yield from _against(value[name], hint, f"{path}{name}")
        elif NoneType not in get_args(hint) and (model.__name__, name) not in _NOT_ALWAYS:
            yield f"missing field {path}{name} of {model.__name__}"


def _exactly(model: Any, value: Mapping[str, Any]) -> Any:
    """The subclass of `model` that the discriminating fields of `value` name."""
    for field in ("type", "role"):
        mapping = model.__dict__.get("__mapping__", {})
        model = mapping.get(value.get(field), model)
    return model


@cache
def _hints(model: Any) -> dict[str, Any]:
    """Type of each field by its name on the wire."""
    names = {**_NAMES, "str": str, "int": int, "float": float, "bool": bool}
    hints = get_type_hints(model, names)
    model.__new__(model)  # fills in the table of its fields
    fields = model._attr_to_rest_field
    return {each._rest_name: _resolved(hints[name]) for name, each in fields.items()}


def _resolved(hint: Any) -> Any:
    return eval(hint, _NAMES) if isinstance(hint, str) else hint  # the SDK's own words


def _against(value: Any, hint: Any, path: str) -> Iterator[str]:
    hint = _resolved(hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        null = value is None and NoneType in arguments
        others = [list(_against(value, each, path)) for each in arguments if each is not NoneType]
        yield from [] if null else min(others, key=len)
    elif origin is Literal:
        plain = [getattr(each, "value", each) for each in arguments]
        if value not in plain:
            yield f"{path}: {value!r} is none of {plain}"
    elif origin is list:
        yield from _against_list(value, arguments[0], path)
    elif isinstance(hint, type) and issubclass(hint, _BASE):
        yield from _against_model(value, hint, f"{path}.")
    elif hint is not Any and not _fits(value, origin or hint):
        yield f"{path}: {value!r} is no {hint}"


def _against_list(value: Any, hint: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for index, each in enumerate(value):
        yield from _against(each, hint, f"{path}[{index}]")


def _fits(value: Any, kind: Any) -> bool:
    if kind is bytes:
        return isinstance(value, str)  # as base64
    if kind is datetime:
        kind = int  # seconds since 1970
    if kind is float:
        kind = (int, float)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return value in [each.value for each in kind]
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
