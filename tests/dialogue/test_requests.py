"""Messages that a user of the library writes by hand, and what they mean to the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.dialogue.inputs import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CallAnswered,
    CancelRequested,
    LocalInput,
)
from rtaudio_daemon.dialogue.requests import input_of

ASIDE = {"conversation": "none"}


def result(**fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": {"type": "function_call_output", **fields}}


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ({"type": "response.create", "event_id": "event_1"}, AnswerRequested(event_id="event_1")),
        ({"type": "response.create", "event_id": 7, "response": "odd"}, AnswerRequested()),
        ({"type": "response.create", "response": ASIDE}, AnswerRequested(ASIDE, outside=True)),
        ({"type": "response.cancel"}, CancelRequested()),
        ({"type": "response.cancel", "response_id": "resp_1"}, CancelRequested("resp_1")),
        ({"type": "input_audio_buffer.commit"}, AudioCommitted()),
        ({"type": "input_audio_buffer.clear", "event_id": "event_1"}, AudioCleared("event_1")),
        (result(call_id="call_1", output="sunny"), CallAnswered("call_1", "sunny", sent=True)),
        (result(call_id="call_1"), CallAnswered("call_1", "", sent=True)),
        (result(output="of no call"), None),
        ({"type": "conversation.item.create", "item": {"type": "message"}}, None),
        ({"type": "conversation.item.create"}, None),
        ({"type": "session.update"}, None),
        ({}, None),
    ],
)
def test_a_message_written_by_hand_is_understood(
    message: dict[str, Any], meaning: LocalInput | None
) -> None:
    assert input_of(message) == meaning
