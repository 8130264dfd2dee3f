"""Reads the settings: `load` returns the frozen sections, checked.

One `ConfigError` names every mistake in a file. What a single option may be stands with the option
(`sections`); the rules between options stand here.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..errors import ConfigError
from . import (
    hooks,
    mcp_servers,
    mqtt_checks,
    overlay,
    own_tools,
    personas,
    schema,
    wake_words,
    yaml_loader,
)
from .checks import beyond_loopback
from .profiles import PROFILES, Profile
from .secret import Secret
from .sections import HINTS, Config
from .source import Place, Problem, Source, Steps
from .tool_sections import HomeAssistant, ToolRule, Tools


def load(path: str | os.PathLike[str], chosen: overlay.Chosen = MappingProxyType({})) -> Config:
    """Read the configuration file at `path`. Raises ConfigError with everything that is wrong.

    `chosen`: settings that are laid over it, see `overlay`.
    """
    return _checked(yaml_loader.read(path), chosen)


def load_again(
    path: str | os.PathLike[str],
    before: Config | None = None,
    chosen: overlay.Chosen = MappingProxyType({}),
) -> Config:
    """Like `load`, for a reload: somebody may be writing the file at this very moment.

    Waits until nothing was written for half a second, three seconds at most. Raises ConfigError
    also when the file is empty, and when a token of `before` is gone: a reload never opens the
    HTTP API to those who were kept out.
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


def redacted(config: Config) -> dict[str, Any]:
    """All settings as JSON-able values; secrets, and what may hold one, show as `**`."""
    names = [each.path for each in describe() if len(each.steps) == 1]
    found = {name: _redacted(getattr(config, name)) for name in names}
    url = urlsplit(config.realtime.url)
    if url.query or "@" in url.netloc:
        host = url.netloc.rpartition("@")[2]
        found["realtime"]["url"] = url._replace(netloc=host, query="**").geturl()
    return found


class _Rule(NamedTuple):
    """What must hold between options: `at` is at fault when `broken` says so."""

    at: str
    concerns: tuple[str, ...]
    broken: Callable[[Config], bool]
    what: str


_NOTHING = "the file holds no settings"
_SECRET_NAME = re.compile(r"key|token|secret|passw|authori", re.I)
_QUIET_S = 0.5
_WRITING_ENDS_S = 3.0
TOKEN_MIN = 32
"""Characters a token needs where others in the network can try."""
_EXAMPLE_KEY = "0123456789abcdef"
_EMPTY_RULE = (
    "an entry that gives nothing would concern every call; give it a tool, domain, device_class, "
    'entity or area (tool: "*" if every call is meant)'
)
_PROFILE = ("realtime.profile",)
_KEYED = (*_PROFILE, "realtime.auth")


def _profile(config: Config) -> Profile:
    return PROFILES[config.realtime.profile]


def _needs(profile: Profile, name: str, what: str) -> _Rule:
    """`profile` needs the option `name` of the section realtime."""

    def broken(config: Config) -> bool:
        return _profile(config) is profile and not getattr(config.realtime, name)

    return _Rule(f"realtime.{name}", _PROFILE, broken, what)


def _versions(profile: Profile, dated: Profile) -> tuple[_Rule, _Rule]:
    """`profile` takes only v1 as api_version, and `dated` takes over where it is a date."""
    return (
        _Rule(
            "realtime.api_version",
            _PROFILE,
            lambda config: _profile(config) is profile and config.realtime.api_version != "v1",
            f"{profile.name} speaks v1; a dated version needs profile {dated.name}",
        ),
        _Rule(
            "realtime.api_version",
            _PROFILE,
            lambda config: _profile(config) is dated and config.realtime.api_version == "v1",
            f"{dated.name} needs a dated version, as in 2025-04-01-preview; v1 is profile "
            f"{profile.name}",
        ),
    )


def _is_address(url: str) -> bool:
    """Whether the host and the port of `url` can be; also if it is empty."""
    try:
        parts = urlsplit(url)
        return not url or (bool(parts.hostname) and parts.port != 0)
    except ValueError:
        return False


def _asks_for_yes(tools: Tools, home: HomeAssistant) -> bool:
    """Whether there is a tool that may need a spoken yes, as far as that can be known."""
    servers = (tools.mcp or {}).values()
    if any(each.confirm for each in tools.own) or any(each.confirm for each in servers):
        return True
    foreign = bool(servers) or (tools.home_assistant and bool(home.url))
    return bool(tools.confirm) and (foreign or tools.confirm != Tools().confirm)


