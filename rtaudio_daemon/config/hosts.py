"""What is known of a host by its name."""

from __future__ import annotations

import ipaddress


def beyond_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) may be another machine than this one."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host != "localhost"
