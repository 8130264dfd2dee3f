"""Somebody who talks to a client of the simulator, in real-time pace, on virtual time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from rtaudio_daemon import AzureRealTimeAudio
from rtaudio_daemon.notifications import ConnectionChanged
from rtaudio_daemon.protocol.codec import Json
from rtaudio_daemon.protocol.endpoint import endpoint
from rtaudio_daemon.realtime.options import SessionPolicy
from rtaudio_daemon.simulator.model.simulated_session import SimulatedSession
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import EnergyHearing
from tests.strict import assert_valid_client_events
from tests.voice_live import assert_valid_voice_live_messages

FRAME_MS = 20
PROFILES = {"ga": "azure", "preview": "azure-preview", "voice-live": "azure-voice-live"}
SETTINGS: Json = {
    "voice": "alloy",
    "modalities": ["audio", "text"],
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
}


def sentence(ms: int, seed: int = 1) -> bytes:
    """Sound that is loud all the time and like no other."""
    return bytes(random.Random(seed).choices(range(1, 100), k=48 * ms))


class Talk:
    """One client, the service it talks to, and everything that the client told."""

    def __init__(self, simulator: Simulator, client: AzureRealTimeAudio) -> None:
        self.simulator = simulator
        self.client = client
        self.changes: list[ConnectionChanged] = []
        self.events: list[Json] = []
        self.statuses: list[str] = []
        client.on("connection", self.changes.append)
        client.on("status_changed", lambda status, _previous: self.statuses.append(status.value))
        for name in (
            "error",
            "response.created",
            "response.done",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.committed",
            "conversation.item.created",
            "conversation.item.input_audio_transcription.completed",
        ):
            client.on(name, self.events.append)

    @property
    def session(self) -> SimulatedSession:
        """The service's side of the newest session."""
        return self.simulator.sessions[-1]

    @property
    def states(self) -> list[str]:
        return [change.state.value for change in self.changes]

    def named(self, name: str) -> list[Json]:
        return [event for event in self.events if event["type"] == name]

    async def say(self, pcm: bytes) -> None:
        """Speak, frame by frame."""
        size = FRAME_MS * 48
        for at in range(0, len(pcm), size):
            self.client.append_audio(pcm[at : at + size])
            await asyncio.sleep(FRAME_MS / 1000)

    async def pause(self, ms: int = 1000) -> None:
        """Say nothing into the open microphone."""
        await self.say(bytes(48 * ms))

    async def turn(self, pcm: bytes) -> None:
        """Speak, and hear the answer to its end."""
        done = len(self.named("response.done"))
        await self.say(pcm)
        await self.pause()
        await self.until(lambda: len(self.named("response.done")) > done)
        self.client.set_model_speak_done()

    async def until(self, met: Callable[[], object], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not met():
                await asyncio.sleep(0.05)


@asynccontextmanager
async def talking(
    kind: str = "ga",
    *,
    policy: SessionPolicy | None = None,
    settings: Json | None = None,
    options: Json | None = None,
    connect: bool = True,
    wall_clock: Callable[[], float] = time.time,
    **simulator: Any,
) -> AsyncIterator[Talk]:
    """`kind`: ga, preview or voice-live. What the client sent is valid in its dialect."""
    given: dict[str, Any] = {"voice_detector": EnergyHearing, "voice": "tone", **simulator}
    async with Simulator(**given) as service:
        place = endpoint(
            PROFILES[kind],
            host_name=service.url,
            deployment="gpt-realtime",
            api_version="2025-04-01-preview" if kind == "preview" else "v1",
        )
        client = AzureRealTimeAudio.for_endpoint(
            place,
            session_config=settings or SETTINGS,
            policy=policy,
            websocket_options=options,
            wall_clock=wall_clock,
        )
        talk = Talk(service, client)
        try:
            if connect:
                await client.connect()
            yield talk
        finally:
            await client.close()
        for session in service.sessions:
            if kind == "voice-live" and session.received:
                assert_valid_voice_live_messages(session.received)
            elif session.received:
                assert_valid_client_events("ga" if kind == "ga" else "preview", session.received)
