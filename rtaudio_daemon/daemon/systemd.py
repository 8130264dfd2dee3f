"""Notifies systemd: ready, status, watchdog, reloading, stopping.

Everything here is a no-op if the daemon does not run as a service.
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
        """After so many seconds without a notification, systemd kills the process; 0: never."""

    @property
    def listens(self) -> bool:
        """Whether a service manager accepts notifications."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Report that the daemon is ready."""
        self._sent = status
        self._notify(f"READY=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        """Report what the daemon is doing, in words; unchanged words are not sent again."""
        if status != self._sent:
            self._sent = status
            self._notify(f"STATUS={_line(status)}")

    def reloading(self) -> None:
        """Report that the daemon reads its configuration again; `ready` ends that."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the daemon is stopping."""
        self._notify("STOPPING=1\nSTATUS=stopping")

    async def watch(self, ailment: Callable[[], str | None]) -> None:
        """Feed the watchdog while `ailment` returns None, until cancelled.

        The result of `ailment` is logged and becomes the status; systemd kills the daemon after
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
        # An address that begins with @ is in the abstract namespace, encoded with a leading NUL.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto(message.encode(), address)
        except OSError as error:
            _LOG.debug("cannot notify systemd: %s", error)


def _line(text: str) -> str:
    return " ".join(text.split())
