"""The conversation's commands to the service, as messages."""

from __future__ import annotations

from ..dialogue.outputs import (
    CancelResponse,
    ClearAudio,
    CommitAudio,
    CreateItem,
    CreateResponse,
    DeleteItem,
    ServiceCommand,
    TruncateItem,
)
from ..protocol.codec import Json


def message_of(command: ServiceCommand) -> Json:
    """Return the message for this command, in canonical spelling.

    Commands that take more than one message are not handled here.
    """
    match command:
        case CreateItem(item):
            return {"type": "conversation.item.create", "item": item}
        case DeleteItem(item_id):
            return {"type": "conversation.item.delete", "item_id": item_id}
        case TruncateItem(item_id, content_index, audio_end_ms):
            return {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        case CreateResponse(settings, event_id):
            response = {} if settings is None else {"response": settings}
            return {**_event_id(event_id), "type": "response.create", **response}
        case CancelResponse(response_id, event_id):
            named = {"response_id": response_id} if response_id else {}
            return {**_event_id(event_id), "type": "response.cancel", **named}
        case CommitAudio(event_id):
            return {**_event_id(event_id), "type": "input_audio_buffer.commit"}
        case ClearAudio(event_id):
            return {**_event_id(event_id), "type": "input_audio_buffer.clear"}
    raise AssertionError(f"{command} is no message")


def _event_id(event_id: str) -> Json:
    return {"event_id": event_id} if event_id else {}
