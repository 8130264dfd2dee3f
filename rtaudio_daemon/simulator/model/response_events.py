"""The events of one response in order, even if it ends early.

`ResponseEvents` records what was sent so far, so that the closing events repeat exactly that: an
interrupted response contains neither more nor less than its deltas did. Events have canonical
names.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Literal

from ..protocol.audio_format import AudioFormat, Encoder
from .items import BYTES_PER_MS, ConversationItem, ConversationItems
from .send_queue import EventSink
from .token_usage import text_tokens, usage

Phase = Literal["commentary", "final_answer"]
Status = Literal["completed", "cancelled", "incomplete", "failed"]


@dataclass(slots=True)
class _OpenItem:
    """The output item that is being sent."""

    item: ConversationItem
    index: int
    kind: Literal["audio", "text", "call"]
    words: list[str] = field(default_factory=list)
    sound_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """The parameters of a response.

    * `shape`: the fields of the response determined by the settings and the request.
    * `items`, `conversation_id`: the conversation; None for a response outside of it.
    * `context`, `instructions`: the model's input, for its usage.
    """

    shape: dict[str, Any]
    items: ConversationItems | None = None
    conversation_id: str | None = None
    metadata: dict[str, str] | None = None
    context: tuple[ConversationItem, ...] = ()
    instructions: str = ""
    sound_format: AudioFormat = "pcm16"


class ResponseEvents:
    """One response, whose events go to `sink`."""

    def __init__(self, response_id: str, sink: EventSink, request: ResponseRequest) -> None:
        self.id = response_id
        self.output: list[ConversationItem] = []
        self._sink = sink
        self._items = request.items
        self._request = request
        self._encoder = Encoder(request.sound_format)
        self._current: _OpenItem | None = None
        self._last: _OpenItem | None = None
        self._response = {
            "object": "realtime.response",
            "id": response_id,
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": request.conversation_id,
            **request.shape,
            "usage": None,
            "metadata": request.metadata,
        }

    @property
    def in_conversation(self) -> bool:
        """Whether its output becomes part of the conversation."""
        return self._items is not None

    @property
    def speaks(self) -> bool:
        """Whether the answer is sound (with transcript) rather than text."""
        return "audio" in self._response["modalities"]

    @property
    def full(self) -> bool:
        """Whether it has reached the limit of tokens of the response."""
        limit = self._response["max_output_tokens"]
        return isinstance(limit, int) and self._tokens() >= limit

    def start(self) -> None:
        """Send response.created."""
        self._sink.emit({"type": "response.created", "response": dict(self._response)})

    def open_message(self, item_id: str, phase: Phase | None = None) -> None:
        """Begin a message of the assistant, spoken or written as the response is.

        `phase` says whether it is a preamble (commentary) or the actual answer (final_answer);
        services without preambles omit it.
        """
        data: dict[str, Any] = {
            "id": item_id,
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
            **({} if phase is None else {"phase": phase}),
        }
        current = self._add(data, "audio" if self.speaks else "text")
        part = {"type": current.kind, self._words_key(current): ""}
        self._sink.emit({"type": "response.content_part.added", **self._at(current), "part": part})
        current.item.data = {**data, "content": [dict(part)]}

    def open_call(self, item_id: str, call_id: str, name: str) -> None:
        """Begin a function call."""
        data = {
            "id": item_id,
            "type": "function_call",
            "status": "in_progress",
            "name": name,
            "call_id": call_id,
            "arguments": "",
        }
        self._add(data, "call")

    def words(self, delta: str) -> None:
        """Send a piece of transcript, text or arguments, depending on the open item."""
        current = self._open()
        current.words.append(delta)
        kinds = {
            "audio": "response.audio_transcript.delta",
            "text": "response.text.delta",
            "call": "response.function_call_arguments.delta",
        }
        self._sink.emit({"type": kinds[current.kind], **self._at(current), "delta": delta})

    def sound(self, pcm: bytes) -> None:
        """Send a piece of sound."""
        current = self._open()
        current.sound_bytes += len(pcm)
        current.item.audio_ms = current.sound_bytes // BYTES_PER_MS
        self._emit_sound(current, pcm)

    def stray(self, pcm: bytes) -> None:
        """Send a piece of sound after the end of the item, as some servers do."""
        assert self._last is not None, "nothing was spoken"
        self._emit_sound(self._last, pcm)

    def complain(self, error: dict[str, str]) -> None:
        """Send an ``error`` event about this response, in addition to response.done."""
        self._sink.emit({"type": "error", "error": {**error, "param": None, "event_id": None}})

    def close_item(self, status: Literal["completed", "incomplete"] = "completed") -> None:
        """Close the open item with exactly what its deltas contained."""
        current = self._open()
        said = "".join(current.words)
        if current.kind == "call":
            self._close_call(current, said)
        else:
            self._close_part(current, said)
        current.item.data["status"] = status
        if self._items is not None:
            before = self._previous(current.item.id)
            self._sink.emit(
                {
                    "type": "conversation.item.done",
                    "previous_item_id": before,
                    "item": dict(current.item.data),
                }
            )
        self._sink.emit(
            {
                "type": "response.output_item.done",
                "response_id": self.id,
                "output_index": current.index,
                "item": dict(current.item.data),
            }
        )
        self._last, self._current = current, None

    def finish(
        self,
        status: Status = "completed",
        reason: str | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        """Close what is open and send response.done."""
        if self._current is not None:
            self.close_item("completed" if status == "completed" else "incomplete")
        details: dict[str, Any] | None = None
        if status != "completed":
            details = {"type": status}
            details.update({"reason": reason} if reason else {})
            details.update({"error": error} if error else {})
        self._response.update(
            status=status,
            status_details=details,
            output=[dict(item.data) for item in self.output],
            usage=usage(self._request.instructions, self._request.context, self.output),
        )
        self._sink.emit({"type": "response.done", "response": dict(self._response)})

    def _add(self, data: dict[str, Any], kind: Literal["audio", "text", "call"]) -> _OpenItem:
        current = _OpenItem(ConversationItem(data), len(self.output), kind)
        self._current = current
        self.output.append(current.item)
        self._sink.emit(
            {
                "type": "response.output_item.added",
                "response_id": self.id,
                "output_index": current.index,
                "item": dict(data),
            }
        )
        if self._items is not None:
            previous = self._items.append(current.item)
            self._sink.emit(
                {
                    "type": "conversation.item.created",
                    "previous_item_id": previous,
                    "item": dict(data),
                }
            )
        return current

    def _close_call(self, current: _OpenItem, said: str) -> None:
        current.item.data = {**current.item.data, "arguments": said}
        self._sink.emit(
            {
                "type": "response.function_call_arguments.done",
                "response_id": self.id,
                "item_id": current.item.id,
                "output_index": current.index,
                "call_id": current.item.data["call_id"],
                "name": current.item.data["name"],
                "arguments": said,
            }
        )

    def _close_part(self, current: _OpenItem, said: str) -> None:
        part = {"type": current.kind, self._words_key(current): said}
        current.item.data = {**current.item.data, "content": [dict(part)]}
        at = self._at(current)
        if current.kind == "audio":
            self._sink.emit({"type": "response.audio.done", **at})
            self._sink.emit({"type": "response.audio_transcript.done", **at, "transcript": said})
        else:
            self._sink.emit({"type": "response.text.done", **at, "text": said})
        self._sink.emit({"type": "response.content_part.done", **at, "part": part})

    def _emit_sound(self, current: _OpenItem, pcm: bytes) -> None:
        delta = base64.b64encode(self._encoder.encoded(pcm)).decode("ascii")
        self._sink.emit({"type": "response.audio.delta", **self._at(current), "delta": delta})

    def _at(self, current: _OpenItem) -> dict[str, Any]:
        place = {
            "response_id": self.id,
            "item_id": current.item.id,
            "output_index": current.index,
        }
        if current.kind == "call":
            return {**place, "call_id": current.item.data["call_id"]}
        return {**place, "content_index": 0}

    @staticmethod
    def _words_key(current: _OpenItem) -> str:
        return "transcript" if current.kind == "audio" else "text"

    def _tokens(self) -> int:
        said: int = usage("", (), self.output)["output_tokens"]
        return said + text_tokens("".join(self._current.words)) if self._current else said

    def _open(self) -> _OpenItem:
        if self._current is None:
            raise RuntimeError("no output item is open")
        return self._current

    def _previous(self, item_id: str) -> str | None:
        before: str | None = None
        for item in self._items or ():
            if item.id == item_id:
                return before
            before = item.id
        return before
