"""The function calls of an answer: collected until it is done, then answered in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rtaudio_daemon.realtime.shapes import Json

_MOST = 64


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One call of a tool. `arguments` is JSON as the model wrote it, which may be faulty."""

    call_id: str
    name: str
    arguments: str
    item_id: str = ""
    response_id: str = ""


@dataclass(slots=True)
class _Batch:
    calls: list[FunctionCall]
    superseded: bool = False
    outputs: dict[str, str] = field(default_factory=dict)


class FunctionCalls:
    """Feed it every event; `answer` returns what to send once a whole answer's calls are done."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, FunctionCall]] = {}
        self._batches: list[_Batch] = []

    @property
    def open(self) -> bool:
        """Whether a call waits for its output."""
        return bool(self._batches)

    def hear(self, event: Mapping[str, Any]) -> list[FunctionCall]:
        """Take in an event; returns the calls of an answer when it is completed."""
        name = event.get("type")
        if name in ("response.output_item.added", "response.output_item.done"):
            item = event.get("item")
            if isinstance(item, dict) and item.get("type") == "function_call":
                self._note(event, {**item, "item_id": item.get("id")})
        elif name == "response.function_call_arguments.done":
            self._note(event, event)
        elif name == "input_audio_buffer.speech_started":
            for batch in self._batches:
                batch.superseded = True
        elif name == "response.done":
            return self._done(event.get("response"))
        return []

    def answer(self, call_id: str, output: str) -> list[Json]:
        """The output of a call; returns the messages to send when it was the last one missing.

        No further answer is asked for when somebody has begun to speak since the calls were made:
        their turn gets one anyway. Raises KeyError for a call that nobody waits for.
        """
        batch = next(
            (b for b in self._batches if any(call.call_id == call_id for call in b.calls)), None
        )
        if batch is None:
            raise KeyError(call_id)
        batch.outputs[call_id] = output
        if len(batch.outputs) < len(batch.calls):
            return []
        self._batches.remove(batch)
        messages: list[Json] = [
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": batch.outputs[call.call_id],
                },
            }
            for call in batch.calls
        ]
        return messages if batch.superseded else [*messages, {"type": "response.create"}]

    def _note(self, event: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        call_id, response_id = facts.get("call_id"), str(event.get("response_id") or "")
        if not isinstance(call_id, str) or not call_id:
            return
        calls = self._found.setdefault(response_id, {})
        old = calls.get(call_id, FunctionCall(call_id, "", ""))
        calls[call_id] = FunctionCall(
            call_id,
            str(facts.get("name") or old.name),
            str(facts.get("arguments") or old.arguments),
            str(facts.get("item_id") or old.item_id),
            response_id,
        )
        while len(self._found) > _MOST:
            del self._found[next(iter(self._found))]

    def _done(self, response: Any) -> list[FunctionCall]:
        response = response if isinstance(response, dict) else {}
        response_id = str(response.get("id") or "")
        output = response.get("output")
        for item in output if isinstance(output, list) else ():
            if isinstance(item, dict) and item.get("type") == "function_call":
                self._note({"response_id": response_id}, {**item, "item_id": item.get("id")})
        calls = list(self._found.pop(response_id, {}).values())
        if response.get("status", "completed") != "completed":
            return []  # the model may not have finished writing them
        if calls:
            self._batches = [*self._batches[-_MOST:], _Batch(calls)]
        return calls
