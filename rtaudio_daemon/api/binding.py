"""Why an address cannot be listened on, in words that say what to do."""

from __future__ import annotations

import errno
import os
import socket

_REMEDIES = {
    errno.EADDRINUSE: "another daemon may be running, or change http.port",
    errno.EADDRNOTAVAIL: "this machine has no such address: correct http.host",
    errno.EACCES: "a port below 1024 is for root alone: change http.port",
}


def complaint(host: str, port: int, error: OSError) -> tuple[str, str]:
    """What is wrong with listening on `host` and `port`, and the remedy."""
    # asyncio leaves the number out where it found the host, but not among our own addresses.
    number = error.errno or errno.EADDRNOTAVAIL
    if isinstance(error, socket.gaierror):
        why, remedy = "there is no host of this name", "correct http.host"
    else:
        why = os.strerror(number)
        remedy = _REMEDIES.get(number, "check http.host and http.port")
    return f"cannot listen on {host}:{port}: {why}", remedy
