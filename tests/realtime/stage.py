"""A stage for stories of the library: a scripted service, a client, and a trace of what happens.

A trace is text that people read. Each step is a line: what the service sent, what the user called,
how long nothing was done. Under it stands all that came of it: first what the client emitted, each
line with the status at that moment, and the calls that listeners made; then, as ``sent``, what
arrived at the service, in order (with the number of the session from the second on).
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from itertools import groupby
from typing import Any

from rtaudio_daemon import AzureRealTimeAudio, ConnectionChanged, Endpoint, FunctionCall, endpoint
from rtaudio_daemon.protocol.codec import SERVER_EVENTS, Json, wire_name
from tests.realtime.service import Call, Service

DIALECTS = ("ga", "preview", "voice-live")
_OWN_EVENTS = ("init", "status_changed", "function_calls", "connection", "unanswered")
_SETTLE_S = 0.01
_VALUES = ("item_id", "call_id", "transcript", "text", "arguments")
DETECTION = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 600}


def sound(ms: int, value: int = 1) -> bytes:
    """Sound whose samples all have this value, so that a trace can say what it was."""
    return value.to_bytes(2, "little") * (24 * ms)


def _heard(encoded: str) -> str:
    pcm = base64.b64decode(encoded)
    samples = [pcm[at : at + 2] for at in range(0, len(pcm), 2)]
    runs = [(int.from_bytes(value, "little"), len(list(run))) for value, run in groupby(samples)]
    return ", ".join(f"{count / 24:g} ms of {value}" for value, count in runs)


def _plain(value: Any) -> Any:
    """A message as a trace shows it: sound in words, no ids of messages."""
    if isinstance(value, dict):
        shown = {key: each for key, each in value.items() if key != "event_id"}
        return {k: _heard(v) if k == "audio" and isinstance(v, str) else _plain(v)
                for k, v in shown.items()}  # fmt: skip
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _words(value: Any) -> str:
    if isinstance(value, bytes):
        return _heard(base64.b64encode(value).decode())
    return json.dumps(_plain(value), sort_keys=True)


def _masked(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", re.sub(r"\(1006: [^)]*\)", "(1006)", text))


class Stage:
    """`kind` is one of `DIALECTS`. Await each step: when it returns, everything came of it."""

    def __init__(self, kind: str, service: Service) -> None:
        self.kind = kind
        self.lines: list[str] = []
        self.service = service
        self.client: AzureRealTimeAudio
        self.received: list[Json] = []
        self._sent: list[str] = []
        self._greeted: set[int] = set()
        self._settings: Json | None = None
        self._timed_from: float | None = None
        service.on_message = self._note_message

    def open(self, **options: Any) -> None:
        """Make the client; `options` are those of `for_endpoint`."""
        settings = {"voice": "alloy", "turn_detection": DETECTION}
        options = {"session_config": settings, **options}
        self.client = AzureRealTimeAudio.for_endpoint(self._endpoint(), **options)
        for name in (*_OWN_EVENTS, *sorted(SERVER_EVENTS)):
            self.client.on(name, lambda *args, name=name: self._note_event(name, args))

    async def connect(self, *, shown: bool = False, **options: Any) -> None:
        """Make the client and connect it, which is the same in every story."""
        self.open(**options)
        self._step("user: connect()")
        await self.client.connect()
        await self._settle()
        if not shown:
            self.lines.clear()

    async def service_sends(self, name: str, **fields: Any) -> None:
        """The service sends an event, given by its preview name, in the session in use."""
        self._step(f"service: {name}{_note(name, fields)}")
        facts = self.client.session
        in_use = [call for call in self.service.calls if facts and facts.id == call.session_id]
        (call,) = in_use or self.service.calls[-1:]
        await call.send({"type": wire_name(name, self.service.dialect), **fields})
        await self._settle()

    async def user(self, method: str, *args: Any) -> None:
        """The user calls a method, or sets the status."""
        self._step(f"user: {self._call_words(method, args)}")
        self._call(method, args)
        await self._settle()

    def listener(self, method: str, *args: Any) -> None:
        """The same, from inside a listener."""
        self.lines.append(f"             listener: {self._call_words(method, args)}")
        self._call(method, args)

    def on(self, name: str, listener: Callable[..., Any]) -> Callable[[], None]:
        """Let a listener of the story's own hear `name` (after the trace did)."""
        return self.client.on(name, listener)

    async def wait(self, seconds: float) -> None:
        """Let time pass; a status that changes meanwhile gets its time, in whole seconds.

        (When we connect again is a matter of chance, so that what comes of it has no time.)
        """
        self._step(f"wait {seconds:g} s")
        self._timed_from = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        self._timed_from = None
        await self._settle()

    async def drop(self) -> None:
        """The connection breaks."""
        self._step("the connection breaks")
        self.service.calls[-1].cut()
        await self._settle()

    async def session(self, number: int) -> None:
        """Wait for the next session; nobody says how long that takes."""
        self._step(f"wait for session {number}")
        await self.service.call(number)
        await asyncio.sleep(1)
        await self._settle()

    # ------------------------------------------------------------------ what services do

    async def hears_turn(self, item_id: str) -> None:
        """Somebody speaks, and stops."""
        await self.service_sends("input_audio_buffer.speech_started", item_id=item_id)
        await self.takes_turn(item_id)

    async def takes_turn(self, item_id: str) -> None:
        """They stop: the turn becomes an item."""
        await self.service_sends("input_audio_buffer.speech_stopped", item_id=item_id)
        await self.commits(item_id)

    async def commits(self, item_id: str) -> None:
        """The sound so far becomes an item."""
        await self.service_sends("input_audio_buffer.committed", item_id=item_id)
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "type": "message", "role": "user", "status": "completed"}
        await self.service_sends("conversation.item.created", item={**item, "content": content})

    async def begins(self, response_id: str, **response: Any) -> None:
        """It begins an answer; nothing is heard of it yet."""
        body = {"id": response_id, "status": "in_progress", "conversation_id": "conv", "output": []}
        await self.service_sends("response.created", response={**body, **response})

    async def speaks(self, response_id: str, ms: int = 100) -> None:
        """A piece of an answer, in words and sound."""
        place: Json = {"response_id": response_id, "item_id": f"a_{response_id}"}
        place |= {"output_index": 0, "content_index": 0}
        await self.service_sends("response.audio_transcript.delta", **place, delta="Yes. ")
        encoded = base64.b64encode(sound(ms, 7)).decode()
        await self.service_sends("response.audio.delta", **place, delta=encoded)

    async def ends(self, response_id: str, status: str = "completed", **response: Any) -> None:
        """An answer of words ends."""
        item = {"id": f"a_{response_id}", "type": "message", "role": "assistant", "status": status,
                "content": [{"type": "audio", "transcript": "Yes."}]}  # fmt: skip
        body = {"id": response_id, "status": status, "conversation_id": "conv", "output": [item]}
        await self.service_sends("response.done", response={**body, **response})

    async def calls(self, response_id: str, *call_ids: str, status: str = "completed") -> None:
        """An answer that only calls functions, from its beginning to its end."""
        await self.begins(response_id)
        items: list[Json] = []
        for call_id in call_ids:
            item = {"id": f"f_{call_id}", "type": "function_call", "status": "completed"}
            item |= {"call_id": call_id, "name": f"tool_{call_id}", "arguments": "{}"}
            place: Json = {"response_id": response_id, "output_index": len(items)}
            started = {**item, "arguments": "", "status": "in_progress"}
            await self.service_sends("response.output_item.added", **place, item=started)
            place |= {"item_id": item["id"], "call_id": call_id, "arguments": "{}"}
            await self.service_sends("response.function_call_arguments.done", **place)
            items.append(item)
        body = {"id": response_id, "status": status, "conversation_id": "conv", "output": items}
        await self.service_sends("response.done", response=body)

    async def refuses(self, code: str, event_id: str | None = None) -> None:
        """It answers a message with an error."""
        error = {"type": "invalid_request_error", "code": code, "message": f"refused: {code}"}
        await self.service_sends("error", error={**error, "event_id": event_id})

    def last(self, kind: str) -> Json:
        """The newest message of this type that the service received."""
        return [message for message in self.received if message["type"] == kind][-1]

    def finish(self) -> str:
        """The whole trace."""
        self._flush()
        return _masked("\n".join(self.lines)) + "\n"

    # ------------------------------------------------------------------ private

    def _endpoint(self) -> Endpoint:
        if self.kind != "voice-live":
            return self.service.endpoint()
        host_name = self.service.host_name
        return endpoint("azure-voice-live", host_name=host_name, deployment="d")

    async def _settle(self) -> None:
        await asyncio.sleep(_SETTLE_S)
        self._flush()

    def _step(self, words: str) -> None:
        self._flush()
        self.lines.append(words)

    def _flush(self) -> None:
        self.lines += self._sent
        self._sent.clear()

    def _call_words(self, method: str, args: tuple[Any, ...]) -> str:
        return f"{method}({', '.join(map(_words, args))})"

    def _call(self, method: str, args: tuple[Any, ...]) -> None:
        try:
            if method == "status":
                self.client.status = args[0]
            else:
                getattr(self.client, method)(*args)
        except Exception as error:
            self.lines.append(f"             raises {type(error).__name__}: {error}")

    def _note_event(self, name: str, args: tuple[Any, ...]) -> None:
        at = ""
        if self._timed_from is not None and name in ("status_changed", "unanswered"):
            at = f"  [{asyncio.get_running_loop().time() - self._timed_from:.0f} s]"
        words = " ".join(str(_describe(name, each)) for each in args).strip()
        status = self.client.status.value
        self.lines.append(f"  {status:<9}  {name} {words}".rstrip() + at)

    async def _note_message(self, call: Call, message: Json) -> bool:
        self.received.append(message)
        kind, body = message["type"], {k: v for k, v in message.items() if k != "type"}
        words = "" if not _plain(body) else f" {_words(body)}"
        if kind == "input_audio_buffer.append":
            words = f" {_heard(message['audio'])}"
        if call.number not in self._greeted:
            self._greeted.add(call.number)
            self._settings = self._settings or message["session"]
            if message["session"] == self._settings:
                words = " (the settings)"
        number = f"{call.number}: " if call.number > 1 else ""
        self._sent.append(f"  sent {number}{kind}{words}")
        return False


def _describe(name: str, value: Any) -> str:
    if isinstance(value, ConnectionChanged):
        renewals = f" renewals={value.renewals}" if value.renewals else ""
        return f"{value.state.value}{renewals} {value.reason or ''}".strip()
    if isinstance(value, list):
        return " ".join(
            f"{each.call_id}={each.name}({each.arguments})"
            for each in value
            if isinstance(each, FunctionCall)
        )
    return _note(name, value).strip() if isinstance(value, dict) else str(value)


def _note(name: str, fields: Json) -> str:
    """What matters of an event, in a few words."""
    found: list[str] = []
    for key, part in (("response_id", fields), ("id", fields.get("response") or {})):
        found += [str(part[key])] if part.get(key) else []
    response, item = fields.get("response") or {}, fields.get("item") or {}
    if name == "response.done":
        found.append(str(response.get("status")))
    if item:
        found.append(f"{item.get('id')} ({item.get('role') or item.get('type')})")
    found += [str(fields[key]) for key in _VALUES if fields.get(key)]
    if fields.get("error"):
        found.append(str(fields["error"].get("code")))
    return f" {' '.join(found)}" if found else ""
