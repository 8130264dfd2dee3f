"""Convert sessions, responses and items between the flat (canonical) and the nested (ga) shape.

The functions of this module take either shape. Unknown fields pass unchanged.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .. import config
from ..config.profiles import Dialect
from .bounds import id_of

Json = dict[str, Any]

CANONICAL_TO_GA_FORMATS: Mapping[str, Json] = MappingProxyType(
    {
        "pcm16": {"type": "audio/pcm", "rate": 24000},
        "g711_ulaw": {"type": "audio/pcmu"},
        "g711_alaw": {"type": "audio/pcma"},
    }
)
"""Canonical name of an audio format → the object that describes it in the GA dialect."""

GA_PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "modalities": ("output_modalities",),
        "max_response_output_tokens": ("max_output_tokens",),
        "voice": ("audio", "output", "voice"),
        "speed": ("audio", "output", "speed"),
        "output_audio_format": ("audio", "output", "format"),
        "input_audio_format": ("audio", "input", "format"),
        "input_audio_transcription": ("audio", "input", "transcription"),
        "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
        "turn_detection": ("audio", "input", "turn_detection"),
    }
)
"""Canonical name of a setting → where the GA dialect keeps it."""

_AZURE_DETECTION: Json = {
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "remove_filler_words": False,
    "auto_truncate": False,
    "create_response": True,
    "interrupt_response": True,
}
TURN_DETECTION_DEFAULTS: Mapping[str, Json] = MappingProxyType(
    {
        "server_vad": {
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "create_response": True,
            "interrupt_response": True,
        },
        "semantic_vad": {
            "eagerness": "auto",
            "create_response": True,
            "interrupt_response": True,
        },
        "azure_semantic_vad": _AZURE_DETECTION,
        "azure_semantic_vad_multilingual": _AZURE_DETECTION,
    }
)
"""What to send for fields that are not set: some services reset the others if one is missing."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """The facts in a ``session`` object, in either dialect.

    ``expires_at`` is in Unix seconds; None if it is missing or implausible.
    """

    id: str | None
    dialect: Dialect
    model: str | None
    voice: str | None
    expires_at: float | None
    turn_detection: Json | None


def describe_session(session: Mapping[str, Any]) -> SessionFacts:
    """Read the facts from a ``session`` object, as sent by the service or decoded."""
    nested = any(key in session for key in ("type", "audio", "output_modalities"))
    flat = flat_session(session)
    voice = flat.get("voice")
    if isinstance(voice, dict):
        voice = voice.get("name") or voice.get("id")
    expires_at = flat.get("expires_at")
    turn_detection = flat.get("turn_detection")
    return SessionFacts(
        id=id_of(flat.get("id")) or None,
        dialect="ga" if nested else "preview",
        model=id_of(flat.get("model")) or None,
        voice=id_of(voice) or None,
        expires_at=_unix_time(expires_at),
        turn_detection=turn_detection if isinstance(turn_detection, dict) else None,
    )


def session_settings(session: config.Session, *, resumes: bool = False) -> Json:
    """Convert the section ``realtime.session`` of the configuration to canonical settings.

    ``resumes``: an interrupted answer may resume, so the service must not stop generating it.
    """
    settings: Json = {
        "modalities": ["audio", "text"],
        "voice": session.voice,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": _turn_detection(session.turn_detection, resumes=resumes),
        "input_audio_transcription": None,
    }
    if session.instructions:
        settings["instructions"] = session.instructions
    if session.transcription.model:
        settings["input_audio_transcription"] = {"model": session.transcription.model}
        if session.transcription.language:
            settings["input_audio_transcription"]["language"] = session.transcription.language
    if session.noise_reduction != "none":
        settings["input_audio_noise_reduction"] = {"type": session.noise_reduction}
    if session.echo_cancellation == "server":
        settings["input_audio_echo_cancellation"] = {"type": "server_echo_cancellation"}
    if session.max_output_tokens is not None:
        settings["max_response_output_tokens"] = session.max_output_tokens
    if session.extra:
        settings["extra"] = dict(session.extra)
    return settings


def flat_session(session: Mapping[str, Any]) -> Json:
    """Flatten session or response settings; flat settings are unchanged."""
    return _flat(session, GA_PLACES)


def nested_session(session: Mapping[str, Any]) -> Json:
    """Nest canonical settings into the GA shape, without adding or omitting any."""
    rest = copy.deepcopy(dict(session))
    nested: Json = {}
    for canonical, path in GA_PLACES.items():
        if canonical in rest:
            value = rest.pop(canonical)
            for key in reversed(path):
                value = {key: _GA_VALUES[canonical](value) if key == path[-1] else value}
            nested = merged(nested, value)
    return merged(rest, nested)


def wire_session(session: Mapping[str, Any], dialect: Dialect) -> Json:
    """Return the ``session`` of a ``session.update``: all turn detection numbers filled in; without
    settings that the dialect does not know or only the service may set; ``extra`` merged last.
    """
    flat = flat_session({key: value for key, value in session.items() if key not in _NOT_OURS})
    transcribes = session.get("type") == "transcription"
    if isinstance(flat.get("turn_detection"), dict):
        detection = explicit_turn_detection(flat["turn_detection"])
        if transcribes:  # there are no answers to start or to stop
            detection = {k: v for k, v in detection.items() if k not in _ANSWERING}
        flat["turn_detection"] = detection
    wire = _shaped(flat, dialect)
    if dialect == "ga":
        wire = {"type": "realtime", **wire}
    else:
        wire.pop("type", None)
    return merged(wire, session.get("extra") or {})


def wire_response(response: Mapping[str, Any], dialect: Dialect) -> Json:
    """Return the ``response`` settings of a ``response.create``."""
    flat = flat_session(response)
    if isinstance(flat.get("input"), list):
        flat["input"] = [
            wire_item(item, dialect) if isinstance(item, dict) else item for item in flat["input"]
        ]
    return _shaped(flat, dialect)


def committing(response: Mapping[str, Any]) -> Json:
    """Rename ``response`` settings (preview shape) to Voice Live's field names, as in its SDK."""
    named = {_COMMITTING.get(key, key): value for key, value in response.items()}
    if named.pop("conversation", "auto") == "none":
        named |= {"commit": False, "cancel_previous": False}
    return named


