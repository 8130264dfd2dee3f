"""The output of a call for the model: one JSON object, valid and of bounded length."""

from __future__ import annotations

import json
from typing import Any


def result(value: Any, most: int) -> str:
    """Return a result as JSON; beyond `most` characters the rest is omitted, and its size noted."""
    words = _json(value)
    if len(words) <= most:
        return f'{{"result": {words}}}'
    shown = value if isinstance(value, str) else words
    return _json({"result": shown[:most], "left_out": len(shown) - most})


def failure(why: str, most: int) -> str:
    """Return the reason for a failure as JSON, in words for the model."""
    return _json({"error": why[:most]})


def _json(value: Any) -> str:
    """Return JSON for any value; unsupported types become text."""
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
