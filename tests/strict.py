"""Holds messages against the official SDK's types: required fields, types, and nothing unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args

from openai.types.beta.realtime import (
    RealtimeClientEvent as PreviewClientEvent,
)
from openai.types.beta.realtime import (
    RealtimeServerEvent as PreviewServerEvent,
)
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, ValidationError

Dialect = Literal["ga", "preview"]

_UNIONS: dict[tuple[str, str], Any] = {
    ("ga", "server"): RealtimeServerEvent,
    ("ga", "client"): RealtimeClientEvent,
    ("preview", "server"): PreviewServerEvent,
    ("preview", "client"): PreviewClientEvent,
}

# Seen on the wire of the real service, but not (yet) in the SDK's models.
_ON_THE_WIRE = {
    ("ga", "server"): {
        ("RealtimeSessionCreateRequest", "id"),
        ("RealtimeSessionCreateRequest", "object"),
        ("RealtimeSessionCreateRequest", "expires_at"),
        ("RealtimeTranscriptionSessionCreateRequest", "id"),
        ("RealtimeTranscriptionSessionCreateRequest", "object"),
        ("RealtimeTranscriptionSessionCreateRequest", "expires_at"),
    },
    ("preview", "server"): {("Session", "object"), ("Session", "expires_at")},
}
# Undocumented fields of GA servers: at which place of which events they have been seen.
_EXTRAS = {
    "obfuscation": (
        "response.output_text.delta",
        "response.output_audio_transcript.delta",
        "response.function_call_arguments.delta",
    ),
    "content": ("response.content_part.added", "response.content_part.done"),
    "item.phase": (
        "conversation.item.added",
        "conversation.item.done",
        "response.output_item.added",
        "response.output_item.done",
    ),
}


def assert_valid_server_events(dialect: Dialect, events: Iterable[Mapping[str, Any]]) -> None:
    """Every event is one that the service of `dialect` may send; there is at least one."""
    _assert_valid(dialect, "server", events)


def assert_valid_client_events(dialect: Dialect, messages: Iterable[Mapping[str, Any]]) -> None:
    """Every message is one that a client of `dialect` may send; there is at least one."""
    _assert_valid(dialect, "client", messages)


def problems(dialect: Dialect, side: str, message: Mapping[str, Any]) -> list[str]:
    """What is wrong with one message, in words; empty when it is valid."""
    kind = message.get("type")
    model = _models(dialect, side).get(str(kind))
    if model is None:
        return [f"{kind!r} is no {side} event of {dialect}"]
    try:
        parsed = model.model_validate(dict(message), strict=True)
    except ValidationError as error:
        return [f"{kind}: {error}"]
    allowed = _ON_THE_WIRE.get((dialect, side), set())
    return [
        f"{kind}: unknown field {path}"
        for owner, name, path in _extras(parsed, "")
        if (owner, name) not in allowed
        and not (dialect == "ga" and side == "server" and _is_extra(message, path))
    ]


def _assert_valid(dialect: Dialect, side: str, messages: Iterable[Mapping[str, Any]]) -> None:
    checked = list(messages)
    assert checked, "there is nothing to check"
    found = [words for message in checked for words in problems(dialect, side, message)]
    assert not found, "\n".join(found)


def _is_extra(event: Mapping[str, Any], path: str) -> bool:
    if event["type"] not in _EXTRAS.get(path, ()):
        return False
    if path == "content":  # the twin of the part
        return bool(event["content"] == event["part"])
    if path == "item.phase":
        return bool(event["item"].get("role") == "assistant")
    return isinstance(event[path], str)


@cache
def _models(dialect: Dialect, side: str) -> dict[str, type[BaseModel]]:
    models: dict[str, type[BaseModel]] = {}
    for member in _members(_UNIONS[(dialect, side)]):
        for name in get_args(member.model_fields["type"].annotation):
            models[name] = member
    return models


def _members(union: Any) -> Iterator[type[BaseModel]]:
    if isinstance(union, type) and issubclass(union, BaseModel):
        yield union
        return
    for argument in get_args(union):
        if isinstance(argument, type) or get_args(argument):
            yield from _members(argument)


def _extras(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, BaseModel):
        owner = type(value).__name__
        for name in value.model_extra or {}:
            yield owner, name, f"{path}{name}"
        for name in value.model_fields_set:
            yield from _extras(getattr(value, name, None), f"{path}{name}.")
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _extras(entry, f"{path}{index}.")
