"""Converts dataclasses to a voluptuous schema, and plain values to a checked section.

Uses only what voluptuous and its successor Probatio share: Schema, Optional, Invalid and
MultipleInvalid. Messages for people are our own, so they depend on neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, TypeVar

import voluptuous as vol

from .checks import Check, shown
from .secret import Secret, did_you_mean
from .source import Problem, Source, Steps

T = TypeVar("T")
_MOST_ELSEWHERE = 3


@dataclass(frozen=True)
class Option:
    """One option or section for the documents. `check` is None for a section."""

    steps: tuple[str, ...]
    meaning: str
    default: Any
    check: Check | None
    unit: str

    @property
    def path(self) -> str:
        """The dotted path, such as ``audio.gate.threshold``."""
        return ".".join(self.steps)


def options(kind: type[Any], steps: tuple[str, ...] = ()) -> Iterator[Option]:
    """Yield every section and option of `kind`, each section before its contents."""
    for each in _settings(kind):
        here = (*steps, each.name)
        meaning, unit = each.metadata["meaning"], each.metadata.get("unit", "")
        group = each.metadata.get("section")
        default = None if each.default is MISSING else each.default
        yield Option(here, meaning, default, each.metadata.get("check"), unit)
        if group is not None:
            yield from options(group, here)


def groups(kind: type[Any]) -> Check:
    """Accept a list whose entries are sections of type `kind`; a single one may stand alone."""

    def convert(value: Any) -> tuple[Any, ...]:
        if isinstance(value, Mapping):
            value = [value]
        if not isinstance(value, list | tuple):
            got = shown(value)
            raise vol.Invalid(f"expected a list of groups ({names}){f', got {got}' if got else ''}")
        return tuple(_entries(kind, enumerate(value)).values())

    names = ", ".join(each.name for each in _settings(kind))
    return Check(f"a list of groups ({names})", convert, _groups_json(kind), kind)


def named_groups(kind: type[Any], name: str) -> Check:
    """Accept sections of type `kind` with free names (the pattern `name`); empty: none."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            got = shown(value)
            raise vol.Invalid(f"expected groups with names{f', got {got}' if got else ''}")
        for each in value:
            if not re.fullmatch(name, str(each)):
                raise vol.Invalid("is no name for it; use letters, digits, _ and -", [each])
        return _entries(kind, value.items())

    names = ", ".join(each.name for each in _settings(kind))
    entry = _groups_json(kind)["items"]
    json = {"type": "object", "propertyNames": {"pattern": f"^{name}$"}}
    return Check(
        f"groups with names ({names})", convert, {**json, "additionalProperties": entry}, kind
    )


def some_of(kind: type[Any]) -> Check:
    """Accept any subset of the options of `kind`; empty: none."""

    def convert(value: Any) -> dict[str, Any]:
        try:
            whole = vars(_entries(kind, [("", value)])[""])
        except vol.MultipleInvalid as errors:
            found = [vol.Invalid(each.error_message, each.path[1:]) for each in errors.errors]
            raise vol.MultipleInvalid(found) from None
        return {name: whole[name] for name, given in value.items() if given is not None}

    names = ", ".join(each.name for each in _settings(kind))
    return Check(f"some of {names}", convert, _group_json(kind))


