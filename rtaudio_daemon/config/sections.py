"""The settings: every option once, with its type, range, default and meaning on one line.

The sections are frozen dataclasses; each part of the program receives its own section and never
the whole. The schema, `config.yaml`, the documentation and the JSON Schema follow from the fields
below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .checks import (
    address,
    boolean,
    choice,
    device,
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
from .defaults import HTTP_HOST, HTTP_PORT
from .hook_events import event
from .mqtt_sections import Mqtt, OwnMqtt
from .prices import PRICE_TABLES, PRICED_ON
from .profiles import PROFILES
from .schema import groups, named_groups
from .secret import Secret
from .yaml_loader import Problem, Source, Steps

_HOST = r"(wss?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_ORIGIN = r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
_PLAY_HOST = r"([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
_HOME_URL = r"https?://[^\s/?#@]+(/[^\s?#@]*)?"
_TOOL_NAME = r"[A-Za-z0-9_-]{1,64}"
_TOOL_URL = r"https?://[^\s/?#@{}]+([/?]\S*)?"
_PLACE = r"[a-z0-9_]*(\{[A-Za-z_]\w*\}[a-z0-9_]*)*"
_ACTION = rf"{_PLACE}\.{_PLACE}|\{{[A-Za-z_]\w*\}}"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SERVER_NAME = r"[A-Za-z0-9_-]{1,32}"
_SERVER_URL = r"https?://[^\s/?#@]+([/?][^\s#]*)?"
BUILT_IN = ("time", "volume", "mute", "end", "timers")
"""The tools that need nothing."""
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
"""Hints for options that do not exist, but that people look for: by their last word."""


@dataclass(frozen=True)
class TurnDetection:
    """How the service decides that a turn is over."""

    type: str = option(
        "server_vad",
        "by silence (server_vad), by meaning (semantic_vad), or not by the service (none)",
        choice(
            "server_vad",
            "semantic_vad",
            "azure_semantic_vad",
            "azure_semantic_vad_multilingual",
            "none",
        ),
    )
    threshold: float = option(
        0.5, "server_vad: certainty from which the service hears speech", number(0, 1)
    )
    prefix_padding_ms: int = option(
        300, "server_vad: sound kept from before the speech", integer(0, 10_000), "ms"
    )
    silence_duration_ms: int = option(
        600, "server_vad: silence that ends a turn", integer(0, 10_000), "ms"
    )
    eagerness: str = option(
        "auto", "semantic_vad: how soon it answers", choice("low", "medium", "high", "auto")
    )
    interrupt_response: bool = option(
        True,
        "the service stops its answer when somebody speaks; audio.gate.barge_in does so too",
        boolean(),
    )


@dataclass(frozen=True)
class Transcription:
    """Whether the service also writes down what it heard."""

    model: str = option("", "transcription model (on Azure: a deployment); empty = off", text())
    language: str = option("", "language, as in en or de; empty = detected", text())


@dataclass(frozen=True)
class Session:
    """The settings of a session, in one spelling for every profile."""

    voice: str = option("alloy", "the voice", text())
    instructions: str = option("", "who the assistant is and how it should talk", text())
    turn_detection: TurnDetection = section(TurnDetection, "when a turn is over")
    transcription: Transcription = section(Transcription, "writing down what was heard")
    noise_reduction: str = option(
        "none",
        "what the service filters out; azure_deep_noise_suppression: azure-voice-live only",
        choice("none", "near_field", "far_field", "azure_deep_noise_suppression"),
    )
    echo_cancellation: str = option(
        "none", "server: azure-voice-live removes its own voice", choice("none", "server")
    )
    max_output_tokens: int | None = option(
        None,
        "longest answer in tokens; empty = no limit",
        integer(1, 4096, endless="leave it empty for no limit"),
    )
    extra: dict[str, Any] | None = option(
        None, "merged last into the session, unchanged", free_mapping()
    )


@dataclass(frozen=True)
class Simulator:
    """The built-in service, used by `profile: simulator`."""

    voice: str = option(
        "auto", "voice; auto = espeak where installed", choice("auto", "espeak", "parrot")
    )
    scenario: str = option(
        "", "file with the answers and the faults; empty = repeats what it hears", text()
    )


@dataclass(frozen=True)
class History:
    """How much of the conversation a new session gets (after a renewal or an outage)."""

    turns: int = option(20, "number of turns; 0 = none", integer(0, 200))
    characters: int = option(8000, "length of their text", integer(0, 100_000), "characters")
    forget_after_s: int = option(
        600,
        "forget everything after this much silence, because old text costs money; 0 = never",
        integer(0, 86_400),
        "s",
    )


@dataclass(frozen=True)
class Prices:
    """What the service charges: money per million tokens, in any one currency."""

    text_input: float = option(0.0, "text it reads", number(0, 10_000))
    text_cached: float = option(0.0, "text it reads again", number(0, 10_000))
    text_output: float = option(0.0, "text it writes", number(0, 10_000))
    audio_input: float = option(0.0, "sound it hears", number(0, 10_000))
    audio_cached: float = option(0.0, "sound it hears again", number(0, 10_000))
    audio_output: float = option(0.0, "sound it makes", number(0, 10_000))
    image_input: float = option(0.0, "images it sees", number(0, 10_000))
    transcription_minute: float = option(0.0, "a minute of transcription", number(0, 1_000))


@dataclass(frozen=True)
class Budget:
    """What the service may cost."""

    daily_limit: float = option(
        0.0,
        "money per day; then no session until midnight; 0 = no limit",
        number(0, 100_000),
    )
    price_table: str = option(
        "",
        f"a model of OpenAI, at its list prices as read on {PRICED_ON}, in US dollars; "
        "what prices says counts instead",
        text("|".join(map(re.escape, PRICE_TABLES)), " or ".join(PRICE_TABLES)),
    )
    prices: Prices = section(Prices, "what the service charges")

    def in_effect(self) -> dict[str, float]:
        """The prices by name: one's own, else those of the table."""
        table = PRICE_TABLES.get(self.price_table, {})
        return {name: own or table.get(name, 0.0) for name, own in vars(self.prices).items()}


