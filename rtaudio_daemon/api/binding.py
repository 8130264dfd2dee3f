"""Explains why the server cannot listen on an address, and the remedy."""

from __future__ import annotations

import errno
import os
import socket

_REMEDIES = {
    errno.EADDRINUSE: "another daemon may be running; or choose another port (http.port, --port)",
    errno.EADDRNOTAVAIL: "this machine has no such address: correct http.host",
    errno.EACCES: "a port below 1024 is for root alone: change http.port",
}


def complaint(host: str, port: int, error: OSError) -> tuple[str, str]:
    """Return what is wrong with `host` and `port`, and the remedy."""
    # asyncio omits the number if the host resolves to an address that is not ours.
    number = error.errno or errno.EADDRNOTAVAIL
    if isinstance(error, socket.gaierror):
        why, remedy = "there is no host of this name", "correct http.host"
    else:
        why = os.strerror(number)
        remedy = _REMEDIES.get(number, "check http.host and http.port")
    return f"cannot listen on {host}:{port}: {why}", remedy
