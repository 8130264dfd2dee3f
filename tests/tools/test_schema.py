"""The arguments of a call against the schema of its tool."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.protocol.bounds import DEPTH_MOST, TEXT_CHARACTERS
from rtaudio_daemon.tools.schema import INTEGER_MOST, parameters_schema, parse_arguments
from rtaudio_daemon.tools.tool import Json, ToolError


def parsed(arguments: Any, **parameters: Any) -> Json:
    """What a tool with these parameters, all optional, is given."""
    return parse_arguments(json.dumps(arguments), {"type": "object", "properties": parameters})


def refusal(arguments: Any, **parameters: Any) -> str:
    with pytest.raises(ToolError) as caught:
        parsed(arguments, **parameters)
    return str(caught.value).removeprefix("wrong arguments: ")


# ------------------------------------------------------------------- the text


@pytest.mark.parametrize("text", ["", "  ", "{}", "\n{ }"])
def test_nothing_stands_for_no_arguments(text: str) -> None:
    assert parse_arguments(text, {"type": "object"}) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON"),
        ("open the door", "no JSON"),
        ('{"a": 1} and more', "no JSON"),
        ("{'a': 1}", "no JSON"),
        ("[" * 60_000, "no JSON"),
        ("[1]", "must be a JSON object, not a list"),
        ("null", "must be a JSON object, not null"),
        ('"text"', "must be a JSON object, not text"),
        ("true", "must be a JSON object, not true or false"),
        ("5", "must be a JSON object, not a whole number"),
        ("5.5", "must be a JSON object, not a number"),
        ('{"a": NaN}', "hold NaN, which is no number"),
        ('{"a": -Infinity}', "hold -Infinity, which is no number"),
        ('{"a": ' + "[" * (DEPTH_MOST + 2) + "]" * (DEPTH_MOST + 2) + "}", "nested too deeply"),
        ('{"a": 1e999}', "a: the number is too large"),
        ('{"a": [{"b": 123456789012345678901}]}', r"a\[0\].b: the number is too large"),
        ('{"a": -9007199254740993}', "a: the number is too large"),
        ('{"a": ' + "9" * 5000 + "}", "a: the number is too large"),
        ('{"a": "\\u0000"}', "a: holds a character"),
        ('{"a": ["\\ud800"]}', r"a\[0\]: holds a character"),
        ('{"\\u0000": 1}', "a name: holds a character"),
        ('{"a": "' + "x" * TEXT_CHARACTERS + '"}', f"at most {TEXT_CHARACTERS} characters"),
    ],
)
def test_what_is_no_object_of_plain_values_is_refused(text: str, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        parse_arguments(text, {"type": "object", "additionalProperties": True})


def test_the_largest_number_is_one() -> None:
    assert parsed({"a": INTEGER_MOST}, a={"type": "integer"}) == {"a": INTEGER_MOST}


# ------------------------------------------------------------------ the fields


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "a"),
        ({"type": "string"}, ""),
        ({"type": "integer"}, -5),
        ({"type": "number"}, 5),
        ({"type": "number"}, 5.5),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["string", "null"]}, None),
        ({"type": "string", "nullable": True}, None),
        ({"type": "array"}, [1, "a", {"b": None}]),
        ({"type": "object"}, {"any": {"thing": 1}}),
        ({"type": "color"}, {"what": "nobody knows"}),
        ({}, [1]),
        (True, 7),
        ({"enum": ["a", 1, None]}, None),
        ({"const": [1, {"a": 2}]}, [1, {"a": 2}]),
        ({"enum": "abc", "const": 5}, 5),
        ({"type": "number", "minimum": 1, "maximum": 2}, 2),
        ({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, 1.5),
        ({"type": "number", "minimum": "1"}, 0),
        ({"type": "string", "minLength": 2, "maxLength": 2}, "ab"),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, [1, 2]),
        ({"type": "string", "pattern": "^[a-z_]+\\.[a-z0-9_]+$"}, "light.hall_2"),
        ({"type": "string", "pattern": "b"}, "abc"),
        ({"type": "string", "pattern": 5}, "abc"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, 5),
        ({"allOf": [{"minimum": 1}, {"maximum": 9}]}, 5),
        ({"anyOf": "nothing", "allOf": {}}, 5),
        ({"properties": {"a": {"type": "string"}}}, "no object, and no type is wanted"),
    ],
)
def test_a_value_that_fits_is_given_as_it_is(schema: Any, value: Any) -> None:
    found = parsed({"it": value}, it=schema)["it"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        ({"type": "string"}, 5, "it: expected text, got a whole number"),
        ({"type": "string"}, None, "it: expected text, got null (leave it out if there is none)"),
        ({"type": "integer"}, "5", "it: expected a whole number, got text"),
        ({"type": "integer"}, 5.5, "it: expected a whole number, got a number"),
        ({"type": "integer"}, True, "it: expected a whole number, got true or false"),
        ({"type": "number"}, False, "it: expected a number, got true or false"),
        ({"type": "boolean"}, 1, "it: expected true or false, got a whole number"),
        ({"type": "boolean"}, "true", "it: expected true or false, got text"),
        ({"type": "array"}, {}, "it: expected a list, got an object"),
        ({"type": "object"}, [], "it: expected an object, got a list"),
        ({"type": ["string", "null"]}, 5, "it: expected text or null, got a whole number"),
        ({"enum": ["guest", "postman"]}, "Guest", "it: expected one of guest, postman"),
        ({"type": "integer", "enum": [0, 1]}, 2, "it: expected one of 0, 1"),
        ({"enum": [1]}, True, "it: expected one of 1"),
        ({"enum": []}, 1, "it: expected "),
        ({"const": "x"}, "y", "it: expected x"),
        (
            {"type": "number", "minimum": 0, "maximum": 100},
            101,
            "it: expected a number from 0 to 100, got 101",
        ),
        ({"type": "number", "minimum": 0}, -1, "it: expected a number of at least 0, got -1"),
        ({"type": "integer", "maximum": 9}, 10, "it: expected a whole number of at most 9, got 10"),
        (
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            0,
            "it: expected a number above 0 and below 1, got 0",
        ),
        ({"exclusiveMaximum": 1}, 1, "it: expected , got 1"),
        (
            {"type": "string", "minLength": 1, "maxLength": 3},
            "",
            "it: expected text from 1 to 3 characters, got 0 characters",
        ),
        (
            {"type": "array", "maxItems": 1},
            [1, 2],
            "it: expected a list of at most 1 entries, got 2",
        ),
        ({"type": "string", "pattern": "^a$"}, "a\n", "it: expected text like ^a$"),
        ({"type": "string", "pattern": "^\\d{2}:\\d{2}$"}, "٣٣:٣٣", "it: expected text like"),
        (
            {"type": "array", "items": {"type": "integer"}},
            [1, "2", None],
            "it[1]: expected a whole number, got text; it[2]: expected a whole number, got null "
            "(leave it out if there is none)",
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            5,
            "it: expected text or null, got a whole number",
        ),
        (
            {"oneOf": [{"enum": ["on"]}, {"const": 1}, {}, True], "anyOf": [{"type": "null"}]},
            2,
            "it: expected null, got a whole number",
        ),
        (
            {"allOf": [{"minimum": 3}, {"type": "string"}]},
            1,
            "it: expected , got 1; it: expected text, got a whole number",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
            {"a": 1},
            "it.a: expected text, got a whole number; it.b: is missing",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_is_allowed(
    schema: Json, value: Any, why: str
) -> None:
    assert refusal({"it": value}, it=schema).startswith(why)


def test_every_wrong_field_is_named_up_to_some() -> None:
    many = {f"n{number}": {"type": "string"} for number in range(12)}
    schema = {"properties": many, "required": [*many, "more", 5]}
    with pytest.raises(ToolError) as caught:
        parse_arguments('{"n0": 1, "n1": "right"}', schema)
    why = str(caught.value)
    assert why.startswith("wrong arguments: n0: expected text, got a whole number; n2: is missing")
    assert why.endswith("; and 4 more")


def test_a_missing_field_is_named_with_what_is_allowed() -> None:
    schema = parameters_schema(
        {"who": {"enum": ["guest", "postman"]}, "to": {"const": 1}, "any": {}}
    )
    with pytest.raises(
        ToolError,
        match=r"who: is missing, one of guest, postman; to: is missing, 1; any: is missing$",
    ):
        parse_arguments("{}", schema)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    found = parsed({"n": 3.0, "m": 3.0}, n={"type": "integer"}, m={"type": "number"})
    assert (type(found["n"]), type(found["m"])) == (int, float)


def test_unknown_fields_are_left_out() -> None:
    assert parsed({"a": 1, "b": 2}, a={"type": "integer"}) == {"a": 1}
    assert parse_arguments('{"b": 2}', {"type": "object"}) == {}
    inner: Json = {"properties": {"a": {}}}
    assert parsed({"in": {"a": 1, "b": 2}}, **{"in": inner}) == {"in": {"a": 1}}
    assert parsed({"in": [{"a": 1, "b": 2}]}, **{"in": {"items": inner}}) == {"in": [{"a": 1}]}


def test_unknown_fields_stay_where_the_schema_allows_them() -> None:
    text = '{"a": 1, "b": "2"}'
    allowing: list[Json] = [
        {"additionalProperties": True},
        {"additionalProperties": {"type": "string"}},
        {"patternProperties": {"^b": {}}},
        {"$ref": "#/$defs/it"},
        {"anyOf": [{"$ref": "#/$defs/it"}]},
        {"anyOf": [{"properties": {"b": {}}}]},
        {"allOf": [{"properties": {"b": {}}}, True, {"required": ["a"]}]},
    ]
    for more in allowing:
        schema = {"type": "object", "properties": {"a": {}}, **more}
        assert parse_arguments(text, schema) == {"a": 1, "b": "2"}, more
    schema = {"additionalProperties": {"type": "integer"}}
    with pytest.raises(ToolError, match="b: expected a whole number, got text"):
        parse_arguments(text, schema)


def test_a_choice_leaves_out_what_it_does_not_know() -> None:
    choices = {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {}}}]}
    assert parsed({"it": {"a": 1, "b": 2}}, it=choices) == {"it": {"a": 1}}


def test_a_field_that_is_missing_gets_its_default() -> None:
    schema = {"type": "integer", "default": 5}
    assert parsed({}, n=schema) == {"n": 5}
    assert parsed({"n": 6}, n=schema) == {"n": 6}
    assert parsed({}, n={"type": "integer", "default": "five"}) == {}, "it does not fit itself"
    assert parse_arguments("{}", {"properties": {"n": schema}, "required": ["n"]}) == {"n": 5}


def test_schemas_that_are_nested_very_deeply_are_passed_over() -> None:
    schema: Json = {"type": "string"}
    value: Any = 5
    for _ in range(40):
        schema, value = {"type": "array", "items": schema}, [value]
    assert parsed({"it": value}, it=schema) == {"it": value}
    schema = {"type": "string"}
    for _ in range(40):
        schema = {"anyOf": [schema]}
    assert parsed({"it": 5}, it=schema) == {"it": 5}


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|aa)*$",
        "(a?){30}",
        "^(.*a){20}$",
        "(?=a)",
        "(?P<x>a)",
        "(a)\\1",
        "[",
        "*",
        "a" * 201,
        "a{99999999999999999999}",
        "\\p{L}+",
        "[[a]",
    ],
)
def test_a_pattern_that_cannot_be_tried_safely_fits_everything(pattern: str) -> None:
    assert parsed({"it": "a" * 60 + "!"}, it={"pattern": pattern}) == {"it": "a" * 60 + "!"}


def test_a_text_that_is_too_long_for_its_pattern_is_refused() -> None:
    slow = {"pattern": "^a*a*a*b$"}
    assert parsed({"it": "aaab"}, it=slow) == {"it": "aaab"}
    assert refusal({"it": "a" * 2000 + "b"}, it=slow) == "it: expected text like ^a*a*a*b$"
    choices = {"pattern": "^(?:" + "a?" * 30 + ")$"}
    assert refusal({"it": "a"}, it=choices).startswith("it: expected text like")


# ---------------------------------------------------------------- parameters


def test_parameters_are_required_unless_they_say_otherwise() -> None:
    assert parameters_schema(
        {
            "who": {"type": "string"},
            "when": {"type": "string", "optional": True},
            "why": {"type": "string", "optional": False},
            "how": {"type": "string", "default": "fast"},
            "wrong": "string",
            "odd": {"type": "string", "optional": "yes"},
        }
    ) == {
        "type": "object",
        "properties": {
            "who": {"type": "string"},
            "when": {"type": "string"},
            "why": {"type": "string"},
            "how": {"type": "string", "default": "fast"},
            "wrong": "string",
            "odd": {"type": "string", "optional": "yes"},
        },
        "required": ["who", "why", "odd"],
        "additionalProperties": False,
    }


def test_a_whole_schema_is_taken_as_it_is() -> None:
    whole = {"type": "object", "properties": {"a": {"type": "string"}}, "required": []}
    assert parameters_schema(whole) == whole
    named = parameters_schema({"type": {"type": "string"}, "properties": {"type": "string"}})
    assert set(named["properties"]) == {"type", "properties"}


# -------------------------------------------------------------- whatever comes

_PLAIN = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["", "a"])
)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=6,
)
_SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "boolean", "null", ["null"]]),
            "enum": st.lists(_PLAIN, max_size=2),
            "const": _PLAIN,
            "minimum": _VALUES,
            "maxLength": _VALUES,
            "pattern": st.sampled_from(["^a$", "(", "(a+)+", 7]),
            "default": _VALUES,
            "nullable": st.booleans(),
        },
    )
    | _VALUES,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object", ["object", "string"], 7, []]),
            "items": inner,
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2) | st.just([]),
            "required": st.lists(st.sampled_from(["a", "b", 7]), max_size=2) | st.just("a"),
            "additionalProperties": st.booleans() | inner,
            "anyOf": st.lists(inner, max_size=2) | st.just({}),
            "allOf": st.lists(inner, max_size=2),
        },
    ),
    max_leaves=5,
)


def outcome(text: str, schema: Json) -> Json | str:
    """What a tool is given, or why it is given nothing."""
    try:
        return parse_arguments(text, schema)
    except ToolError as error:
        return str(error)


@settings(max_examples=150)
@given(_SCHEMAS.filter(lambda schema: isinstance(schema, dict)), _VALUES)
def test_any_arguments_fit_or_are_refused_in_words(schema: Json, value: Any) -> None:
    found = outcome(json.dumps(value), schema)
    assert found != ""
    if isinstance(found, dict):
        assert outcome(json.dumps(found), schema) == found, "what fits still fits"


@settings(max_examples=100)
@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: data.decode("latin-1")))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    assert outcome(text, {"additionalProperties": True}) != ""


@settings(max_examples=60)
@given(st.text("a|*+?(){}[]^$\\.2,", max_size=30), st.text("ab", max_size=60))
def test_no_pattern_takes_long(pattern: str, text: str) -> None:
    found = outcome(json.dumps({"it": text}), {"properties": {"it": {"pattern": pattern}}})
    assert found == {"it": text} or "expected text like" in found
