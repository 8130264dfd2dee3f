"""Validates request bodies with the few keywords of JSON Schema that their schemas use.

This keeps the documents consistent with the code.
"""

from __future__ import annotations

import re

from .schema_parts import Schema

_BODY = "the body"


def check(schema: Schema, value: object, name: str = _BODY) -> str | None:
    """Explain what is wrong with `value`; None if it is valid."""
    if schema.get("type") == "object":
        return _check_object(schema, value, name)
    if "enum" in schema and value not in schema["enum"]:
        return f"{name}: expected {' or '.join(schema['enum'])}"
    if schema["type"] == "boolean" and not isinstance(value, bool):
        return f"{name}: expected true or false"
    if schema["type"] == "number":
        low, high = schema["minimum"], schema["maximum"]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            return f"{name}: expected a number from {low} to {high}"
    if schema["type"] == "string" and "maxLength" in schema:
        least, most = schema.get("minLength", 0), schema["maxLength"]
        if not isinstance(value, str) or len(value.strip()) < least or len(value) > most:
            return f"{name}: expected words, {least} to {most} characters"
        # Python's $ also matches before a final line feed, that of JSON Schema does not.
        if not re.search(re.sub(r"\$$", r"\\Z", schema.get("pattern", "")), value):
            return f"{name}: expected {schema['description']}"
    if schema["type"] == "array":
        return _check_array(schema, value, name)
    return None


def _check_array(schema: Schema, value: object, name: str) -> str | None:
    most = schema["maxItems"]
    if not isinstance(value, list) or len(value) > most:
        return f"{name}: expected a list of at most {most}"
    items = schema["items"]
    # A list of plain values is named as a whole, an object by its place.
    place = f"{name}[{{}}]" if items.get("type") == "object" else name
    wrong = (check(items, each, place.format(at)) for at, each in enumerate(value))
    return next(filter(None, wrong), None)


def _check_object(schema: Schema, value: object, name: str) -> str | None:
    if not isinstance(value, dict):
        fields = "" if name == _BODY else f", with {', '.join(schema.get('properties', ()))}"
        return f"{name} must be a JSON object{fields.removesuffix(', with ')}"
    if "properties" not in schema:
        return None
    properties = schema["properties"]
    for unknown in [key for key in value if key not in properties]:
        return (
            f"{unknown[:40]}: there is no such field; known are {', '.join(properties) or 'none'}"
        )
    for required in schema.get("required", ()):
        if required not in value:
            return f"{required}: is needed"
    one_of = [each["required"][0] for each in schema.get("oneOf", ())]
    if one_of and sum(each in value for each in one_of) != 1:
        return f"give either {' or '.join(one_of)}"
    return next(
        (wrong for key, each in value.items() if (wrong := check(properties[key], each, key))), None
    )