@dataclass(frozen=True)
class Realtime:
    """The service that listens and answers."""

    profile: str = option(
        "simulator",
        "the kind of service; simulator is built in and needs nothing below",
        choice(*PROFILES),
    )
    host_name: str = option(
        "",
        "azure: the resource's host",
        text(_HOST, "a host, as in RESOURCE.openai.azure.com (no https://, no path)"),
    )
    deployment: str = option("", "azure: the deployment's name; openai: the model", text())
    api_version: str = option(
        "v1",
        "azure: v1; azure-preview: a date, as in 2025-04-01-preview; azure-voice-live: v1 = newest",
        text(r"v1|\d{4}-\d{2}-\d{2}(-preview)?", "v1 or a date, as in 2025-04-01-preview"),
    )
    api_key: Secret = option(Secret(""), "the key; not here, but in secrets.yaml", secret())
    url: str = option(
        "",
        "compatible: the whole address, used unchanged",
        text(r"wss?://[^\s/]+\S*", "an address that begins with ws:// or wss://"),
    )
    auth: str = option(
        "api_key",
        "how the key is sent; entra = no key, but Azure's tokens (needs azure-identity)",
        choice("api_key", "bearer", "entra", "none"),
    )
    hold: str = option(
        "always",
        "when to keep a session; on_speech = only when needed, for services that bill time",
        choice("always", "on_speech"),
    )
    hold_idle_s: int = option(
        60, "on_speech: close the session after this much silence", integer(5, 86_400), "s"
    )
    outage_buffer_s: int = option(
        10, "send sound after an outage that is no older than this", integer(0, 60), "s"
    )
    session: Session = section(Session, "what the model gets at the start of a session")
    history: History = section(History, "how much of the conversation a new session gets")
    budget: Budget = section(Budget, "what the service may cost")
    simulator: Simulator = section(Simulator, "the built-in service")


@dataclass(frozen=True)
class Input:
    """The microphone."""

    device: str = option("default", "name of the device; `daemon.py devices` lists them", device())
    fallback: str = option(
        "none",
        "device to use while this one is lost: none, or the system's default",
        choice("none", "default"),
    )
    channel: str = option(
        "left",
        "channel of a microphone with two",
        choice("left", "right", "mix"),
    )
    deaf_after_s: int = option(
        4,
        "report the microphone as deaf after this much digital silence or full scale; 0 = never",
        integer(0, 3600),
    )
    deaf_without_speech_h: int = option(
        0,
        "report the microphone as deaf after this many hours without detected speech (with or "
        "without a wake word; not with listen: push_to_talk); 0 = never",
        integer(0, 1000),
    )


@dataclass(frozen=True)
class Output:
    """The loudspeaker."""

    device: str = option("default", "name of the device; `daemon.py devices` lists them", device())
    fallback: str = option(
        "none",
        "device to use while this one is lost: none, or the system's default",
        choice("none", "default"),
    )
    volume: float = option(1.0, "loudness", number(0, 1))


