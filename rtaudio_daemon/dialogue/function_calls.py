"""The function calls of answers: collected until an answer is done, then given their results.

A call outlives its session: its function runs once, and its result goes to the session that is
there when the last result of its answer has come.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from ..protocol.events import CallArgumentsDone, Event, Item, ItemReported, ResponseDone
from ..protocol.session_format import Json
from .latency import Origin

RESULT_MOST = 32_000
"""Characters of a result that the model is given: more costs with every answer that follows."""
_MOST = 64
_CALLS_MOST = 64  # in one answer


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One call of a function. `arguments` is JSON as the model wrote it, which may be faulty."""

    call_id: str
    name: str
    arguments: str
    item_id: str = ""
    response_id: str = ""


@dataclass(slots=True)
class CallBatch:
    """The calls of one answer. `origin`: when the user waits since; `expires_at`: see `expired`."""

    calls: tuple[FunctionCall, ...]
    origin: Origin | None
    expires_at: float
    patience_s: float
    round: int = 1
    """How many answers with calls there were for what was said, this one included."""
    said: str = ""
    """The id of the text that led to the calls, if a program wants a receipt."""
    in_session: bool = True
    """Whether the session in use knows the calls."""
    superseded: bool = False
    """Whether somebody has begun to speak since."""
    silenced: bool = False
    """Whether somebody has asked for silence since: the results get no answer."""
    expired: bool = False
    """Whether the results are not waited for any more; they are accepted all the same."""
    outputs: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    """Calls whose results the session has already."""
    silent: set[str] = field(default_factory=set)
    """Calls whose results need no answer."""

    @property
    def awaited(self) -> bool:
        """Whether the user waits for the results, and has said nothing since."""
        return not (self.expired or self.superseded or self.silenced)

    @property
    def complete(self) -> bool:
        """Whether every call has its result."""
        return len(self.outputs) == len(self.calls)

    @property
    def overdue(self) -> str:
        """What to report of it when it has expired, in words."""
        names = ", ".join(call.name for call in self.calls)
        return f"no result of {names} came in {self.patience_s:g} s"

    def wants_answer(self, *, answered_soon: bool) -> bool:
        """Whether nobody else will ask for an answer that knows these results.

        `answered_soon`: somebody speaks, or an answer is to come that will know them. Whoever sends
        results by hand asks for the answer by hand, too.
        """
        needless = self.silenced or len(self.silent) == len(self.calls)
        return not (self.sent or needless or (self.superseded and answered_soon))

    def items(self) -> list[Json]:
        """The items that the session in use lacks, in the order of the calls."""
        items: list[Json] = []
        for call in self.calls:
            if not self.in_session:
                items.append(
                    {
                        "type": "function_call",
                        "call_id": call.call_id,
                        "name": call.name,
                        "arguments": call.arguments or "{}",
                    }
                )
            if call.call_id not in self.sent:
                output = self.outputs[call.call_id]
                items.append(
                    {"type": "function_call_output", "call_id": call.call_id, "output": output}
                )
        return items


