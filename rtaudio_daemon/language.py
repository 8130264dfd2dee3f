"""The words for people: one JSON file per language in `languages`, English first.

A language is added by a file `xx.json` with the keys of `en.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

DEFAULT = "en"


@cache
def languages() -> tuple[str, ...]:
    """The codes of all languages there are, as in `de`: English, then by name."""
    found = {
        each.name.removesuffix(".json") for each in (files(__package__) / "languages").iterdir()
    }
    return (DEFAULT, *sorted(found - {DEFAULT}))


@cache
def words(code: str = DEFAULT) -> Mapping[str, str]:
    """The words of one of the `languages` by their keys; English where one is missing."""
    text = (files(__package__) / "languages" / f"{code}.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found if code == DEFAULT else {**words(), **found}


def chosen(wanted: str) -> str:
    """The best of the `languages` for a header Accept-Language, or for a code alone."""
    ranked = []
    for place, each in enumerate(wanted[:1000].split(",")):
        tag, _, more = each.partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code in languages():
            ranked.append((-_quality(more), place, code))
    return min(ranked)[2] if ranked else DEFAULT


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return min(1.0, max(0.0, float(value))) if name == "q" else 1.0
    except ValueError:
        return 0.0
