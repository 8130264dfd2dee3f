"""One response being given: thinks, makes the sound, sends the ladder at its pace."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rtaudio_daemon.simulator.ladder import Ladder
from rtaudio_daemon.simulator.outbox import Outbox
from rtaudio_daemon.simulator.pacing import Pacing, Step, spoken, written
from rtaudio_daemon.simulator.reply import Reply, ReplyFunction, Turn, default_reply
from rtaudio_daemon.simulator.voices import Voice, sound_of

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How the simulator answers. `think_s` passes between the request and the first rung."""

    voice: Voice = "auto"
    reply: ReplyFunction | None = None
    pacing: Pacing = "burst"
    late_deltas: int = 0
    think_s: float = 0.1


class _FullError(Exception):
    """The answer has reached the number of tokens it may cost."""


class Answer:
    """A response and the task that gives it. `on_end` is called when it is done, however."""

    def __init__(
        self,
        ladder: Ladder,
        turn: Turn,
        manner: Manner,
        outbox: Outbox,
        new_id: Callable[[str], str],
        on_end: Callable[[Answer], None],
    ) -> None:
        self.ladder = ladder
        self.turn = turn
        self._manner = manner
        self._outbox = outbox
        self._new_id = new_id
        self._on_end = on_end
        self._steps: deque[Step] = deque()
        ladder.start()
        self._task = asyncio.create_task(self._run(), name=f"simulator-{ladder.id}")

    def stop(self, reason: str) -> None:
        """Cut it off now: some late deltas, the close-out, response.done cancelled."""
        self._task.cancel()
        self._send_late()
        self.ladder.finish("cancelled", reason)
        self._on_end(self)

    async def abandon(self) -> None:
        """End the task without a word: the connection is gone."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _send_late(self) -> None:
        sounds = [step.pcm for step in self._steps if step.pcm]
        for pcm in sounds[: self._manner.late_deltas]:
            self.ladder.sound(pcm)

    async def _run(self) -> None:
        try:
            await asyncio.sleep(self._manner.think_s)
            reply = await self._reply()
            if reply.text or reply.pcm:
                await self._say(reply)
            for call in reply.calls:
                self.ladder.open_call(self._new_id("item"), self._new_id("call"), call.name)
                await self._send(written(call.arguments))
                self.ladder.close_item()
        except _FullError:
            self.ladder.finish("incomplete", "max_output_tokens")
        except Exception as error:
            _LOG.exception("the simulated answer failed")
            words = {"type": "server_error", "code": "server_error", "message": str(error)}
            self.ladder.finish("failed", error=words)
        else:
            self.ladder.finish()
        self._on_end(self)

    async def _reply(self) -> Reply:
        answered = (self._manner.reply or default_reply)(self.turn)
        if inspect.isawaitable(answered):
            answered = await answered
        return Reply(answered) if isinstance(answered, str) else answered

    async def _say(self, reply: Reply) -> None:
        if not self.ladder.speaks:
            self.ladder.open_message(self._new_id("item"))
            await self._send(written(reply.text))
        else:
            pcm = reply.pcm
            if pcm is None:
                heard = self.turn.heard if self._manner.reply is None else b""
                pcm = await asyncio.to_thread(sound_of, self._manner.voice, reply.text, heard)
            self.ladder.open_message(self._new_id("item"))
            await self._send(spoken(reply.text, pcm, self._manner.pacing))
        self.ladder.close_item()

    async def _send(self, steps: Iterable[Step]) -> None:
        self._steps.extend(steps)
        while self._steps:
            await asyncio.sleep(self._steps[0].delay_s)
            await self._outbox.room()
            if self.ladder.full:
                raise _FullError
            # Taken from the plan only when sent: what is left there may still be said late.
            step = self._steps.popleft()
            if step.words:
                self.ladder.words(step.words)
            if step.pcm:
                self.ladder.sound(step.pcm)
