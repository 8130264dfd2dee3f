"""The options of the daemon: how they are declared, read, checked, documented and edited.

The names load on first use: the commands for a running daemon need none of the checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loader import TOKEN_MIN, describe, load, load_again, parse, redacted
    from .mqtt_sections import Mqtt, OwnMqtt
    from .secret import Secret
    from .sections import (
        Audio,
        Budget,
        Config,
        Earcons,
        Gate,
        History,
        HomeAssistant,
        Hook,
        Http,
        Input,
        Logger,
        McpServer,
        Output,
        OwnAction,
        OwnHttp,
        OwnTool,
        Play,
        Prices,
        Realtime,
        Session,
        Simulator,
        Timers,
        ToolRule,
        Tools,
        Transcription,
        TurnDetection,
        Wake,
    )

__all__ = [
    "TOKEN_MIN",
    "Audio",
    "Budget",
    "Config",
    "Earcons",
    "Gate",
    "History",
    "HomeAssistant",
    "Hook",
    "Http",
    "Input",
    "Logger",
    "McpServer",
    "Mqtt",
    "Output",
    "OwnAction",
    "OwnHttp",
    "OwnMqtt",
    "OwnTool",
    "Play",
    "Prices",
    "Realtime",
    "Secret",
    "Session",
    "Simulator",
    "Timers",
    "ToolRule",
    "Tools",
    "Transcription",
    "TurnDetection",
    "Wake",
    "describe",
    "load",
    "load_again",
    "parse",
    "redacted",
]

_LOADER = ("TOKEN_MIN", "describe", "load", "load_again", "parse", "redacted")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = "loader" if name in _LOADER else "secret" if name == "Secret" else "sections"
    return getattr(import_module(f"{__name__}.{module}"), name)
