"""A whole house for a story: the daemon, a service to talk to, and somebody who speaks.

The microphone and the loudspeaker are WAV files, everything else is the real thing: the HTTP
server with a subscriber, the WebSocket, the voice activity detectors on both sides.
"""

from __future__ import annotations

import asyncio
import json
import time
import wave
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import numpy as np
from numpy.typing import NDArray

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.protocols import Microphone
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, SAMPLE_RATE
from rtaudio_daemon.daemon.app import App
from rtaudio_daemon.notifications import DeviceChanged, DeviceCode, DeviceState
from rtaudio_daemon.simulator.model.reply import ReplyFunction
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.strict import Dialect, assert_valid_client_events, assert_valid_server_events

KEY = "sesame-open-the-door-please"
PATIENCE_S = 60.0

Samples = NDArray[np.float64]


def speech(name: str) -> bytes:
    """A bundled recording as pcm: hello (2.5 s), weather (5.1 s) or stop (2.8 s)."""
    return read_wav(Path(str(files("rtaudio_daemon") / "recordings" / f"{name}.wav")))


def write_wav(path: Path, sound: bytes | Samples) -> Path:
    """A WAV file of this pcm, or of these samples, which are clipped."""
    if not isinstance(sound, bytes):
        sound = np.clip(sound, -32768, 32767).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(sound)
    return path


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def find(needle: Samples, haystack: Samples) -> tuple[int, float]:
    """Where `needle` is in `haystack` (sample) and how alike the two are there (0 to 1)."""
    size = 1 << (len(haystack) + len(needle)).bit_length()  # other lengths take many times longer
    spectrum = np.fft.rfft(haystack, size) * np.conj(np.fft.rfft(needle, size))
    likeness = np.fft.irfft(spectrum, size)[: max(1, len(haystack) - len(needle) + 1)]
    at = int(np.argmax(likeness))
    there = haystack[at : at + len(needle)]
    norm = float(np.linalg.norm(needle[: len(there)]) * np.linalg.norm(there))
    return at, float(likeness[at]) / norm if norm else 0.0


def last_sound(heard: Samples, level: float = 60.0) -> int:
    """The sample after the last one that is louder than `level`."""
    loud = np.flatnonzero(np.abs(heard) > level)
    return int(loud[-1]) + 1 if len(loud) else 0


def by_the_gate(settings: config.Config) -> config.Config:
    """The service detects no turns; the gate ends them."""
    session = settings.realtime.session
    session = replace(session, turn_detection=replace(session.turn_detection, type="none"))
    return replace(settings, realtime=replace(settings.realtime, session=session))


def by_the_service(settings: config.Config) -> config.Config:
    """The service detects the turns, as is usual."""
    return settings


