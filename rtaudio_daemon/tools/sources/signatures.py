"""Converts type hints and docstrings for the model, and arguments of calls for the function."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..tool import Json

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_EXPRESSED = (
    "str, int, float, bool, Literal, Enum, Optional, list[...], dict, a dataclass, and Annotated "
    "with a description can be"
)
_STARS: Mapping[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}
Problems = list[str]


@dataclass(frozen=True, slots=True)
class Signature:
    """What the model gets of a function, and how to convert the arguments of a call."""

    description: str
    schema: Json
    hints: Mapping[str, Any]
    absent: tuple[str, ...]
    """Parameters without default that are None if they are not given."""

    def arguments(self, given: Json) -> dict[str, Any]:
        """Convert the arguments of a call, checked against `schema`, for the function."""
        found = {
            name: _converted(self.hints[name], value)
            for name, value in given.items()
            if name in self.hints
        }
        return {**dict.fromkeys(self.absent), **found}


def signature_of(function: Callable[..., Any]) -> tuple[Signature, Problems]:
    """Return the signature and all problems; with any problem the signature is unusable."""
    problems: Problems = []
    description, documented = _documented(inspect.getdoc(function) or "")
    if not description:
        problems.append("has no docstring; say for the model what it does and when to call it")
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:  # evaluating hints runs third-party code
        return Signature("", {}, {}, ()), [f"its type hints cannot be read: {error}"]
    properties: Json = {}
    required, absent, kept = [], [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if stars := _STARS.get(parameter.kind):
            problems.append(f"{stars}{name}: stands for any number; name every parameter")
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            problems.append(f"{name}: is given by position only; take away the /")
            continue
        if name not in hints:
            problems.append(f"{name}: has no type hint, as in {name}: str")
            continue
        kept[name] = hints[name]
        schema = _schema(hints[name], name, problems)
        if name in documented and "description" not in schema:
            schema["description"] = documented[name]
        properties[name] = schema
        if parameter.default is not parameter.empty:
            _add_default(schema, parameter.default)
        elif _without_none(hints[name])[1]:
            absent.append(name)
        else:
            required.append(name)
    return Signature(description, _object(properties, required), kept, tuple(absent)), problems


# ------------------------------------------------------------------ hints to schemas


def _schema(hint: Any, at: str, problems: Problems, *, depth: int = 0) -> Json:
    hint, described = _described(hint)
    hint, _ = _without_none(hint)
    hint, inner = _described(hint)
    schema = _plain_schema(hint, at, problems, depth)
    if description := described or inner:
        schema["description"] = description
    return schema


def _plain_schema(hint: Any, at: str, problems: Problems, depth: int) -> Json:
    origin, inside = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if origin is Literal:
        return _choice(inside, at, problems)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice(tuple(each.value for each in hint), at, problems)
    if origin is list and inside:
        items = _schema(inside[0], f"{at}[]", problems, depth=depth)
        return {"type": "array", "items": items}
    if hint is dict:
        return {"type": "object", "additionalProperties": True}
    if origin is dict and inside[0] is str:
        values = _schema(inside[1], f"{at}{{}}", problems, depth=depth)
        return {"type": "object", "additionalProperties": values}
    if isinstance(hint, type) and is_dataclass(hint) and depth == 0:
        return _dataclass_schema(hint, at, problems)
    shown = getattr(hint, "__name__", None) or str(hint)
    hint_for = {list: "; write what it holds, as in list[str]"}.get(hint, "")
    if depth and isinstance(hint, type) and is_dataclass(hint):
        hint_for = "; a dataclass inside a dataclass is one level too deep"
    problems.append(f"{at}: {shown} cannot be expressed{hint_for or f'; {_EXPRESSED}'}")
    return {}


def _choice(values: tuple[Any, ...], at: str, problems: Problems) -> Json:
    kinds = {type(each) for each in values}
    if not values or not kinds <= set(_PLAIN):
        problems.append(f"{at}: a choice is of text, numbers, true and false only")
    names = {_PLAIN[kind] for kind in kinds if kind in _PLAIN}
    return {**({"type": names.pop()} if len(names) == 1 else {}), "enum": list(values)}


def _dataclass_schema(kind: type[Any], at: str, problems: Problems) -> Json:
    hints = get_type_hints(kind, include_extras=True)
    properties, required = {}, []
    for each in fields(kind):
        if not each.init:
            continue
        name = each.name
        properties[name] = _schema(hints[name], f"{at}.{name}", problems, depth=1)
        if _has_default(each):
            _add_default(properties[name], each.default)
        else:
            required.append(name)
    return _object(properties, required)


def _object(properties: Json, required: list[str]) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _has_default(each: Field[Any]) -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING


def _add_default(schema: Json, default: Any) -> None:
    """Mention a default that JSON can express; Python applies it."""
    value = default.value if isinstance(default, Enum) else default
    if type(value) in _PLAIN:
        schema["description"] = f"{schema.get('description', '')} (default: {value})".strip()


def _described(hint: Any) -> tuple[Any, str]:
    """Return a hint without `Annotated`, and the description in it."""
    if get_origin(hint) is not Annotated:
        return hint, ""
    plain, *notes = get_args(hint)
    return plain, next((each for each in notes if isinstance(each, str)), "")


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Return a hint without None, and whether None was allowed."""
    hint, _ = _described(hint) if get_origin(hint) is Annotated else (hint, "")
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    kept = [each for each in get_args(hint) if each is not types.NoneType]
    allowed = len(kept) < len(get_args(hint))
    return (kept[0], True) if allowed and len(kept) == 1 else (hint, allowed)


# ------------------------------------------------------------------ arguments to Python


def _converted(hint: Any, value: Any) -> Any:
    hint, _ = _without_none(hint)
    hint, _ = _described(hint)
    origin, inside = get_origin(hint), get_args(hint)
    if value is None:
        return None
    if hint is int or hint is float:
        return hint(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if origin is list:
        return [_converted(inside[0], each) for each in value]
    if origin is dict:
        return {key: _converted(inside[1], each) for key, each in value.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        return hint(**{name: _converted(hints[name], each) for name, each in value.items()})
    return value


# ------------------------------------------------------------------ docstrings


def _documented(docstring: str) -> tuple[str, dict[str, str]]:
    """Return the first paragraph, and the descriptions of parameters under ``Args:``."""
    first = re.split(r"\n\s*\n|\n(?=Args:\s*$)", docstring.strip(), maxsplit=1, flags=re.M)[0]
    described: dict[str, str] = {}
    name, indent = "", None
    for line in _section(docstring):
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        found = re.match(r"\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)", line)
        if found and depth <= indent:
            name = found[1]
            described[name] = found[2].strip()
        elif name:
            described[name] = f"{described[name]} {line.strip()}".strip()
    return " ".join(first.split()), described


def _section(docstring: str) -> Iterator[str]:
    """Yield the lines below ``Args:``, up to one that is not indented."""
    lines = iter(docstring.splitlines())
    for line in lines:
        if line.strip() in ("Args:", "Arguments:", "Parameters:"):
            break
    for line in lines:
        if line.strip() and not line[0].isspace():
            return
        if line.strip():
            yield line
