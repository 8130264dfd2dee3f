"""The settings: every option once, with its type, range, default and meaning on one line.

The sections are frozen dataclasses; each part of the program receives its own section and never
the whole. The schema, `config.yaml` and the documentation follow from the fields below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Check = Callable[[Any], Any]


class Secret(str):
    """A string that never shows itself: its repr is `**`. Use `.reveal()` to get at it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "**" if self else "''"

    def __str__(self) -> str:
        return "**" if self else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """The secret itself, as a plain string."""
        return str.__str__(self)


def option(default: Any, meaning: str, check: Check | None = None, unit: str = "") -> Any:
    """A setting: its default, its meaning for people, what is allowed, and its unit."""
    return field(default=default, metadata={"meaning": meaning, "check": check, "unit": unit})


def section(kind: type[Any], meaning: str) -> Any:
    """A group of settings of its own."""
    return field(default_factory=kind, metadata={"meaning": meaning, "section": kind})


# The checks (number, choice, text …) are filled in with the schema.


@dataclass(frozen=True)
class TurnDetection:
    """How the service decides that a turn is over."""

    type: str = option("server_vad", "server_vad, semantic_vad or none")
    threshold: float = option(0.5, "how sure the service must be that it hears speech (0 to 1)")
    prefix_padding_ms: int = option(300, "sound kept from before the speech", unit="ms")
    silence_duration_ms: int = option(600, "silence that ends a turn", unit="ms")
    eagerness: str = option("auto", "semantic_vad: low, medium, high or auto")
    interrupt_response: bool = option(True, "the service stops its answer when somebody speaks")


@dataclass(frozen=True)
class Transcription:
    """Whether the service also writes down what it heard."""

    model: str = option("", "transcription model (on Azure: a deployment); empty = off")
    language: str = option("", "language, as in en or de; empty = found out by the service")


@dataclass(frozen=True)
class Session:
    """What the model is told at the beginning, in one spelling for every profile."""

    voice: str = option("alloy", "the voice")
    instructions: str = option("", "who the assistant is and how it should talk")
    turn_detection: TurnDetection = section(TurnDetection, "when a turn is over")
    transcription: Transcription = section(Transcription, "writing down what was heard")
    max_output_tokens: int | None = option(None, "longest answer in tokens; empty = no limit")
    extra: dict[str, Any] | None = option(None, "merged last into the session, as it stands")


@dataclass(frozen=True)
class Simulator:
    """The built-in service, used by `profile: simulator`."""

    voice: str = option("auto", "parrot, espeak, or auto (espeak where installed, else parrot)")


@dataclass(frozen=True)
class Realtime:
    """The service that listens and answers."""

    profile: str = option("simulator", "simulator, azure, azure-preview, openai or compatible")
    host_name: str = option("", "azure: the resource's host, RESOURCE.openai.azure.com")
    deployment: str = option("", "azure: the deployment's name; openai: the model")
    api_version: str = option("v1", "azure: v1; azure-preview: a dated version")
    api_key: Secret = option(Secret(""), "the key; write !secret api_key, not the key itself")
    url: str = option("", "compatible: the whole address, ws:// or wss://")
    auth: str = option("api_key", "api_key, bearer or none")
    session: Session = section(Session, "voice, instructions, turn detection")
    simulator: Simulator = section(Simulator, "the built-in service")


@dataclass(frozen=True)
class Input:
    """The microphone."""

    device: str = option("default", "default, part of a name, wav:PATH or none")


@dataclass(frozen=True)
class Output:
    """The loudspeaker."""

    device: str = option("default", "default, part of a name, wav:PATH or none")
    volume: float = option(1.0, "loudness, 0 to 1")


@dataclass(frozen=True)
class Gate:
    """Which sound may leave the house: only speech, with a little before and after it."""

    engine: str = option("silero", "silero, level or always")
    threshold: float = option(0.5, "how sure the gate must be that it hears speech (0 to 1)")
    start_ms: int = option(64, "speech needed within start_window_ms to open the gate", unit="ms")
    start_window_ms: int = option(130, "the stretch in which start_ms is looked for", unit="ms")
    pre_roll_ms: int = option(320, "sound sent from before the gate opened", unit="ms")
    hangover_ms: int = option(1200, "silence after which the gate closes by itself", unit="ms")
    barge_in: bool = option(True, "speech interrupts an answer")
    barge_in_threshold: float = option(0.7, "like threshold, while an answer is heard")
    barge_in_ms: int = option(160, "speech needed to interrupt an answer", unit="ms")


@dataclass(frozen=True)
class Audio:
    """Microphone, loudspeaker and the gate between the house and the service."""

    input: Input = section(Input, "the microphone")
    output: Output = section(Output, "the loudspeaker")
    gate: Gate = section(Gate, "what leaves the house")


@dataclass(frozen=True)
class Http:
    """The local window for other tools."""

    host: str = option("127.0.0.1", "address to listen on")
    port: int = option(8770, "port to listen on; 0 = any free one")
    publish_transcripts: bool = option(False, "put what was said into the events")


@dataclass(frozen=True)
class Logger:
    """What is written to the log."""

    default: str = option("info", "debug, info, warning, error or critical")
    logs: dict[str, str] | None = option(None, "levels by module, as in rtaudio_daemon.audio: debug")


@dataclass(frozen=True)
class Config:
    """Everything in config.yaml."""

    realtime: Realtime = section(Realtime, "the service that listens and answers")
    audio: Audio = section(Audio, "sound in and out")
    http: Http = section(Http, "the local window for other tools")
    logger: Logger = section(Logger, "the log")


_ = math
