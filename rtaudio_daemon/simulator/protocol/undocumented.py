"""Fields that the real services send without documenting them, added last."""

from __future__ import annotations

import hashlib
from typing import Any

from ...protocol.codec import canonical_name
from .services import SimulatedService

Json = dict[str, Any]
_PADDED = ("response.audio_transcript.delta", "response.text.delta")
_ARGUMENTS = "response.function_call_arguments.delta"


def with_undocumented_fields(event: Json, service: SimulatedService, model: str) -> Json:
    """Return `event` (wire spelling) as sent by GA services: obfuscation, content twin, phase."""
    if service.dialect != "ga":
        return event
    kind = canonical_name(event["type"])
    if kind in _PADDED or kind == _ARGUMENTS:
        return {**event, "obfuscation": _padding(event)}
    if kind.startswith("response.content_part.") and service.name == "azure":
        return {**event, "content": event["part"]}
    if model.startswith("gpt-realtime-2"):
        return _with_phase(event)
    return event


def _padding(event: Json) -> str:
    # Long enough to hide the length of the delta; always the same, for tests.
    digest = hashlib.sha256(str(event["event_id"]).encode()).hexdigest()
    return digest[: 16 - len(event["delta"]) % 16]


def _with_phase(event: Json) -> Json:
    item = event.get("item")
    if isinstance(item, dict) and item.get("role") == "assistant":
        return {**event, "item": {"phase": "final_answer", **item}}
    return event
