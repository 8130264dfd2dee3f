"""What a message that is written by hand means to the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.dialogue.inputs import CallAnswered, LocalInput
from rtaudio_daemon.dialogue.requests import input_of


@pytest.mark.parametrize(
    ("item", "meaning"),
    [
        (None, None),
        ({"type": "message"}, None),
        ({"type": "function_call_output", "output": "x"}, None),
        (
            {"type": "function_call_output", "call_id": "c", "output": "x"},
            CallAnswered("c", "x", sent=True),
        ),
        (
            {"type": "function_call_output", "call_id": "c", "output": 5},
            CallAnswered("c", "", sent=True),
        ),
    ],
)
def test_only_the_result_of_a_call_means_something_among_items(
    item: Any, meaning: LocalInput | None
) -> None:
    assert input_of({"type": "conversation.item.create", "item": item}) == meaning
