"""One response being generated: waits, creates the sound, and sends the events in time."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from ..fault_injection import FaultInjector, InjectedFault
from ..protocol.session_config import SessionConfig
from .behaviour import Behaviour
from .items import ConversationItem, ConversationItems, new_id
from .pacing import Step, spoken, written
from .reply import Reply, Turn, default_reply
from .response_events import Phase, ResponseEvents
from .send_queue import EventSink, SendQueue
from .session_record import SessionRecord
from .transcriber import Transcriber
from .voices import sound_of

_LOG = logging.getLogger(__name__)
_SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"


class _FullError(Exception):
    """The answer has reached its limit of tokens."""


class _FaultError(Exception):
    """A fault ends the answer here."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an answer needs from its session."""

    sink: EventSink
    settings: SessionConfig
    items: ConversationItems
    record: SessionRecord
    outbox: SendQueue
    transcriber: Transcriber
    behaviour: Behaviour
    faults: FaultInjector
    conversation_id: str


class AnswerListener(Protocol):
    """The owner of an answer."""

    def answer_ended(self, answer: Generation) -> None:
        """Note that its response.done was sent."""


class Generation:
    """A response and the task that generates it; `listener` is notified when it ends, however.

    `spoken` is the item of the user's turn, if it was spoken; `fault` makes the answer fail.
    """

    def __init__(
        self,
        events: ResponseEvents,
        turn: Turn,
        session: Surroundings,
        listener: AnswerListener,
        *,
        spoken: ConversationItem | None = None,
        fault: InjectedFault | None = None,
    ) -> None:
        self.events = events
        self.turn = turn
        self._behaviour = session.behaviour
        self._outbox = session.outbox
        self._transcriber = session.transcriber
        self._listener = listener
        self._spoken = spoken
        self._fault = fault
        self._deltas = 0
        self._steps: deque[Step] = deque()
        events.start()
        self._task = asyncio.create_task(self._run(), name=f"simulator-{events.id}")

    def stop(self, reason: str, late_deltas: int) -> None:
        """Interrupt it: send `late_deltas`, the closing events, and response.done (cancelled)."""
        self._task.cancel()
        late = [step.pcm for step in self._steps if step.pcm][:late_deltas]
        after_all = self._behaviour.quirks == "sglang"  # sends late deltas after the end
        if not after_all:
            for pcm in late:
                self.events.sound(pcm)
        self.events.finish("cancelled", reason)
        if after_all:
            for pcm in late:
                self.events.stray(pcm)
        self._listener.answer_ended(self)

    async def abandon(self) -> None:
        """End the task without sending anything: the connection is gone."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await asyncio.sleep(self._behaviour.think_s)
            await self._give(await self._reply())
        except _FullError:
            self.events.finish("incomplete", "max_output_tokens")
        except _FaultError:
            self._fail()
        except Exception as error:
            _LOG.exception("the simulated answer failed")
            words = {"type": "server_error", "code": "server_error", "message": str(error)}
            self.events.finish("failed", error=words)
        else:
            self.events.finish()
        self._listener.answer_ended(self)

    async def _give(self, reply: Reply) -> None:
        await asyncio.sleep(reply.delay_s)
        self._may_go_on()
        if reply.preamble:
            await self._say(Reply(reply.preamble), phase="commentary")
        if reply.text or reply.pcm:
            await self._say(reply, phase="final_answer" if reply.preamble else None)
        for call in reply.calls:
            await asyncio.sleep(call.delay_s)
            self.events.open_call(new_id("item"), new_id("call"), call.name)
            await self._send(written(call.arguments))
            self.events.close_item()
        if self._fault is not None:
            raise _FaultError

    async def _reply(self) -> Reply:
        if self._spoken is not None:
            words = await self._transcriber.words(self._spoken)
            self.turn = replace(self.turn, words=words)
        answered = (self._behaviour.reply or default_reply)(self.turn)
        if inspect.isawaitable(answered):
            answered = await answered
        return Reply(answered) if isinstance(answered, str) else answered

    async def _say(self, reply: Reply, phase: Phase | None) -> None:
        if not self.events.speaks:
            self.events.open_message(new_id("item"), phase)
            await self._send(written(reply.text))
        else:
            pcm = reply.pcm
            if pcm is None:
                heard = self.turn.heard if reply.echoes else b""
                pcm = await asyncio.to_thread(sound_of, self._behaviour.voice, reply.text, heard)
            self.events.open_message(new_id("item"), phase)
            await self._send(spoken(reply.text, pcm, self._behaviour.pacing))
        self.events.close_item()

    async def _send(self, steps: Iterable[Step]) -> None:
        self._steps.extend(steps)
        clock = asyncio.get_running_loop().time
        due = clock()
        while self._steps:
            # By absolute time, because each sleep is slightly too long.
            due += self._steps[0].delay_s
            await asyncio.sleep(due - clock())
            await self._outbox.room()
            self._may_go_on()
            # Removed from the plan only when sent: the remainder may be sent as late deltas.
            step = self._steps.popleft()
            self._deltas += 1
            if step.words:
                self.events.words(step.words)
            if step.pcm:
                self.events.sound(step.pcm)

    def _may_go_on(self) -> None:
        if self.events.full:
            raise _FullError
        fault = self._fault
        if fault is not None and self._deltas >= fault.options.get("after_deltas", 0):
            raise _FaultError

    def _fail(self) -> None:
        options = self._fault.options if self._fault else {}
        code = options.get("code", "server_error")
        error = {
            "type": "server_error" if code == "server_error" else "invalid_request_error",
            "code": code,
            "message": options.get("message", _SERVER_ERROR),
        }
        if options.get("error_event"):
            self.events.complain(error)
        if options.get("status") == "incomplete":
            self.events.finish("incomplete", options.get("reason", "content_filter"))
        else:
            self.events.finish("failed", error=error)
