"""The options of the daemon: how they are declared, read, checked, documented and edited.

The names load on first use: the commands for a running daemon need none of the checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audio_sections import Audio, Earcons, Gate, Input, Output, Play
    from .loader import describe, load, load_again, parse
    from .mqtt_sections import Mqtt, OwnMqtt
    from .persona_sections import Persona, session_as
    from .realtime_sections import (
        Budget,
        History,
        Prices,
        Realtime,
        Session,
        Simulator,
        Transcription,
        TurnDetection,
    )
    from .rules import TOKEN_MIN
    from .secret import Secret
    from .secret_values import redacted
    from .sections import Config, Hook, Http, Logger
    from .tool_sections import (
        HomeAssistant,
        McpServer,
        OwnAction,
        OwnHttp,
        OwnTool,
        Timers,
        ToolRule,
        Tools,
    )
    from .wake_sections import Wake, WakeWord

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
    "Persona",
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
    "WakeWord",
    "describe",
    "load",
    "load_again",
    "parse",
    "redacted",
    "session_as",
]

_MODULES = {
    "loader": ("describe", "load", "load_again", "parse"),
    "rules": ("TOKEN_MIN",),
    "secret_values": ("redacted",),
    "secret": ("Secret",),
    "audio_sections": ("Audio", "Earcons", "Gate", "Input", "Output", "Play"),
    "realtime_sections": (
        "Budget",
        "History",
        "Prices",
        "Realtime",
        "Session",
        "Simulator",
        "Transcription",
        "TurnDetection",
    ),
    "tool_sections": (
        "HomeAssistant",
        "McpServer",
        "OwnAction",
        "OwnHttp",
        "OwnTool",
        "Timers",
        "ToolRule",
        "Tools",
    ),
    "wake_sections": ("Wake", "WakeWord"),
    "mqtt_sections": ("Mqtt", "OwnMqtt"),
    "persona_sections": ("Persona", "session_as"),
    "sections": ("Config", "Hook", "Http", "Logger"),
}


def __getattr__(name: str) -> Any:
    module = next((module for module, names in _MODULES.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{module}"), name)
