"""Turns a program's text to be spoken into a request for an answer."""

from __future__ import annotations

from typing import Literal

from ..protocol.session_format import Json
from .answer import Request
from .inputs import SayRequested
from .latency import Origin

SAY_METADATA = {"rtaudio": "say"}
"""Metadata of the answers that speak an announcement."""
_SAY_INSTRUCTIONS = "Speak the user's words exactly as they stand, and add nothing."


def request_to_say(event: SayRequested, now: float) -> Request:
    """Return a request that lets the model answer the text, or speak it verbatim."""
    origin = Origin(now)
    notes = (message_item(event.instructions, "system"),) if event.instructions else ()
    if event.mode == "prompt":
        before = (*notes, message_item(event.text))
        return Request(before=before, say=True, origin=origin, said=event.said, chime=event.chime)
    after = (message_item(event.text, "assistant"),) if event.remember else ()
    after = (*after, *notes)
    announcement = _announcement(event.text)
    return Request(
        announcement,
        after=after,
        outside=True,
        say=True,
        origin=origin,
        said=event.said,
        chime=event.chime,
    )


def message_item(text: str, role: Literal["user", "assistant", "system"] = "user") -> Json:
    """Return a text message, to be added to the conversation."""
    kind = "text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def recital(text: str, number: int) -> Json:
    """Return settings that let the model speak the text inaudibly; `number` makes them unique."""
    return {**_announcement(text), "metadata": {**SAY_METADATA, "recital": str(number)}}


def _announcement(text: str) -> Json:
    return {
        "conversation": "none",
        "metadata": SAY_METADATA,
        "modalities": ["audio", "text"],
        "instructions": _SAY_INSTRUCTIONS,
        "input": [message_item(text)],
    }
