"""The responses of one session: one at a time in the conversation, any number outside it."""

from __future__ import annotations

from itertools import count
from typing import Any

from ..protocol.dialects import canonical_item
from ..protocol.rejection import Rejection, invalid
from .generation import AnswerListener, Generation, Surroundings
from .items import ConversationItem, item_from_client, new_id
from .reply import Turn, turn_from
from .response_events import ResponseEvents, ResponseRequest

Json = dict[str, Any]

_BESIDE = 16


class Responses:
    """The answers of a session; `listener` is notified when each ends."""

    def __init__(self, session: Surroundings, listener: AnswerListener) -> None:
        self.active: Generation | None = None
        self.spoke = False
        self._session = session
        self._listener = listener
        self._beside: set[Generation] = set()
        self._queued = False
        self._numbers = count(1)

    def create(self, asked: Json) -> None:
        """Handle response.create; raises `Rejection` if a response is active already."""
        if asked.get("conversation") != "none" and self.active is not None:
            raise Rejection(
                "Conversation already has an active response in progress: "
                f"{self.active.events.id}. Wait until the response is finished before creating "
                "a new one.",
                code="conversation_already_has_active_response",
            )
        if len(self._beside) >= _BESIDE:
            raise Rejection(
                f"There are already {_BESIDE} responses in progress outside the conversation.",
                code="rate_limit_exceeded",
            )
        self._begin(asked)

    def create_after_turn(self) -> None:
        """Answer the detected turn, after the answer in progress if any."""
        if self.active is None:
            self._begin({})
        else:
            self._queued = True

    def cancel(self, wanted: str | None) -> None:
        """Handle response.cancel for this id, or for the response in the conversation."""
        for answer in [*filter(None, [self.active]), *self._beside]:
            if answer.events.id == wanted or (wanted is None and answer is self.active):
                answer.stop("client_cancelled", self._late_deltas())
                return
        raise Rejection(
            "Cancellation failed: no active response found", code="response_cancel_not_active"
        )

    def interrupt(self) -> None:
        """Interrupt the answer in the conversation: speech has started."""
        if self.active is not None:
            self._queued = False
            self.active.stop("turn_detected", self._late_deltas())

    async def close(self) -> None:
        """End every answer without sending anything."""
        for answer in [*self._beside, *filter(None, [self.active])]:
            await answer.abandon()

    def _begin(self, asked: Json) -> None:
        session = self._session
        outside = asked.get("conversation") == "none"
        instructions = asked.get("instructions", session.settings.instructions)
        metadata = asked.get("metadata")
        context = self._context(asked.get("input"))
        turn = turn_from(
            context,
            number=next(self._numbers),
            instructions=instructions,
            metadata=metadata or {},
            tools=asked.get("tools", session.settings.tools),
        )
        request = ResponseRequest(
            session.settings.response(asked),
            items=None if outside else session.items,
            conversation_id=None if outside else session.conversation_id,
            metadata=metadata,
            context=tuple(context),
            instructions=instructions,
            sound_format=session.settings.sound_format("output"),
        )
        events = ResponseEvents(new_id("resp"), session.sink, request)
        self._give(events, turn, context[-1] if turn.heard else None)

    def _give(self, events: ResponseEvents, turn: Turn, spoken: ConversationItem | None) -> None:
        session = self._session
        session.record.turns.append(turn)
        answer = Generation(
            events,
            turn,
            session,
            self,
            spoken=spoken,
            fault=session.faults.take("fail"),
        )
        if events.in_conversation:
            self.active = answer
        else:
            self._beside.add(answer)

    def _late_deltas(self) -> int:
        fault = self._session.faults.take("late_deltas")
        if fault is not None:
            return int(fault.options.get("count", 3))
        behaviour = self._session.behaviour
        return behaviour.late_deltas or (3 if behaviour.quirks == "sglang" else 0)

    def answer_ended(self, answer: Generation) -> None:
        """Answer the turn that waited for this answer to end."""
        self._beside.discard(answer)
        self.spoke = self.spoke or any(item.audio_ms for item in answer.events.output)
        if answer is self.active:
            self.active = None
        self._listener.answer_ended(answer)
        if self.active is None and self._queued:
            self._queued = False
            self._begin({})

    def _context(self, given: list[Json] | None) -> list[ConversationItem]:
        items, dialect = self._session.items, self._session.settings.dialect
        if given is None:
            return list(items)
        known = {item.id: item for item in items}
        context = []
        for data in given:
            if data.get("type") != "item_reference":
                context.append(item_from_client(canonical_item(data, dialect), new_id("item")))
            elif data.get("id") in known:
                context.append(known[data["id"]])
            else:
                raise invalid("response.input", f"no item with id '{data.get('id')}'.")
        return context
