"""Type hints and docstrings: what the model is given, and what the function is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Optional, Union

import pytest

from rtaudio_daemon.tools.schema import parse_arguments, schema_problems
from rtaudio_daemon.tools.sources.signatures import signature_of

SPELLINGS = (Optional, Union)  # for the functions that are defined from text


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Place:
    room: str
    floor: int = 0
    tags: list[str] = field(default_factory=list)


@dataclass
class Nested:
    place: Place


def set_light(
    name: str,
    level: Annotated[int, "brightness in percent"],
    speed: float = 1.5,
    on: bool = True,
    colour: Colour = Colour.RED,
    mode: Literal["soft", "hard"] | None = None,
    places: list[Place] | None = None,
    more: dict[str, int] | None = None,
) -> str:
    """Set a light
    to a level.

    More that the model need not know.

    Args:
        name: which light it is,
            as people call it
        level (int): this is passed over
        places: where

    Returns:
        what happened: words
    """
    return f"{name} {level} {speed} {on} {colour} {mode} {places} {more}"


def test_the_model_is_given_types_choices_and_descriptions() -> None:
    signature, problems = signature_of(set_light)
    assert problems == []
    assert signature.description == "Set a light to a level."
    properties = signature.schema["properties"]
    assert signature.schema["required"] == ["name", "level"]
    assert signature.schema["additionalProperties"] is False
    assert properties["name"] == {
        "type": "string",
        "description": "which light it is, as people call it",
    }
    assert properties["level"] == {"type": "integer", "description": "brightness in percent"}
    assert properties["speed"] == {"type": "number", "description": "(default: 1.5)"}
    assert properties["on"] == {"type": "boolean", "description": "(default: True)"}
    assert properties["colour"]["enum"] == ["red", "blue"]
    assert properties["mode"] == {"type": "string", "enum": ["soft", "hard"]}
    assert properties["more"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    place = properties["places"]["items"]
    assert place["required"] == ["room"]
    assert place["properties"]["floor"] == {"type": "integer", "description": "(default: 0)"}
    assert schema_problems(signature.schema) == []


def test_the_function_is_given_its_own_types() -> None:
    signature, _ = signature_of(set_light)
    given = parse_arguments(
        '{"name": "lamp", "level": 20.0, "speed": 2, "colour": "blue", '
        '"places": [{"room": "hall", "floor": 1.0}], "more": {"a": 1.0}, "invented": 1}',
        signature.schema,
    )
    found = signature.arguments(given)
    assert found == {
        "name": "lamp",
        "level": 20,
        "speed": 2.0,
        "colour": Colour.BLUE,
        "places": [Place("hall", 1)],
        "more": {"a": 1},
    }
    assert [type(found[each]) for each in ("level", "speed")] == [int, float]
    assert set_light(**found).startswith("lamp 20 2.0 True Colour.BLUE None")


def test_what_may_be_none_and_has_no_default_may_be_left_out() -> None:
    def find(name: str | None, *, colour: Annotated[Colour | None, "which"]) -> None:
        """Find it."""

    signature, problems = signature_of(find)
    assert problems == []
    assert signature.schema["required"] == []
    assert signature.schema["properties"]["colour"]["description"] == "which"
    assert signature.arguments({}) == {"name": None, "colour": None}
    assert signature.arguments({"colour": "red"}) == {"name": None, "colour": Colour.RED}


def test_a_function_without_parameters_is_a_tool_too() -> None:
    def ring() -> None:
        """Ring the bell."""

    signature, problems = signature_of(ring)
    assert problems == []
    assert (signature.description, signature.schema["properties"]) == ("Ring the bell.", {})
    assert signature.arguments({"x": 1}) == {}


def defined(parameters: str, docstring: str = "Do it.") -> Any:
    """A function as its author might write it."""
    names = {**globals()}
    exec(f'def do_it({parameters}) -> None:\n    """{docstring}"""', names)
    return names["do_it"]


def test_optional_is_spelled_in_three_ways() -> None:
    for hint in ("Optional[int]", "Union[int, None]", "int | None"):
        signature, problems = signature_of(defined(f"a: {hint} = None"))
        assert problems == []
        assert signature.schema["properties"] == {"a": {"type": "integer"}}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ("a", "a: has no type hint, as in a: str"),
        ("a: Any", "a: Any cannot be expressed; str, int, float, bool"),
        ("a: int | str", "a: int | str cannot be expressed"),
        ("*a: int", "*a: stands for any number; name every parameter"),
        ("**a: int", "**a: stands for any number; name every parameter"),
        ("a: int, /", "a: is given by position only; take away the /"),
        ("a: list", "a: list cannot be expressed; write what it holds, as in list[str]"),
        ("a: dict[int, str]", "a: dict cannot be expressed"),
        ("a: Nested", "a.place: Place cannot be expressed; a dataclass inside a dataclass"),
        ("a: list[bytes]", "a[]: bytes cannot be expressed"),
        ("a: Literal[b'x']", "a: a choice is of text, numbers, true and false only"),
        ("a: 'Nowhere'", "its type hints cannot be read: name 'Nowhere' is not defined"),
    ],
)
def test_what_cannot_be_expressed_is_named(parameters: str, problem: str) -> None:
    _, problems = signature_of(defined(parameters))
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_function_without_a_docstring_is_of_no_use() -> None:
    _, (problem,) = signature_of(defined("a: int", ""))
    assert problem.startswith("has no docstring; say for the model what it does")