class Harness:
    """`said`: what the person says, as (silence before in ms, pcm). Use with ``async with``.

    At the end every message of both sides has been held against the official types.
    """

    def __init__(
        self,
        folder: Path,
        said: Iterable[tuple[int, bytes]] = (),
        *,
        dialect: Dialect = "ga",
        reply: ReplyFunction | None = None,
        simulator: Simulator | None = None,
        change: Callable[[config.Config], config.Config] = lambda settings: settings,
        state: Path | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.dialect = dialect
        self._wall_clock = wall_clock
        self.microphone = folder / "microphone.wav"
        self.loudspeaker = folder / "loudspeaker.wav"
        self.simulator = simulator or Simulator(api_key=KEY, reply=reply)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.times: list[float] = []
        self.http: aiohttp.ClientSession
        self.app: App
        self.edit: Callable[[config.Config], config.Config] = lambda settings: settings
        """What a person changes in the configuration before the next reload."""
        self._change = change
        self._state = state
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self._parts = AsyncExitStack()
        self._write_microphone(said)

    async def __aenter__(self) -> Self:
        await self._parts.enter_async_context(self.simulator)
        self.app = App(
            self.settings(),
            load=lambda: self.edit(self.settings()),
            state=self._state,
            wall_clock=self._wall_clock,
        )
        ready = asyncio.Event()
        self._daemon = asyncio.create_task(self.app.run(self._stop, ready.set), name="daemon")
        await self._either(ready.wait())
        self.http = await self._parts.enter_async_context(
            aiohttp.ClientSession(base_url=self.app.address)
        )
        self._reader = asyncio.create_task(self._read_events(), name="subscriber")
        await self.until(lambda: self.named("snapshot"))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        await asyncio.wait_for(self._daemon, PATIENCE_S)
        await asyncio.wait_for(self._reader, PATIENCE_S)
        await self._parts.aclose()
        if kind is None:
            for session in self.simulator.sessions:
                if session.received:
                    assert_valid_client_events(self.dialect, session.received)
                assert_valid_server_events(self.dialect, session.sent)

    # ------------------------------------------------------------------ looking

    def named(self, name: str) -> list[dict[str, Any]]:
        """The data of every event of this name so far."""
        return [data for event, data in self.events if event == name]

    def reports_of(self, direction: str) -> list[dict[str, Any]]:
        """What the subscriber saw of the microphone or the speaker since it was first tried.

        It may have been tried before the subscriber came; the snapshot has the result then.
        """
        (snapshot,) = self.named("snapshot")
        before = {"direction": direction, **snapshot[direction]}
        seen = [before, *(one for one in self.named("device") if one["direction"] == direction)]
        return [one for one in seen if one["reason"] != "it was not opened yet"]

    @property
    def statuses(self) -> list[str]:
        """Every status so far, as the subscriber saw it."""
        return [data["status"] for name, data in self.events if name in ("snapshot", "status")]

    def time_of(self, status: str, nth: int = 0) -> float:
        """When (virtual seconds) the subscriber heard of this status for the nth time."""
        times = [
            time
            for time, (name, data) in zip(self.times, self.events, strict=True)
            if name == "status" and data["status"] == status
        ]
        return times[nth]

    def received(self, kind: str) -> list[dict[str, Any]]:
        """What the service received of this type, over all sessions."""
        return [
            message
            for session in self.simulator.sessions
            for message in session.received
            if message["type"] == kind
        ]

    def heard(self) -> Samples:
        """What the loudspeaker played so far (complete after the house was left)."""
        return samples(read_wav(self.loudspeaker))

    async def until(self, met: Callable[[], Any]) -> None:
        """Wait for a condition on the events; fails after a minute (virtual)."""
        async with asyncio.timeout(PATIENCE_S):
            while not met():
                await self._either(self._news.wait())
                self._news.clear()

    async def until_it_can_talk(self) -> None:
        """Wait for the microphone, the loudspeaker and the session."""
        await self.until(
            lambda: (
                self.app.assistant.connection.state.is_up
                and (now := self.app.controls.snapshot()).microphone.state == "ok"
                and now.speaker.state == "ok"
            )
        )

    async def turns(self, count: int) -> None:
        """Wait until the daemon has spoken and fallen silent so many times."""
        await self.until(lambda: self._answers() >= count)

    def lose_microphone(
        self,
        state: DeviceState = DeviceState.LOST,
        why: str = "it was unplugged",
        code: DeviceCode = DeviceCode.LOST,
    ) -> None:
        """Pull its plug, as far as a file has one; or it delivers nothing any more (`DEAF`)."""
        self.device().pause(True)
        change = DeviceChanged("microphone", state, "microphone", why, code)
        self.app.assistant.device_changed(change)

    def find_microphone(self) -> None:
        """Plug it in again: it hears what is said from now on."""
        self.app.assistant.device_changed(DeviceChanged("microphone", DeviceState.OK, "microphone"))
        self.device().pause(False)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        async with self.http.post(path, json=body or {}) as answer:
            return answer.status, await answer.json()

    async def status(self) -> dict[str, Any]:
        async with self.http.get("/api/status") as answer:
            assert answer.status == 200
            return dict(await answer.json())

    # ------------------------------------------------------------------ making

    def device(self) -> Microphone:
        """The microphone."""
        microphone = self.app.assistant.microphone_input.microphone
        assert microphone is not None
        return microphone

    def _answers(self) -> int:
        return sum(
            1
            for data in self.named("status")
            if data["previous"] == "speaking" and data["status"] == "idle"
        )

    def settings(self) -> config.Config:
        """The configuration that the daemon is started with."""
        preview = self.dialect == "preview"
        settings = config.Config()
        realtime = replace(
            settings.realtime,
            profile="azure-preview" if preview else "azure",
            host_name=self.simulator.url,
            deployment="gpt-realtime",
            api_version="2025-04-01-preview" if preview else "v1",
            api_key=config.Secret(KEY),
        )
        audio = replace(
            settings.audio,
            input=replace(settings.audio.input, device=f"wav:{self.microphone}"),
            output=replace(settings.audio.output, device=f"wav:{self.loudspeaker}"),
        )
        http = replace(settings.http, port=0, publish_transcripts=True)
        return self._change(replace(settings, realtime=realtime, audio=audio, http=http))

    def _write_microphone(self, said: Iterable[tuple[int, bytes]]) -> None:
        parts = [bytes(silence_ms * BYTES_PER_MS) + pcm for silence_ms, pcm in said]
        write_wav(self.microphone, b"".join(parts))

    async def _read_events(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.http.get("/api/events", timeout=aiohttp.ClientTimeout()) as answer:
            name = ""
            async for raw in answer.content:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    self.events.append((name, json.loads(line[6:])))
                    self.times.append(loop.time())
                    self._news.set()

    async def _either(self, waiting: Awaitable[Any]) -> None:
        """Wait, but not longer than the daemon lives."""
        task = asyncio.ensure_future(waiting)
        await asyncio.wait({task, self._daemon}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await self._daemon
            raise AssertionError("the daemon ended")
