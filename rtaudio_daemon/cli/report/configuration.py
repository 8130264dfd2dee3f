"""The configuration in a report: settings without words, and the places of mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from ... import config
from ...config import wordless, yaml_loader
from ...errors import ConfigError
from .. import preflight

_PROBLEM = re.compile(r"(?:.*?:(?P<line>\d{1,6}): )?(?P<option>[\w.\[\]-]+)?")
_STEP = re.compile(r"\w[\w-]*|\[\d{1,4}\]")
_MOST = 50


def configuration(path: str) -> tuple[dict[str, Any], config.Config | None]:
    """Return the content of the file at `path` for JSON, and the settings if they are valid.

    `problems` and `warnings`: line and option of each, without its sentence.
    """
    try:
        settings = config.load(path)
    except ConfigError as error:
        return {"usable": False, "problems": places(error.problems)}, None
    found = {
        "usable": True,
        "warnings": places(settings.warnings),
        "missing_packages": places(preflight.missing_packages(settings)),
        "settings": wordless.settings(settings, yaml_loader.read(path).value),
    }
    return found, settings


def places(problems: Iterable[str]) -> list[dict[str, Any]]:
    """Return line and option of each of these sentences, without names that people chose."""
    return [_place(each) for each in list(problems)[:_MOST]]


def _place(problem: str) -> dict[str, Any]:
    found = _PROBLEM.match(problem)
    assert found is not None, "every part of it may be missing"
    line = found["line"]
    steps = _STEP.findall(found["option"] or "") if line else []
    known = [each if each in _KNOWN or each.startswith("[") else "…" for each in steps]
    return {"line": int(line) if line else 0, "option": ".".join(known).replace(".[", "[")}


def _names(kind: type[Any]) -> Iterator[str]:
    """Yield the names of all options of a section, including nested ones."""
    for each in fields(kind):
        yield each.name
        check = each.metadata.get("check")
        inner = each.metadata.get("section") or (check and check.entries)
        if inner is not None:
            yield from _names(inner)


_KNOWN = frozenset(_names(config.Config))
