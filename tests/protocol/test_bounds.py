"""What a service sends is bounded before anybody keeps, logs or publishes it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from rtaudio_daemon.protocol.bounds import (
    DEPTH_MOST,
    error_message_of,
    is_too_deep,
    printable,
    response_status_of,
    usage_of,
)
from rtaudio_daemon.protocol.codec import decode

USAGE = {
    "total_tokens": 250,
    "input_tokens": 150,
    "output_tokens": 100,
    "input_token_details": {
        "text_tokens": 50,
        "audio_tokens": 100,
        "cached_tokens": 60,
        "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 40},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 70},
}


def nested(depth: int) -> Any:
    return [] if depth == 1 else {"a": nested(depth - 1)}


def test_a_usage_is_copied_as_far_as_it_is_known_and_plausible() -> None:
    assert usage_of(USAGE) == USAGE
    assert usage_of({"type": "duration", "seconds": 1.5}) == {"type": "duration", "seconds": 1.5}
    odd = {**USAGE, "input_tokens": -1, "output_tokens": 10**400, "gold": 7, "total_tokens": True}
    odd["output_token_details"] = {"text_tokens": math.nan, "audio_tokens": math.inf}
    odd["input_token_details"] = [1]
    assert usage_of(odd) == {"output_token_details": {}}
    for nothing in (None, 5, "many", [USAGE], {"type": "duration"}):
        assert usage_of(nothing) == {}


@pytest.mark.parametrize(
    ("status", "known"),
    [
        ("completed", "completed"),
        ("incomplete", "incomplete"),
        ("", "completed"),
        (None, "completed"),
        (["failed"], "completed"),
        ("\ud800", "other"),
        ("invented_1", "other"),
    ],
)
def test_the_status_of_an_answer_is_one_of_few(status: Any, known: str) -> None:
    assert response_status_of(status) == known


def test_text_cannot_forge_lines_or_rule_a_terminal() -> None:
    odd = "a\rb\x1b[2Jc\x85d\u202ee\u2066f\u2028g\x00h\ud800"
    assert printable(odd) == r"a\rb\x1b[2Jc\x85d\u202ee\u2066f\u2028g\x00h\ud800"
    fine = "two\n\tlines, grün 👩‍🚀 שלום"
    assert printable(fine) == fine
    assert error_message_of("no\r\nFAKE \x1b[31mred\u202e") == r"no FAKE \x1b[31mred\u202e"


def test_a_message_may_be_nested_so_deep_and_no_deeper() -> None:
    assert not is_too_deep(nested(DEPTH_MOST))
    assert is_too_deep(nested(DEPTH_MOST + 2))
    for wide in (json.dumps({"type": "a", "b": [[]] * 1000}), b'{"type": "a", "b": "[[[{{{"}'):
        assert decode(wide)["type"] == "a"
    for deep in (100, 900, 100_000):
        text = '{"type": "response.done", "response": ' + "[" * deep + "]" * deep + "}"
        for raw in (text, text.encode()):
            with pytest.raises(ValueError, match="too deeply"):
                decode(raw)
