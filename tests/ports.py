"""Ports for programs that must be given one by number."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """A port of this machine's loopback that nobody uses, nor gets while it is still to be opened.

    Kernels give those who want just any port, or connect to somewhere, one from 32768 on.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
