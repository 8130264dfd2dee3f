"""The words for people: one JSON file per language in `languages`, English first.

A language is added by a file `xx.json` with the keys of `en.json`. Those that begin with `reason.`
are sentences of the daemon, which speaks English; `translated` finds a language's words for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

DEFAULT = "en"
_REASON = "reason."
_PLACE = re.compile(r"{(\w+)}")


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


def reasons(code: str) -> list[tuple[str, str]]:
    """Sentences of the daemon with `{places}`, each with what it is in the language `code`.

    None where nothing has to be translated.
    """
    found = words(code)
    keys = [key for key, _ in _patterns() if code != DEFAULT]
    return [(words()[key], found[key]) for key in keys]


def translated(reason: str, found: Mapping[str, str]) -> str:
    """What the daemon said, in the words of a language; what is not among them stays English."""
    for key, pattern in _patterns():
        if key in found and (match := pattern.fullmatch(reason)):
            return found[key].format_map(match.groupdict())
    return reason


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What each sentence looks like with anything in its places."""
    return tuple(
        (key, re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.sub(r"[^\w\s{}]", r"\\\g<0>", text))))
        for key, text in words().items()
        if key.startswith(_REASON)
    )


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