@dataclass(frozen=True)
class Gate:
    """Which sound is sent to the service: only speech, with a little before and after it."""

    engine: str = option(
        "silero",
        "speech detector: a small model (silero), simple statistics (webrtc, an optional "
        "package), loudness (level), none (always); never = send sound only while the button of "
        "push to talk is held",
        choice("silero", "webrtc", "level", "always", "never"),
    )
    threshold: float = option(0.5, "certainty from which a frame counts as speech", number(0, 1))
    start_ms: int = option(
        64, "speech needed within start_window_ms to open the gate", integer(0, 5_000), "ms"
    )
    start_window_ms: int = option(
        130, "period in which start_ms of speech must occur", integer(0, 10_000), "ms"
    )
    pre_roll_ms: int = option(
        320, "sound sent from before the gate opened", integer(0, 5_000), "ms"
    )
    hangover_ms: int = option(
        1200,
        "close the gate after this much silence; never before the service can end the turn "
        "(silence_duration_ms + 300, longer for semantic_vad); with turn_detection none "
        "turn_end_ms counts instead",
        integer(0, 30_000),
        "ms",
    )
    turn_end_ms: int = option(
        600, "turn_detection none: silence that ends a turn", integer(100, 10_000), "ms"
    )
    max_turn_s: int = option(120, "longest turn; then the gate closes", integer(5, 3_600), "s")
    barge_in: bool = option(True, "speech interrupts an answer", boolean())
    barge_in_threshold: float = option(
        0.7,
        "like threshold, while an answer is heard: in half duplex; with cancel for the sound "
        "before the echo is removed",
        number(0, 1),
    )
    barge_in_ms: int = option(80, "speech needed to interrupt an answer", integer(0, 5_000), "ms")
    duck: bool = option(
        False, "play an answer softly while somebody may be speaking over it", boolean()
    )


@dataclass(frozen=True)
class Wake:
    """With `listen: wake_word`: which word, and for how long it lasts."""

    word: str = option(
        "okay_nabu",
        "the word; any is one of the four",
        choice("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft", "any"),
    )
    follow_up_s: int = option(
        8,
        "speech needs no word for this long after the word, and after each answer (also by the "
        "button; not after an announcement)",
        integer(1, 600),
    )


@dataclass(frozen=True)
class Earcons:
    """Short sounds that report changes. The gate ignores the microphone while one is heard."""

    listening: str = option(
        "wake_word",
        "the wake word was heard and a pause follows; always = also when the button is pressed "
        "(then speak after the sound)",
        choice("wake_word", "always", "never"),
    )
    done: bool = option(False, "your turn is over, an answer follows", boolean())
    working: bool = option(True, "a tool takes longer than two seconds", boolean())
    muted: bool = option(True, "the microphone was muted or unmuted", boolean())
    error: bool = option(
        True, "an answer failed, or there is no service while somebody waits", boolean()
    )
    connected: bool = option(False, "the service is connected, or connected again", boolean())
    chime: str = option(
        "",
        "sound file of your own for `chime: true` of /api/say, 10 s at most; empty = two notes",
        text(),
    )
    volume: float = option(0.4, "loudness, relative to the answers", number(0, 1))


@dataclass(frozen=True)
class Play:
    """Which sound files other programs may let the daemon play (/api/play)."""

    hosts: tuple[str, ...] = option(
        (),
        "hosts whose files may be fetched, as in homeassistant.local:8123; without a port 80 and "
        "443",
        several(text(_PLAY_HOST, "a host, with its port if that is another than 80 and 443")),
    )
    folder: str = option("", "folder whose files may be played; empty = none", text())


@dataclass(frozen=True)
class Audio:
    """Microphone, loudspeaker, and the gate between the microphone and the service."""

    input: Input = section(Input, "the microphone")
    output: Output = section(Output, "the loudspeaker")
    gate: Gate = section(Gate, "which sound is sent to the service")
    listen: str = option(
        "open",
        "when to listen: always (open), after a wake word (an optional package), or only while the "
        "button of push to talk is held",
        choice("open", "wake_word", "push_to_talk"),
    )
    wake: Wake = section(Wake, "with listen: wake_word")
    earcons: Earcons = section(Earcons, "short sounds that report changes")
    play: Play = section(Play, "which sound files other programs may let it play")
    echo: str = option(
        "auto",
        "how to keep the loudspeaker out of the microphone; auto = cancel where livekit is "
        "installed, else half_duplex; system = a device that cancels echo; off = headphones",
        choice("auto", "system", "cancel", "half_duplex", "off"),
    )
    duck: str = option(
        "off",
        "other programs' sound while somebody talks with the daemon, it speaks or a timer rings: "
        "softer (auto; needs PipeWire or PulseAudio), or as it is (off)",
        choice("off", "auto"),
    )
    duck_db: float = option(
        -20.0,
        "by how much it is softer (with WirePlumber's roles its own setting counts)",
        number(-60, -3),
        "dB",
    )


