"""What is wrong with a schema that a person wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from rtaudio_daemon.tools.schema import parameters_schema, schema_problems
from tests.tools.test_schema import _SCHEMAS


def problems(**parameters: Any) -> list[str]:
    return schema_problems(parameters_schema(parameters))


def test_a_schema_that_is_right_has_no_problems() -> None:
    assert (
        problems(
            who={"type": "string", "enum": ["guest", "postman"], "description": "who it is for"},
            minutes={"type": "integer", "minimum": 1, "maximum": 60, "default": 5},
            when={"type": "string", "pattern": "^\\d\\d:\\d\\d$", "optional": True},
            what={"type": ["string", "null"]},
            list={"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 9},
            either={"anyOf": [{"type": "string"}, {"enum": [1, 2]}], "x-note": "mine", "remark": 1},
            group={"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
            foreign={"$ref": "#/$defs/it"},
        )
        == []
    )
    assert schema_problems(parameters_schema({})) == []


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "strng"}, "it.type: there is no type strng; did you mean string?"),
        ({"type": "text"}, "it.type: there is no type text; known are string, integer, number, "),
        ({"type": ["string", None]}, 'it.type: write "null" in quotes'),
        ({"type": {"a": 1}}, "it.type: there is no type"),
        ({"type": []}, "it.type: there is no type []"),
        ({}, "it: needs a type: string, integer, number, boolean, array, object, null"),
        ("string", "it: expected a schema, as in {type: string}"),
        (None, "it: expected a schema, as in {type: string}"),
        ({"type": "string", "enmu": ["a"]}, "it.enmu: there is no such word; did you mean enum?"),
        (
            {"type": "string", "optional": "yes"},
            "it.optional: expected true or false, beside the type of an argument",
        ),
        ({"type": "string", "enum": "a"}, "it.enum: expected a list of values"),
        ({"type": "string", "enum": []}, "it.enum: expected a list of values"),
        (
            {"type": "string", "enum": ["fast", False]},
            "it.enum: false is true or false, not string; put it in quotes",
        ),
        ({"type": "integer", "default": "5"}, "it.default: 5 is text, not integer"),
        ({"type": "number", "minimum": "1"}, "it.minimum: expected a number, got 1"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "it.minimum: must not be larger than"),
        ({"type": "string", "pattern": "("}, "it.pattern: cannot be used"),
        ({"type": "string", "pattern": "(a+)+"}, "it.pattern: cannot be used"),
        ({"type": "string", "pattern": ".*.*.*x"}, "it.pattern: cannot be used"),
        ({"type": "string", "pattern": 5}, "it.pattern: cannot be used"),
        ({"type": "array", "items": {"type": "x"}}, "it.items.type: there is no type x"),
        ({"type": "object", "properties": ["a"]}, "it.properties: expected names, each with"),
        (
            {"type": "object", "properties": {"a": {"type": "x"}}},
            "it.a.type: there is no type x",
        ),
        ({"type": "object", "required": ["a"]}, "it.required: expected a list of names that"),
        ({"type": "object", "required": "a"}, "it.required: expected a list of names that"),
        ({"anyOf": {"type": "string"}}, "it.anyOf: expected a list of schemas"),
        ({"anyOf": [{"type": "string"}, {"type": "x"}]}, "it.anyOf[1].type: there is no type x"),
    ],
)
def test_a_mistake_is_named_with_its_place(schema: Any, problem: str) -> None:
    assert any(each.startswith(problem) for each in problems(it=schema)), problems(it=schema)


def test_a_schema_that_is_none_or_nested_very_deeply_is_a_problem() -> None:
    assert schema_problems([]) == ["expected a schema, as in {type: string}"]
    schema: Any = {"type": "string"}
    for _ in range(40):
        schema = {"type": "array", "items": schema}
    (problem,) = schema_problems(schema)
    assert problem.endswith(": is nested too deeply")


@settings(max_examples=100)
@given(_SCHEMAS)
def test_any_schema_can_be_judged(schema: Any) -> None:
    assert all(isinstance(each, str) for each in schema_problems(schema))
