"""Decodes messages of a service into typed events (`events`).

`decode` accepts every JSON object with a ``type``, even if fields are missing or have the wrong
type; all values are bounded (see `bounds`).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ..notifications import AudioPart
from . import codec
from .bounds import (
    code_of,
    error_message_of,
    id_of,
    index_of,
    milliseconds_of,
    response_status_of,
    text_of,
    usage_of,
)
from .error_codes import severity_of
from .events import (
    AudioDelta,
    AudioDone,
    CallArgumentsDone,
    Event,
    InputCleared,
    InputCommitted,
    InputTimedOut,
    Item,
    ItemDeleted,
    ItemKind,
    ItemReported,
    ItemTruncated,
    Message,
    ResponseCreated,
    ResponseDone,
    ServiceErrorReported,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    TextDone,
    Unknown,
    UserTranscript,
    UserTranscriptFailed,
)
from .session_format import Json, describe_session

_OUTPUT_MOST = 256


def decode(text: str | bytes, *, audio: bool = True) -> Message:
    """Decode a message of the service, in either dialect.

    `audio`: whether to decode audio; if False, only its size is computed.

    Raises ValueError as `codec.decode` does.
    """
    raw = codec.decode(text)
    name = raw["type"]
    reader = _READERS.get(name) if audio or name != _AUDIO_DELTA else _audio_size
    event = reader(raw) if reader is not None else None
    if event is None:
        return Message(name, raw, Unknown(id_of(name)), malformed=name == _AUDIO_DELTA)
    return Message(name, raw, event)


# ---------------------------------------------------------------------- private


def _session_created(raw: Json) -> Event:
    return SessionCreated(describe_session(_object(raw.get("session"))))


def _session_updated(raw: Json) -> Event:
    session = _object(raw.get("session"))
    return SessionUpdated(describe_session(session), session)


def _error(raw: Json) -> Event:
    return _error_of(_object(raw.get("error")))


def _error_of(error: Json) -> ServiceErrorReported:
    return ServiceErrorReported(
        code_of(error.get("code")),
        code_of(error.get("type")),
        error_message_of(error.get("message")),
        id_of(error.get("event_id")),
        severity_of(error),
    )


def _item_created(raw: Json) -> Event | None:
    item = raw.get("item")
    if not isinstance(item, dict):
        return None
    return ItemReported(_item(item), id_of(raw.get("response_id")), done=False)


def _item_done(raw: Json) -> Event | None:
    item = raw.get("item")
    if not isinstance(item, dict):
        return None
    return ItemReported(_item(item), id_of(raw.get("response_id")), done=True)


def _item_truncated(raw: Json) -> Event | None:
    end_ms = milliseconds_of(raw.get("audio_end_ms"))
    if end_ms is None:
        return None
    return ItemTruncated(id_of(raw.get("item_id")), index_of(raw.get("content_index")), end_ms)


def _user_transcript(raw: Json) -> Event:
    words, usage = text_of(raw.get("transcript")), usage_of(raw.get("usage"))
    return UserTranscript(id_of(raw.get("item_id")), words, usage)


def _user_transcript_failed(raw: Json) -> Event:
    return UserTranscriptFailed(id_of(raw.get("item_id")), _error_of(_object(raw.get("error"))))


def _response_created(raw: Json) -> Event:
    response = _object(raw.get("response"))
    metadata = response.get("metadata")
    return ResponseCreated(
        _response_id(raw, response),
        metadata if isinstance(metadata, dict) else None,
        id_of(response.get("conversation_id")),
    )


def _audio_delta(raw: Json) -> Event | None:
    delta = raw.get("delta")
    if not isinstance(delta, str):
        return None
    missing = -len(delta) % 4
    try:
        audio = binascii.a2b_base64(delta + "=" * missing if missing else delta, strict_mode=True)
    except ValueError:
        return None
    # Half a sample would turn everything after it into noise.
    return AudioDelta(_part(raw), audio[:-1] if len(audio) % 2 else audio)


def _audio_size(raw: Json) -> Event | None:
    delta = raw.get("delta")
    if not isinstance(delta, str):
        return None
    return AudioDelta(_part(raw), b"", len(delta.rstrip("=")) * 3 // 4 & ~1)


def _text_done(raw: Json) -> Event:
    return TextDone(_part(raw), text_of(raw.get("text")))


def _spoken_text_done(raw: Json) -> Event:
    return TextDone(_part(raw), text_of(raw.get("transcript")), spoken=True)


def _call_arguments_done(raw: Json) -> Event:
    return CallArgumentsDone(
        id_of(raw.get("response_id")),
        id_of(raw.get("item_id")),
        id_of(raw.get("call_id")),
        id_of(raw.get("name")),
        text_of(raw.get("arguments")),
    )


def _response_done(raw: Json) -> Event:
    response = _object(raw.get("response"))
    details = _object(response.get("status_details"))
    error, output = details.get("error"), response.get("output")
    items = output[:_OUTPUT_MOST] if isinstance(output, list) else ()
    return ResponseDone(
        _response_id(raw, response),
        response_status_of(response.get("status")),
        code_of(details.get("reason")),
        _error_of(error) if isinstance(error, dict) else None,
        tuple(_item(item) for item in items if isinstance(item, dict)),
        usage_of(response.get("usage")),
    )


_AUDIO_DELTA = "response.audio.delta"
_READERS: Mapping[str, Callable[[Json], Event | None]] = MappingProxyType(
    {
        "session.created": _session_created,
        "session.updated": _session_updated,
        "error": _error,
        "input_audio_buffer.speech_started": lambda raw: SpeechStarted(id_of(raw.get("item_id"))),
        "input_audio_buffer.speech_stopped": lambda raw: SpeechStopped(id_of(raw.get("item_id"))),
        "input_audio_buffer.committed": lambda raw: InputCommitted(id_of(raw.get("item_id"))),
        "input_audio_buffer.cleared": lambda raw: InputCleared(),
        "input_audio_buffer.timeout_triggered": lambda raw: InputTimedOut(
            id_of(raw.get("item_id"))
        ),
        "conversation.item.created": _item_created,
        "conversation.item.done": _item_done,
        "response.output_item.added": _item_created,
        "response.output_item.done": _item_done,
        "conversation.item.truncated": _item_truncated,
        "conversation.item.deleted": lambda raw: ItemDeleted(id_of(raw.get("item_id"))),
        "conversation.item.input_audio_transcription.completed": _user_transcript,
        "conversation.item.input_audio_transcription.failed": _user_transcript_failed,
        "response.created": _response_created,
        _AUDIO_DELTA: _audio_delta,
        "response.audio.done": lambda raw: AudioDone(_part(raw)),
        "response.text.delta": lambda raw: TextDelta(_part(raw)),
        "response.audio_transcript.delta": lambda raw: TextDelta(_part(raw), spoken=True),
        "response.text.done": _text_done,
        "response.audio_transcript.done": _spoken_text_done,
        "response.function_call_arguments.done": _call_arguments_done,
        "response.done": _response_done,
    }
)

ACTED_ON = frozenset(_READERS)
"""Canonical names of the events that are acted on; all others are `Unknown`."""


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _part(raw: Json) -> AudioPart:
    return AudioPart(
        id_of(raw.get("response_id")),
        id_of(raw.get("item_id")),
        index_of(raw.get("content_index")),
    )


def _response_id(raw: Json, response: Json) -> str:
    return id_of(response.get("id")) or id_of(raw.get("response_id"))


def _item(item: Json) -> Item:
    kind = _kind(item)
    content = item.get("content")
    parts = [part for part in content if isinstance(part, dict)] if type(content) is list else []
    if kind == "call":
        text = text_of(item.get("arguments"))
    elif kind == "result":
        text = text_of(item.get("output"))
    else:
        said = (text_of(part.get("text")) or text_of(part.get("transcript")) for part in parts)
        text = text_of(" ".join(words for words in said if words))
    return Item(
        id_of(item.get("id")),
        kind,
        text,
        any(part.get("type") == "input_audio" for part in parts),
        id_of(item.get("status")),
        id_of(item.get("call_id")),
        id_of(item.get("name")),
    )


def _kind(item: Json) -> ItemKind:
    kind, role = item.get("type"), item.get("role")
    if kind == "function_call":
        return "call"
    if kind == "function_call_output":
        return "result"
    return _ROLES.get(role, "other") if isinstance(role, str) else "other"


_ROLES: Mapping[str, ItemKind] = {"user": "user", "assistant": "assistant", "system": "system"}