def _hears_yes(config: Config) -> bool:
    session = config.realtime.session
    return bool(session.transcription.model) or "transcription" in repr(session.extra)


_RULES = (
    *(_needs(each, name, what) for each in PROFILES.values() for name, what in each.needs),
    _Rule(
        "realtime.api_key",
        _KEYED,
        lambda config: (
            _profile(config).key_needed
            and config.realtime.auth not in ("none", "entra")
            and not config.realtime.api_key
        ),
        "this profile needs a key: write !secret api_key here, and the key into secrets.yaml",
    ),
    _Rule(
        "realtime.host_name",
        (),
        lambda config: "RESOURCE" in config.realtime.host_name,
        "this is the example's host; write the name of your own resource instead of RESOURCE",
    ),
    _Rule(
        "realtime.api_key",
        (),
        lambda config: config.realtime.api_key.reveal() == _EXAMPLE_KEY,
        "this is the example's key; write your own",
    ),
    _Rule(
        "http.token",
        (),
        lambda config: config.http.token.reveal() == _EXAMPLE_KEY,
        "this is the key of an example; write your own",
    ),
    *(
        rule
        for each in PROFILES.values()
        if each.dated
        for rule in _versions(each, PROFILES[each.dated])
    ),
    _Rule(
        "realtime.auth",
        _PROFILE,
        lambda config: config.realtime.auth == "entra" and not _profile(config).takes_entra,
        "entra is Azure's: this profile takes no such tokens",
    ),
    _Rule(
        "realtime.session.turn_detection.type",
        _PROFILE,
        lambda config: (
            config.realtime.session.turn_detection.type.startswith("azure_")
            and not _profile(config).processes_sound
        ),
        "only azure-voice-live has this one; use server_vad or semantic_vad",
    ),
    _Rule(
        "realtime.session.noise_reduction",
        _PROFILE,
        lambda config: (
            config.realtime.session.noise_reduction.startswith("azure_")
            and not _profile(config).processes_sound
        ),
        "only azure-voice-live has this one; use near_field or far_field",
    ),
    _Rule(
        "realtime.session.echo_cancellation",
        _PROFILE,
        lambda config: (
            config.realtime.session.echo_cancellation != "none"
            and not _profile(config).processes_sound
        ),
        "only azure-voice-live cancels echo; audio.echo does it here",
    ),
    _Rule(
        "realtime.budget.daily_limit",
        ("realtime.budget.prices", "realtime.budget.price_table"),
        lambda config: (
            config.realtime.budget.daily_limit > 0
            and not any(config.realtime.budget.in_effect().values())
        ),
        "needs realtime.budget.prices or price_table: without prices nothing costs anything",
    ),
    _Rule(
        "audio.gate.start_ms",
        ("audio.gate.start_window_ms",),
        lambda config: config.audio.gate.start_ms > config.audio.gate.start_window_ms,
        "must not be longer than start_window_ms, or the gate would never open",
    ),
    _Rule(
        "audio.gate.engine",
        ("audio.listen", "realtime.session.turn_detection.type"),
        lambda config: (
            config.audio.gate.engine == "always"
            and config.audio.listen == "open"
            and config.realtime.session.turn_detection.type == "none"
        ),
        "always notices no end of a turn, and turn_detection none leaves that to the gate; use "
        "silero",
    ),
    _Rule(
        "audio.gate.engine",
        ("audio.listen",),
        lambda config: (
            config.audio.gate.engine in ("always", "never") and config.audio.listen == "wake_word"
        ),
        "after a wake word the engine must detect speech: use silero, webrtc or level",
    ),
    _Rule(
        "http.token",
        ("http.host",),
        lambda config: beyond_loopback(config.http.host) and len(config.http.token) < TOKEN_MIN,
        f"others can reach this address (http.host): that needs a token of {TOKEN_MIN} characters "
        "or more; `openssl rand -hex 32` makes one",
    ),
    _Rule(
        "http.read_token",
        ("http.token",),
        lambda config: bool(config.http.read_token) and not config.http.token,
        "without http.token everybody has full access; set that one too",
    ),
    _Rule(
        "http.read_token",
        ("http.token", "http.host"),
        lambda config: (
            beyond_loopback(config.http.host) and 0 < len(config.http.read_token) < TOKEN_MIN
        ),
        f"others can reach this address (http.host): use {TOKEN_MIN} characters or more",
    ),
    _Rule(
        "http.read_token",
        ("http.token",),
        lambda config: (
            bool(config.http.token)
            and config.http.read_token.reveal() == config.http.token.reveal()
        ),
        "must differ from http.token, or it gives full access",
    ),
    _Rule(
        "home_assistant.url",
        (),
        lambda config: not _is_address(config.home_assistant.url),
        "is no address: its host or its port cannot be; expected one as in "
        "http://homeassistant.local:8123",
    ),
    _Rule(
        "home_assistant.token",
        ("home_assistant.url",),
        lambda config: bool(config.home_assistant.url) and not config.home_assistant.token,
        "Home Assistant wants a token: make a long-lived one in the profile of a user who is no "
        "administrator (Security), write !secret ha_token here, and the token into secrets.yaml",
    ),
    _Rule(
        "home_assistant.url",
        ("tools.own",),
        lambda config: (
            not config.home_assistant.url
            and any(each.home_assistant.action for each in config.tools.own)
        ),
        "a tool of tools.own needs Home Assistant, and it has no address; write url and token "
        "below home_assistant",
    ),
    _Rule(
        "tools.confirm",
        (),
        lambda config: ToolRule() in config.tools.confirm,
        _EMPTY_RULE,
    ),
    _Rule("tools.deny", (), lambda config: ToolRule() in config.tools.deny, _EMPTY_RULE),
)