@dataclass(frozen=True)
class Http:
    """The HTTP API and the page."""

    host: str = option(
        HTTP_HOST,
        "address to listen on; any but this machine's own needs a token",
        address(),
    )
    port: int = option(HTTP_PORT, "port to listen on; 0 = any free one", integer(0, 65_535))
    token: Secret = option(
        Secret(""),
        "bearer token with full access; empty = no token needed from this machine",
        secret(),
    )
    read_token: Secret = option(
        Secret(""), "bearer token that may read and change nothing", secret()
    )
    allowed_hosts: tuple[str, ...] = option(
        (), "further host names that requests may use", several(text(_NAME, "a host name"))
    )
    allowed_origins: tuple[str, ...] = option(
        (),
        "other web pages that may use the HTTP API or show the page in a frame",
        several(text(_ORIGIN, "an origin, as in http://homeassistant.local:8123")),
    )
    max_subscribers: int = option(64, "largest number of event streams at once", integer(1, 10_000))
    publish_transcripts: bool = option(False, "put transcripts into the events", boolean())


@dataclass(frozen=True)
class HomeAssistant:
    """Home Assistant, for everything that speaks to it; off without an address."""

    url: str = option(
        "",
        "its address; empty = off",
        text(_HOME_URL, "an address as in http://homeassistant.local:8123, without a password"),
    )
    token: Secret = option(
        Secret(""),
        "long-lived token of a user who is no administrator; not here, but in secrets.yaml",
        secret(),
    )
    device_id: str = option(
        "",
        "device in it that stands for this daemon; what is said without a room means that of the "
        "device",
        text("[0-9a-f]{32}", "32 letters and digits, as at the end of the device's address"),
    )


@dataclass(frozen=True)
class ToolRule:
    """Which calls a rule concerns: those for which everything fits that is given; * fits any."""

    tool: str = option("", "name of a tool, as `daemon.py tools` lists it", text())
    domain: str = option("", "kind of thing in Home Assistant, as in lock", text())
    device_class: str = option("", "class of it, as in garage", text())
    entity: str = option("", "one thing, as in lock.front_door", text())
    area: str = option("", "where it is", text())


@dataclass(frozen=True)
class OwnHttp:
    """The request that a tool of one's own makes; `{name}` stands for the argument `name`."""

    url: str = option(
        "",
        "address; an argument may stand in its path and query, never in its host",
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
        None, "headers by name, each as it stands or a !secret", names_to(plain_value())
    )
    query: dict[str, Any] | None = option(
        None, "what follows the ? of the address, by name", names_to(plain_value())
    )
    json: dict[str, Any] | None = option(
        None,
        'body; an argument that is a whole value keeps its type, as in level: "{level}"',
        free_mapping(),
    )


@dataclass(frozen=True)
class OwnAction:
    """The action in Home Assistant of a tool of one's own; `{name}` stands for an argument."""

    action: str = option(
        "", "what to do, as in light.turn_on", text(_ACTION, "an action as in light.turn_on")
    )
    target: dict[str, Any] | None = option(
        None, "what it concerns: entity_id, area_id, each one or a list", free_mapping()
    )
    data: dict[str, Any] | None = option(
        None, 'how to do it, as in brightness_pct: "{level}"', free_mapping()
    )
    response: bool = option(
        False, "whether the action gives an answer, as weather.get_forecasts does", boolean()
    )


@dataclass(frozen=True)
class OwnTool:
    """A tool that a person describes: what it is for, and what it does."""

    name: str = option(
        "", "name that the model sees", text(_TOOL_NAME, "a name of letters, digits, _ and -")
    )
    description: str = option("", "what it does and when to call it, for the model", text())
    parameters: dict[str, Any] | None = option(
        None, "its arguments by name, each with its JSON Schema", free_mapping()
    )
    http: OwnHttp = section(OwnHttp, "request to make")
    program: tuple[str, ...] = option(
        (), "program to run, one entry for each argument; never a shell", several(kept(text()))
    )
    home_assistant: OwnAction = section(OwnAction, "action in Home Assistant to carry out")
    mqtt: OwnMqtt = section(OwnMqtt, "message to send over MQTT")
    confirm: bool = option(False, "whether every call needs a spoken yes", boolean())
    read_only: bool = option(False, "whether it changes nothing", boolean())
    limit_s: float | None = option(
        None, "how long a call may take; empty = tools.limit_s", number(1, 300), "s"
    )


