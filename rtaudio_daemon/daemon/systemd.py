"""What systemd is told: that we are up, what we are doing, that we are alive, that we go.

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
    """The manager that started us, as found in the `environment` of the process."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._sent = ""
        usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        ours = pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / 1e6 if usec.isdigit() and ours and self._address else 0.0
        """How long we may be silent before we are killed; 0: as long as we like."""

    @property
    def listens(self) -> bool:
        """Whether there is a manager that wants to know of us."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """We can be used."""
        self._sent = status
        self._notify(f"READY=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        """What we are doing, in words; the same words are said only once."""
        if status != self._sent:
            self._sent = status
            self._notify(f"STATUS={_line(status)}")

    def reloading(self) -> None:
        """We read the configuration again; `ready` ends it."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """We go down."""
        self._notify("STOPPING=1\nSTATUS=going down")

    async def watch(self, ailment: Callable[[], str | None]) -> None:
        """Feed the watchdog while `ailment` returns None; for a task of its own.

        When it names what is wrong, that is logged and told, and systemd ends us after
        `watchdog_s` unless it gets well again.
        """
        ill = False
        while self.watchdog_s:
            reason = ailment()
            if reason is None:
                self._notify("WATCHDOG=1")
                if ill:
                    _LOG.info("well again; the watchdog is fed")
            elif not ill:
                _LOG.error("not well: %s; the watchdog is no longer fed", reason)
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
            _LOG.debug("systemd was not told: %s", error)


def _line(text: str) -> str:
    return " ".join(text.split())
