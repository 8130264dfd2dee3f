"""One connection of one client: what it says is carried out here, in order."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any
from uuid import uuid4

from rtaudio_daemon.simulator.answer import Answer, Manner
from rtaudio_daemon.simulator.hearing import Hearing
from rtaudio_daemon.simulator.input_buffer import InputBuffer, Started
from rtaudio_daemon.simulator.items import BYTES_PER_MS, Item, Items, item_from_client
from rtaudio_daemon.simulator.ladder import Ladder
from rtaudio_daemon.simulator.outbox import Outbox
from rtaudio_daemon.simulator.record import Record
from rtaudio_daemon.simulator.refusal import Refusal, invalid
from rtaudio_daemon.simulator.reply import Turn, heard_words, turn_from
from rtaudio_daemon.simulator.settings import Settings, TurnDetection
from rtaudio_daemon.simulator.spelling import house_item, spell
from rtaudio_daemon.simulator.usage import transcription_usage
from rtaudio_daemon.simulator.vocabulary import Dialect, check_message

Json = dict[str, Any]

_APPEND_LIMIT = 15 * 1024 * 1024
_HEARD_AT_ONCE = 1000 * BYTES_PER_MS
_TRANSCRIPTION_S = 0.25


class Session:
    """The service's side of one conversation. `record` tells what was said."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        model: str,
        expires_at: int,
        manner: Manner,
        hearing: Callable[[], Hearing],
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        self.id = new_id("sess")
        self.dialect: Dialect = dialect
        self.settings = Settings(dialect, model=model, session_id=self.id, expires_at=expires_at)
        self.items = Items()
        self.record = Record()
        self.open = True
        self._manner = manner
        self._make_hearing = hearing
        self._outbox = Outbox(send)
        self._buffer = InputBuffer()
        self._tuned: TurnDetection | None = None
        self._conversation_id = new_id("conv")
        self._spoken_item_id = ""
        self._answer: Answer | None = None
        self._side_answers: set[Answer] = set()
        self._queued = False
        self._spoke = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._event_numbers = count(1)
        self._turn_numbers = count(1)
        self._verbs: dict[str, Callable[[Json], None]] = {
            "session.update": self._update,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    # What tests look at most, without the detour.

    @property
    def received(self) -> deque[Json]:
        """The client's messages, oldest first; sound is replaced by its size."""
        return self.record.received

    @property
    def sent(self) -> deque[Json]:
        """Our events in wire spelling, oldest first; sound is replaced by its size."""
        return self.record.sent

    @property
    def heard(self) -> bytes:
        """The sound received in the last two minutes of it."""
        return self.record.heard

    def greet(self) -> None:
        """What the service says first."""
        self.emit({"type": "session.created", "session": self.settings.document})
        if self.dialect == "preview":
            conversation = {"id": self._conversation_id, "object": "realtime.conversation"}
            self.emit({"type": "conversation.created", "conversation": conversation})

    def emit(self, event: Json) -> None:
        """Send a house event in this dialect, if it has it."""
        spelled = spell(event, self.dialect)
        if spelled is None:
            return
        spelled = {"event_id": f"event_{next(self._event_numbers)}", **spelled}
        self.record.send(spelled)
        self._outbox.put(spelled)

    async def run_outbox(self) -> None:
        """Send for ever what `emit` queues."""
        await self._outbox.run()

    async def flushed(self) -> None:
        """Wait until everything emitted was handed to the connection."""
        await self._outbox.flushed()

    async def handle(self, raw: str) -> None:
        """Carry out one client message; what cannot be done becomes an ``error`` event."""
        event_id: Any = None
        try:
            message = _parsed(raw)
            event_id = message.get("event_id")
            self.record.receive(message)
            kind = check_message(message, self.dialect)
            if kind == "input_audio_buffer.append":
                await self._append(message["audio"])
            elif kind == "input_audio_buffer.commit":
                await self._tune()
                self._commit()
            else:
                self._verbs[kind](message)
        except Refusal as refusal:
            self.emit(refusal.event(event_id if isinstance(event_id, str) else None))

    async def close(self) -> None:
        """End every task: the connection is gone."""
        self.open = False
        answers = [*self._side_answers, *filter(None, [self._answer])]
        for answer in answers:
            await answer.abandon()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ session

    def _update(self, message: Json) -> None:
        self.settings.update(message["session"], voice_locked=self._spoke)
        self.emit({"type": "session.updated", "session": self.settings.document})

    # ---------------------------------------------------------- hearing

    async def _append(self, audio: str) -> None:
        pcm = _decoded(audio)
        await self._tune()
        self.record.hear(pcm)
        for at in range(0, len(pcm), _HEARD_AT_ONCE):
            for edge in self._buffer.append(pcm[at : at + _HEARD_AT_ONCE]):
                if isinstance(edge, Started):
                    self._speech_started(edge.start_ms)
                else:
                    self._speech_stopped(edge.end_ms, edge.pcm)
            await asyncio.sleep(0)

    async def _tune(self) -> None:
        wanted = self.settings.turn_detection
        if wanted == self._tuned:
            return
        hearing = await asyncio.to_thread(self._make_hearing) if wanted else None
        self._buffer.listen(wanted, hearing)
        self._tuned = wanted

    def _speech_started(self, start_ms: int) -> None:
        self._spoken_item_id = new_id("item")
        self.emit(
            {
                "type": "input_audio_buffer.speech_started",
                "audio_start_ms": start_ms,
                "item_id": self._spoken_item_id,
            }
        )
        detection = self.settings.turn_detection
        if detection and detection.interrupt_response and self._answer:
            self._queued = False
            self._answer.stop("turn_detected")

    def _speech_stopped(self, end_ms: int, pcm: bytes) -> None:
        self.emit(
            {
                "type": "input_audio_buffer.speech_stopped",
                "audio_end_ms": end_ms,
                "item_id": self._spoken_item_id,
            }
        )
        self._take_turn(self._spoken_item_id, pcm)
        detection = self.settings.turn_detection
        if detection and detection.create_response:
            if self._answer is None:
                self._begin({})
            else:
                self._queued = True

    def _commit(self) -> None:
        speaking = self._buffer.speaking
        pcm = self._buffer.commit()
        self._take_turn(self._spoken_item_id if speaking else new_id("item"), pcm)

    def _clear(self, _message: Json) -> None:
        self._buffer.clear()
        self.emit({"type": "input_audio_buffer.cleared"})

    def _take_turn(self, item_id: str, pcm: bytes) -> None:
        data = {
            "id": item_id,
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        item = Item(data, pcm=pcm, audio_ms=len(pcm) // BYTES_PER_MS)
        previous = self.items.append(item)
        place = {"previous_item_id": previous, "item_id": item_id}
        self.emit({"type": "input_audio_buffer.committed", **place})
        self._announce_item(item, previous)
        asked = self.settings.transcription
        if asked is not None:
            model = asked.get("model")
            task = asyncio.create_task(self._transcribe(item, model), name="simulator-transcribe")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _transcribe(self, item: Item, model: str | None) -> None:
        words = heard_words(item.pcm)
        await asyncio.sleep(_TRANSCRIPTION_S)
        item.data = {**item.data, "content": [{"type": "input_audio", "transcript": words}]}
        self.emit(
            {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": item.id,
                "content_index": 0,
                "transcript": words,
                "usage": transcription_usage(model, item.audio_ms, words),
            }
        )

    # ------------------------------------------------------ conversation

    def _announce_item(self, item: Item, previous: str | None) -> None:
        for kind in ("conversation.item.created", "conversation.item.done"):
            self.emit({"type": kind, "previous_item_id": previous, "item": dict(item.data)})

    def _create_item(self, message: Json) -> None:
        item = item_from_client(house_item(message["item"], self.dialect), new_id("item"))
        self._announce_item(item, self.items.insert(item, message.get("previous_item_id")))

    def _retrieve_item(self, message: Json) -> None:
        item = self.items.retrieve(message["item_id"])
        self.emit({"type": "conversation.item.retrieved", "item": item})

    def _delete_item(self, message: Json) -> None:
        self.items.delete(message["item_id"])
        self.emit({"type": "conversation.item.deleted", "item_id": message["item_id"]})

    def _truncate_item(self, message: Json) -> None:
        place = {key: message[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self.items.truncate(**place)
        self.emit({"type": "conversation.item.truncated", **place})

    # --------------------------------------------------------- responses

    def _create_response(self, message: Json) -> None:
        asked = message.get("response") or {}
        if asked.get("conversation") != "none" and self._answer is not None:
            raise Refusal(
                "Conversation already has an active response in progress: "
                f"{self._answer.ladder.id}. Wait until the response is finished before creating "
                "a new one.",
                code="conversation_already_has_active_response",
            )
        self._begin(asked)

    def _cancel_response(self, message: Json) -> None:
        wanted = message.get("response_id")
        for answer in [*filter(None, [self._answer]), *self._side_answers]:
            # Without an id only the answer in the conversation is meant.
            if answer.ladder.id == wanted or (wanted is None and answer is self._answer):
                answer.stop("client_cancelled")
                return
        raise Refusal(
            "Cancellation failed: no active response found", code="response_cancel_not_active"
        )

    def _begin(self, asked: Json) -> None:
        outside = asked.get("conversation") == "none"
        instructions = asked.get("instructions", self.settings.instructions)
        metadata = asked.get("metadata")
        context = self._context(asked.get("input"))
        turn = turn_from(
            context,
            number=next(self._turn_numbers),
            instructions=instructions,
            metadata=metadata or {},
            tools=asked.get("tools", self.settings.tools),
        )
        ladder = Ladder(
            new_id("resp"),
            self.emit,
            shape=self.settings.response(asked),
            items=None if outside else self.items,
            conversation_id=None if outside else self._conversation_id,
            metadata=metadata,
            context=context,
            instructions=instructions,
        )
        self._give(ladder, turn)

    def _give(self, ladder: Ladder, turn: Turn) -> None:
        self.record.turns.append(turn)
        answer = Answer(ladder, turn, self._manner, self._outbox, new_id, self._answered)
        if ladder.in_conversation:
            self._answer = answer
        else:
            self._side_answers.add(answer)

    def _answered(self, answer: Answer) -> None:
        self._side_answers.discard(answer)
        self._spoke = self._spoke or any(item.audio_ms for item in answer.ladder.output)
        if answer is not self._answer:
            return
        self._answer = None
        if self._queued:
            self._queued = False
            self._begin({})

    def _context(self, given: list[Json] | None) -> list[Item]:
        if given is None:
            return list(self.items)
        known = {item.id: item for item in self.items}
        context = []
        for data in given:
            if data.get("type") != "item_reference":
                context.append(item_from_client(house_item(data, self.dialect), new_id("item")))
            elif data.get("id") in known:
                context.append(known[data["id"]])
            else:
                raise invalid("response.input", f"no item with id '{data.get('id')}'.")
        return context


def new_id(kind: str) -> str:
    """A fresh id such as ``item_9f0c…``, at most 32 characters."""
    return f"{kind}_{uuid4().hex[:20]}"


def _parsed(raw: str) -> Json:
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as error:
        words = "We could not parse the JSON body of your event."
        raise Refusal(words, code="invalid_json") from error
    if not isinstance(message, dict):
        raise Refusal("Expected a JSON object.", code="invalid_json")
    return message


def _decoded(audio: str) -> bytes:
    if len(audio) * 3 // 4 > _APPEND_LIMIT + 2:
        raise invalid("audio", "expected at most 15 MiB of audio.")
    try:
        pcm = base64.b64decode(audio, validate=True)
    except ValueError as error:
        raise Refusal(
            "Invalid 'audio'. Expected base64-encoded audio bytes.",
            code="invalid_value",
            param="audio",
        ) from error
    if len(pcm) % 2:
        raise invalid("audio", "expected whole samples of 16 bits (an even number of bytes).")
    return pcm