def wire_item(item: Mapping[str, Any], dialect: Dialect) -> Json:
    """Return an item with the content types of `dialect`; ``text`` is accepted for users too."""
    if item.get("role") == "assistant":
        return _retyped(item, _TO_GA_CONTENT if dialect == "ga" else _TO_CANONICAL_CONTENT)
    return _retyped(item, _TO_INPUT_CONTENT)


def canonical_item(item: Mapping[str, Any]) -> Json:
    """Return a conversation item with canonical content types."""
    return _retyped(item, _TO_CANONICAL_CONTENT)


def canonical_response(response: Mapping[str, Any]) -> Json:
    """Return a response object in canonical shape; ``status_details`` is an object or None."""
    canonical = _flat(response, _RESPONSE_PLACES)
    if isinstance(canonical.get("output"), list):
        canonical["output"] = [
            canonical_item(item) if isinstance(item, dict) else item for item in canonical["output"]
        ]
    if isinstance(canonical.get("status_details"), str):
        canonical["status_details"] = {"reason": canonical["status_details"]}
    return canonical


def explicit_turn_detection(settings: Mapping[str, Any]) -> Json:
    """Return turn detection with every number that applies to its type."""
    kind = settings.get("type", "server_vad")
    known = TURN_DETECTION_DEFAULTS.get(kind, {}) if isinstance(kind, str) else {}
    return {"type": kind, **known, **settings}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Json:
    """Merge `above` into `below`: objects are merged, everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            value = merged(old, value)
        result[key] = value
    return result


_ANSWERING = frozenset({"create_response", "interrupt_response"})
_NOT_OURS = frozenset({"id", "object", "expires_at", "client_secret", "extra"})
_TOOL_CHOICES = frozenset({"auto", "none", "required"})
_TO_CANONICAL_CONTENT = {"output_text": "text", "output_audio": "audio"}
_TO_GA_CONTENT = {canonical: ga for ga, canonical in _TO_CANONICAL_CONTENT.items()}
_TO_INPUT_CONTENT = {"text": "input_text", "audio": "input_audio"}
_RESPONSE_PLACES = {key: GA_PLACES[key] for key in ("modalities", "voice", "output_audio_format")}
_COMMITTING = {"input": "input_items", "max_response_output_tokens": "max_output_tokens"}
_MISSING = object()
_PLAUSIBLE_S = (1_000_000_000, 4_102_444_800)  # Unix seconds: from 2001 to 2100


def _unix_time(value: Any) -> float | None:
    """Return a plausible date in Unix seconds; None for anything else: milliseconds, NaN, -1."""
    if type(value) in (int, float) and _PLAUSIBLE_S[0] <= value <= _PLAUSIBLE_S[1]:
        return float(value)
    return None


def _turn_detection(section: config.TurnDetection, *, resumes: bool) -> Json | None:
    if section.type == "none":
        return None
    settings: Json = {"type": section.type, "create_response": True}
    settings["interrupt_response"] = section.interrupt_response and not resumes
    if section.type == "semantic_vad":
        settings["eagerness"] = section.eagerness
    else:
        settings["threshold"] = section.threshold
        settings["prefix_padding_ms"] = section.prefix_padding_ms
        settings["silence_duration_ms"] = section.silence_duration_ms
    return settings


def _same(value: Any) -> Any:
    return value


def _canonical_modalities(value: Any) -> Any:
    return ["audio", "text"] if value == ["audio"] else value


def _ga_modalities(value: Any) -> Any:
    return ["audio"] if isinstance(value, list) and "audio" in value else value


def _canonical_format(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    names = [name for name, ga in CANONICAL_TO_GA_FORMATS.items() if ga["type"] == kind]
    return names[0] if names else value


def _ga_format(value: Any) -> Any:
    known = isinstance(value, str) and value in CANONICAL_TO_GA_FORMATS
    return dict(CANONICAL_TO_GA_FORMATS[value]) if known else value


_CANONICAL_VALUES: dict[str, Callable[[Any], Any]] = dict.fromkeys(GA_PLACES, _same) | {
    "modalities": _canonical_modalities,
    "input_audio_format": _canonical_format,
    "output_audio_format": _canonical_format,
}
_GA_VALUES: dict[str, Callable[[Any], Any]] = dict.fromkeys(GA_PLACES, _same) | {
    "modalities": _ga_modalities,
    "input_audio_format": _ga_format,
    "output_audio_format": _ga_format,
}


def _flat(settings: Mapping[str, Any], places: Mapping[str, tuple[str, ...]]) -> Json:
    flat = copy.deepcopy(dict(settings))
    for canonical, path in places.items():
        value = _take(flat, path)
        if value is not _MISSING:
            flat[canonical] = value
        if canonical in flat:
            flat[canonical] = _CANONICAL_VALUES[canonical](flat[canonical])
    return flat


def _take(settings: Json, path: tuple[str, ...]) -> Any:
    """Remove and return what is at `path`, with objects that become empty."""
    key, rest = path[0], path[1:]
    if key not in settings:
        return _MISSING
    if not rest:
        return settings.pop(key)
    if not isinstance(settings[key], dict):
        return _MISSING
    value = _take(settings[key], rest)
    if value is not _MISSING and not settings[key]:
        del settings[key]
    return value


def _shaped(flat: Json, dialect: Dialect) -> Json:
    """Convert flat settings to the shape of `dialect`."""
    choice = flat.get("tool_choice")
    if dialect == "ga":
        flat.pop("temperature", None)
        if isinstance(choice, str) and choice not in _TOOL_CHOICES:
            flat["tool_choice"] = {"type": "function", "name": choice}
        return nested_session(flat)
    if isinstance(choice, dict) and choice.get("type") == "function":
        flat["tool_choice"] = choice.get("name")
    return flat


def _retyped(item: Mapping[str, Any], types: Mapping[str, str]) -> Json:
    content = item.get("content")
    if not isinstance(content, list):
        return dict(item)
    return {**item, "content": [_part_retyped(part, types) for part in content]}


def _part_retyped(part: Any, types: Mapping[str, str]) -> Any:
    if isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] in types:
        return {**part, "type": types[part["type"]]}
    return part
