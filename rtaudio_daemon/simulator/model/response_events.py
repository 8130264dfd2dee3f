"""The ladder of events that one response climbs, rung by rung, and how it gets off early.

A `ResponseEvents` keeps what was sent so far, so that closing out repeats exactly that: a response
that is cut off says neither more nor less than its deltas did. Events carry house (preview) names.
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
class _Rung:
    """The output item that is being said."""

    item: ConversationItem
    index: int
    kind: Literal["audio", "text", "call"]
    words: list[str] = field(default_factory=list)
    sound_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What a response is to be.

    * `shape`: the fields of the response that the settings and the request decide.
    * `items`, `conversation_id`: the conversation; None for a response outside of it.
    * `context`, `instructions`: what the model is given, for its usage.
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
        self._rung: _Rung | None = None
        self._last: _Rung | None = None
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
        """Whether what it says becomes part of the conversation."""
        return self._items is not None

    @property
    def speaks(self) -> bool:
        """Whether the answer is to be sound (with its transcript) rather than text."""
        return "audio" in self._response["modalities"]

    @property
    def full(self) -> bool:
        """Whether it has said as many tokens as the response may cost."""
        limit = self._response["max_output_tokens"]
        return isinstance(limit, int) and self._tokens() >= limit

    def start(self) -> None:
        """response.created."""
        self._sink.emit({"type": "response.created", "response": dict(self._response)})

    def open_message(self, item_id: str, phase: Phase | None = None) -> None:
        """Begin a message of the assistant, spoken or written as the response is.

        `phase` says whether it is a preamble (commentary) or what was asked for (final_answer);
        services without preambles do not say.
        """
        data: dict[str, Any] = {
            "id": item_id,
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
            **({} if phase is None else {"phase": phase}),
        }
        rung = self._add(data, "audio" if self.speaks else "text")
        part = {"type": rung.kind, self._words_key(rung): ""}
        self._sink.emit({"type": "response.content_part.added", **self._at(rung), "part": part})
        rung.item.data = {**data, "content": [dict(part)]}

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
        """A piece of transcript, text or arguments, whatever the open item is made of."""
        rung = self._open()
        rung.words.append(delta)
        kinds = {
            "audio": "response.audio_transcript.delta",
            "text": "response.text.delta",
            "call": "response.function_call_arguments.delta",
        }
        self._sink.emit({"type": kinds[rung.kind], **self._at(rung), "delta": delta})

    def sound(self, pcm: bytes) -> None:
        """A piece of sound."""
        rung = self._open()
        rung.sound_bytes += len(pcm)
        rung.item.audio_ms = rung.sound_bytes // BYTES_PER_MS
        self._emit_sound(rung, pcm)

    def stray(self, pcm: bytes) -> None:
        """A piece of sound after the end of what was spoken: no server should send it, some do."""
        assert self._last is not None, "nothing was spoken"
        self._emit_sound(self._last, pcm)

    def complain(self, error: dict[str, str]) -> None:
        """An ``error`` event about this response, besides what response.done will say."""
        self._sink.emit({"type": "error", "error": {**error, "param": None, "event_id": None}})

    def close_item(self, status: Literal["completed", "incomplete"] = "completed") -> None:
        """End the open item with exactly what its deltas said."""
        rung = self._open()
        said = "".join(rung.words)
        if rung.kind == "call":
            self._close_call(rung, said)
        else:
            self._close_part(rung, said)
        rung.item.data["status"] = status
        if self._items is not None:
            before = self._previous(rung.item.id)
            self._sink.emit(
                {
                    "type": "conversation.item.done",
                    "previous_item_id": before,
                    "item": dict(rung.item.data),
                }
            )
        self._sink.emit(
            {
                "type": "response.output_item.done",
                "response_id": self.id,
                "output_index": rung.index,
                "item": dict(rung.item.data),
            }
        )
        self._last, self._rung = rung, None

    def finish(
        self,
        status: Status = "completed",
        reason: str | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        """Close what is open and send response.done."""
        if self._rung is not None:
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

    def _add(self, data: dict[str, Any], kind: Literal["audio", "text", "call"]) -> _Rung:
        rung = _Rung(ConversationItem(data), len(self.output), kind)
        self._rung = rung
        self.output.append(rung.item)
        self._sink.emit(
            {
                "type": "response.output_item.added",
                "response_id": self.id,
                "output_index": rung.index,
                "item": dict(data),
            }
        )
        if self._items is not None:
            previous = self._items.append(rung.item)
            self._sink.emit(
                {
                    "type": "conversation.item.created",
                    "previous_item_id": previous,
                    "item": dict(data),
                }
            )
        return rung

    def _close_call(self, rung: _Rung, said: str) -> None:
        rung.item.data = {**rung.item.data, "arguments": said}
        self._sink.emit(
            {
                "type": "response.function_call_arguments.done",
                "response_id": self.id,
                "item_id": rung.item.id,
                "output_index": rung.index,
                "call_id": rung.item.data["call_id"],
                "name": rung.item.data["name"],
                "arguments": said,
            }
        )

    def _close_part(self, rung: _Rung, said: str) -> None:
        part = {"type": rung.kind, self._words_key(rung): said}
        rung.item.data = {**rung.item.data, "content": [dict(part)]}
        at = self._at(rung)
        if rung.kind == "audio":
            self._sink.emit({"type": "response.audio.done", **at})
            self._sink.emit({"type": "response.audio_transcript.done", **at, "transcript": said})
        else:
            self._sink.emit({"type": "response.text.done", **at, "text": said})
        self._sink.emit({"type": "response.content_part.done", **at, "part": part})

    def _emit_sound(self, rung: _Rung, pcm: bytes) -> None:
        delta = base64.b64encode(self._encoder.encoded(pcm)).decode("ascii")
        self._sink.emit({"type": "response.audio.delta", **self._at(rung), "delta": delta})

    def _at(self, rung: _Rung) -> dict[str, Any]:
        place = {
            "response_id": self.id,
            "item_id": rung.item.id,
            "output_index": rung.index,
        }
        if rung.kind == "call":
            return {**place, "call_id": rung.item.data["call_id"]}
        return {**place, "content_index": 0}

    @staticmethod
    def _words_key(rung: _Rung) -> str:
        return "transcript" if rung.kind == "audio" else "text"

    def _tokens(self) -> int:
        said: int = usage("", (), self.output)["output_tokens"]
        return said + text_tokens("".join(self._rung.words)) if self._rung else said

    def _open(self) -> _Rung:
        if self._rung is None:
            raise RuntimeError("no output item is open")
        return self._rung

    def _previous(self, item_id: str) -> str | None:
        before: str | None = None
        for item in self._items or ():
            if item.id == item_id:
                return before
            before = item.id
        return before
