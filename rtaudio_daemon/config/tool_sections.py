"""The settings of tools: their sources, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .checks import (
    boolean,
    choice,
    free_mapping,
    hidden,
    integer,
    kept,
    names_to,
    number,
    option,
    plain_value,
    secret,
    section,
    several,
    text,
)
from .mqtt_sections import OwnMqtt
from .schema import groups, named_groups
from .secret import Secret

_HOME_URL = r"https?://[^\s/?#@]+(/[^\s?#@]*)?"
_TOOL_NAME = r"[A-Za-z0-9_-]{1,64}"
_TOOL_URL = r"https?://[^\s/?#@{}]+([/?]\S*)?"
_PLACE = r"[a-z0-9_]*(\{[A-Za-z_]\w*\}[a-z0-9_]*)*"
_ACTION = rf"{_PLACE}\.{_PLACE}|\{{[A-Za-z_]\w*\}}"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SERVER_NAME = r"[A-Za-z0-9_-]{1,32}"
SERVER_URL = r"https?://[^\s/?#@]+([/?][^\s#]*)?"

BUILT_IN = ("time", "volume", "mute", "end", "go_on", "timers")
"""The tools without requirements."""


@dataclass(frozen=True)
class HomeAssistant:
    """Home Assistant, for everything that connects to it; off without an address."""

    url: str = option(
        "",
        "its address; empty = off",
        text(_HOME_URL, "an address as in http://homeassistant.local:8123, without a password"),
    )
    token: Secret = option(
        Secret(""),
        "long-lived token of a user who is not an administrator; not here, but in secrets.yaml",
        secret(),
    )
    device_id: str = option(
        "",
        "device in Home Assistant that represents this daemon; requests without a room mean the "
        "room of this device",
        text("[0-9a-f]{32}", "32 letters and digits, as at the end of the device's address"),
    )


@dataclass(frozen=True)
class ToolRule:
    """Which calls a rule concerns: those that match all given fields; * matches any text."""

    tool: str = option("", "name of a tool, as the command `tools` lists it", text())
    domain: str = option("", "domain in Home Assistant, such as lock", text())
    device_class: str = option("", "its device class, such as garage", text())
    entity: str = option("", "one entity, such as lock.front_door", text())
    area: str = option("", "its area", text())


@dataclass(frozen=True)
class OwnHttp:
    """The request that a tool of `tools.own` makes; `{name}` stands for the argument `name`."""

    url: str = option(
        "",
        "address; its path and query may contain arguments, but never its host",
        kept(
            text(
                _TOOL_URL,
                "an address as in http://gate.local/open, without a password or an argument in "
                "its host",
            )
        ),
    )
    method: str = option(
        "GET",
        "kind of request",
        text("|".join((*_METHODS, *map(str.lower, _METHODS))), ", ".join(_METHODS)),
    )
    headers: dict[str, Any] | None = option(
        None, "headers by name, each a plain value or a !secret", names_to(plain_value())
    )
    query: dict[str, Any] | None = option(
        None, "query parameters (after the ? of the address), by name", names_to(plain_value())
    )
    json: dict[str, Any] | None = option(
        None,
        'body; a value that is only an argument keeps its type, as in level: "{level}"',
        free_mapping(),
    )


@dataclass(frozen=True)
class OwnAction:
    """The action in Home Assistant for a tool of `tools.own`; `{name}` stands for an argument."""

    action: str = option(
        "", "what to do, such as light.turn_on", text(_ACTION, "an action as in light.turn_on")
    )
    target: dict[str, Any] | None = option(
        None, "its targets: entity_id, area_id, each one or a list", free_mapping()
    )
    data: dict[str, Any] | None = option(
        None, 'how to do it, as in brightness_pct: "{level}"', free_mapping()
    )
    response: bool = option(
        False, "whether the action returns an answer, such as weather.get_forecasts", boolean()
    )


@dataclass(frozen=True)
class OwnTool:
    """A tool that the user defines: its description, and its effect."""

    name: str = option(
        "", "name that the model sees", text(_TOOL_NAME, "a name of letters, digits, _ and -")
    )
    description: str = option("", "what it does, and when to call it, for the model", text())
    parameters: dict[str, Any] | None = option(
        None, "its arguments by name, each with its JSON Schema", free_mapping()
    )
    http: OwnHttp = section(OwnHttp, "request to make")
    program: tuple[str, ...] = option(
        (), "program to run, one entry for each argument; never a shell", several(kept(text()))
    )
    home_assistant: OwnAction = section(OwnAction, "action in Home Assistant to run")
    mqtt: OwnMqtt = section(OwnMqtt, "message to send over MQTT")
    confirm: bool = option(False, "whether every call needs a spoken yes", boolean())
    read_only: bool = option(False, "whether it changes nothing", boolean())
    limit_s: float | None = option(
        None, "how long a call may take; empty = tools.limit_s", number(1, 300), "s"
    )


@dataclass(frozen=True)
class McpServer:
    """A server of tools with the protocol MCP: at an address, or a local program."""

    url: str = option(
        "",
        "its address, for a server over HTTP",
        kept(text(SERVER_URL, "an address as in http://nas:8000/mcp, without a password in it")),
    )
    headers: dict[str, Any] | None = option(
        None, "headers of every request, as in Authorization: !secret nas", names_to(hidden())
    )
    command: tuple[str, ...] = option(
        (),
        "program to start instead, one entry for each argument; never a shell",
        several(kept(text())),
    )
    env: dict[str, Any] | None = option(
        None, "additional environment of the program", names_to(hidden())
    )
    allow: tuple[str, ...] = option(
        ("*",), "its tools that the model may call, such as search_*", several(text())
    )
    deny: tuple[str, ...] = option((), "tools among these that it may not call", several(text()))
    confirm: tuple[str, ...] = option(
        (), "its tools that need a spoken yes for every call, such as delete_*", several(text())
    )
    limit_s: float | None = option(
        None, "how long a call may take; empty = tools.limit_s", number(1, 300), "s"
    )


@dataclass(frozen=True)
class Timers:
    """Timers, alarms and reminders."""

    volume: float = option(
        0.6, "how loud they ring, independent of the volume of answers", number(0.3, 1)
    )


@dataclass(frozen=True)
class Tools:
    """What the model may do."""

    built_in: tuple[str, ...] = option(
        BUILT_IN,
        "built-in tools of the daemon",
        several(choice(*BUILT_IN, "notes", "not_for_me")),
    )
    home_assistant: bool = option(
        True,
        "everything that Home Assistant exposes to Assist, if home_assistant.url is set",
        boolean(),
    )
    own: tuple[OwnTool, ...] = option((), "your own tools", groups(OwnTool))
    python: tuple[str, ...] = option(
        (), "files with Python functions that the model may call", several(text())
    )
    mcp: dict[str, McpServer] | None = option(
        None,
        "tool servers that speak MCP, each with a name that you choose (an optional package)",
        named_groups(McpServer, _SERVER_NAME),
    )
    confirm: tuple[ToolRule, ...] = option(
        (
            ToolRule(domain="lock"),
            ToolRule(domain="alarm_control_panel"),
            ToolRule(domain="cover", device_class="garage"),
        ),
        "calls that need a spoken yes",
        groups(ToolRule),
    )
    deny: tuple[ToolRule, ...] = option((), "calls that are always refused", groups(ToolRule))
    room: str = option("", "name of the room, for the model", text())
    limit_s: float = option(30.0, "how long a call may take", number(1, 300), "s")
    result_characters: int = option(
        4000, "longest result that the model gets", integer(100, 30_000)
    )
    timers: Timers = section(Timers, "timers, alarms and reminders")
