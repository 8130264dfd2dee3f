"""What a hand-written message to the service means to the conversation."""

from __future__ import annotations

from ..protocol.session_format import Json
from .inputs import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CallAnswered,
    CancelRequested,
    LocalInput,
)


def input_of(message: Json) -> LocalInput | None:
    """Return the input that is equivalent to `message`; None if it means nothing to it."""
    event_id = _text(message.get("event_id"))
    match message.get("type"):
        case "response.create":
            settings = message.get("response")
            settings = dict(settings) if isinstance(settings, dict) else None
            outside = settings is not None and settings.get("conversation") == "none"
            return AnswerRequested(settings, outside=outside, event_id=event_id)
        case "response.cancel":
            return CancelRequested(_text(message.get("response_id")), event_id)
        case "input_audio_buffer.commit":
            return AudioCommitted(event_id)
        case "input_audio_buffer.clear":
            return AudioCleared(event_id)
        case "conversation.item.create":
            return _result(message.get("item"))
    return None


def _result(item: object) -> CallAnswered | None:
    if not isinstance(item, dict) or item.get("type") != "function_call_output":
        return None
    call_id, output = _text(item.get("call_id")), _text(item.get("output"))
    return CallAnswered(call_id, output or "", sent=True) if call_id else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
