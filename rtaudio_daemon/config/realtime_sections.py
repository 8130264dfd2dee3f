"""The settings of the service: its address, its sessions, and what they may cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .checks import (
    boolean,
    choice,
    free_mapping,
    integer,
    number,
    option,
    secret,
    section,
    text,
)
from .prices import PRICE_TABLES, PRICED_ON
from .profiles import PROFILES
from .secret import Secret

PERSONA_NAME = r"[^\W_][\w '-]{0,47}"

_HOST = r"(wss?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"

HOST_NAME = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"


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
        0.5, "server_vad: certainty from which sound counts as speech", number(0, 1)
    )
    prefix_padding_ms: int = option(
        300, "server_vad: sound kept from before the speech", integer(0, 10_000), "ms"
    )
    silence_duration_ms: int = option(
        500, "server_vad: silence that ends a turn", integer(0, 10_000), "ms"
    )
    eagerness: str = option(
        "auto", "semantic_vad: how soon it answers", choice("low", "medium", "high", "auto")
    )
    interrupt_response: bool = option(
        True,
        "the service stops its answer when somebody speaks; audio.gate.barge_in also does so",
        boolean(),
    )


@dataclass(frozen=True)
class Transcription:
    """Whether the service also transcribes what it hears."""

    model: str = option("", "transcription model (on Azure: a deployment); empty = off", text())
    language: str = option("", "language, such as en or de; empty = detected", text())


@dataclass(frozen=True)
class Session:
    """The settings of a session, with the same names for every profile."""

    voice: str = option("alloy", "the voice", text())
    instructions: str = option("", "who the assistant is, and how it should talk", text())
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
        "auto", "voice; auto = espeak if installed", choice("auto", "espeak", "parrot")
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
        f"a model of OpenAI, with its list prices of {PRICED_ON}, in US dollars; "
        "values in prices override them",
        text("|".join(map(re.escape, PRICE_TABLES)), " or ".join(PRICE_TABLES)),
    )
    prices: Prices = section(Prices, "what the service charges")

    def in_effect(self) -> dict[str, float]:
        """Return the prices by name: the configured ones, otherwise those of the table."""
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
    persona: str = option(
        "",
        "who answers at the start, and to words without a persona, by the name in personas; empty: "
        "no persona",
        text(PERSONA_NAME, "a name in personas"),
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
        10, "after an outage, send sound that is no older than this", integer(0, 60), "s"
    )
    session: Session = section(Session, "what the model gets at the start of a session")
    history: History = section(History, "how much of the conversation a new session gets")
    budget: Budget = section(Budget, "what the service may cost")
    simulator: Simulator = section(Simulator, "the built-in service")
