"""Announces the HTTP API in the local network (mDNS), so that Home Assistant finds it.

Only this module imports zeroconf.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import unicodedata
from collections.abc import Callable

from .. import config
from ..config.hosts import beyond_loopback
from ..optional_packages import how_to_install, installed
from ..version import VERSION
from . import identity

TYPE = "_rtaudio._tcp.local."
LOOK_S = 60.0
"""How often to check whether this machine's addresses have changed, in seconds."""
_NAME_MOST = 60  # bytes; DNS permits 63, and a number may be appended
_TEXT_MOST = 255  # bytes per property, including its key and "="
_LOG = logging.getLogger(__name__)


def wanted(settings: config.Config) -> bool:
    """Return whether to announce: others can reach the HTTP API, and no setting forbids it."""
    http = settings.http
    if http.announce == "never" or not beyond_loopback(http.host):
        return False
    if not installed("zeroconf"):
        _LOG.info("others do not find this daemon by themselves: %s", how_to_install("zeroconf"))
        return False
    return True


def about(settings: config.Config) -> tuple[str, dict[str, str]]:
    """Return the name of the service, without its type, and its properties."""
    name = identity.name(settings)
    return _instance(name) or identity.topics(settings).device, {
        "id": identity.identity(settings),
        "name": _cut(name, _TEXT_MOST - len("name=")),
        "version": VERSION,
        "auth": "token" if settings.http.token else "none",
        "path": "/api",
    }


def _instance(name: str) -> str:
    """Return the name without control characters and other text that DNS does not permit."""
    plain = "".join(" " if unicodedata.category(each) == "Cc" else each for each in name)
    return ".".join(filter(None, _cut(plain, _NAME_MOST).split(".")))


def _cut(text: str, most: int) -> str:
    """Return `text`, shortened to at most this many bytes."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def addresses_of(host: str) -> list[str]:
    """Return the addresses under which others reach `host`; a wildcard: all of this machine.

    Raises OSError for a name.
    """
    import ifaddr

    plain = host.strip("[]")
    if plain not in ("0.0.0.0", "::", ""):
        try:
            return [str(ipaddress.ip_address(plain))]
        except ValueError:
            why = f"http.host is the name {host}; write an address of this machine, or 0.0.0.0"
            raise OSError(why) from None
    found = [str(ip.ip) for each in ifaddr.get_adapters() for ip in each.ips if ip.is_IPv4]
    return sorted(each for each in found if beyond_loopback(each))


class Announcer:
    """Announces a daemon with these settings that listens on `port`, while `run` runs."""

    def __init__(
        self,
        settings: config.Config,
        port: int,
        addresses: Callable[[str], list[str]] = addresses_of,
    ) -> None:
        self._settings = settings
        self._port = port
        self._addresses = addresses
        self._said: str | None = None

    async def run(self) -> None:
        """Announce until cancelled, then withdraw. Retry when the network fails."""
        from zeroconf import Error

        while True:
            try:
                await self._announce()
            except (OSError, Error) as error:
                why = str(error) or type(error).__name__
                level = logging.DEBUG if why == self._said else logging.WARNING
                _LOG.log(level, "cannot announce this daemon in the network: %s", why)
                self._said = why
                await asyncio.sleep(LOOK_S)

    async def _announce(self) -> None:
        """Announce until the addresses of this machine change."""
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

        host, (name, properties) = self._settings.http.host, about(self._settings)
        addresses = self._addresses(host)
        if not addresses:
            await asyncio.sleep(LOOK_S)
            return
        info = AsyncServiceInfo(
            TYPE,
            f"{name}.{TYPE}",
            port=self._port,
            properties=properties,
            server=f"rtaudio-{properties['id'].replace('_', '-')}.local.",
            parsed_addresses=addresses,
        )
        network = AsyncZeroconf(interfaces=addresses)
        try:
            await (await network.async_register_service(info, allow_name_change=True))
            _LOG.info("others find this daemon as %s", info.name)
            while True:
                await asyncio.sleep(LOOK_S)
                if self._addresses(host) != addresses:
                    return
        finally:
            await network.async_close()  # withdraws the announcement
