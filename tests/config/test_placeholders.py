"""Places for arguments in the options of a tool."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.config.placeholders import as_text, fill, names_in, whole
from rtaudio_daemon.config.secret import Secret


def test_places_are_found_with_their_steps() -> None:
    value = {"a": "{x} and {y2}", "b": [1, None, {"c": "{x}"}], "d": '{{x}} {} { x } {"a": 1} {ä}'}
    assert list(names_in(value)) == [(("a",), "x"), (("a",), "y2"), (("b", 2, "c"), "x")]


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{x}-{x}", "1-1"),
        ("{{x}}{x}", "{x}1"),
        ('{"a": {x}}', '{"a": 1}'),
        ("nothing", "nothing"),
        ("{y}", None),
        ("{missing}", None),
    ],
)
def test_places_are_filled(template: str, filled: str | None) -> None:
    assert fill(template, {"x": 1, "y": None}) == filled


def test_an_argument_is_not_filled_again() -> None:
    assert fill("{x}", {"x": "{y}", "y": 2}) == "{y}"


def test_a_secret_template_is_filled_in_the_open() -> None:
    assert fill(Secret("key-{x}"), {"x": 1}) == "key-1"


@pytest.mark.parametrize(
    ("template", "name"), [("{x}", "x"), ("{{x}}", ""), ("{x} ", ""), ("{x}{y}", ""), ("x", "")]
)
def test_a_whole_place_is_known(template: str, name: str) -> None:
    assert whole(template) == name


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (20.0, "20"), (1.5, "1.5"), ([1, "ä"], '[1, "ä"]'), ("\ud800", "?")],
)
def test_arguments_are_spelled_as_json_and_text_as_it_is(value: Any, text: str) -> None:
    assert as_text(value) == text
