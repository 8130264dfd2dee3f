"""The items of a conversation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from rtaudio_daemon.simulator.model.items import (
    ConversationItem,
    ConversationItems,
    item_from_client,
)
from rtaudio_daemon.simulator.protocol.rejection import Rejection
from tests.simulator.caller import loud


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({}, "item.type"),
        ({"type": "message", "id": "x" * 33}, "item.id"),
        ({"type": "message", "content": []}, "item.role"),
        ({"type": "function_call", "name": "a"}, "item.arguments"),
        ({"type": "message", "role": "user", "content": [{}]}, "item.content[0].type"),
        (
            {"type": "message", "role": "system", "content": [{"type": "input_audio"}]},
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "audio", "audio": ""}]},
            "item.content[0].type",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": "?"}],
            },
            "item.content.audio",
        ),
    ],
)
def test_an_item_of_the_client_is_checked(data: dict[str, Any], param: str) -> None:
    with pytest.raises(Rejection) as refused:
        item_from_client(data, "item_new")
    assert refused.value.param == param


def test_a_client_may_put_sound_of_the_user_into_the_conversation() -> None:
    audio = base64.b64encode(loud(100)).decode()
    content = [{"type": "input_audio", "audio": audio}]
    item = item_from_client({"type": "message", "role": "user", "content": content}, "item_new")
    assert (item.pcm, item.audio_ms) == (loud(100), 100)
    assert item.data["content"] == [{"type": "input_audio", "transcript": None}]


def test_sound_is_kept_for_the_last_twenty_turns_only() -> None:
    items = ConversationItems()
    for number_ in range(25):
        items.append(ConversationItem({"id": str(number_), "type": "message"}, pcm=b"xx"))
    assert [bool(item.pcm) for item in items] == [False] * 5 + [True] * 20


def test_only_a_spoken_part_can_be_truncated() -> None:
    items = ConversationItems()
    content = [{"type": "audio", "transcript": "a"}]
    data = {"id": "a", "type": "message", "role": "assistant", "content": content}
    items.append(ConversationItem(data, audio_ms=10))
    with pytest.raises(Rejection) as refused:
        items.truncate("a", 1, 0)
    assert refused.value.param == "content_index"
