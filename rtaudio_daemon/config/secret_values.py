"""Settings that are secret: where they are exposed, and how all settings look without them."""

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

_SECRET_NAME = re.compile(r"key|token|secret|passw|authori", re.I)


def redacted(config: Config) -> dict[str, Any]:
    """All settings as JSON-able values; secrets, and what may hold one, show as `**`."""
    names = [each.path for each in schema.options(Config) if len(each.steps) == 1]
    found = {name: _redacted(getattr(config, name)) for name in names}
    url = urlsplit(config.realtime.url)
    if url.query or "@" in url.netloc:
        host = url.netloc.rpartition("@")[2]
        found["realtime"]["url"] = url._replace(netloc=host, query="**").geturl()
    return found


def exposures(source: Source) -> list[str]:
    """Secrets that stand in the configuration itself, and files with secrets that others read."""
    found, files = [], set(source.secret_files)
    for steps in (*_secret_options(), *_secret_values(source.value)):
        value = source.value
        for step in steps:
            listed = isinstance(value, list) and isinstance(step, int)
            value = (
                value[step] if listed else value.get(step) if isinstance(value, Mapping) else None
            )
        if value and not isinstance(value, Secret):
            place = source.place(steps)
            files.add(place.file)
            what = "the key itself stands here; put it into secrets.yaml and write !secret "
            found.append(str(Problem(place, steps, what + str(steps[-1]).lower())))
    for file in sorted(files):
        if _readable_by_others(file):
            what = f"holds a secret that other users can read; run: chmod 600 {file}"
            found.append(str(Problem(Place(file, 1), (), what)))
    return found


def _secret_options() -> Iterator[Steps]:
    return (each.steps for each in schema.options(Config) if isinstance(each.default, Secret))


def _secret_values(value: Any) -> Iterator[Steps]:
    """Headers and variables for hooks and MCP servers that hold a secret by their names."""
    given = value.get("hooks") if isinstance(value, Mapping) else None
    for index, hook in enumerate(given if isinstance(given, list) else ()):
        headers = hook.get("headers") if isinstance(hook, Mapping) else None
        for each in headers if isinstance(headers, Mapping) else ():
            if _SECRET_NAME.search(str(each)):
                yield ("hooks", index, "headers", each)
    tools = value.get("tools") if isinstance(value, Mapping) else None
    servers = tools.get("mcp") if isinstance(tools, Mapping) else None
    for name, server in servers.items() if isinstance(servers, Mapping) else ():
        for option in ("headers", "env"):
            given = server.get(option) if isinstance(server, Mapping) else None
            for each in given if isinstance(given, Mapping) else ():
                if _SECRET_NAME.search(str(each)):
                    yield ("tools", "mcp", name, option, each)


def _readable_by_others(file: str) -> bool:
    """Whether the group or everybody may read `file`."""
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
