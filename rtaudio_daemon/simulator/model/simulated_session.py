"""One connection of one client: handles its messages, in order."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from ..fault_injection import FaultInjector
from ..protocol.audio_format import Decoder, decoded
from ..protocol.client_messages import check_message
from ..protocol.dialects import canonical_item, canonical_request, in_dialect
from ..protocol.quirks import quirk
from ..protocol.rejection import Rejection
from ..protocol.services import SimulatedService
from ..protocol.session_config import SessionConfig, TurnDetection
from ..protocol.undocumented import with_undocumented_fields
from .behaviour import Behaviour
from .generation import Generation, Surroundings
from .input_buffer import InputBuffer, SpeechStart
from .items import BYTES_PER_MS, ConversationItem, ConversationItems, item_from_client, new_id
from .responses import Responses
from .send_queue import Sender, SendQueue
from .session_record import SessionRecord
from .token_usage import rate_limits
from .transcriber import Transcriber

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)

_HEARD_AT_ONCE = 1000 * BYTES_PER_MS
_LONGEST_MESSAGE = 24 * 1024 * 1024  # 15 MiB of sound as base64, and room for the rest
_DEEPEST = 64


class SimulatedSession:
    """The service's side of one conversation. `record` contains what both sides sent.

    `lifetime_s`: the owner calls `expire` this long after the session was created.
    """

    def __init__(
        self,
        service: SimulatedService,
        *,
        model: str,
        lifetime_s: float,
        behaviour: Behaviour,
        faults: FaultInjector | None = None,
        transcribes: bool = False,
    ) -> None:
        self.id = new_id("sess")
        self.service = service
        self.dialect = service.dialect
        self.model = model
        self._lifetime_s = lifetime_s
        expires_at = int(time.time() + lifetime_s)
        self.settings = SessionConfig(
            service, model=model, session_id=self.id, expires_at=expires_at
        )
        self.settings.transcribes = transcribes
        self.items = ConversationItems()
        self.record = SessionRecord()
        self.open = True
        self._behaviour = behaviour
        self._rewrite = quirk(behaviour.quirks)
        self._outbox = SendQueue()
        self._buffer = InputBuffer()
        self._decoder: Decoder | None = None
        self._tuned: TurnDetection | None = None
        self._conversation_id = new_id("conv")
        self._spoken_item_id = ""
        self._idle: asyncio.Task[None] | None = None
        self._event_numbers = count(1)
        faults = faults or FaultInjector()
        self._transcriber = Transcriber(self, behaviour, faults)
        self._responses = Responses(self._surroundings(faults), self)
        self._verbs: dict[str, Callable[[Json], None]] = {
            "session.update": self._update,
            "transcription_session.update": self._transcribe,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": lambda message: self._responses.cancel(message.get("response_id")),
        }

    def _surroundings(self, faults: FaultInjector) -> Surroundings:
        return Surroundings(
            sink=self,
            settings=self.settings,
            items=self.items,
            record=self.record,
            outbox=self._outbox,
            transcriber=self._transcriber,
            behaviour=self._behaviour,
            faults=faults,
            conversation_id=self._conversation_id,
        )

    # Shortcuts for tests.

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
        """The last two minutes of received sound."""
        return self.record.heard

    @property
    def flooded(self) -> bool:
        """Whether the client has let more events pile up than will ever be sent."""
        return self._outbox.dropped > 0

    def greet(self) -> None:
        """Send the first event of the service."""
        self.emit({"type": "session.created", "session": self.settings.document})
        if self.dialect == "preview" and not self.service.rich:
            conversation = {"id": self._conversation_id, "object": "realtime.conversation"}
            self.emit({"type": "conversation.created", "conversation": conversation})

    def emit(self, event: Json) -> None:
        """Send an event (canonical names) in this service's dialect, if it has that event."""
        spelled = in_dialect(event, self.service)
        if spelled is None:
            return
        for each in self._rewrite(spelled):
            numbered = {"event_id": f"event_{next(self._event_numbers)}", **each}
            if self._behaviour.extras:
                numbered = with_undocumented_fields(numbered, self.service, self.model)
            self.record.send(numbered)
            self._outbox.put(numbered)

    def expire(self) -> None:
        """Send the last event of a session that has reached its lifetime; then hang up."""
        minutes = round(self._lifetime_s / 60)
        words = f"Your session hit the maximum duration of {minutes} minutes."
        self.emit(Rejection(words, code="session_expired").event())

    async def run_outbox(self, sender: Sender) -> None:
        """Send what `emit` queues to `sender`, for ever."""
        await self._outbox.run(sender)

    async def handle(self, raw: str) -> None:
        """Handle one client message; a failure becomes an ``error`` event."""
        event_id: Any = None
        try:
            message = _parsed(raw)
            event_id = message.get("event_id")
            self.record.receive(message)
            kind = check_message(message, self.service)
            if kind == "input_audio_buffer.append":
                await self._append(message["audio"])
            elif kind == "input_audio_buffer.commit":
                await self._tune()
                await self._commit()
            elif kind in self._verbs:
                self._verbs[kind](message)
        except Rejection as rejection:
            self.emit(rejection.event(event_id if isinstance(event_id, str) else None))
        except Exception:
            _LOG.exception("the simulator could not carry out a message")
            words = "The server had an error while processing your request. Sorry about that!"
            self.emit(Rejection(words, code=None, type="server_error").event())

    async def close(self) -> None:
        """End every task: the connection is gone."""
        self.open = False
        self._watch_idleness(None)
        await self._responses.close()
        await self._transcriber.close()

    # ------------------------------------------------------------ session

    def _update(self, message: Json) -> None:
        self._judge_tools(message["session"], "session")
        self.settings.update(message["session"], voice_locked=self._responses.spoke)
        self.emit({"type": "session.updated", "session": self.settings.document})

    def _judge_tools(self, asked: Json, path: str) -> None:
        """Refuse the functions that the scenario wants refused."""
        tools = asked.get("tools")
        for index, tool in enumerate(tools if isinstance(tools, list) else ()):
            if isinstance(tool, dict) and tool.get("name") in self._behaviour.refused_schemas:
                raise Rejection(
                    f"Invalid schema for function '{tool['name']}': it is not valid under any of "
                    "the given schemas.",
                    code="invalid_function_parameters",
                    param=f"{path}.tools[{index}].parameters",
                )

    def _transcribe(self, message: Json) -> None:
        session = {**message["session"], "type": "transcription"}
        self.settings.update(session, voice_locked=False)
        self.emit({"type": "transcription_session.updated", "session": self.settings.document})

    def _create_response(self, message: Json) -> None:
        if self.settings.transcribes:
            words = "Responses cannot be created in a transcription session."
            raise Rejection(words, code="invalid_event", param="type")
        asked = _without_nulls(message.get("response") or {})
        self._judge_tools(asked, "response")
        self._responses.create(canonical_request(asked) if self.service.rich else asked)

    # ---------------------------------------------------------- hearing

    async def _append(self, audio: str) -> None:
        wanted = self.settings.sound_format("input")
        if self._decoder is None or self._decoder.kind != wanted:
            self._decoder = Decoder(wanted)
        pcm = self._decoder.pcm(decoded(audio, wanted))
        await self._tune()
        self.record.hear(pcm)
        for at in range(0, len(pcm), _HEARD_AT_ONCE):
            for edge in self._buffer.append(pcm[at : at + _HEARD_AT_ONCE]):
                if isinstance(edge, SpeechStart):
                    self._speech_started(edge.start_ms)
                else:
                    await self._speech_stopped(edge.end_ms, edge.pcm)
            await asyncio.sleep(0)

    async def _tune(self) -> None:
        wanted = self.settings.turn_detection
        if wanted == self._tuned:
            return
        voice_detector = await asyncio.to_thread(self._behaviour.voice_detector) if wanted else None
        self._buffer.listen(wanted, voice_detector)
        self._tuned = wanted

    def _speech_started(self, start_ms: int) -> None:
        self._watch_idleness(None)
        self._spoken_item_id = new_id("item")
        self.emit(
            {
                "type": "input_audio_buffer.speech_started",
                "audio_start_ms": start_ms,
                "item_id": self._spoken_item_id,
            }
        )
        detection = self.settings.turn_detection
        if detection and detection.interrupt_response:
            self._responses.interrupt()

    async def _speech_stopped(self, end_ms: int, pcm: bytes) -> None:
        self.emit(
            {
                "type": "input_audio_buffer.speech_stopped",
                "audio_end_ms": end_ms,
                "item_id": self._spoken_item_id,
            }
        )
        await self._take_turn(self._spoken_item_id, pcm)
        detection = self.settings.turn_detection
        if detection and detection.create_response and not self.settings.transcribes:
            self._responses.create_after_turn()

    async def _commit(self) -> None:
        speaking = self._buffer.speaking
        pcm = self._buffer.commit()
        await self._take_turn(self._spoken_item_id if speaking else new_id("item"), pcm)

    def _clear(self, _message: Json) -> None:
        self._buffer.clear()
        self.emit({"type": "input_audio_buffer.cleared"})

    async def _take_turn(self, item_id: str, pcm: bytes) -> None:
        data = {
            "id": item_id,
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        item = ConversationItem(data, pcm=pcm, audio_ms=len(pcm) // BYTES_PER_MS)
        previous = self.items.append(item)
        place = {"previous_item_id": previous, "item_id": item_id}
        self.emit({"type": "input_audio_buffer.committed", **place})
        self._announce_item(item, previous)
        await self._transcriber.hear(item, self.settings.transcription)

    # --------------------------------------------------------- idleness

    def _watch_idleness(self, said_ms: int | None) -> None:
        """Start to wait for speech, after `said_ms` of answer; None: stop waiting."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        detection = self.settings.turn_detection
        if said_ms is not None and detection and detection.idle_timeout_ms:
            waiting = self._sit_idle(said_ms, detection.idle_timeout_ms)
            self._idle = asyncio.create_task(waiting, name="simulator-idle")

    async def _sit_idle(self, said_ms: int, timeout_ms: int) -> None:
        await asyncio.sleep(said_ms / 1000)
        start_ms = self._buffer.position_ms
        await asyncio.sleep(timeout_ms / 1000)
        self._idle = None
        if self._responses.active is not None or self._buffer.speaking:
            return
        item_id = new_id("item")
        self.emit(
            {
                "type": "input_audio_buffer.timeout_triggered",
                "audio_start_ms": start_ms,
                "audio_end_ms": self._buffer.position_ms,
                "item_id": item_id,
            }
        )
        await self._take_turn(item_id, b"")
        self._responses.create_after_turn()

    # ------------------------------------------------------ conversation

    def _announce_item(self, item: ConversationItem, previous: str | None) -> None:
        for kind in ("conversation.item.created", "conversation.item.done"):
            self.emit({"type": kind, "previous_item_id": previous, "item": dict(item.data)})

    def _create_item(self, message: Json) -> None:
        item = item_from_client(canonical_item(message["item"], self.dialect), new_id("item"))
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

    def answer_ended(self, answer: Generation) -> None:
        """Report the rate limits and start to wait for speech: an answer has ended."""
        if self.service.reports_limits:
            self.emit({"type": "rate_limits.updated", "rate_limits": rate_limits()})
        if answer.events.in_conversation:
            said_ms = sum(item.audio_ms for item in answer.events.output)
            self._watch_idleness(said_ms or None)


def _without_nulls(asked: Json) -> Json:
    """Return the request without nulls, which mean "as in the session", at any depth."""
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in asked.items()
        if value is not None
    }


def _parsed(raw: str) -> Json:
    if len(raw) > _LONGEST_MESSAGE:
        words = f"The message is longer than {_LONGEST_MESSAGE} characters."
        raise Rejection(words, code="string_above_max_length")
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as error:
        words = "We could not parse the JSON body of your event."
        raise Rejection(words, code="invalid_json") from error
    if not isinstance(message, dict):
        raise Rejection("Expected a JSON object.", code="invalid_json")
    if _depth(message) > _DEEPEST:
        raise Rejection("The JSON of your event is nested too deeply.", code="invalid_json")
    return message


def _depth(message: Json) -> int:
    """Return the nesting depth, computed without recursion."""
    level: list[Any] = [message]
    depth = 0
    while level and depth <= _DEEPEST:
        depth += 1
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [each for group in inner for each in group if isinstance(each, dict | list)]
    return depth
