"""The allowed shapes of client messages, as nested tables of rules, checked strictly.

A shape is a rule (a function that raises `Rejection` for an invalid value) or a table from field
name to shape. Fields that are not in the table are refused with ``unknown_parameter``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .rejection import Rejection, invalid, unknown

Rule = Callable[[Any, str], None]
Shape = Rule | Mapping[str, "Shape"]


def check(value: Any, shape: Shape, path: str) -> None:
    """Check `value` against `shape`; raises `Rejection` that names the offending field."""
    if callable(shape):
        shape(value, path)
        return
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)
    for key, inner in value.items():
        where = f"{path}.{key}" if path else key
        if key not in shape:
            raise unknown(where)
        check(inner, shape[key], where)


def wrong_type(path: str, expected: str, value: Any) -> Rejection:
    """The refusal of a value of the wrong JSON type."""
    return Rejection(
        f"Invalid type for '{path}': expected {expected}, but got {_kind(value)} instead.",
        code="invalid_type",
        param=path,
    )


def anything(_value: Any, _path: str) -> None:
    """Any JSON value."""


def text(value: Any, path: str) -> None:
    """A string."""
    if not isinstance(value, str):
        raise wrong_type(path, "a string", value)


def some_text(value: Any, path: str) -> None:
    """A string that is not empty."""
    text(value, path)
    if not value:
        raise invalid(path, "''. Expected something, or leave it out.")


def boolean(value: Any, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)


def number(low: float, high: float) -> Rule:
    """A number from `low` to `high`, both included."""

    def rule(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(path, "a decimal", value)
        if not low <= value <= high:
            raise invalid(path, f"{value}. Expected a value between {low} and {high}.")

    return rule


def integer(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`, both included."""

    def rule(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, "an integer", value)
        if value < low:
            raise Rejection(
                f"Invalid '{path}': integer below minimum value. "
                f"Expected a value >= {low}, but got {value} instead.",
                code="integer_below_min_value",
                param=path,
            )
        if value > high:
            raise Rejection(
                f"Invalid '{path}': integer above maximum value. "
                f"Expected a value <= {high}, but got {value} instead.",
                code="integer_above_max_value",
                param=path,
            )

    return rule


def one_of(*allowed: Any) -> Rule:
    """One of a few values."""

    def rule(value: Any, path: str) -> None:
        if value not in allowed:
            names = ", ".join(repr(each) for each in allowed)
            raise Rejection(
                f"Invalid value: {value!r}. Supported values are: {names}.",
                code="invalid_value",
                param=path,
            )

    return rule


def or_null(shape: Shape) -> Rule:
    """What `shape` allows, or null."""

    def rule(value: Any, path: str) -> None:
        if value is not None:
            check(value, shape, path)

    return rule


def list_of(shape: Shape) -> Rule:
    """A list whose every entry fits `shape`."""

    def rule(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        for index, entry in enumerate(value):
            check(entry, shape, f"{path}[{index}]")

    return rule


def either(*shapes: Shape) -> Rule:
    """What at least one of `shapes` allows; the refusal is the last one's."""

    def rule(value: Any, path: str) -> None:
        for shape in shapes[:-1]:
            try:
                check(value, shape, path)
            except Rejection:
                continue
            return
        check(value, shapes[-1], path)

    return rule


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds: list[tuple[type, str]] = [
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a decimal"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    ]
    return next((name for kind, name in kinds if isinstance(value, kind)), "something else")
