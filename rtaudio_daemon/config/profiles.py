"""The kinds of services: their differences and requirements, as data in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Dialect = Literal["ga", "preview"]
"""The variant of the Realtime API: the current one, or the preview."""
KeyStyle = Literal["api_key", "bearer", "entra", "none"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The properties of a kind of service."""

    name: str
    dialect: Dialect
    """The variant it expects from us."""
    path: str = ""
    """The path of the API on its host; empty: the option ``url`` is the whole address."""
    query: tuple[tuple[str, str], ...] = ()
    """The query of the address; ``{deployment}`` and ``{api_version}`` are replaced."""
    scheme: str = "wss"
    """The scheme for a host without one."""
    host_name: str = ""
    """The host if the option ``host_name`` is empty."""
    deployment: str = ""
    """The deployment if the option ``deployment`` is empty."""
    key_style: KeyStyle = "api_key"
    """How the key is sent: in an ``api-key`` header, as a bearer token, or not at all."""
    key_needed: bool = True
    """Whether it rejects everybody without a key."""
    dated: str = ""
    """The profile that applies instead if ``api_version`` is a date."""
    needs_date: bool = False
    """Whether ``api_version`` must be a date."""
    version: str = ""
    """The ``api_version`` that v1 stands for, if the service only knows dates."""
    token_scope: str = ""
    """The scope of Entra ID tokens; empty: it accepts none."""
    needs: tuple[tuple[str, str], ...] = ()
    """The required options, each with a message for when it is missing."""
    built_in: bool = False
    """Whether the daemon contains the service, unless ``host_name`` is set."""
    processes_sound: bool = False
    """Whether it supports Azure's turn detection, noise suppression and echo cancellation."""
    detects_dialect: bool = False
    """Whether the dialect is detected from the service's greeting."""
    service_interrupts: bool = True
    """Whether it stops its answer by itself when it hears speech."""
    service_truncates: bool = False
    """Whether it also truncates an answer by itself to what was heard."""
    commits_answers: bool = False
    """Whether it calls an answer outside the conversation one that is not committed."""
    transcription_is_deployment: bool = False
    """Whether the transcription model must be one of our deployments."""
    lifetime_s: float = 28 * 60
    """The maximum duration of a session in seconds if its greeting does not state it."""

    @property
    def takes_entra(self) -> bool:
        """Whether Entra ID tokens may be valid for it."""
        return bool(self.token_scope) or not self.path

    @property
    def url_is_used(self) -> bool:
        """Whether the option ``url`` is its whole address."""
        return not self.path


AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"

_AZURE_HOST = (
    "host_name",
    "azure needs the resource's host, as in RESOURCE.openai.azure.com",
)
_AZURE_DEPLOYMENT = ("deployment", "azure needs the name of a deployment")
_WHOLE_ADDRESS = (
    "url",
    "compatible needs an address, as in ws://127.0.0.1:8000/v1/realtime",
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                "simulator",
                "ga",
                path="/openai/v1/realtime",
                query=(("model", "{deployment}"),),
                scheme="ws",
                host_name="127.0.0.1:8771",
                deployment="simulator",
                key_style="none",
                key_needed=False,
                built_in=True,
            ),
            Profile(
                "azure",
                "ga",
                path="/openai/v1/realtime",
                query=(("model", "{deployment}"),),
                needs=(_AZURE_HOST, _AZURE_DEPLOYMENT),
                dated="azure-preview",
                token_scope=AZURE_SCOPE,
                transcription_is_deployment=True,
            ),
            Profile(
                "azure-preview",
                "preview",
                path="/openai/realtime",
                query=(("api-version", "{api_version}"), ("deployment", "{deployment}")),
                needs=(_AZURE_HOST, _AZURE_DEPLOYMENT),
                needs_date=True,
                token_scope=AZURE_SCOPE,
                transcription_is_deployment=True,
            ),
            Profile(
                "azure-voice-live",
                "preview",
                path="/voice-live/realtime",
                query=(("api-version", "{api_version}"), ("model", "{deployment}")),
                needs=(_AZURE_HOST, ("deployment", "needs a model here, as in gpt-realtime-2.1")),
                version="2026-07-15",
                processes_sound=True,
                commits_answers=True,
                token_scope="https://ai.azure.com/.default",
            ),
            Profile(
                "openai",
                "ga",
                path="/v1/realtime",
                query=(("model", "{deployment}"),),
                needs=(("deployment", "openai needs a model here, as in gpt-realtime-2.1"),),
                host_name="api.openai.com",
                key_style="bearer",
            ),
            Profile(
                "compatible",
                "ga",
                needs=(_WHOLE_ADDRESS,),
                key_needed=False,
                processes_sound=True,
                detects_dialect=True,
            ),
        )
    }
)
"""All profiles by name."""
