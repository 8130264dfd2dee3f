"""Texts for people: one JSON file per language in `languages`, English first.

To add a language, add a file `xx.json` with the keys of `en.json`. Keys that begin with `reason.`
are sentences of the daemon, which speaks English; those with `setup.` are sentences of the first
run. `translated` and `setup_line` look up their translations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

DEFAULT = "en"
_REASON = "reason."
_SETUP = "setup."
_MOST_NESTED = 3
_LINE = re.compile(r"(\s*(?:-> )?)(.*?)( \[.*\])?", re.DOTALL)
_FINDING = re.compile(r"(ok  |WARN|FAIL)  ((?:([^:]+): )?(.*))", re.DOTALL)
_PLACE = re.compile(r"{(\w+)}")


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of all languages, such as `de`: English first, the others by name."""
    found = {
        each.name.removesuffix(".json") for each in (files(__package__) / "languages").iterdir()
    }
    return (DEFAULT, *sorted(found - {DEFAULT}))


@cache
def words(code: str = DEFAULT) -> Mapping[str, str]:
    """Return the texts of one of the `languages` by key; English if one is missing."""
    text = (files(__package__) / "languages" / f"{code}.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found if code == DEFAULT else {**words(), **found}


def reasons(code: str) -> list[tuple[str, str]]:
    """Return sentences of the daemon with `{places}`, each with its translation into `code`.

    None if nothing has to be translated.
    """
    found = words(code)
    keys = [key for key, _ in _patterns(_REASON) if code != DEFAULT]
    return [(words()[key], found[key]) for key in keys]


def page_words(code: str) -> Mapping[str, str]:
    """Return the `words` of a language without the sentences of the daemon and of the first run."""
    found = words(code)
    return {key: each for key, each in found.items() if not key.startswith((_REASON, _SETUP))}


def translated(reason: str, found: Mapping[str, str], nested: int = 0) -> str:
    """Translate a sentence of the daemon, including what fills its places.

    Unknown sentences remain in English.
    """
    for key, pattern in _patterns(_REASON):
        if key in found and nested <= _MOST_NESTED and (match := pattern.fullmatch(reason)):
            places = match.groupdict().items()
            parts = {name: translated(each, found, nested + 1) for name, each in places}
            return found[key].format_map(parts)
    return reason


def setup_line(line: str, found: Mapping[str, str]) -> str:
    """Translate a line of the first run, including what fills its places.

    Findings of the doctor, `WARN  NAME: WHAT`, are translated by parts, and so is text before a
    value in brackets. Unknown text remains in English.
    """
    if finding := _FINDING.fullmatch(line):
        mark, whole, name, what = finding.groups()
        reason = translated(whole, found)
        if name and reason == whole:
            reason = f"{_of_setup(name, found)}: {_of_setup(what, found)}"
        return f"{mark}  {reason}"
    match = _LINE.fullmatch(line)
    begin, said, end = match.groups(default="") if match else ("", line, "")
    return f"{begin}{_of_setup(said, found)}{end}"


def _of_setup(said: str, found: Mapping[str, str], nested: int = 0) -> str:
    for key, pattern in _patterns(_SETUP):
        if key in found and nested <= _MOST_NESTED and (match := pattern.fullmatch(said)):
            places = match.groupdict().items()
            parts = {name: _of_setup(each, found, nested + 1) for name, each in places}
            return found[key].format_map(parts)
    return translated(said, found)


@cache
def _patterns(kind: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return patterns for the sentences of a kind, with anything in their places."""
    return tuple(
        (key, re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.sub(r"[^\w\s{}]", r"\\\g<0>", text))))
        for key, text in words().items()
        if key.startswith(kind)
    )


def chosen(wanted: str) -> str:
    """Return the best of the `languages` for a header Accept-Language, or for a plain code."""
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
