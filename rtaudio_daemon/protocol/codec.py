"""Translate messages between the two dialects of the Realtime API and JSON.

Inside the package, names and shapes are *canonical*, which is the preview dialect: names such as
``response.audio.delta`` and flat settings such as ``turn_detection``. The *ga* dialect names seven
events differently, nests the audio settings under ``audio`` and calls the assistant's content
``output_text`` and ``output_audio``. Decoding accepts both dialects at any time; only encoding
needs to know the dialect.

Unknown names and fields pass unchanged in both directions. The shapes behind the names are in
`session_format`, whose functions this module exports too.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ..config.profiles import Dialect
from .bounds import DEPTH_MOST, is_too_deep
from .session_format import (
    CANONICAL_TO_GA_FORMATS,
    GA_PLACES,
    TURN_DETECTION_DEFAULTS,
    Json,
    SessionFacts,
    canonical_item,
    canonical_response,
    committing,
    describe_session,
    explicit_turn_detection,
    flat_session,
    merged,
    nested_session,
    session_settings,
    wire_item,
    wire_response,
    wire_session,
)

__all__ = [
    "CANONICAL_TO_GA",
    "CANONICAL_TO_GA_FORMATS",
    "CLIENT_EVENTS",
    "GA_ALIASES",
    "GA_PLACES",
    "MAX_MESSAGE_BYTES",
    "SERVER_EVENTS",
    "TURN_DETECTION_DEFAULTS",
    "Dialect",
    "Json",
    "SessionFacts",
    "canonical_item",
    "canonical_name",
    "canonical_response",
    "decode",
    "describe_session",
    "encode",
    "encode_append",
    "explicit_turn_detection",
    "flat_session",
    "merged",
    "nested_session",
    "session_settings",
    "wire_item",
    "wire_name",
    "wire_response",
    "wire_session",
]

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""Maximum length of a message; a service that sends more is broken."""

CANONICAL_TO_GA: Mapping[str, str] = MappingProxyType(
    {
        "response.text.delta": "response.output_text.delta",
        "response.text.done": "response.output_text.done",
        "response.audio.delta": "response.output_audio.delta",
        "response.audio.done": "response.output_audio.done",
        "response.audio_transcript.delta": "response.output_audio_transcript.delta",
        "response.audio_transcript.done": "response.output_audio_transcript.done",
        "conversation.item.created": "conversation.item.added",
    }
)
"""Canonical name of a server event → its name in the GA dialect, if different."""

GA_ALIASES: Mapping[str, str] = MappingProxyType(
    {ga: canonical for canonical, ga in CANONICAL_TO_GA.items()}
)
"""GA name of a server event → its canonical name, if different."""

_SERVER_NAMES = """
session.created session.updated transcription_session.updated error conversation.created
conversation.item.created conversation.item.done conversation.item.deleted
conversation.item.retrieved conversation.item.truncated
conversation.item.input_audio_transcription.completed
conversation.item.input_audio_transcription.delta
conversation.item.input_audio_transcription.failed
conversation.item.input_audio_transcription.segment
input_audio_buffer.cleared input_audio_buffer.committed input_audio_buffer.speech_started
input_audio_buffer.speech_stopped input_audio_buffer.timeout_triggered
input_audio_buffer.dtmf_event_received output_audio_buffer.started
output_audio_buffer.stopped output_audio_buffer.cleared rate_limits.updated
response.created response.done response.output_item.added response.output_item.done
response.content_part.added response.content_part.done
response.text.delta response.text.done response.audio.delta response.audio.done
response.audio_transcript.delta response.audio_transcript.done
response.function_call_arguments.delta response.function_call_arguments.done
response.mcp_call_arguments.delta response.mcp_call_arguments.done
response.mcp_call.in_progress response.mcp_call.completed response.mcp_call.failed
mcp_list_tools.in_progress mcp_list_tools.completed mcp_list_tools.failed
"""
SERVER_EVENTS: frozenset[str] = frozenset(_SERVER_NAMES.split())
"""Canonical names of all server events of both dialects."""

