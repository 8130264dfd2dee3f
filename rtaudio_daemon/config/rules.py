"""Rules that involve several options, and doubtful combinations.

Each option has its own check (`sections`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from .hosts import beyond_loopback
from .profiles import PROFILES, Profile
from .sections import Config
from .source import Problem, Source, Steps
from .tool_sections import HomeAssistant, ToolRule, Tools

TOKEN_MIN = 32
"""Minimum length of a token if others in the network can guess at it."""

_EXAMPLE_KEY = "0123456789abcdef"
_EMPTY_RULE = (
    "an entry that gives nothing would concern every call; give it a tool, domain, device_class, "
    'entity or area (tool: "*" if every call is meant)'
)
_PROFILE = ("realtime.profile",)
_KEYED = (*_PROFILE, "realtime.auth")


def mistakes(config: Config, source: Source) -> list[Problem]:
    """Return the mistakes, except for rules that involve an option known to be invalid."""
    return _broken(_RULES, config, source)


def cautions(config: Config, source: Source) -> list[Problem]:
    """Return what is permitted but will not do what it seems to."""
    return _broken(_CAUTIONS, config, source)


class _Rule(NamedTuple):
    """A rule between options: the option `at` is at fault if `broken` returns true."""

    at: str
    concerns: tuple[str, ...]
    broken: Callable[[Config], bool]
    what: str


def _broken(rules: tuple[_Rule, ...], config: Config, source: Source) -> list[Problem]:
    """Return what the rules find, except for rules that involve an invalid option."""
    found = []
    for rule in rules:
        involved: list[Steps] = [tuple(path.split(".")) for path in (rule.at, *rule.concerns)]
        if any(steps[:n] in source.failed for steps in involved for n in range(len(steps) + 1)):
            continue
        if rule.broken(config):
            given = next((steps for steps in involved if steps in source.places), involved[0])
            found.append(Problem(source.place(given), involved[0], rule.what))
    return found


def _profile(config: Config) -> Profile:
    return PROFILES[config.realtime.profile]


def _needs(profile: Profile, name: str, what: str) -> _Rule:
    """The rule that `profile` requires the option `name` of the section realtime."""

    def broken(config: Config) -> bool:
        return _profile(config) is profile and not getattr(config.realtime, name)

    return _Rule(f"realtime.{name}", _PROFILE, broken, what)


def _versions(profile: Profile, dated: Profile) -> tuple[_Rule, _Rule]:
    """The rules that `profile` accepts only v1 as api_version, and `dated` only dates."""
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
    """Return whether host and port of `url` are valid; also true if it is empty."""
    try:
        parts = urlsplit(url)
        return not url or (bool(parts.hostname) and parts.port != 0)
    except ValueError:
        return False


def _asks_for_yes(tools: Tools, home: HomeAssistant) -> bool:
    """Return whether any tool may need a spoken yes, as far as that can be known."""
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
