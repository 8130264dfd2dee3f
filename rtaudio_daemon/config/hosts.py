"""Facts about a host that follow from its name."""

from __future__ import annotations

import ipaddress


def beyond_loopback(host: str) -> bool:
    """Return whether `host` (a name or an address) may be another machine."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host != "localhost"
