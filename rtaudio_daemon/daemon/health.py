"""Keeps systemd informed: ready, a status text, and whether the daemon works."""

from __future__ import annotations

import asyncio

from ..emitter import Emitter
from ..language import words
from ..notifications import DeviceState, Notification
from ..status_words import line
from .components import Components
from .systemd import Systemd

SILENCE_S = 10.0
"""A working microphone delivers 50 frames per second; if none arrive for so long, it has failed."""


class HealthMonitor:
    """Observes the `components` and the `notifications` for systemd."""

    def __init__(self, components: Components, notifications: Emitter) -> None:
        self._components = components
        self._systemd = Systemd()
        self._failure = ""
        self._is_ready = False
        self._quiet_since: float | None = None
        if self._systemd.listens:
            notifications.on("notification", self._notice)

    async def run(self) -> None:
        """Feed the watchdog while the daemon works, until cancelled."""
        await self._systemd.watch(self.ailment)

    def ready(self, failure: str = "") -> None:
        """Report that the daemon is ready, also after a reload; `failure`: what failed in that."""
        self._is_ready, self._failure = True, failure
        if self._systemd.listens:
            self._systemd.ready(self.words())

    def reloading(self) -> None:
        """Report that the configuration is read again; `ready` ends that."""
        self._systemd.reloading()

    def stopping(self) -> None:
        """Report that the daemon is stopping."""
        self._is_ready = False
        self._systemd.stopping()

    def words(self) -> str:
        """Return what the daemon is doing, in one line for people."""
        state = self._components.controls.snapshot()
        said = [line(state.document(), words())]
        if state.connection.state.is_up:
            said.append(f"session {state.connection.session_id}")
        unheard = self._components.assistant.devices.unheard
        if unheard is not None:
            said.append(f"speaker: {unheard}")
        notes = [*state.sound.notes, *filter(None, [self._failure])]
        return "; ".join([*said, *notes])

    def ailment(self) -> str | None:
        """Return a fault of the daemon itself that only a restart can resolve; None: none.

        The call itself shows that the event loop runs. A lost microphone or connection is not such
        a fault: their tasks recover them.
        """
        if ended := self._components.ended():
            return f"the task {ended[0]} has ended"
        return self._silence()

    def _silence(self) -> str | None:
        """Return a fault if a microphone that should work delivers no frames."""
        microphone_input = self._components.assistant.microphone_input
        microphone, now = microphone_input.microphone, asyncio.get_running_loop().time()
        if (
            microphone is None
            or microphone.state is not DeviceState.OK
            or microphone_input.gate.muted
        ):
            self._quiet_since = None
            return None
        since = microphone_input.last_frame_at
        if since is None:
            since = self._quiet_since or now
            self._quiet_since = since
        else:
            self._quiet_since = None
        if now - since < SILENCE_S:
            return None
        return f"no sound came from the microphone for {now - since:.0f} s"

    def _notice(self, _notification: Notification) -> None:
        if self._is_ready:
            self._systemd.status(self.words())
