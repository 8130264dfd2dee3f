"""Makes an `Endpoint` (address, dialect, credentials) from the options of a service.

Differences between services are data in `config.profiles`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from ..config import Secret
from ..config.profiles import PROFILES, Dialect, KeyStyle, Profile

AUTH_STYLES = ("api_key", "bearer", "entra", "none")
"""The values of the option ``auth``. ``api_key``: the key, sent as the profile requires."""
TokenSource = Callable[[], Awaitable[str]]
"""Fetches a token that is currently valid."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service to connect to. Its repr never shows the key."""

    url: str
    dialect: Dialect
    profile: Profile
    key_style: KeyStyle = "none"
    key: Secret = field(default=Secret(""), repr=False)
    token: TokenSource | None = field(default=None, repr=False)
    """The source of tokens for the style ``entra``; None: azure-identity."""

    def headers(self, token: str = "") -> dict[str, str]:
        """Return the headers with the credentials (secret; never log them)."""
        if self.key_style == "entra":
            return {"Authorization": f"Bearer {token}"}
        if not self.key or self.key_style == "none":
            return {}
        if self.key_style == "bearer":
            return {"Authorization": f"Bearer {self.key.reveal()}"}
        return {"api-key": self.key.reveal()}

    @property
    def host(self) -> str:
        """Host and port, for messages."""
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
    """Make the endpoint for these options (see `problems` for allowed values).

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
    """Return what is wrong with these options, as (option, remedy); [] if nothing is.

    `host_name` is a plain host, or includes its scheme (``ws://127.0.0.1:8771``). `url`, if
    given, is used unchanged, instead of host, deployment and version.
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
    """Return the parts of an address; None if it is invalid."""
    try:
        parts = urlsplit(address if "://" in address else f"{scheme}://{address}")
        _ = parts.port
    except ValueError:
        return None
    plain = parts.hostname and not re.search(r"[\s@]", parts.netloc)
    return parts if plain and parts.scheme in _SCHEMES else None


def _address(kind: Profile, host_name: str, deployment: str, api_version: str) -> str:
    parts = _split(host_name or kind.host_name, kind.scheme)
    assert parts is not None  # `problems` has checked this
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
    given = {"host_name": host_name, "deployment": deployment}
    found = [(option, what) for option, what in kind.needs if not given.get(option)]
    if kind.url_is_used:
        return found
    if host_name:
        parts = _split(host_name, kind.scheme)
        if parts is None or parts.path.strip("/") or parts.query:
            found.append(("host_name", "write the host only, as in RESOURCE.openai.azure.com"))
    if kind.needs_date and not _DATE.fullmatch(api_version):
        found.append(("api_version", "must be a date here, as in 2025-04-01-preview"))
    elif kind.dated and api_version != "v1":
        found.append(("api_version", "must be v1, or a date as in 2025-04-01-preview"))
    return found


def _key_problems(kind: Profile, auth: str, key: str, address: str) -> list[tuple[str, str]]:
    shown = key.reveal() if isinstance(key, Secret) else key
    if auth == "entra":
        return (
            [] if kind.takes_entra else [("auth", f"profile {kind.name} takes no Entra ID tokens")]
        )
    if _key_style(kind, auth) == "none":
        return []
    # Without TLS it is a local test service, which may not need a key.
    if not shown:
        if kind.key_needed and not address.startswith(("ws://", "http://")):
            return [("api_key", f"missing; profile {kind.name} needs a key")]
        return []
    if not (shown.isascii() and shown.isprintable()) or " " in shown:
        return [("api_key", "holds a space, a line end or another character that no key has")]
    return []
