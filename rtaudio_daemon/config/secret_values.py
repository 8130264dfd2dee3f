"""Secret settings: where they are exposed, and how to display all settings without them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from . import schema
from .secret import Secret
from .sections import Config
from .source import Place, Problem, Source, Steps

_ENTRIES = (
    ("hooks", None, "headers", None),
    ("tools", "mcp", None, "headers", None),
    ("tools", "mcp", None, "env", None),
)
_SECRET_NAME = re.compile(r"key|token|secret|passw|authori", re.I)


def redacted(config: Config) -> dict[str, Any]:
    """Return all settings ready for JSON; possible secrets are shown as `**`."""
    names = [each.path for each in schema.options(Config) if len(each.steps) == 1]
    found = {name: _redacted(getattr(config, name)) for name in names}
    url = urlsplit(config.realtime.url)
    if url.query or "@" in url.netloc:
        host = url.netloc.rpartition("@")[2]
        found["realtime"]["url"] = url._replace(netloc=host, query="**").geturl()
    return found


def exposures(source: Source) -> list[str]:
    """Return secrets in the configuration itself, and files with secrets that others can read."""
    found, files = [], set(source.secret_files)
    for steps, given in (*_secret_options(source.value), *_secret_entries(source.value)):
        if given and not isinstance(given, Secret):
            place = source.place(steps)
            files.add(place.file)
            what = "the key itself stands here; put it into secrets.yaml and write !secret "
            found.append(str(Problem(place, steps, what + str(steps[-1]).lower())))
    for file in sorted(files):
        if _readable_by_others(file):
            what = f"holds a secret that other users can read; run: chmod 600 {file}"
            found.append(str(Problem(Place(file, 1), (), what)))
    return found


def _secret_options(value: Any) -> Iterator[tuple[Steps, Any]]:
    for each in schema.options(Config):
        if isinstance(each.default, Secret):
            yield from _found(value, each.steps)


def _secret_entries(value: Any) -> Iterator[tuple[Steps, Any]]:
    """Yield headers and variables for hooks and MCP servers whose names indicate a secret."""
    for way in _ENTRIES:
        for steps, given in _found(value, way):
            if _SECRET_NAME.search(str(steps[-1])):
                yield steps, given


def _found(
    value: Any, way: tuple[str | int | None, ...], steps: Steps = ()
) -> Iterator[tuple[Steps, Any]]:
    """Yield the values at this path in `value`; None stands for any step."""
    if not way:
        yield steps, value
        return
    listed = enumerate(value) if isinstance(value, list) else ()
    for step, each in value.items() if isinstance(value, Mapping) else listed:
        if way[0] in (None, step):
            yield from _found(each, way[1:], (*steps, step))


def _readable_by_others(file: str) -> bool:
    """Return whether the group or everybody may read `file`."""
    try:
        return bool(os.stat(file).st_mode & 0o044)
    except (OSError, ValueError):
        return False


def _redacted(value: Any, name: str = "") -> Any:
    if isinstance(value, Secret) or (
        value and _SECRET_NAME.search(name) and isinstance(value, str)
    ):
        return str(Secret(value))
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _redacted(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _redacted(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(each, name) for each in value]
    return value
