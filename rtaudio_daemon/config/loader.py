"""Reads the settings: `load` returns the frozen sections, checked.

One `ConfigError` names every mistake in a file. Each option has its own check (`sections`); rules
that involve several options are in `rules`, and in a module for each larger part.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from ..errors import ConfigError
from . import (
    hooks,
    mcp_servers,
    mqtt_checks,
    overlay,
    own_tools,
    personas,
    rules,
    schema,
    wake_words,
    yaml_loader,
)
from .relative_paths import beside_file
from .secret_values import exposures
from .sections import HINTS, Config
from .source import Mistake, Place, Problem, Source, Steps

_NOTHING = "the file holds no settings"
_QUIET_S = 0.5
_WRITING_ENDS_S = 3.0


def load(path: str | os.PathLike[str], chosen: overlay.Chosen = MappingProxyType({})) -> Config:
    """Read the configuration file at `path`. Raises ConfigError with all mistakes.

    `chosen`: settings that override it, see `overlay`.
    """
    return _checked(yaml_loader.read(path), chosen)


def load_again(
    path: str | os.PathLike[str],
    before: Config | None = None,
    chosen: overlay.Chosen = MappingProxyType({}),
) -> Config:
    """Like `load`, for a reload: somebody may be writing the file at this moment.

    Waits until nothing was written for half a second, at most three seconds. Also raises
    ConfigError if the file is empty, or if a token of `before` is missing: a reload never
    opens the HTTP API to those who were excluded.
    """
    deadline = time.monotonic() + _WRITING_ENDS_S
    source = yaml_loader.read(path)
    while (age := time.time() - source.changed_at) < _QUIET_S and time.monotonic() < deadline:
        time.sleep(min(_QUIET_S, max(0.02, _QUIET_S - age)))
        source = yaml_loader.read(path)
    if source.value is None and not source.problems:
        raise ConfigError([f"{source.file}:1: {_NOTHING}; nothing is changed by that"])
    found = _checked(source, chosen)
    gone = [
        found.problem(
            f"http.{name}",
            "is gone; a reload takes no token away, as the file may be half written: write it "
            "again, or restart the daemon",
        )
        for name in ("token", "read_token")
        if before is not None
        and getattr(before.http, name)
        and not getattr(found.http, name)
        and (name == "token" or not found.http.token)
    ]
    if gone:
        raise ConfigError(gone)
    return found


def parse(text: str, file: str = "config.yaml") -> Config:
    """Like `load`, for a text at hand; `file` names it in messages and places secrets.yaml."""
    return _checked(yaml_loader.read_text(text, file))


def describe() -> Iterator[schema.Option]:
    """Every section and option, in the order of config.yaml."""
    return schema.options(Config)


def _checked(source: Source, chosen: overlay.Chosen = MappingProxyType({})) -> Config:
    overlay.lay_over(source, chosen)
    config = beside_file(schema.validate(Config, source, HINTS), source.file)
    source.problems += rules.mistakes(config, source)
    source.problems += _below(("tools", "own"), own_tools.mistakes(config.tools.own), source)
    source.problems += _below(("hooks",), hooks.mistakes(config.hooks), source)
    source.problems += _of_servers(mcp_servers.mistakes(config.tools.mcp), source)
    source.problems += _of_mqtt(mqtt_checks.mistakes(config), source)
    wrong = wake_words.mistakes(config.audio)
    source.problems += _below(("audio", "wake", "words"), wrong, source)
    source.problems += _below((), personas.mistakes(config, source.failed), source)
    if source.problems:
        ordered = sorted(source.problems, key=lambda each: _order(each.place, source.file))
        raise ConfigError(list(dict.fromkeys(str(each) for each in ordered)))
    cautions = [str(each) for each in rules.cautions(config, source)]
    cautions += map(str, _of_servers(mcp_servers.cautions(config.tools.mcp), source))
    said = config.http.publish_transcripts
    cautions += map(str, _below(("hooks",), hooks.cautions(config.hooks, said=said), source))
    cautions += map(str, _of_mqtt(mqtt_checks.cautions(config), source))
    given = ("audio", "wake", "word") in source.places
    unused = wake_words.cautions(config.audio, word_given=given)
    cautions += map(str, _below(("audio", "wake"), unused, source))
    cautions += map(str, _below((), personas.cautions(config), source))
    empty = [] if source.value else [f"{source.file}:1: {_NOTHING}, so everything has its default"]
    warnings = (*empty, *cautions, *exposures(source))
    # Only the places stay: the values hold what is secret, and nobody needs them any more.
    return replace(config, warnings=warnings, source=Source(source.file, places=source.places))


def _of_servers(found: Iterator[Mistake], source: Source) -> list[Problem]:
    """Return mistakes in MCP servers, except for servers with an invalid option."""
    failed = {steps[:3] for steps in source.failed if steps[:2] == ("tools", "mcp")}
    paths: list[Mistake] = [(("tools", "mcp", *steps), what) for steps, what in found]
    return [
        Problem(source.place(at), at, what) for at, what in paths if not failed & {at[:3], at[:2]}
    ]


def _below(group: Steps, found: Iterator[Mistake], source: Source) -> list[Problem]:
    """Return the mistakes in options below `group`."""
    paths: list[Mistake] = [((*group, *steps), what) for steps, what in found]
    return [Problem(source.place(at), at, what) for at, what in paths]


def _of_mqtt(found: Iterator[Mistake], source: Source) -> list[Problem]:
    """Return mistakes in MQTT, unless one of its options is invalid."""
    if any(steps[:1] == ("mqtt",) for steps in source.failed):
        return []
    return [Problem(source.place(at), at, what) for at, what in found if at not in source.failed]


def _order(place: Place, main: str) -> tuple[bool, str, int]:
    return (place.file != main, place.file, place.line)
