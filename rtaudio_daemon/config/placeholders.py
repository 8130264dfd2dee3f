"""Places for arguments in the options of a tool: `{name}` stands for the argument `name`.

`{{name}}` is the text `{name}`; every other brace stands for itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .secret import Secret

_LEFT_OUT = object()
_PLACE = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\}", re.ASCII)


def names_in(value: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Every place in `value` (text, or a JSON value that holds text): its steps and its name."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from names_in(each, (*steps, key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from names_in(each, (*steps, index))
    elif isinstance(value, str):
        for found in _PLACE.finditer(revealed(value)):
            if found[2]:
                yield steps, found[2]


def whole(template: str) -> str:
    """The name, if `template` is nothing but one place; else ""."""
    found = _PLACE.fullmatch(revealed(template))
    return found[2] or "" if found else ""


def fill(
    template: str, arguments: Mapping[str, Any], encode: Callable[[str], str] = str
) -> str | None:
    """`template` with the arguments, each as text that went through `encode`.

    None if an argument is not given that has a place here.
    """
    plain = revealed(template)
    if any(arguments.get(name) is None for _, name in names_in(plain)):
        return None

    def put(found: re.Match[str]) -> str:
        return f"{{{found[1]}}}" if found[1] else encode(as_text(arguments[found[2]]))

    return _PLACE.sub(put, plain)


def fill_all(template: Any, arguments: Mapping[str, Any]) -> Any:
    """A JSON value with the arguments; one that is a whole text keeps its type.

    Entries for arguments that are not given are left out; None if nothing else is in `template`.
    """
    filled = _filled(template, arguments)
    return None if filled is _LEFT_OUT else filled


def _filled(template: Any, arguments: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        filled = {key: _filled(each, arguments) for key, each in template.items()}
        return {key: each for key, each in filled.items() if each is not _LEFT_OUT}
    if isinstance(template, list | tuple):
        entries = [_filled(each, arguments) for each in template]
        return [each for each in entries if each is not _LEFT_OUT]
    if not isinstance(template, str):
        return template
    if name := whole(template):
        return arguments.get(name, _LEFT_OUT)
    text = fill(template, arguments)
    return _LEFT_OUT if text is None else text


def revealed(text: str) -> str:
    """`text` as it is, also if it is a secret."""
    return text.reveal() if isinstance(text, Secret) else text


def as_text(value: Any) -> str:
    """A JSON value as text: 20.0 is 20, true is true; without lone surrogates."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return revealed(words).encode("utf-8", "replace").decode("utf-8")
