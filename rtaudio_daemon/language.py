"""The words for people: one JSON file per language in `languages`, English first.

A language is added by a file `xx.json` with the keys of `en.json`. Those that begin with `reason.`
are sentences of the daemon, which speaks English, and those with `setup.` sentences of the first
run; `translated` and `setup_line` find a language's words for them.
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
    keys = [key for key, _ in _patterns(_REASON) if code != DEFAULT]
    return [(words()[key], found[key]) for key in keys]


def page_words(code: str) -> Mapping[str, str]:
    """The `words` of a language without the sentences of the daemon and of the first run."""
    found = words(code)
    return {key: each for key, each in found.items() if not key.startswith((_REASON, _SETUP))}


def translated(reason: str, found: Mapping[str, str], nested: int = 0) -> str:
    """Return what the daemon said in the words of a language, with what stands in its places.

    What is not among them stays English.
    """
    for key, pattern in _patterns(_REASON):
        if key in found and nested <= _MOST_NESTED and (match := pattern.fullmatch(reason)):
            places = match.groupdict().items()
            parts = {name: translated(each, found, nested + 1) for name, each in places}
            return found[key].format_map(parts)
    return reason


def setup_line(line: str, found: Mapping[str, str]) -> str:
    """A line of the first run in the words of a language, and what stands in its places.

    What the doctor found, as `WARN  NAME: WHAT`, is translated by its parts, and so is what stands
    before a value in brackets. What is not known stays English.
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
    """What each sentence of a kind looks like with anything in its places."""
    return tuple(
        (key, re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.sub(r"[^\w\s{}]", r"\\\g<0>", text))))
        for key, text in words().items()
        if key.startswith(kind)
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
