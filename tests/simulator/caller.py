"""A plain client: sends what a test asks for and checks every answer against the SDK's types."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from openai import AsyncAzureOpenAI

from rtaudio_daemon.protocol.event_decoding import ACTED_ON, decode
from rtaudio_daemon.protocol.events import Unknown
from rtaudio_daemon.simulator.model.simulated_session import SimulatedSession
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.strict import assert_valid_client_events, assert_valid_server_events

PATHS: dict[Dialect, str] = {
    "ga": "/openai/v1/realtime?model=gpt-realtime",
    "preview": "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime",
}
_PATIENCE_S = 20.0


class EnergyHearing:
    """Hears speech in everything loud: 32 ms at a time, as the real one."""

    _FRAME_BYTES = 32 * 48

    def __init__(self) -> None:
        self._rest = b""

    def probabilities(self, pcm: bytes) -> Iterator[float]:
        self._rest += pcm
        while len(self._rest) >= self._FRAME_BYTES:
            frame, self._rest = self._rest[: self._FRAME_BYTES], self._rest[self._FRAME_BYTES :]
            yield 1.0 if any(frame) else 0.0


def loud(ms: int) -> bytes:
    return b"\x00\x10" * (24 * ms)


def quiet(ms: int) -> bytes:
    return bytes(48 * ms)


class Caller:
    """`events` holds everything received so far, in order."""

    def __init__(
        self, dialect: Dialect, socket: aiohttp.ClientWebSocketResponse, session: SimulatedSession
    ) -> None:
        self.dialect: Dialect = dialect
        self.socket = socket
        self.session = session
        self.events: list[dict[str, Any]] = []

    async def send(self, kind: str, *, valid: bool = True, **fields: Any) -> None:
        message = {"type": kind, **fields}
        if valid:
            assert_valid_client_events(self.dialect, [message])
        await self.socket.send_json(message)

    async def speak(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 4800):
            audio = base64.b64encode(pcm[at : at + 4800]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def until(self, *kinds: str) -> dict[str, Any]:
        """Receive up to and with the first event of one of these types."""
        names = {GA_NAMES.get(kind, kind) if self.dialect == "ga" else kind for kind in kinds}
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                event = self._checked(await self.socket.receive_str())
                self.events.append(event)
                if event["type"] in names:
                    return event

    def _checked(self, text: str) -> dict[str, Any]:
        """An event, valid as the SDK has it, and understood by our own client."""
        event: dict[str, Any] = json.loads(text)
        assert_valid_server_events(self.dialect, [event])
        message = decode(text)
        assert isinstance(message.event, Unknown) == (message.name not in ACTED_ON), text
        assert not message.malformed, text
        return event

    async def refusal(self) -> dict[str, Any]:
        error: dict[str, Any] = (await self.until("error"))["error"]
        return error

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events received so far of a type, given by its preview name."""
        name = GA_NAMES.get(kind, kind) if self.dialect == "ga" else kind
        return [event for event in self.events if event["type"] == name]

    def kinds(self) -> list[str]:
        """The types received so far, repeated deltas once, under their preview names."""
        names: list[str] = []
        for event in self.events:
            name = _HOUSE_NAMES.get(event["type"], event["type"])
            if not (name.endswith(".delta") and name in names):
                names.append(name)
        return names

    async def push_to_talk(self, **audio_input: Any) -> None:
        await self.configure(turn_detection=None, **audio_input)

    async def configure(self, **audio_input: Any) -> None:
        """Change settings of the input: turn_detection, transcription."""
        if self.dialect == "ga":
            session: dict[str, Any] = {"type": "realtime", "audio": {"input": audio_input}}
        else:
            names = {"transcription": "input_audio_transcription"}
            session = {names.get(key, key): value for key, value in audio_input.items()}
        await self.send("session.update", session=session)
        await self.until("session.updated")

    async def write(self, text: str, item_id: str | None = None) -> None:
        item: dict[str, Any] = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        await self.send(
            "conversation.item.create", item=item | ({"id": item_id} if item_id else {})
        )

    def sound(self) -> bytes:
        deltas = (event["delta"] for event in self.of("response.audio.delta"))
        return b"".join(base64.b64decode(delta) for delta in deltas)

    def in_text(self) -> dict[str, Any]:
        """The response setting that asks for text only."""
        key = "output_modalities" if self.dialect == "ga" else "modalities"
        return {key: ["text"]}


@asynccontextmanager
async def call(simulator: Simulator, dialect: Dialect) -> AsyncIterator[Caller]:
    """A connection that has been greeted."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(simulator.url + PATHS[dialect], max_msg_size=0) as socket,
    ):
        caller = Caller(dialect, socket, simulator.sessions[-1])
        caller.events.append(caller._checked(await socket.receive_str()))
        if dialect == "preview":
            await caller.until("conversation.created")
        yield caller


GA_NAMES = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "conversation.item.created": "conversation.item.added",
}
_HOUSE_NAMES = {ga: harness for harness, ga in GA_NAMES.items()}


def preview_client(url: str, key: str) -> AsyncAzureOpenAI:
    """The official SDK's client of the preview dialect, at a simulator."""
    return AsyncAzureOpenAI(
        api_key=key,
        azure_endpoint="https://unused.invalid",
        api_version="2025-04-01-preview",
        websocket_base_url=f"{url}/openai",
    )