_CAUTIONS = (
    _Rule(
        "realtime.session.extra",
        ("audio.gate.resume", "audio.gate.barge_in"),
        lambda config: (
            config.audio.gate.resumes
            and "'interrupt_response': True" in repr(config.realtime.session.extra)
        ),
        "with interrupt_response the service stops an answer at every noise, so that its end is "
        "missing when it plays on; leave that out, or set audio.gate.resume: false",
    ),
    _Rule(
        "home_assistant.token",
        ("home_assistant.url",),
        lambda config: bool(config.home_assistant.token) and not config.home_assistant.url,
        "is not used: Home Assistant has no address; write home_assistant.url",
    ),
    _Rule(
        "realtime.url",
        _PROFILE,
        lambda config: bool(config.realtime.url) and not _profile(config).url_is_used,
        "is not used: only profile compatible has a url",
    ),
    _Rule(
        "realtime.url",
        _PROFILE,
        lambda config: (
            _profile(config).url_is_used
            and bool(config.realtime.api_key)
            and config.realtime.url.startswith("ws://")
            and beyond_loopback(urlsplit(config.realtime.url).hostname or "")
        ),
        "ws:// sends the key where others in the network can read it; use wss://",
    ),
    _Rule(
        "tools.confirm",
        ("tools.own", "tools.mcp", "home_assistant.url", "realtime.session.transcription.model"),
        lambda config: (
            _asks_for_yes(config.tools, config.home_assistant) and not _hears_yes(config)
        ),
        "nobody can say yes: a yes counts only where it is written down, so these calls will be "
        "refused; set realtime.session.transcription.model",
    ),
)


def _checked(source: Source, chosen: overlay.Chosen = MappingProxyType({})) -> Config:
    overlay.lay_over(source, chosen)
    config = _beside(schema.validate(Config, source, HINTS), source.file)
    source.problems += _apply(_RULES, config, source)
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
    cautions = [str(each) for each in _apply(_CAUTIONS, config, source)]
    cautions += map(str, _of_servers(mcp_servers.cautions(config.tools.mcp), source))
    said = config.http.publish_transcripts
    cautions += map(str, _below(("hooks",), hooks.cautions(config.hooks, said=said), source))
    cautions += map(str, _of_mqtt(mqtt_checks.cautions(config), source))
    given = ("audio", "wake", "word") in source.places
    unused = wake_words.cautions(config.audio, word_given=given)
    cautions += map(str, _below(("audio", "wake"), unused, source))
    cautions += map(str, _below((), personas.cautions(config), source))
    empty = [] if source.value else [f"{source.file}:1: {_NOTHING}, so everything has its default"]
    warnings = (*empty, *cautions, *_exposures(source))
    # Only the places stay: the values hold what is secret, and nobody needs them any more.
    return replace(config, warnings=warnings, source=Source(source.file, places=source.places))


