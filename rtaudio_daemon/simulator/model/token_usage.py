"""The tokens of an answer: a simple count whose sums are always right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .items import ConversationItem

_INPUT_MS_PER_TOKEN = 100
_OUTPUT_MS_PER_TOKEN = 50
_CHARACTERS_PER_TOKEN = 4


def usage(
    instructions: str, context: Iterable[ConversationItem], output: Iterable[ConversationItem]
) -> dict[str, Any]:
    """Return the usage of a response with this input and output (zero if it said nothing)."""
    said = list(output)
    heard = list(context) if said else []
    text_in = text_tokens(instructions) if said else 0
    text_in += sum(text_tokens(item.words) for item in heard if not item.pcm)
    audio_in = sum(-(-item.audio_ms // _INPUT_MS_PER_TOKEN) for item in heard)
    text_out = sum(text_tokens(item.words) for item in said)
    audio_out = sum(-(-item.audio_ms // _OUTPUT_MS_PER_TOKEN) for item in said)
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def text_tokens(words: str) -> int:
    """Return the approximate number of tokens of `words`."""
    return -(-len(words) // _CHARACTERS_PER_TOKEN)


def transcription_usage(model: str | None, audio_ms: int, words: str) -> dict[str, Any]:
    """Return the usage of an input transcription: seconds for whisper, tokens for others."""
    if model is None or "whisper" in model:
        return {"type": "duration", "seconds": round(audio_ms / 1000, 3)}
    heard, said = -(-audio_ms // _INPUT_MS_PER_TOKEN), text_tokens(words)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "output_tokens": said,
        "total_tokens": heard + said,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }


def rate_limits() -> list[dict[str, Any]]:
    """Rate limits that are never reached here."""
    return [
        {"name": "requests", "limit": 5000, "remaining": 4999, "reset_seconds": 0.012},
        {"name": "tokens", "limit": 800_000, "remaining": 799_000, "reset_seconds": 0.075},
    ]
