"""The settings: every option once, with its type, range, default and meaning on one line.

The sections are frozen dataclasses; each part of the program receives its own section and never
the whole. The schema, `config.yaml`, the documentation and the JSON Schema follow from the fields
below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .audio_sections import Audio
from .checks import (
    address,
    boolean,
    choice,
    free_mapping,
    hidden,
    integer,
    kept,
    names_to,
    number,
    option,
    proxy_address,
    secret,
    section,
    several,
    text,
)
from .defaults import HTTP_HOST, HTTP_PORT
from .hook_events import event
from .mqtt_sections import Mqtt
from .persona_sections import PERSONA_NAME, Persona
from .realtime_sections import HOST_NAME, Realtime
from .schema import groups, named_groups
from .secret import Secret
from .source import Problem, Source, Steps
from .tool_sections import SERVER_URL, HomeAssistant, Tools

_ORIGIN = r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
_LEVEL = choice("debug", "info", "warning", "error", "critical")
_EXTRA = "what only the service knows goes below realtime.session.extra"

HINTS: Mapping[str, str] = MappingProxyType(
    {
        "temperature": f"{_EXTRA}; the models of azure and openai take no temperature any more",
        "speed": _EXTRA,
        "tools": "what the model may call goes into the section tools, beside realtime",
        "tool_choice": _EXTRA,
        "modalities": _EXTRA,
        "output_modalities": _EXTRA,
        "endpoint": "the host goes into realtime.host_name",
        "model": "the model, or the deployment's name, goes into realtime.deployment",
        "key": "the key goes into realtime.api_key",
    }
)
"""Hints for options that do not exist but that people look for, by their last word."""


@dataclass(frozen=True)
class Http:
    """The HTTP API and the page."""

    host: str = option(
        HTTP_HOST,
        "address to listen on; any other than this machine's own needs a token",
        address(),
    )
    port: int = option(HTTP_PORT, "port to listen on; 0 = any free port", integer(0, 65_535))
    token: Secret = option(
        Secret(""),
        "bearer token with full access; empty = no token needed from this machine",
        secret(),
    )
    read_token: Secret = option(
        Secret(""), "bearer token that may read but change nothing", secret()
    )
    allowed_hosts: tuple[str, ...] = option(
        (), "additional host names that requests may use", several(text(HOST_NAME, "a host name"))
    )
    allowed_origins: tuple[str, ...] = option(
        (),
        "other web pages that may use the HTTP API or show the page in a frame",
        several(text(_ORIGIN, "an origin, as in http://homeassistant.local:8123")),
    )
    ingress: str = option(
        "",
        "address of a reverse proxy that authenticates people itself, such as Home Assistant's "
        "Supervisor (172.30.32.2): its requests with X-Ingress-Path need no token",
        proxy_address(),
    )
    max_subscribers: int = option(64, "largest number of event streams at once", integer(1, 10_000))
    publish_transcripts: bool = option(False, "put transcripts into the events", boolean())
    announce: str = option(
        "auto",
        "announce the daemon in the local network, so that Home Assistant finds it: auto (if "
        "others can reach it, with the package zeroconf) or never",
        choice("auto", "never"),
    )


@dataclass(frozen=True)
class Hook:
    """A reaction to an event: a program runs, or the event is sent to an address."""

    on: str = option("", "event to wait for, by its name in /api/events", event())
    when: dict[str, Any] | None = option(
        None,
        "required values of fields of the event, each one value or a list, as in status: speaking",
        free_mapping(),
    )
    run: tuple[str, ...] = option(
        (),
        'program to run, one entry for each argument; "{status}" stands for the field status of '
        "the event; the whole event is its input; never a shell",
        several(kept(text())),
    )
    url: str = option(
        "",
        "address that gets the event, as JSON by POST",
        kept(text(SERVER_URL, "an address as in http://nas:1880/voice, without a password in it")),
    )
    headers: dict[str, Any] | None = option(
        None, "headers for the address, as in Authorization: !secret nas", names_to(hidden())
    )
    limit_s: float = option(10.0, "time until the daemon stops it", number(1, 300), "s")


@dataclass(frozen=True)
class Logger:
    """The levels of the log."""

    default: str = option("info", "lowest level to log", _LEVEL)
    logs: dict[str, str] | None = option(
        None, "levels by module, as in rtaudio_daemon.audio: debug", names_to(_LEVEL)
    )


@dataclass(frozen=True)
class Config:
    """Everything in config.yaml, and the warnings of `load`.

    ``warnings``: one line each, like problems, for what works but is not advisable.
    """

    realtime: Realtime = section(Realtime, "the service that listens and answers")
    personas: dict[str, Persona] | None = option(
        None,
        "who else answers, by name: a wake word (audio.wake.words) or POST /api/persona names one",
        named_groups(Persona, PERSONA_NAME),
    )
    audio: Audio = section(Audio, "sound in and out")
    tools: Tools = section(Tools, "what the model may do")
    home_assistant: HomeAssistant = section(HomeAssistant, "the home that it may control")
    mqtt: Mqtt = section(Mqtt, "the broker where its state is seen, and commands are taken")
    http: Http = section(Http, "the HTTP API and the page")
    hooks: tuple[Hook, ...] = option((), "what is done when something happens", groups(Hook))
    logger: Logger = section(Logger, "the log")
    warnings: tuple[str, ...] = field(default=(), compare=False)
    source: Source | None = field(default=None, compare=False, repr=False)

    def problem(self, path: str | Steps, what: str) -> str:
        """Return a line for a `ConfigError` about the option at `path`, with file and line."""
        steps: Steps = tuple(path.split(".")) if isinstance(path, str) else path
        return str(Problem((self.source or Source("config.yaml")).place(steps), steps, what))
