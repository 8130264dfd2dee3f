"""Elements of the HTTP API's JSON Schemas."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT_MAX = 4000  # maximum number of characters of a text


def object_of(properties: Schema, *optional: str, more: bool = False) -> Schema:
    """Return the schema of an object with these properties, some of them optional."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": more}
    required = [name for name in properties if name not in optional]
    return {**schema, "required": required} if required else schema


def one_of(*names: str) -> Schema:
    """Return the schema of one of these words."""
    return {"type": "string", "enum": list(names)}


def or_null(kind: str) -> Schema:
    """Return the schema of a value of this type, or null."""
    return {"type": [kind, "null"]}


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
LEVEL: Schema = {"type": "number", "minimum": 0, "maximum": 1}
STATUS_WORD = one_of("idle", "listening", "thinking", "speaking")
CONNECTION_STATE = one_of("connecting", "open", "renewing", "closing", "closed")
SPEECH_SOURCE = one_of("local", "service")
TIMER_KIND = one_of("timer", "alarm", "reminder")
NOTHING: Schema = object_of({})
