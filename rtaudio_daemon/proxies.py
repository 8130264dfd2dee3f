"""The proxy that the environment names for an address (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_KINDS = {"wss": "https", "https": "https", "http": "http"}
_HERE = ("localhost", "127.0.0.1", "::1")
_AT_HOME = (".local", ".lan", ".home", ".internal", ".localhost", ".home.arpa", ".fritz.box")


def proxy_of(url: str) -> str | None:
    """Return the address of the proxy for `url` (wss, https or http), if there is one.

    This machine itself is always reached directly.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _KINDS or host in _HERE or proxy_bypass(parts.netloc):
        return None
    named = getproxies()
    proxy = named.get(_KINDS[parts.scheme]) or named.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def tunnel_of(url: str) -> str | None:
    """Return the proxy for `url` if the connection is encrypted, so that the proxy sees nothing.

    For requests with secrets: http addresses and hosts at home are reached directly.
    """
    parts = urlsplit(url)
    secure = parts.scheme in ("https", "wss") and not is_at_home(parts.hostname or "")
    return proxy_of(url) if secure else None


def proxy_name(url: str) -> str:
    """Return host and port of the proxy for `url`, without a password in its address."""
    return urlsplit(proxy_of(url) or "").netloc.rpartition("@")[2]


def is_at_home(host: str) -> bool:
    """Return whether a host name or address belongs to this machine or the home network."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host or host.lower().rstrip(".").endswith(_AT_HOME)
    return address.is_private or address.is_loopback or address.is_link_local
