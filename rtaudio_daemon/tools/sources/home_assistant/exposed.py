"""Reads what Home Assistant exposes to Assist from the text that it provides for a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import yaml

from ....protocol.bounds import printable

LINES_CHARACTERS = 8_000
"""Maximum length of Home Assistant's text in the instructions, in characters."""
_THINGS_MOST = 2_000
_AREAS_SHOWN = 60
_LIST = re.compile(r"(?m)^- names:.*\n?(?:^[ -].*\n?)*")
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # all values remain text


@dataclass(frozen=True, slots=True)
class Thing:
    """One exposed thing. `state`, `device_class`: "" if the text does not give them."""

    names: tuple[str, ...]
    domain: str
    areas: tuple[str, ...] = ()
    state: str = ""
    device_class: str = ""


def things_in(text: str) -> list[Thing]:
    """Return the things that a text of Home Assistant lists; [] if none."""
    found = _LIST.search(text)
    try:
        listed = yaml.load(found[0], Loader=_LOADER) if found else None
    except (yaml.YAMLError, RecursionError):
        return []
    entries = listed if isinstance(listed, list) else []
    return [
        _thing(each)
        for each in islice(entries, _THINGS_MOST)
        if isinstance(each, dict) and each.get("names") and isinstance(each.get("domain"), str)
    ]


def same(one: str, other: str) -> bool:
    """Return whether two names are equal by Home Assistant's rules."""
    return _plain(one) == _plain(other)


def brief(text: str, things: Sequence[Thing]) -> str:
    """Return `text` with a summary in numbers in place of the names."""
    kinds = Counter(thing.domain for thing in things)
    areas = sorted({area for thing in things for area in thing.areas})
    shown = ", ".join(areas[:_AREAS_SHOWN])
    numbers = ", ".join(f"{domain} {count}" for domain, count in kinds.most_common(20))
    instead = (
        f"There are {len(things)} things, too many to list them here ({numbers}). Call "
        "find_in_home first to learn the exact name and the state of what is meant.\n"
        f"Areas: {shown}.\n"
    )
    return _LIST.sub(lambda _found: instead, text, count=1)


def cut(text: str) -> tuple[str, bool]:
    """Return the part of `text` that fits the instructions, and whether it was cut."""
    text = printable(text.strip())
    if len(text) <= LINES_CHARACTERS:
        return text, False
    return text[:LINES_CHARACTERS].rpartition("\n")[0], True


def find(things: Iterable[Thing], words: str, area: str, domain: str) -> list[Thing]:
    """Return the best matches, best first; only in the area and domain if these are given."""
    wanted = _plain(words).split()
    scored: list[tuple[int, int, Thing]] = []
    for thing in things:
        if domain and thing.domain != domain.casefold().strip():
            continue
        if area and not any(_plain(area) in _plain(each) for each in thing.areas):
            continue
        about = _plain(" ".join((*thing.names, *thing.areas, thing.domain)))
        score = sum(word in about for word in wanted)
        if score or not wanted:
            scored.append((-score, len(scored), thing))
    return [thing for _, _, thing in sorted(scored)]


def _thing(entry: dict[str, Any]) -> Thing:
    attributes = entry.get("attributes")
    known = attributes if isinstance(attributes, dict) else {}
    return Thing(
        _several(entry["names"]),
        printable(entry["domain"])[:64],
        _several(entry.get("areas")),
        _word(entry.get("state")),
        _word(known.get("device_class")),
    )


def _several(value: Any) -> tuple[str, ...]:
    """Return the names in one text; a name with commas is also returned whole."""
    text = _word(value)
    parts = [part.strip() for part in text.split(",")]
    return tuple(dict.fromkeys(each for each in (*parts, text) if each))


def _word(value: Any) -> str:
    return printable(value.strip())[:255] if isinstance(value, str) else ""


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
