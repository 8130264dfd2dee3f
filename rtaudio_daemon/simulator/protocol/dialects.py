"""The events of the service in each dialect.

Inside the simulator every event has its preview name and the flat preview shape. `spell` turns it
into what goes over the wire.
"""

from __future__ import annotations

from typing import Any

from ...protocol import codec
from .client_messages import Dialect
from .rejection import Rejection
from .services import SimulatedService

_GA_CONTENT = {"text": "output_text", "audio": "output_audio"}


def in_dialect(event: dict[str, Any], service: SimulatedService) -> dict[str, Any] | None:
    """Return the wire shape of `event` (without event_id), or None if this service lacks it."""
    kind, dialect = event["type"], service.dialect
    if (
        dialect == "preview"
        and kind == "conversation.item.done"
        and not _of_voice_live(event, service)
    ):
        return None
    spelled = {**event, "type": codec.wire_name(kind, dialect)}
    if (
        dialect == "preview"
        and kind == "response.function_call_arguments.done"
        and not service.rich
    ):
        spelled.pop("name", None)
    if service.rich and kind == "conversation.item.input_audio_transcription.completed":
        spelled.pop("usage")
    if "item" in spelled:
        spelled["item"] = item = item_in_dialect(spelled["item"], dialect)
        if service.rich and item["type"] == "function_call_output":
            item.pop("status", None)
    if "response" in spelled:
        spelled["response"] = _spell_response(spelled["response"], service)
    return spelled


def _of_voice_live(event: dict[str, Any], service: SimulatedService) -> bool:
    """Return whether Voice Live sends it: item.done only for what the user said."""
    content = event["item"].get("content") or [{}]
    return service.rich and content[0].get("type") == "input_audio"


def item_in_dialect(item: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """Return an item in the dialect's form: content types, and `object` in preview only."""
    if dialect == "preview":
        return {"object": "realtime.item", **_plain(item)}
    return codec.wire_item(item, dialect)


def canonical_item(item: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """Return a client's item with canonical names; refuses the other dialect's content types."""
    plain = {key: value for key, value in item.items() if key != "object"}
    if dialect == "preview":
        return plain
    for index, part in enumerate(plain.get("content", [])):
        if part.get("type") in _GA_CONTENT:
            raise Rejection(
                f"Invalid value: {part['type']!r}. "
                f"Supported values are: {_GA_CONTENT[part['type']]!r}.",
                code="invalid_value",
                param=f"item.content[{index}].type",
            )
    return codec.canonical_item(plain)


def canonical_request(asked: dict[str, Any]) -> dict[str, Any]:
    """Convert a request of Voice Live to the fields of the other services."""
    names = {"input_items": "input", "max_output_tokens": "max_response_output_tokens"}
    canonical = {names.get(key, key): value for key, value in asked.items()}
    return canonical if canonical.pop("commit", True) else {**canonical, "conversation": "none"}


def _without_phase(item: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """Return an item as in ``response.done``, which, as observed, omits its phase."""
    return item_in_dialect(_plain(item), dialect)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "phase"}


def _spell_response(response: dict[str, Any], service: SimulatedService) -> dict[str, Any]:
    dialect = service.dialect
    spelled = {**response, "output": [_without_phase(item, dialect) for item in response["output"]]}
    usage = spelled["usage"]
    if dialect == "preview":
        if usage is not None and not service.rich:
            details = dict(usage["input_token_details"])
            details.pop("image_tokens")
            details.pop("cached_tokens_details")
            spelled["usage"] = {**usage, "input_token_details": details}
        if service.rich:
            spelled["temperature"] = None
        return spelled
    modalities = spelled.pop("modalities")
    spelled["output_modalities"] = ["audio"] if "audio" in modalities else ["text"]
    output = {
        "format": dict(codec.CANONICAL_TO_GA_FORMATS[spelled.pop("output_audio_format")]),
        "voice": spelled.pop("voice"),
    }
    del spelled["temperature"]
    spelled["audio"] = {"output": output}
    return spelled
