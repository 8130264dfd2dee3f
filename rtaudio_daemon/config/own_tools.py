"""Rules for `tools.own`: names, what each tool does, and placeholders for arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .mqtt_sections import OwnMqtt
from .placeholders import names_in, revealed
from .secret import did_you_mean
from .source import Mistake, Steps
from .tool_sections import OwnAction, OwnHttp, OwnTool

_PARAMETER = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TARGETS = ("entity_id", "area_id", "device_id", "floor_id", "label_id")


def mistakes(own: Sequence[OwnTool]) -> Iterator[Mistake]:
    """Yield every mistake: at which option below `tools.own`, and the remedy."""
    for index, tool in enumerate(own):
        first = next(i for i, each in enumerate(own) if each.name == tool.name)
        if tool.name and first < index:
            what = f"there is another tool of this name (tools.own[{first}]); give it its own"
            yield (index, "name"), what
        for steps, what in _tool(tool):
            yield (index, *steps), what


def _tool(tool: OwnTool) -> Iterator[Mistake]:
    if not tool.name:
        yield (), "has no name; the model calls it by its name: write name: open_gate"
    if not tool.description.strip():
        yield (), "has no description; say for the model what it does and when to call it"
    for name in _parameters(tool):
        if not _PARAMETER.fullmatch(str(name)):
            what = "is no name of a parameter; use letters, digits and _, as in room_name"
            yield ("parameters", name), what
    kinds = {
        "http": tool.http != OwnHttp(),
        "program": bool(tool.program),
        "home_assistant": tool.home_assistant != OwnAction(),
        "mqtt": tool.mqtt != OwnMqtt(),
    }
    given = [kind for kind, is_given in kinds.items() if is_given]
    if len(given) > 1:
        yield (given[-1],), f"a tool has either {' or '.join(given)}; make a tool of each"
    elif not given:
        yield (), "does nothing; give it http (with a url), program, home_assistant or mqtt"
    if kinds["http"]:
        yield from _http(tool)
    yield from _program(tool)
    if kinds["home_assistant"]:
        yield from _action(tool)
    if kinds["mqtt"]:
        yield from _message(tool)


def _http(tool: OwnTool) -> Iterator[Mistake]:
    http = tool.http
    if not http.url:
        yield ("http",), "has no url; write one, as in url: http://gate.local/open"
    else:
        try:
            _ = urlsplit(revealed(http.url)).port
        except ValueError:
            yield ("http", "url"), "its port is none: expected a number from 1 to 65535"
    if http.json is not None and http.method.upper() == "GET":
        yield ("http", "json"), "a GET sends no body; write method: POST, or use query"
    for name, value in (http.headers or {}).items():
        if not _HEADER.fullmatch(str(name)):
            yield ("http", "headers", name), "is no name of a header"
        elif _UNPRINTABLE.search(revealed(str(value))):
            yield ("http", "headers", name), "holds a line break or a control character"
        elif any(names_in(value)):
            what = "no argument may stand in a header; use the path, query or json"
            yield ("http", "headers", name), what
    for option in ("url", "query", "json"):
        for steps, name in names_in(getattr(http, option)):
            yield from _known(tool, ("http", option, *steps), name)


def _program(tool: OwnTool) -> Iterator[Mistake]:
    for index, element in enumerate(tool.program):
        for _, name in names_in(element):
            yield from _known(tool, ("program", index), name)
    for index, what in misplaced(tool.program, "an argument"):
        yield ("program", index), what


def misplaced(program: Sequence[str], value: str) -> Iterator[tuple[int, str]]:
    """Yield which elements of a program must not contain `value` in this way, and why."""
    for index, element in enumerate(program):
        plain, places = revealed(element), [name for _, name in names_in(element)]
        if not places:
            continue
        if index == 0:
            what = f"the program itself never comes from {value}"
            if " " in plain.strip():
                what = 'write each argument of it as an entry of its own, as in [df, -h, "{path}"]'
            yield index, what
        elif plain.startswith("-") and "=" not in plain.partition(f"{{{places[0]}}}")[0]:
            yield index, f"{value} could make another option of it; write --option={{{places[0]}}}"


def _action(tool: OwnTool) -> Iterator[Mistake]:
    home = tool.home_assistant
    if not home.action:
        yield ("home_assistant",), "has no action; write one, as in action: light.turn_on"
    for name in home.target or {}:
        if name not in _TARGETS:
            hint = did_you_mean(name, _TARGETS) or f"; known here are {', '.join(_TARGETS)}"
            yield ("home_assistant", "target", name), f"is no kind of target{hint}"
    for option in ("action", "target", "data"):
        for steps, name in names_in(getattr(home, option)):
            yield from _known(tool, ("home_assistant", option, *steps), name)


def _message(tool: OwnTool) -> Iterator[Mistake]:
    if not tool.mqtt.topic:
        yield ("mqtt",), "has no topic; write one, as in topic: garden/gate/set"
    for _, name in names_in(tool.mqtt.payload):
        yield from _known(tool, ("mqtt", "payload"), name)


def _known(tool: OwnTool, steps: Steps, name: str) -> Iterator[Mistake]:
    names = _parameters(tool)
    if name not in names:
        hint = did_you_mean(name, names) or (
            f"; add it to parameters, or write {{{{{name}}}}} for the text {{{name}}} itself"
        )
        yield steps, f"{{{name}}} is no parameter of this tool{hint}"


def _parameters(tool: OwnTool) -> Mapping[str, Any]:
    """Return the parameters by name, also for a complete schema."""
    given = tool.parameters or {}
    properties = given.get("properties")
    whole = given.get("type") == "object" and isinstance(properties, Mapping)
    return properties if whole and isinstance(properties, Mapping) else given
