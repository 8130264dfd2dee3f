"""The services we can talk to. All differences between them are data in one table.

A :class:`Profile` says what is true of a kind of service, an :class:`Endpoint` is one service to
connect to: its address, its dialect and how we show who we are.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from rtaudio_daemon.config import Secret
from rtaudio_daemon.realtime.codec import Dialect

KeyStyle = Literal["api_key", "bearer", "entra", "none"]
AUTH_STYLES = ("api_key", "bearer", "entra", "none")
"""What the option ``auth`` may say. ``api_key``: the key, in the way the profile wants it."""
TokenSource = Callable[[], Awaitable[str]]
"""Fetches a token that is valid now."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is true of a kind of service."""

    name: str
    dialect: Dialect
    """The spelling it expects from us."""
    path: str = ""
    """Where on its host the API lives; empty: the whole address comes from the option ``url``."""
    query: tuple[tuple[str, str], ...] = ()
    """The query of the address; ``{deployment}`` and ``{api_version}`` are filled in."""
    scheme: str = "wss"
    """How a host without a scheme is reached."""
    host_name: str = ""
    """The host, when the option ``host_name`` is empty."""
    deployment: str = ""
    """The deployment, when the option ``deployment`` is empty."""
    key_style: KeyStyle = "api_key"
    """How it wants the key: in an ``api-key`` header, as a bearer token, or not at all."""
    key_needed: bool = True
    """Whether it refuses everybody without a key."""
    dated: str = ""
    """The profile that takes over when ``api_version`` is a date."""
    needs_date: bool = False
    """Whether ``api_version`` must be a date."""
    version: str = ""
    """The ``api_version`` that is meant by v1, where the service only knows dates."""
    token_scope: str = ""
    """What an Entra ID token must be good for; empty: it takes none."""
    detects_dialect: bool = False
    """Whether the dialect is read off the service's greeting, as we cannot know it before."""
    service_interrupts: bool = True
    """Whether it stops its answer by itself when it hears somebody speak."""
    service_truncates: bool = False
    """Whether it also forgets by itself what was not heard of an answer."""
    commits_answers: bool = False
    """Whether an answer outside the conversation is, in its words, one that is not committed."""
    transcription_is_deployment: bool = False
    """Whether the transcription model must be a deployment of ours."""
    lifetime_s: float = 28 * 60
    """How long a session may last when its greeting does not tell."""


AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                "azure",
                "ga",
                path="/openai/v1/realtime",
                query=(("model", "{deployment}"),),
                dated="azure-preview",
                token_scope=AZURE_SCOPE,
                transcription_is_deployment=True,
            ),
            Profile(
                "azure-preview",
                "preview",
                path="/openai/realtime",
                query=(("api-version", "{api_version}"), ("deployment", "{deployment}")),
                needs_date=True,
                token_scope=AZURE_SCOPE,
                transcription_is_deployment=True,
            ),
            Profile(
                "azure-voice-live",
                "preview",
                path="/voice-live/realtime",
                query=(("api-version", "{api_version}"), ("model", "{deployment}")),
                version="2026-07-15",
                commits_answers=True,
                token_scope="https://ai.azure.com/.default",
            ),
            Profile(
                "openai",
                "ga",
                path="/v1/realtime",
                query=(("model", "{deployment}"),),
                host_name="api.openai.com",
                key_style="bearer",
            ),
            Profile("compatible", "ga", key_needed=False, detects_dialect=True),
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
            ),
        )
    }
)
"""Every profile by its name."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service to connect to. Its repr never shows the key."""

    url: str
    dialect: Dialect
    profile: Profile
    key_style: KeyStyle = "none"
    key: Secret = field(default=Secret(""), repr=False)
    token: TokenSource | None = field(default=None, repr=False)
    """Where tokens of the style ``entra`` come from; None: from azure-identity."""

    def headers(self, token: str = "") -> dict[str, str]:
        """The headers that show who we are (secret; not to be logged)."""
        if self.key_style == "entra":
            return {"Authorization": f"Bearer {token}"}
        if not self.key or self.key_style == "none":
            return {}
        if self.key_style == "bearer":
            return {"Authorization": f"Bearer {self.key.reveal()}"}
        return {"api-key": self.key.reveal()}

    @property
    def host(self) -> str:
        """Where it is, for people: host and port."""
        return urlsplit(self.url).netloc


def endpoint(
    profile: str,
    *,
    host_name: str = "",
    deployment: str = "",
    api_version: str = "v1",
    url: str = "",
    api_key: str = "",
    auth: str = "api_key",
    token: TokenSource | None = None,
) -> Endpoint:
    """The endpoint these options describe (see `problems` for what they may be).

    Raises ValueError with one sentence per wrong or missing option.
    """
    found = problems(
        profile,
        host_name=host_name,
        deployment=deployment,
        api_version=api_version,
        url=url,
        api_key=api_key,
        auth=auth,
    )
    if found:
        raise ValueError("; ".join(f"{option}: {message}" for option, message in found))
    kind = _kind(profile, api_version)
    key = api_key if isinstance(api_key, Secret) else Secret(api_key)
    return Endpoint(
        url=url or _address(kind, host_name, deployment, api_version),
        dialect=kind.dialect,
        profile=kind,
        key_style=_key_style(kind, auth),
        key=key,
        token=token,
    )


