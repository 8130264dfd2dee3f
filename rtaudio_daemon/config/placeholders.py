"""Placeholders in the options of a tool: `{name}` stands for the argument `name`.

`{{name}}` is the text `{name}`; all other braces are literal.
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
    """Yield every placeholder in `value` (text, or JSON with texts): its steps and its name."""
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
    """Return the name if `template` is exactly one placeholder; otherwise ""."""
    found = _PLACE.fullmatch(revealed(template))
    return found[2] or "" if found else ""


def fill(
    template: str, arguments: Mapping[str, Any], encode: Callable[[str], str] = str
) -> str | None:
    """Return `template` with the arguments, each converted to text and passed to `encode`.

    None if an argument for a placeholder is missing.
    """
    plain = revealed(template)
    if any(arguments.get(name) is None for _, name in names_in(plain)):
        return None

    def put(found: re.Match[str]) -> str:
        return f"{{{found[1]}}}" if found[1] else encode(as_text(arguments[found[2]]))

    return _PLACE.sub(put, plain)


def fill_all(template: Any, arguments: Mapping[str, Any]) -> Any:
    """Return a JSON value with the arguments; a placeholder that is a whole text keeps its type.

    Entries for missing arguments are left out; None if nothing else is in `template`.
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
    """Return `text` in the clear, even if it is a secret."""
    return text.reveal() if isinstance(text, Secret) else text


def as_text(value: Any) -> str:
    """Return a JSON value as text: 20.0 becomes 20, true becomes true; no lone surrogates."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return revealed(words).encode("utf-8", "replace").decode("utf-8")
