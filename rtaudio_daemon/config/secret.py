"""Secrets that are never displayed, and the hint for a misspelt name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any


class Secret(str):
    """A string that is never displayed: its repr is `**`. `.reveal()` returns its value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "**" if self else "''"

    def __str__(self) -> str:
        return "**" if self else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """Return the secret as a plain string."""
        return str.__str__(self)


class EmptySecret(Secret):
    """The result of a tag with an empty default: a mistake where a secret is required."""

    __slots__ = ()


def secrets_in(value: Any) -> Iterator[str]:
    """Yield every secret in `value` (settings or parts of them), in the clear."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from secrets_in(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from secrets_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from secrets_in(each)


def did_you_mean(word: Any, names: Iterable[str]) -> str:
    """Return `; did you mean …?` if one of `names` is similar to `word`; otherwise ""."""
    if not isinstance(word, str):
        return ""
    near = difflib.get_close_matches(word.strip().lower(), list(names), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