_CLIENT_NAMES = """
session.update transcription_session.update response.create response.cancel
conversation.item.create conversation.item.delete conversation.item.retrieve
conversation.item.truncate input_audio_buffer.append input_audio_buffer.clear
input_audio_buffer.commit output_audio_buffer.clear
"""
CLIENT_EVENTS: frozenset[str] = frozenset(_CLIENT_NAMES.split())
"""Names of all client events (the same in both dialects)."""


def canonical_name(name: str) -> str:
    """Return the canonical name of a server event, given its name in either dialect."""
    return GA_ALIASES.get(name, name)


def wire_name(name: str, dialect: Dialect) -> str:
    """Return the name of a server event in `dialect`, given its name in either dialect."""
    canonical = canonical_name(name)
    return CANONICAL_TO_GA.get(canonical, canonical) if dialect == "ga" else canonical


def decode(raw: str | bytes) -> Json:
    """Decode a server's message into canonical names and shapes.

    Raises ValueError if it is not JSON, not an object, has no ``type``, is nested too deeply, or is
    longer than `MAX_MESSAGE_BYTES`.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(raw)} bytes is longer than {MAX_MESSAGE_BYTES}")
    try:
        event = json.loads(raw)
    except RecursionError as error:
        raise ValueError("the message is nested too deeply") from error
    # Most messages are flat, and counting brackets is faster than traversing them.
    if _brackets(raw) > DEPTH_MOST and is_too_deep(event):
        raise ValueError("the message is nested too deeply")
    if not isinstance(event, dict):
        raise ValueError(f"the message is a {type(event).__name__}, not an object")
    name = event.get("type")
    if not isinstance(name, str):
        raise ValueError("the message has no type")
    name = event["type"] = GA_ALIASES.get(name, name)
    shape = _SHAPES.get(name)
    if shape is not None:
        shape(event)
    return event


def encode(event: Mapping[str, Any], dialect: Dialect, *, commits_answers: bool = False) -> str:
    """Encode a client's message as JSON in `dialect`; `event` may be in either dialect.

    `commits_answers`: the service has its own field names for answers outside the conversation.
    Raises ValueError or TypeError for values that JSON cannot represent.
    """
    message = dict(event)
    name = message.get("type")
    if name == "session.update" and isinstance(message.get("session"), dict):
        message["session"] = wire_session(message["session"], dialect)
    elif name == "response.create" and isinstance(message.get("response"), dict):
        response = wire_response(message["response"], dialect)
        message["response"] = committing(response) if commits_answers else response
    elif name == "conversation.item.create" and isinstance(message.get("item"), dict):
        message["item"] = wire_item(message["item"], dialect)
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def encode_append(pcm: bytes) -> str:
    """Return the message that appends `pcm` (whole samples) to the service's input buffer.

    Fifty of these are sent per second, so it is built without the JSON encoder.
    """
    audio = binascii.b2a_base64(pcm, newline=False).decode("ascii")
    return '{"type":"input_audio_buffer.append","audio":"' + audio + '"}'


def _brackets(raw: str | bytes) -> int:
    if isinstance(raw, str):
        return raw.count("[") + raw.count("{")
    return raw.count(b"[") + raw.count(b"{")


def _shape_session(event: Json) -> None:
    if isinstance(event.get("session"), dict):
        kept = {"type": "realtime"} if describe_session(event["session"]).dialect == "ga" else {}
        event["session"] = {**kept, **flat_session(event["session"])}


def _shape_item(event: Json) -> None:
    if isinstance(event.get("item"), dict):
        event["item"] = canonical_item(event["item"])


def _shape_response(event: Json) -> None:
    if isinstance(event.get("response"), dict):
        event["response"] = canonical_response(event["response"])


def _shape_error(event: Json) -> None:
    if not isinstance(event.get("error"), dict):
        words = event.get("error") or event.get("message") or "no details given"
        event["error"] = {"type": "error", "code": None, "message": str(words)}


_SHAPES: dict[str, Callable[[Json], None]] = {
    "session.created": _shape_session,
    "session.updated": _shape_session,
    "conversation.item.created": _shape_item,
    "conversation.item.done": _shape_item,
    "conversation.item.retrieved": _shape_item,
    "response.output_item.added": _shape_item,
    "response.output_item.done": _shape_item,
    "response.created": _shape_response,
    "response.done": _shape_response,
    "error": _shape_error,
}