def _entries(kind: type[Any], given: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Convert each of `given` to a `kind`, by its key."""
    entry, found, problems = schema(kind), {}, []
    for key, each in given:
        try:
            found[key] = each if isinstance(each, kind) else entry(each)
        except vol.MultipleInvalid as errors:
            for error in errors.errors:
                steps = _steps(error)
                what = _unknown(kind, steps, {}) or str(error.error_message)
                problems.append(vol.Invalid(what, [key, *steps]))
    if problems:
        raise vol.MultipleInvalid(problems)
    return found


def written(value: Any) -> Any:
    """Return a default as written in a file: of a group only what differs from its default."""
    if isinstance(value, tuple):
        return [written(each) for each in value]
    if isinstance(value, Mapping):
        return {name: written(each) for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: written(getattr(value, each.name))
            for each in _settings(type(value))
            if getattr(value, each.name) != _default(each)
        }
    return value


def _groups_json(kind: type[Any]) -> Mapping[str, Any]:
    return {"type": "array", "items": _group_json(kind)}


def _group_json(kind: type[Any]) -> dict[str, Any]:
    properties = {
        each.name: {
            "description": each.metadata["meaning"],
            **(
                _group_json(each.metadata["section"])
                if "section" in each.metadata
                else each.metadata["check"].json
            ),
        }
        for each in _settings(kind)
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _default(each: Field[Any]) -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()


def schema(kind: type[T]) -> vol.Schema:
    """Return the voluptuous schema of a section: converts plain values to a `kind`."""
    return vol.Schema(_validator(kind))


def validate(kind: type[T], source: Source, hints: Mapping[str, str]) -> T:
    """Convert `source` to a `kind`; mistakes are added to its problems, with the default used.

    `hints`: messages for unknown options, by the last word of their path.
    """
    value = source.value
    checked = schema(kind)
    while True:
        try:
            found: T = checked(value)
            return found
        except vol.MultipleInvalid as errors:
            for error in errors.errors:
                steps = _steps(error)
                what = _unknown(kind, steps, hints) or str(error.error_message)
                source.problems.append(Problem(source.place(steps), steps, what))
                source.failed.add(steps)
                value = _without(value, steps)


def _steps(error: vol.Invalid) -> Steps:
    return tuple(step if isinstance(step, int) else str(step) for step in error.path)


def _settings(kind: type[Any]) -> list[Field[Any]]:
    return [each for each in fields(kind) if "meaning" in each.metadata]


def _validator(kind: type[Any]) -> Callable[[Any], Any]:
    checks = {
        vol.Optional(each.name): (
            _validator(each.metadata["section"])
            if "section" in each.metadata
            else each.metadata["check"]
        )
        for each in _settings(kind)
    }
    group = vol.Schema(checks)
    # A missing value of an intended secret must not count as no secret.
    may_be_empty = {each.name for each in _settings(kind) if not isinstance(each.default, Secret)}

    def convert(value: Any) -> Any:
        if value is None:
            return kind()
        if not isinstance(value, Mapping):
            names = ", ".join(each.name for each in _settings(kind))
            got = shown(value)
            raise vol.Invalid(
                f"expected a group of options below it ({names}){f', got {got}' if got else ''}"
            )
        # An option with nothing after its colon has its default, like an empty section.
        return kind(
            **group(
                {
                    name: each
                    for name, each in value.items()
                    if each is not None or name not in may_be_empty
                }
            )
        )

    return convert


def _unknown(kind: type[Any], steps: Steps, hints: Mapping[str, str]) -> str:
    """Return a message if `steps` names no option; otherwise ""."""
    whole = kind
    for depth, step in enumerate(steps):
        names = {each.name: each for each in _settings(kind)}
        if step not in names:
            hint = did_you_mean(step, names) or _elsewhere(whole, steps[: depth + 1])
            hint = hint or f"; known here are {', '.join(names)}"
            if step in hints:
                hint = f"; {hints[str(step)]}"
            elif str(step).isdigit():
                hint = "; a decimal takes a point, as in 0.5"
            return f"there is no such option{hint}"
        if "section" not in names[str(step)].metadata:
            return ""
        kind = names[str(step)].metadata["section"]
        if depth == len(steps) - 1:
            return ""
    return ""


def _elsewhere(kind: type[Any], steps: Steps) -> str:
    """Return a hint at options of this name in other sections, nearer sections first."""
    *above, name = steps
    found = [each for each in options(kind) if each.steps[-1] == name]
    near = [each for each in found if each.steps[: len(above)] == tuple(above)] or found
    if not 0 < len(near) <= _MOST_ELSEWHERE:
        return ""
    return f"; did you mean {' or '.join(each.path for each in near)}?"


def _without(value: Any, steps: Steps) -> Any:
    """Return a copy of `value` without what is at `steps` (or a value that blocks the path)."""
    if not steps or not isinstance(value, Mapping) or steps[0] not in value:
        return None
    rest = {name: each for name, each in value.items() if name != steps[0]}
    if len(steps) > 1 and isinstance(value.get(steps[0]), Mapping):
        rest[steps[0]] = _without(value[steps[0]], steps[1:])
    return rest
