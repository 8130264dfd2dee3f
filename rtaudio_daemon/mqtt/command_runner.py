"""Carries out commands received over MQTT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..controls import Controls
from ..errors import RTAudioError
from ..notifications import ErrorReported, Notification
from . import commands
from .link import Received
from .topics import Topics

HOLD_S = 8.0
"""How many seconds a remote press holds the push-to-talk button."""
_COMPLAIN_S = 1.0


class CommandRunner:
    """Carries out messages with `controls`; `report` publishes why one was not carried out."""

    def __init__(
        self, topics: Topics, controls: Controls, report: Callable[[Notification], None]
    ) -> None:
        self.taken = self.refused = 0
        """How many commands were carried out, and rejected."""
        self._topics = topics
        self._controls = controls
        self._report = report
        self._clock = asyncio.get_running_loop().time
        self._holds = asyncio.Event()
        self._complained_at = -_COMPLAIN_S

    async def obey(self, received: Received) -> None:
        """Carry out a message, or report why not."""
        if received.retained and not received.payload:
            return  # an empty message removes a retained one
        payload, retained = received.payload, received.retained
        name = self._topics.command_at(received.topic)
        try:
            if received.topic == self._topics.broadcast:
                self._join_in(commands.read_broadcast(payload, retained=retained))
            else:
                await self._carry_out(commands.read(name, payload, retained=retained))
        except (commands.WrongCommandError, RTAudioError) as error:
            self.refused += 1
            if self._clock() - self._complained_at >= _COMPLAIN_S:
                self._complained_at = self._clock()
                self._report(ErrorReported("mqtt", "not_done", str(error)))
        else:
            self.taken += 1

    async def hold(self) -> None:
        """Release the push-to-talk button after a time, since it cannot be released remotely."""
        while True:
            await self._holds.wait()
            self._holds.clear()
            try:
                await asyncio.sleep(HOLD_S)
            finally:
                self._controls.listen(False)

    async def _carry_out(self, command: commands.Command) -> None:
        controls = self._controls
        match command:
            case commands.Microphone(muted):
                controls.mute(muted)
            case commands.Volume(level):
                controls.set_volume(level)
            case commands.Persona(name):
                controls.choose_persona(name)
            case commands.Say(text, mode):
                controls.say(
                    text,
                    mode,
                    urgent=command.urgent,
                    remember=command.remember,
                    said=command.id,
                    chime=command.chime,
                )
            case commands.Press("listen"):
                if not controls.attend():
                    controls.listen(True)
                    self._holds.set()
            case commands.Press("interrupt"):
                controls.interrupt()
            case commands.Press():
                await controls.dismiss()

    def _join_in(self, wish: commands.Broadcast) -> None:
        """Say what all other daemons say, unless we have said it first."""
        if wish.sender != self._topics.id:
            self._controls.say(wish.text, "verbatim", said=wish.id, chime=True)
