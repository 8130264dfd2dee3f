"""The function calls of answers: collected until an answer is done, then given their results.

A call outlives its session: its function runs once. When the last result of an answer has arrived,
the results go to the session in use.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from ..protocol.events import CallArgumentsDone, Event, Item, ItemReported, ResponseDone
from ..protocol.session_format import Json
from .latency import Origin

RESULT_MOST = 32_000
"""Characters of a result that the model gets; a longer result makes every later answer dearer."""
_MOST = 64
_CALLS_MOST = 64  # in one answer


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One function call. `arguments` is JSON as the model wrote it, which may be invalid."""

    call_id: str
    name: str
    arguments: str
    item_id: str = ""
    response_id: str = ""


@dataclass(slots=True)
class CallBatch:
    """The calls of one answer. `origin`: since when the user waits; `expires_at`: see `expired`."""

    calls: tuple[FunctionCall, ...]
    origin: Origin | None
    expires_at: float
    patience_s: float
    round: int = 1
    """How many answers with calls there have been for what was said, including this one."""
    said: str = ""
    """The id of the text that led to the calls, if a program wants a receipt."""
    in_session: bool = True
    """Whether the session in use knows the calls."""
    superseded: bool = False
    """Whether somebody has begun to speak since the calls."""
    silenced: bool = False
    """Whether somebody has asked for silence since the calls: the results get no answer."""
    expired: bool = False
    """Whether we no longer wait for the results; they are still accepted."""
    outputs: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    """The ids of calls whose results the session already has."""
    silent: set[str] = field(default_factory=set)
    """The ids of calls whose results need no answer."""

    @property
    def awaited(self) -> bool:
        """Whether the user waits for the results and has said nothing since."""
        return not (self.expired or self.superseded or self.silenced)

    @property
    def complete(self) -> bool:
        """Whether every call has its result."""
        return len(self.outputs) == len(self.calls)

    @property
    def overdue(self) -> str:
        """Return what to report when the batch has expired, in words."""
        names = ", ".join(call.name for call in self.calls)
        return f"no result of {names} came in {self.patience_s:g} s"

    def wants_answer(self, *, answered_soon: bool) -> bool:
        """Return whether we must ask for an answer that takes these results into account.

        `answered_soon`: somebody speaks, or an answer is to come that will know the results. A
        caller who sends results by hand also asks for the answer by hand.
        """
        needless = self.silenced or len(self.silent) == len(self.calls)
        return not (self.sent or needless or (self.superseded and answered_soon))

    def items(self) -> list[Json]:
        """Return the items that the session in use lacks, in the order of the calls."""
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
    """The calls that the model is writing, and those that wait for their results.

    Bounded: of more than 64 answers with calls, the oldest are forgotten; of more than 64 calls in
    one answer, the last are.
    """

    def __init__(self) -> None:
        self._written: dict[str, dict[str, FunctionCall]] = {}
        self._batches: list[CallBatch] = []

    @property
    def open(self) -> bool:
        """Whether we still wait for a result."""
        return any(not batch.expired for batch in self._batches)

    @property
    def calling(self) -> bool:
        """Whether the user waits for a result and has said nothing since."""
        return any(
            not (batch.expired or batch.superseded or batch.silenced) for batch in self._batches
        )

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do; None: never."""
        times = [batch.expires_at for batch in self._batches if not batch.expired]
        return min(times, default=None)

    def hear(self, event: Event) -> None:
        """Note the calls that an event reports."""
        match event:
            case ItemReported(Item(kind="call") as item, response_id) if response_id:
                self._note(response_id, item)  # without one it repeats a call of the past
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
        """Return the calls of a completed answer, if any; `origin`: since when the user waits.

        `round_`: how many answers with calls there have been for what was said, including this one.
        """
        calls = self.written(event)
        if not calls:
            return None
        batch = CallBatch(calls, origin, now + patience_s, patience_s, round_)
        self._batches = [*self._batches[1 - _MOST :], batch]
        return batch

    def written(self, event: ResponseDone) -> tuple[FunctionCall, ...]:
        """Return the calls of an answer that has ended; none if they may be unfinished."""
        for item in event.output:
            if item.kind == "call":
                self._note(event.response_id, item)
        for call in self._written.pop("", {}).values():
            self._put(replace(call, response_id=event.response_id))
        calls = self._written.pop(event.response_id, {})
        return tuple(calls.values()) if event.status == "completed" else ()

    def speech_started(self) -> None:
        """Note that somebody speaks: they no longer wait for what was asked before."""
        for batch in self._batches:
            batch.superseded = True

    def silence(self) -> None:
        """Note that nobody wants to hear an answer any more."""
        for batch in self._batches:
            batch.silenced = True

    def session_gone(self) -> None:
        """Note that the session is gone, and with it the calls that were being written."""
        self._written.clear()
        for batch in self._batches:
            batch.in_session = False
            batch.sent.clear()

    def says(self, said: str) -> bool:
        """Return whether calls that the text with this id led to are open."""
        return any(batch.said == said and batch.awaited for batch in self._batches)

    def awaited(self, call_ids: Collection[str]) -> bool:
        """Return whether the user still waits for the result of one of these calls."""
        return any(
            batch.awaited and call.call_id in call_ids and call.call_id not in batch.outputs
            for batch in self._batches
            for call in batch.calls
        )

    def answer(
        self, call_id: str, output: str, *, sent: bool = False, silent: bool = False
    ) -> CallBatch | None:
        """Note a result (see `CallAnswered`); return its batch if that is complete now.

        A result that nobody waits for is ignored. A result that is too long is cut and says so.
        """
        named = [b for b in self._batches if any(call.call_id == call_id for call in b.calls)]
        # Some services number the calls of every answer from the beginning.
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
        """Stop waiting for overdue batches; return those that a user still waits for."""
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
