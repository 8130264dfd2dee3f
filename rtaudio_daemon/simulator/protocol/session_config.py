"""The session's settings: defaults, partial updates, and what they mean, in both dialects."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

from .audio_format import AudioFormat
from .rejection import Rejection
from .services import SimulatedService

_INSTRUCTIONS = "You are a helpful voice assistant. Answer briefly and in the user's language."
_TURN_DETECTION: dict[str, dict[str, Any]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}
# The real one judges by the words; by silence alone, low waits longest.
_EAGER_SILENCE_MS = {"low": 1200, "medium": 700, "auto": 700, "high": 400}
_USUAL_SILENCE_MS = 500
_FORMATS: dict[str, AudioFormat] = {
    "audio/pcm": "pcm16",
    "audio/pcmu": "g711_ulaw",
    "audio/pcma": "g711_alaw",
}
_PREVIEW_MODELS = frozenset(
    {
        "gpt-realtime",
        "gpt-realtime-2025-08-28",
        "gpt-4o-realtime-preview",
        "gpt-4o-realtime-preview-2024-10-01",
        "gpt-4o-realtime-preview-2024-12-17",
        "gpt-4o-realtime-preview-2025-06-03",
        "gpt-4o-mini-realtime-preview",
        "gpt-4o-mini-realtime-preview-2024-12-17",
    }
)


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """When a turn begins and ends, and what follows from that."""

    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    create_response: bool
    interrupt_response: bool
    idle_timeout_ms: int | None = None


class SessionConfig:
    """The effective session of one connection. `document` is its wire shape."""

    def __init__(
        self, service: SimulatedService, *, model: str, session_id: str, expires_at: int
    ) -> None:
        self.dialect = service.dialect
        if service.rich:
            defaults = _voice_live_defaults(model)
        else:
            defaults = _ga_defaults(model) if self.dialect == "ga" else _preview_defaults(model)
        self._document = {**defaults, "id": session_id, "expires_at": expires_at}
        self.transcribes = False
        """Whether the session only transcribes what it hears, without answering."""

    @property
    def document(self) -> dict[str, Any]:
        """Return a copy of the whole session as in `session.created` and `session.updated`."""
        document = copy.deepcopy(self._document)
        if not self.transcribes:
            return document
        return (
            _transcription_of(document) if self.dialect == "ga" else _flat_transcription(document)
        )

    def update(self, patch: dict[str, Any], *, voice_locked: bool) -> None:
        """Merge `patch` (already checked); with `voice_locked`, refuse a new voice."""
        if patch.get("type", "transcription") != "transcription" and self.transcribes:
            words = "A transcription session cannot become a realtime session."
            raise Rejection(words, code="invalid_value", param="session.type")
        self.transcribes = self.transcribes or patch.get("type") == "transcription"
        merged = _merge(self._document, {key: patch[key] for key in patch if key != "type"})
        changed = copy.copy(self)
        changed._document = merged
        if voice_locked and changed.voice != self.voice:
            raise Rejection(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
            )
        merged["model"] = self._document["model"]
        merged.pop("client_secret", None)
        self._document = merged

    @property
    def turn_detection(self) -> TurnDetection | None:
        """Return how turns are detected, or None for push to talk."""
        raw = self._input("turn_detection")
        if raw is None:
            return None
        silence_ms = raw.get("silence_duration_ms")
        if silence_ms is None and raw["type"] == "semantic_vad":
            silence_ms = _EAGER_SILENCE_MS[raw.get("eagerness") or "auto"]
        return TurnDetection(
            threshold=_or(raw.get("threshold"), 0.5),
            prefix_padding_ms=_or(raw.get("prefix_padding_ms"), 300),
            silence_duration_ms=_USUAL_SILENCE_MS if silence_ms is None else silence_ms,
            create_response=raw.get("create_response", True),
            interrupt_response=raw.get("interrupt_response", True),
            idle_timeout_ms=raw.get("idle_timeout_ms"),
        )

    @property
    def transcription(self) -> dict[str, Any] | None:
        """Return the requested input transcription, or None."""
        found: dict[str, Any] | None = self._input("transcription")
        return found

    @property
    def voice(self) -> Any:
        """The voice: a name, or in GA also {"id": …}."""
        if self.dialect == "ga":
            return self._document["audio"]["output"]["voice"]
        return self._document["voice"]

    def sound_format(self, direction: Literal["input", "output"]) -> AudioFormat:
        """Return the format of sound on the wire."""
        if self.dialect == "ga":
            return _FORMATS[self._document["audio"][direction]["format"]["type"]]
        found: AudioFormat = self._document[f"{direction}_audio_format"]
        return found

    def response(self, overrides: dict[str, Any]) -> dict[str, Any]:
        """Return the flat (preview) fields of a response: the session's, with `overrides`."""
        session = self._document
        if self.dialect == "ga":
            kinds = overrides.get("output_modalities", session["output_modalities"])
            output = overrides.get("audio", {}).get("output", {})
            return {
                "modalities": kinds,
                "voice": output.get("voice", self.voice),
                "output_audio_format": self.sound_format("output"),
                "temperature": None,
                "max_output_tokens": overrides.get(
                    "max_output_tokens", session["max_output_tokens"]
                ),
            }
        tokens = "max_response_output_tokens"
        return {
            "modalities": overrides.get("modalities", session["modalities"]),
            "voice": overrides.get("voice", self.voice),
            "output_audio_format": self.sound_format("output"),
            "temperature": overrides.get("temperature", session["temperature"]),
            "max_output_tokens": overrides.get(tokens, session[tokens]),
        }

    @property
    def instructions(self) -> str:
        """The prompt of the session."""
        return str(self._document["instructions"])

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The functions the client offers."""
        return list(self._document["tools"])

    def _input(self, name: str) -> Any:
        if self.dialect == "ga":
            return self._document["audio"]["input"][name]
        return self._document[{"transcription": "input_audio_transcription"}.get(name, name)]


def _merge(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in patch.items():
        if key == "turn_detection" and value is not None:
            merged[key] = _merge_turn_detection(old.get(key), value)
        elif key == "format":
            rate = {"rate": 24_000} if value["type"] == "audio/pcm" else {}
            merged[key] = {"type": value["type"], **rate}
        elif key == "voice":
            # Where the service describes voices by objects, a name is one of OpenAI's.
            by_name = isinstance(old.get(key), dict) and "name" in old[key]
            named = isinstance(value, str) and by_name
            merged[key] = {"type": "openai", "name": value} if named else copy.deepcopy(value)
        elif isinstance(value, dict) and isinstance(old.get(key), dict):
            merged[key] = _merge(old[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _merge_turn_detection(old: dict[str, Any] | None, patch: dict[str, Any]) -> dict[str, Any]:
    kind = patch.get("type") or (old or {}).get("type", "server_vad")
    same = old is not None and old["type"] == kind
    base = old if same and old is not None else _TURN_DETECTION.get(kind, {})
    return {**base, **patch}


def _ga_defaults(model: str) -> dict[str, Any]:
    return {
        "type": "realtime",
        "object": "realtime.session",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": _INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {**_TURN_DETECTION["server_vad"], "idle_timeout_ms": None},
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "voice": "alloy",
                "speed": 1.0,
            },
        },
    }


def _preview_defaults(model: str) -> dict[str, Any]:
    return {
        "object": "realtime.session",
        # Azure reports the model behind the deployment, not the deployment's name.
        "model": model if model in _PREVIEW_MODELS else "gpt-4o-realtime-preview",
        "modalities": ["audio", "text"],
        "instructions": _INSTRUCTIONS,
        "voice": "alloy",
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": None,
        "input_audio_noise_reduction": None,
        "turn_detection": dict(_TURN_DETECTION["server_vad"]),
        "tools": [],
        "tool_choice": "auto",
        "temperature": 0.8,
        "max_response_output_tokens": "inf",
        "speed": 1.0,
        "tracing": None,
    }


def _voice_live_defaults(model: str) -> dict[str, Any]:
    others = ("object", "speed", "tracing")  # which Voice Live does not have
    preview = _preview_defaults(model)
    return {
        **{name: preview[name] for name in preview if name not in others},
        "model": model,
        "modalities": ["audio"],
        "voice": {"type": "openai", "name": "alloy"},
        "turn_detection": {**_TURN_DETECTION["server_vad"], "silence_duration_ms": 500},
        "input_audio_sampling_rate": 24_000,
        "input_audio_echo_cancellation": None,
    }


def _transcription_of(session: dict[str, Any]) -> dict[str, Any]:
    heard = session["audio"]["input"]
    if heard["turn_detection"] is not None:
        answering = ("create_response", "interrupt_response", "idle_timeout_ms")
        heard["turn_detection"] = {
            key: value for key, value in heard["turn_detection"].items() if key not in answering
        }
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        **{key: session[key] for key in ("id", "expires_at", "include")},
        "audio": {"input": heard},
    }


def _flat_transcription(session: dict[str, Any]) -> dict[str, Any]:
    names = ("input_audio_format", "input_audio_transcription", "modalities")
    detection = session["turn_detection"]
    kept = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
    if detection is not None:
        detection = {key: detection[key] for key in kept if key in detection}
    shown = {name: session[name] for name in names}
    return {**shown, "turn_detection": detection, "client_secret": None}


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