def _of_servers(found: Iterator[mcp_servers.Mistake], source: Source) -> list[Problem]:
    """What was found of MCP servers, leaving out those of which an option is wrong already."""
    failed = {steps[:3] for steps in source.failed if steps[:2] == ("tools", "mcp")}
    paths: list[tuple[Steps, str]] = [(("tools", "mcp", *steps), what) for steps, what in found]
    return [
        Problem(source.place(at), at, what) for at, what in paths if not failed & {at[:3], at[:2]}
    ]


def _below(group: Steps, found: Iterator[tuple[Steps, str]], source: Source) -> list[Problem]:
    """What was found of the options below `group`."""
    paths: list[tuple[Steps, str]] = [((*group, *steps), what) for steps, what in found]
    return [Problem(source.place(at), at, what) for at, what in paths]


def _of_mqtt(found: Iterator[mqtt_checks.Mistake], source: Source) -> list[Problem]:
    """What was found of MQTT, leaving that out if an option of it is wrong already."""
    if any(steps[:1] == ("mqtt",) for steps in source.failed):
        return []
    return [Problem(source.place(at), at, what) for at, what in found if at not in source.failed]


def _beside(config: Config, file: str) -> Config:
    """`config` with the files that it names looked for beside `file`, not where one stands."""
    folder = os.path.dirname(file)

    def beside(path: str) -> str:
        return os.path.join(folder, path) if path else ""

    simulator = config.realtime.simulator
    simulator = replace(simulator, scenario=beside(simulator.scenario))

    def device(name: str) -> str:
        path = name.removeprefix("wav:")
        return name if path == name else f"wav:{os.path.join(folder, path)}"

    heard, played = config.audio.input, config.audio.output
    words = tuple(replace(each, file=beside(each.file)) for each in config.audio.wake.words)
    audio = replace(
        config.audio,
        input=replace(heard, device=device(heard.device)),
        output=replace(played, device=device(played.device)),
        wake=replace(config.audio.wake, words=words),
        earcons=replace(config.audio.earcons, chime=beside(config.audio.earcons.chime)),
        play=replace(config.audio.play, folder=beside(config.audio.play.folder)),
    )
    own = tuple(replace(each, program=_program(each.program, folder)) for each in config.tools.own)
    mcp = {
        name: replace(each, command=_program(each.command, folder))
        for name, each in (config.tools.mcp or {}).items()
    }
    python = tuple(os.path.join(folder, each) for each in config.tools.python)
    ca = os.path.join(folder, config.mqtt.ca) if config.mqtt.ca else ""
    return replace(
        config,
        realtime=replace(config.realtime, simulator=simulator),
        audio=audio,
        hooks=tuple(replace(each, run=_program(each.run, folder)) for each in config.hooks),
        mqtt=replace(config.mqtt, ca=ca),
        tools=replace(config.tools, own=own, python=python, mcp=mcp or config.tools.mcp),
    )


def _program(command: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """`command` with a program that is named with a folder looked for beside the configuration."""
    if not command or "/" not in command[0] or isinstance(command[0], Secret):
        return command
    return (os.path.abspath(os.path.join(folder, command[0])), *command[1:])


def _apply(rules: tuple[_Rule, ...], config: Config, source: Source) -> list[Problem]:
    """What the rules find, leaving out those that rest on an option which is wrong already."""
    found = []
    for rule in rules:
        involved: list[Steps] = [tuple(path.split(".")) for path in (rule.at, *rule.concerns)]
        if any(steps[:n] in source.failed for steps in involved for n in range(len(steps) + 1)):
            continue
        if rule.broken(config):
            given = next((steps for steps in involved if steps in source.places), involved[0])
            found.append(Problem(source.place(given), involved[0], rule.what))
    return found


def _exposures(source: Source) -> list[str]:
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
        if yaml_loader.readable_by_others(file):
            what = f"holds a secret that other users can read; run: chmod 600 {file}"
            found.append(str(Problem(Place(file, 1), (), what)))
    return found


def _secret_options() -> Iterator[Steps]:
    return (each.steps for each in describe() if isinstance(each.default, Secret))


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


def _order(place: Place, main: str) -> tuple[bool, str, int]:
    return (place.file != main, place.file, place.line)


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