class FunctionCalls:
    """The calls that are being written, and those that wait for their results.

    Bounded: of more than 64 answers with calls the oldest are forgotten, of more than 64 calls of
    one answer the last.
    """

    def __init__(self) -> None:
        self._written: dict[str, dict[str, FunctionCall]] = {}
        self._batches: list[CallBatch] = []

    @property
    def open(self) -> bool:
        """Whether a result is still waited for."""
        return any(not batch.expired for batch in self._batches)

    @property
    def calling(self) -> bool:
        """Whether the user waits for a result and has said nothing since."""
        return any(
            not (batch.expired or batch.superseded or batch.silenced) for batch in self._batches
        )

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do."""
        times = [batch.expires_at for batch in self._batches if not batch.expired]
        return min(times, default=None)

    def hear(self, event: Event) -> None:
        """Note the calls that an event reports."""
        match event:
            case ItemReported(Item(kind="call") as item, response_id) if response_id:
                self._note(response_id, item)  # without one it is a call of the past, repeated
            case CallArgumentsDone(response_id, item_id, call_id, name, arguments):
                self._put(FunctionCall(call_id, name, arguments, item_id, response_id))

    def done(
        self,
        event: ResponseDone,
        now: float,
        *,
        patience_s: float,
        origin: Origin | None,
        round_: int = 1,
    ) -> CallBatch | None:
        """The calls of an answer that is completed, if any; `origin`: since when a user waits.

        `round_`: how many answers with calls there were for what was said, this one included.
        """
        calls = self.written(event)
        if not calls:
            return None
        batch = CallBatch(calls, origin, now + patience_s, patience_s, round_)
        self._batches = [*self._batches[1 - _MOST :], batch]
        return batch

    def written(self, event: ResponseDone) -> tuple[FunctionCall, ...]:
        """The calls of an answer that has ended; none if the model may not have finished them."""
        for item in event.output:
            if item.kind == "call":
                self._note(event.response_id, item)
        for call in self._written.pop("", {}).values():
            self._put(replace(call, response_id=event.response_id))
        calls = self._written.pop(event.response_id, {})
        return tuple(calls.values()) if event.status == "completed" else ()

    def speech_started(self) -> None:
        """Somebody speaks: what was asked before is not what they wait for now."""
        for batch in self._batches:
            batch.superseded = True

    def silence(self) -> None:
        """Nobody wants to hear an answer any more."""
        for batch in self._batches:
            batch.silenced = True

    def session_gone(self) -> None:
        """The session that knows the calls is gone; calls that were being written are gone too."""
        self._written.clear()
        for batch in self._batches:
            batch.in_session = False
            batch.sent.clear()

    def says(self, said: str) -> bool:
        """Whether calls that the text with this id led to are open."""
        return any(batch.said == said and batch.awaited for batch in self._batches)

    def awaited(self, call_ids: Collection[str]) -> bool:
        """Whether the user waits for the result of one of these calls, which is to come."""
        return any(
            batch.awaited and call.call_id in call_ids and call.call_id not in batch.outputs
            for batch in self._batches
            for call in batch.calls
        )

    def answer(
        self, call_id: str, output: str, *, sent: bool = False, silent: bool = False
    ) -> CallBatch | None:
        """Note a result (see `CallAnswered`); returns its batch if that is complete now.

        A result that nobody waits for is ignored; what is too long is cut, and says so.
        """
        named = [b for b in self._batches if any(call.call_id == call_id for call in b.calls)]
        # Some services count the calls of every answer from the beginning.
        batch = next((b for b in named if call_id not in b.outputs), named[0] if named else None)
        if batch is None:
            return None
        batch.outputs[call_id] = _shortened(output)
        if sent:
            batch.sent.add(call_id)
        if silent:
            batch.silent.add(call_id)
        if not batch.complete:
            return None
        self._batches.remove(batch)
        return batch

    def expire(self, now: float) -> list[CallBatch]:
        """Give up waiting for what is overdue; returns the batches a user still waits for."""
        overdue = [b for b in self._batches if not b.expired and b.expires_at <= now]
        awaited = [batch for batch in overdue if batch.awaited]
        for batch in overdue:
            batch.expired = True
        return awaited

    def _note(self, response_id: str, item: Item) -> None:
        self._put(FunctionCall(item.call_id, item.name, item.text, item.id, response_id))

    def _put(self, call: FunctionCall) -> None:
        if not call.call_id:
            return
        calls = self._written.setdefault(call.response_id, {})
        if len(calls) >= _CALLS_MOST and call.call_id not in calls:
            return
        old = calls.get(call.call_id, call)
        calls[call.call_id] = FunctionCall(
            call.call_id,
            call.name or old.name,
            call.arguments or old.arguments,
            call.item_id or old.item_id,
            call.response_id,
        )
        while len(self._written) > _MOST:
            del self._written[next(iter(self._written))]


def _shortened(output: str) -> str:
    if len(output) <= RESULT_MOST:
        return output
    note = f"\n[cut: these are the first characters of {len(output):,}]"
    return output[: RESULT_MOST - len(note)] + note
