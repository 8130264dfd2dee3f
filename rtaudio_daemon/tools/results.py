"""What the model is given of a call: one JSON object, valid and of bounded length."""

from __future__ import annotations

import json
from typing import Any


def result(value: Any, most: int) -> str:
    """A result as JSON; of one longer than `most` characters the rest is left out, and counted."""
    words = _json(value)
    if len(words) <= most:
        return f'{{"result": {words}}}'
    shown = value if isinstance(value, str) else words
    return _json({"result": shown[:most], "left_out": len(shown) - most})


def failure(why: str, most: int) -> str:
    """Why there is no result, as JSON, in words for the model."""
    return _json({"error": why[:most]})


def _json(value: Any) -> str:
    """JSON of any value: what JSON does not know becomes text."""
    try:
        words = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except (TypeError, ValueError, RecursionError):
        words = json.dumps(str(type(value).__name__ if _is_deep(value) else value)[:100_000])
    return words.encode("utf-8", "replace").decode()


def _is_deep(value: Any) -> bool:
    try:
        str(value)
    except RecursionError:
        return True
    return False