@dataclass(frozen=True)
class McpServer:
    """A server of tools that speaks MCP: at an address, or a program of this machine."""

    url: str = option(
        "",
        "its address, if it is reached over HTTP",
        kept(text(_SERVER_URL, "an address as in http://nas:8000/mcp, without a password in it")),
    )
    headers: dict[str, Any] | None = option(
        None, "headers of every request, as in Authorization: !secret nas", names_to(hidden())
    )
    command: tuple[str, ...] = option(
        (),
        "program that is started instead, one entry for each argument; never a shell",
        several(kept(text())),
    )
    env: dict[str, Any] | None = option(
        None, "environment of the program, beside what every program needs", names_to(hidden())
    )
    allow: tuple[str, ...] = option(
        ("*",), "its tools that the model may call, as in search_*", several(text())
    )
    deny: tuple[str, ...] = option((), "which of these it may not call", several(text()))
    confirm: tuple[str, ...] = option(
        (), "its tools of which every call needs a spoken yes, as in delete_*", several(text())
    )
    limit_s: float | None = option(
        None, "how long a call may take; empty = tools.limit_s", number(1, 300), "s"
    )


@dataclass(frozen=True)
class Timers:
    """Timers, alarms and reminders."""

    volume: float = option(
        0.6, "how loud they ring, whatever the volume of answers is", number(0.3, 1)
    )


@dataclass(frozen=True)
class Tools:
    """What the model may do."""

    built_in: tuple[str, ...] = option(
        BUILT_IN,
        "tools of the daemon itself",
        several(choice(*BUILT_IN, "notes", "not_for_me")),
    )
    home_assistant: bool = option(
        True,
        "what Home Assistant exposes to Assist, where home_assistant.url is set",
        boolean(),
    )
    own: tuple[OwnTool, ...] = option((), "tools of your own", groups(OwnTool))
    python: tuple[str, ...] = option(
        (), "files with functions in Python that the model may call", several(text())
    )
    mcp: dict[str, McpServer] | None = option(
        None,
        "servers of tools that speak MCP, by a name of your own (an optional package)",
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
    deny: tuple[ToolRule, ...] = option((), "calls that are never carried out", groups(ToolRule))
    room: str = option("", "name of the room, which the model is given", text())
    limit_s: float = option(30.0, "how long a call may take", number(1, 300), "s")
    result_characters: int = option(
        4000, "longest result that the model is given", integer(100, 30_000)
    )
    timers: Timers = section(Timers, "timers, alarms and reminders")


@dataclass(frozen=True)
class Hook:
    """What is done when something happens: a program runs, or an address is given the event."""

    on: str = option("", "event that it waits for, by its name in /api/events", event())
    when: dict[str, Any] | None = option(
        None,
        "what fields of the event must be, each one value or a list, as in status: speaking",
        free_mapping(),
    )
    run: tuple[str, ...] = option(
        (),
        'program to run, one entry for each argument; "{status}" stands for the field status of '
        "the event, all of which is its input; never a shell",
        several(kept(text())),
    )
    url: str = option(
        "",
        "address that is given the event, as JSON by POST",
        kept(text(_SERVER_URL, "an address as in http://nas:1880/voice, without a password in it")),
    )
    headers: dict[str, Any] | None = option(
        None, "headers for the address, as in Authorization: !secret nas", names_to(hidden())
    )
    limit_s: float = option(10.0, "how long it may take until it is stopped", number(1, 300), "s")


@dataclass(frozen=True)
class Logger:
    """What is written to the log."""

    default: str = option("info", "how much", _LEVEL)
    logs: dict[str, str] | None = option(
        None, "levels by module, as in rtaudio_daemon.audio: debug", names_to(_LEVEL)
    )


@dataclass(frozen=True)
class Config:
    """Everything in config.yaml, and what `load` noticed on the way.

    ``warnings``: one line each, like problems, for what works but should not stay so.
    """

    realtime: Realtime = section(Realtime, "the service that listens and answers")
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
        """A line for a `ConfigError` about the option at `path`, with file and line."""
        steps: Steps = tuple(path.split(".")) if isinstance(path, str) else path
        return str(Problem((self.source or Source("config.yaml")).place(steps), steps, what))
