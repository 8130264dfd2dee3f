"""Notifies systemd: ready, status, watchdog, reloading, stopping.

Everything here is a no-op when the daemon does not run as a service.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

_LOG = logging.getLogger(__name__)


class Systemd:
    """The service manager that started the process, found in its `environment`."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._sent = ""
        usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        ours = pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / 1e6 if usec.isdigit() and ours and self._address else 0.0
        """systemd kills the process after this time without a notification; 0: never."""

    @property
    def listens(self) -> bool:
        """Whether a service manager takes notifications."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """The daemon can be used."""
        self._sent = status
        self._notify(f"READY=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        """What the daemon is doing, in words; the same words are sent once."""
        if status != self._sent:
            self._sent = status
            self._notify(f"STATUS={_line(status)}")

    def reloading(self) -> None:
        """The daemon reads its configuration again; `ready` ends it."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The daemon stops."""
        self._notify("STOPPING=1\nSTATUS=stopping")

    async def watch(self, ailment: Callable[[], str | None]) -> None:
        """Feed the watchdog while `ailment` returns None; for a task of its own.

        What `ailment` returns is logged and becomes the status; systemd kills the daemon after
        `watchdog_s` unless it recovers.
        """
        ill = False
        while self.watchdog_s:
            reason = ailment()
            if reason is None:
                self._notify("WATCHDOG=1")
                if ill:
                    _LOG.info("healthy again; the watchdog is fed")
            elif not ill:
                _LOG.error("unhealthy: %s; the watchdog is no longer fed", reason)
                self._notify(f"STATUS={_line(reason)}")
            ill = reason is not None
            await asyncio.sleep(self.watchdog_s / 2)

    def _notify(self, message: str) -> None:
        if not self._address:
            return
        # An address that begins with @ is in the abstract namespace, where it begins with NUL.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto(message.encode(), address)
        except OSError as error:
            _LOG.debug("cannot notify systemd: %s", error)


def _line(text: str) -> str:
    return " ".join(text.split())
