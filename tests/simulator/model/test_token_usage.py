"""Tokens are counted as the service counts them."""

from __future__ import annotations

from rtaudio_daemon.simulator.model.items import (
    ConversationItem,
)
from rtaudio_daemon.simulator.model.token_usage import transcription_usage, usage


def test_a_function_call_counts_by_its_arguments() -> None:
    call = ConversationItem({"id": "a", "type": "function_call", "arguments": "12345678"})
    assert usage("", [], [call])["output_token_details"] == {"text_tokens": 2, "audio_tokens": 0}


def test_transcription_costs_tokens_except_with_whisper() -> None:
    assert transcription_usage("whisper-1", 1500, "a") == {"type": "duration", "seconds": 1.5}
    tokens = transcription_usage("gpt-4o-transcribe", 1500, "four")
    assert (tokens["input_tokens"], tokens["output_tokens"], tokens["total_tokens"]) == (15, 1, 16)
