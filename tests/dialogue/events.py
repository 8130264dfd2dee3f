"""Events of the service for tests, made as they come: from the wire."""

from __future__ import annotations

import json
from typing import Any

from rtaudio_daemon.protocol.event_decoding import decode
from rtaudio_daemon.protocol.events import Event


def event(kind: str, /, **fields: Any) -> Event:
    """The event that a message of this type, with these fields, is decoded to."""
    return decode(json.dumps({"type": kind, **fields})).event


def user(number: int, words: str) -> list[Event]:
    """A turn of the user: its item, and what was said."""
    item_id = f"user_{number}"
    content = [{"type": "input_audio", "transcript": None}]
    item = {"id": item_id, "type": "message", "role": "user", "content": content}
    return [
        event("conversation.item.created", item=item),
        event(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            transcript=words,
        ),
    ]


def assistant(number: int, words: str, ms: int = 1000) -> list[Event]:
    """A spoken answer: its sound, its words, its item."""
    item_id = f"assistant_{number}"
    content = [{"type": "audio", "transcript": words}]
    item = {"id": item_id, "type": "message", "role": "assistant", "content": content}
    return [
        event("response.audio.delta", item_id=item_id, delta="A" * (ms * 64)),
        event("response.audio_transcript.done", item_id=item_id, transcript=words),
        event("response.output_item.done", item={**item, "status": "completed"}),
    ]


def call(
    number: int, output: str | None, *, arguments: str = '{"day":1}', **fields: Any
) -> list[Event]:
    """A function call, and its result if it has one; `fields` of the event that reports it."""
    made = {"id": f"call_item_{number}", "type": "function_call", "call_id": f"call_{number}"}
    made |= {"name": "weather", "arguments": arguments}
    events = [event("response.output_item.done", item=made, **fields)]
    if output is not None:
        result = {"id": f"result_{number}", "type": "function_call_output", "output": output}
        result["call_id"] = f"call_{number}"
        events.append(event("conversation.item.created", item=result))
    return events


def committed(item_id: Any = "item_1") -> Event:
    """The service made an item of a turn."""
    return event("input_audio_buffer.committed", item_id=item_id)


def created(
    response_id: str | None, conversation: str | None = "conv", metadata: Any = None
) -> Event:
    """The service begins an answer."""
    response = {"id": response_id, "conversation_id": conversation, "metadata": metadata}
    return event("response.created", response=response)


def done(response_id: str | None, status: str = "completed", *kinds: str) -> Event:
    """An answer ended; its output has items of these kinds."""
    output = [{"type": kind} for kind in kinds]
    return event("response.done", response={"id": response_id, "status": status, "output": output})


def refusal(event_id: str, code: str) -> Event:
    """The service refused a message of ours."""
    return event("error", error={"event_id": event_id, "code": code})
