"""All messages that clients may send, field by field, in both dialects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...protocol.codec import Dialect
from .rejection import Rejection, invalid, missing
from .services import SERVICES, VOICE_LIVE, SimulatedService
from .validation import (
    Shape,
    anything,
    boolean,
    check,
    either,
    integer,
    list_of,
    number,
    one_of,
    or_null,
    text,
)

__all__ = ["GA_VOICES", "VOICES", "Dialect", "check_message"]

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")
GA_VOICES = (*VOICES, "marin", "cedar")

_BIG = 2**31
_TOKENS = either(one_of("inf"), integer(1, 4096))
_TURN_DETECTION = {
    "type": one_of("server_vad", "semantic_vad"),
    "threshold": number(0.0, 1.0),
    "prefix_padding_ms": integer(0, 60_000),
    "silence_duration_ms": integer(0, 60_000),
    "create_response": boolean,
    "interrupt_response": boolean,
    "eagerness": one_of("low", "medium", "high", "auto"),
}
_TRANSCRIPTION = {"model": text, "language": or_null(text), "prompt": or_null(text)}
_NOISE = {"type": one_of("near_field", "far_field")}
_TRACING = or_null(
    either(one_of("auto"), {"workflow_name": text, "group_id": text, "metadata": anything})
)
_TOOLS = list_of(
    {"type": one_of("function"), "name": text, "description": text, "parameters": anything}
)
_GA_TOOL_CHOICE = either(text, {"type": text, "name": text, "server_label": text})
_GA_FORMAT = {
    "type": one_of("audio/pcm", "audio/pcmu", "audio/pcma"),
    "rate": or_null(one_of(24_000)),
}
_FORMAT = one_of("pcm16", "g711_ulaw", "g711_alaw")
_GA_MODALITIES = one_of(["audio"], ["text"])
_PREVIEW_MODALITIES = one_of(["text"], ["audio", "text"], ["text", "audio"])
_GA_VOICE = either(one_of(*GA_VOICES), {"id": text})

_GA_SESSION: dict[str, Any] = {
    "type": one_of("realtime"),
    "model": text,
    "output_modalities": _GA_MODALITIES,
    "instructions": text,
    "tools": _TOOLS,
    "tool_choice": _GA_TOOL_CHOICE,
    "max_output_tokens": _TOKENS,
    "tracing": _TRACING,
    "truncation": anything,
    "prompt": anything,
    "include": or_null(list_of(text)),
    "parallel_tool_calls": boolean,
    "reasoning": anything,
    "audio": {
        "input": {
            "format": _GA_FORMAT,
            "transcription": or_null(
                {**_TRANSCRIPTION, "delay": anything, "keywords": anything, "languages": anything}
            ),
            "noise_reduction": or_null({**_NOISE, "strength": number(0.0, 1.0)}),
            "turn_detection": or_null(
                {**_TURN_DETECTION, "idle_timeout_ms": or_null(integer(1, 600_000))}
            ),
        },
        "output": {"format": _GA_FORMAT, "voice": _GA_VOICE, "speed": number(0.25, 1.5)},
    },
}
_GA_TRANSCRIPTION: Shape = {
    "type": one_of("transcription"),
    "include": or_null(list_of(text)),
    "audio": {"input": _GA_SESSION["audio"]["input"]},
}
_PREVIEW_SESSION: dict[str, Shape] = {
    "modalities": _PREVIEW_MODALITIES,
    "instructions": text,
    "voice": one_of(*VOICES),
    "input_audio_format": _FORMAT,
    "output_audio_format": _FORMAT,
    "input_audio_transcription": or_null(_TRANSCRIPTION),
    "input_audio_noise_reduction": or_null(_NOISE),
    "turn_detection": or_null(_TURN_DETECTION),
    "tools": _TOOLS,
    "tool_choice": text,
    "temperature": number(0.6, 1.2),
    "max_response_output_tokens": _TOKENS,
    "speed": number(0.25, 1.5),
    "tracing": _TRACING,
    "client_secret": anything,
    "model": text,
}
_PREVIEW_TRANSCRIPTION: Shape = {
    **{
        name: _PREVIEW_SESSION[name]
        for name in (
            "modalities",
            "input_audio_format",
            "input_audio_transcription",
            "input_audio_noise_reduction",
            "turn_detection",
            "client_secret",
        )
    },
    "include": list_of(text),
}
_RICH_VOICE = [
    "name",
    "temperature",
    "style",
    "pitch",
    "rate",
    "volume",
    "locale",
    "prefer_locales",
    "custom_lexicon_url",
    "custom_text_normalization_url",
    "endpoint_id",
    "model",
]
_RICH_TURN_DETECTION = [
    "speech_duration_ms",
    "remove_filler_words",
    "languages",
    "auto_truncate",
    "end_of_utterance_detection",
]
_RICH_SETTINGS = [
    "input_audio_sampling_rate",
    "input_audio_echo_cancellation",
    "output_audio_timestamp_types",
    "animation",
    "avatar",
    "reasoning_effort",
    "interim_response",
    "include",
    "parallel_tool_calls",
    "metadata",
    "agent",
]
_ITEM: dict[str, Shape] = {
    "id": text,
    "object": one_of("realtime.item"),
    "type": one_of("message", "function_call", "function_call_output"),
    "phase": or_null(one_of("commentary", "final_answer")),
    "status": one_of("completed", "incomplete", "in_progress"),
    "role": one_of("user", "assistant", "system"),
    "content": list_of(
        {
            "id": text,
            "type": text,
            "text": text,
            "audio": text,
            "transcript": or_null(text),
            "image_url": text,
            "detail": text,
        }
    ),
    "call_id": text,
    "name": text,
    "arguments": text,
    "output": text,
}
_REFERENCE: dict[str, Shape] = {
    **_ITEM,
    "type": one_of("message", "function_call", "function_call_output", "item_reference"),
}
_RESPONSE: dict[str, Shape] = {
    "instructions": text,
    "tools": _TOOLS,
    "conversation": one_of("auto", "none"),
    "metadata": or_null(anything),
    "input": list_of(_REFERENCE),
}
_GA_RESPONSE: dict[str, Shape] = {
    **_RESPONSE,
    "output_modalities": _GA_MODALITIES,
    "audio": {"output": {"format": _GA_FORMAT, "voice": _GA_VOICE}},
    "tool_choice": _GA_TOOL_CHOICE,
    "max_output_tokens": _TOKENS,
    "parallel_tool_calls": boolean,
    "reasoning": anything,
    "prompt": anything,
}
_PREVIEW_RESPONSE: dict[str, Shape] = {
    **_RESPONSE,
    "modalities": _PREVIEW_MODALITIES,
    "voice": one_of(*VOICES),
    "output_audio_format": _FORMAT,
    "tool_choice": text,
    "temperature": number(0.6, 1.2),
    "max_response_output_tokens": _TOKENS,
}
_NOT_RICH = ("conversation", "input", "max_response_output_tokens")
_RICH_RESPONSE: dict[str, Shape] = {
    **{name: _PREVIEW_RESPONSE[name] for name in _PREVIEW_RESPONSE if name not in _NOT_RICH},
    "modalities": list_of(text),
    "voice": either(text, {**dict.fromkeys(_RICH_VOICE, anything), "type": text}),
    "tool_choice": anything,
    "tools": anything,
    "max_output_tokens": _TOKENS,
    "input_items": list_of(_REFERENCE),
    "append_input_items": anything,
    "cancel_previous": boolean,
    "commit": boolean,
    "pre_generated_assistant_message": anything,
    "interim_response": anything,
    "reasoning_effort": anything,
}
_COMMON: dict[str, dict[str, Shape]] = {
    "input_audio_buffer.append": {"audio": text},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": _ITEM, "previous_item_id": or_null(text)},
    "conversation.item.retrieve": {"item_id": text},
    "conversation.item.delete": {"item_id": text},
    "conversation.item.truncate": {
        "item_id": text,
        "content_index": integer(0, _BIG),
        "audio_end_ms": integer(0, _BIG),
    },
    "response.cancel": {"response_id": or_null(text)},
}
_RICH_SESSION: Shape = {
    **_PREVIEW_SESSION,
    "model": text,
    "modalities": list_of(one_of("text", "audio", "avatar", "animation")),
    "voice": either(text, {**dict.fromkeys(_RICH_VOICE, anything), "type": text}),
    "input_audio_transcription": or_null(
        {**_TRANSCRIPTION, "custom_speech": anything, "phrase_list": anything}
    ),
    "input_audio_noise_reduction": or_null(
        {"type": one_of("near_field", "far_field", "azure_deep_noise_suppression")}
    ),
    "turn_detection": or_null(
        {
            **_TURN_DETECTION,
            **dict.fromkeys(_RICH_TURN_DETECTION, anything),
            "type": one_of(
                "server_vad",
                "semantic_vad",
                "azure_semantic_vad",
                "azure_semantic_vad_en",
                "azure_semantic_vad_multilingual",
            ),
        }
    ),
    "tool_choice": anything,
    "tools": anything,
    **dict.fromkeys(_RICH_SETTINGS, anything),
}


def _overrides(shape: Mapping[str, Shape]) -> Mapping[str, Shape]:
    """`shape` with null allowed for everything in it: that means "as in the session"."""
    return {
        name: or_null(_overrides(inner) if isinstance(inner, Mapping) else inner)
        for name, inner in shape.items()
    }


def _ga_session(session: Any, path: str) -> None:
    transcribes = isinstance(session, dict) and session.get("type") == "transcription"
    check(session, _GA_TRANSCRIPTION if transcribes else _GA_SESSION, path)


_OPTIONAL = frozenset({"previous_item_id", "response_id", "response"})
_MESSAGES: dict[Dialect, dict[str, dict[str, Shape]]] = {
    "ga": {
        **_COMMON,
        "session.update": {"session": _ga_session},
        "response.create": {"response": or_null(_overrides(_GA_RESPONSE))},
    },
    "preview": {
        **_COMMON,
        "session.update": {"session": _PREVIEW_SESSION},
        "transcription_session.update": {"session": _PREVIEW_TRANSCRIPTION},
        "response.create": {"response": or_null(_overrides(_PREVIEW_RESPONSE))},
    },
}

_RICH_MESSAGES: dict[str, dict[str, Shape]] = {
    **_MESSAGES["preview"],
    "session.update": {"session": _RICH_SESSION},
    "response.create": {"response": or_null(_overrides(_RICH_RESPONSE))},
    "output_audio_buffer.clear": {},
}
_TABLES = {
    each.name: _RICH_MESSAGES if each is VOICE_LIVE else _MESSAGES[each.dialect]
    for each in SERVICES
}


def check_message(message: dict[str, Any], service: SimulatedService) -> str:
    """Check a client message for `service`; returns its type, raises `Rejection`."""
    kind = message.get("type")
    if kind is None:
        raise missing("type")
    known = _TABLES[service.name]
    if not isinstance(kind, str) or kind not in known:
        one_of(*known)(kind, "type")
    fields = known[str(kind)]
    for name in fields:
        if name not in _OPTIONAL and name not in message:
            raise missing(name)
    if kind == "session.update" and service.dialect == "ga":
        _check_ga_session(message["session"])
    check(message, {"type": text, "event_id": or_null(text), **fields}, "")
    metadata = (message.get("response") or {}).get("metadata")
    if metadata is not None:
        _check_metadata(metadata)
    return str(kind)


def _check_ga_session(session: Any) -> None:
    if isinstance(session, dict) and "type" not in session:
        raise missing("session.type")


def _check_metadata(metadata: Any) -> None:
    path = "response.metadata"
    if not isinstance(metadata, dict) or len(metadata) > 16:
        raise invalid(path, "expected an object with at most 16 pairs.")
    for key, value in metadata.items():
        if len(key) > 64 or not isinstance(value, str) or len(value) > 512:
            raise Rejection(
                f"Invalid '{path}.{key}': keys of at most 64 and string values of at most "
                "512 characters are expected.",
                code="invalid_value",
                param=f"{path}.{key}",
            )