def problems(
    profile: str,
    *,
    host_name: str = "",
    deployment: str = "",
    api_version: str = "v1",
    url: str = "",
    api_key: str = "",
    auth: str = "api_key",
) -> list[tuple[str, str]]:
    """What is wrong with these options, as (name of the option, what to do); [] when all is well.

    `host_name` is a plain host or carries its scheme (``ws://127.0.0.1:8771``); `url`, when given,
    is used as it stands and stands for host, deployment and version.
    """
    if profile not in PROFILES:
        return [("profile", f"unknown profile {profile!r}; allowed: {', '.join(PROFILES)}")]
    kind = _kind(profile, api_version)
    found = _url_problems(url) if url else _place_problems(kind, host_name, deployment, api_version)
    if auth not in AUTH_STYLES:
        return [*found, ("auth", f"unknown style {auth!r}; allowed: {', '.join(AUTH_STYLES)}")]
    found += _key_problems(kind, auth, api_key, url or host_name)
    return found


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z]+)?")
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


def _kind(profile: str, api_version: str) -> Profile:
    kind = PROFILES[profile]
    return PROFILES[kind.dated] if kind.dated and _DATE.fullmatch(api_version) else kind


def _key_style(kind: Profile, auth: str) -> KeyStyle:
    if auth == "none" or kind.key_style == "none":
        return "none"
    if auth == "entra":
        return "entra"
    return "bearer" if auth == "bearer" else kind.key_style


def _split(address: str, scheme: str) -> SplitResult | None:
    """The parts of an address, or None when it is not one."""
    try:
        parts = urlsplit(address if "://" in address else f"{scheme}://{address}")
        _ = parts.port
    except ValueError:
        return None
    plain = parts.hostname and not re.search(r"[\s@]", parts.netloc)
    return parts if plain and parts.scheme in _SCHEMES else None


def _address(kind: Profile, host_name: str, deployment: str, api_version: str) -> str:
    parts = _split(host_name or kind.host_name, kind.scheme)
    assert parts is not None  # `problems` was asked first
    version = kind.version if kind.version and api_version == "v1" else api_version
    values = {"deployment": deployment or kind.deployment, "api_version": version}
    query = urlencode(
        [(key, value.format(**values)) for key, value in kind.query], quote_via=quote, safe=""
    )
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{kind.path}?{query}"


def _url_problems(url: str) -> list[tuple[str, str]]:
    parts = _split(url, "")
    if parts is None:
        return [("url", "not an address; write wss://HOST/PATH or ws://HOST/PATH")]
    if parts.scheme not in ("ws", "wss"):
        return [("url", f"write {_SCHEMES[parts.scheme]}:// instead of {parts.scheme}://")]
    secret = {"api-key", "api_key", "authorization", "key", "token"}
    if any(name.lower() in secret for name, _ in parse_qsl(parts.query)):
        return [("url", "the key must not be in the address; put it into api_key")]
    return []


def _place_problems(
    kind: Profile, host_name: str, deployment: str, api_version: str
) -> list[tuple[str, str]]:
    if not kind.path:
        return [
            ("url", f"missing; profile {kind.name} needs the whole address, as in ws://HOST/v1")
        ]
    found = []
    if not (host_name or kind.host_name):
        found.append(("host_name", "missing; write the host, as in RESOURCE.openai.azure.com"))
    else:
        parts = _split(host_name or kind.host_name, kind.scheme)
        if parts is None or parts.path.strip("/") or parts.query:
            found.append(("host_name", "write the host only, as in RESOURCE.openai.azure.com"))
    if not (deployment or kind.deployment):
        found.append(("deployment", "missing; write the name of the deployment (or model)"))
    if kind.needs_date and not _DATE.fullmatch(api_version):
        found.append(("api_version", "must be a date here, as in 2025-04-01-preview"))
    elif kind.dated and api_version != "v1":
        found.append(("api_version", "must be v1, or a date as in 2025-04-01-preview"))
    return found


def _key_problems(kind: Profile, auth: str, key: str, address: str) -> list[tuple[str, str]]:
    shown = key.reveal() if isinstance(key, Secret) else key
    if auth == "entra":
        takes = kind.token_scope or not kind.path
        return [] if takes else [("auth", f"profile {kind.name} takes no Entra ID tokens")]
    if _key_style(kind, auth) == "none":
        return []
    # Without TLS it is a test service near by, which may do without a key.
    if not shown:
        if kind.key_needed and not address.startswith(("ws://", "http://")):
            return [("api_key", f"missing; profile {kind.name} needs a key")]
        return []
    if not (shown.isascii() and shown.isprintable()) or " " in shown:
        return [("api_key", "holds a space, a line end or another character that no key has")]
    return []
