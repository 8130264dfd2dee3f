"""Measures the echo of the room with the devices in use, while nobody speaks."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from ..audio.processing.format import BYTES_PER_MS
from ..audio.processing.room_measurement import advice, chirp, decay, examine, listening_ms
from ..errors import NotNowError
from ..notifications import DeviceState, ModelStatus
from ..optional_packages import installed
from .assistant import Assistant

_PATIENCE_S = 5.0  # longer than the sound
_WHY = "nothing was measured: "


class EchoMeasurement:
    """Plays a chirp on `assistant` and records it; one at a time."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._lock = asyncio.Lock()

    async def measure(self) -> dict[str, Any]:
        """Measure; return the result for `POST /api/measure_echo`. Raises NotNowError."""
        if self._lock.locked():
            raise NotNowError(f"{_WHY}another measurement is under way")
        async with self._lock:
            self._check()
            before_ms, after_ms = listening_ms()
            before = await self._hear(before_ms)
            self._check()
            if not self._assistant.play_measured(chirp()):
                raise NotNowError(f"{_WHY}there is no loudspeaker")
            heard = await self._hear(after_ms)
        measured = examine(before, heard)
        return {
            **asdict(measured),
            "advice": advice(measured, can_cancel=installed("livekit.rtc")),
            "curve": decay(heard, measured),
        }

    def _check(self) -> None:
        assistant = self._assistant
        if assistant.microphone_input.gate.muted:
            raise NotNowError(f"{_WHY}the microphone is muted; unmute it first")
        if assistant.status.status is not ModelStatus.IDLE:
            raise NotNowError(f"{_WHY}somebody speaks; try again when it is quiet")
        assistant.devices.need_microphone()
        if assistant.speaker is None or assistant.speaker.state is not DeviceState.OK:
            raise NotNowError(f"{_WHY}there is no loudspeaker, or it is lost")

    async def _hear(self, ms: int) -> bytes:
        """Record `ms` of the microphone's sound from now on."""
        microphone_input, heard = self._assistant.microphone_input, bytearray()
        frames: asyncio.Queue[bytes] = asyncio.Queue()
        microphone_input.tap = frames
        try:
            async with asyncio.timeout(ms / 1000 + _PATIENCE_S):
                while len(heard) < ms * BYTES_PER_MS:
                    heard += await frames.get()
        except TimeoutError:
            self._check()
            raise NotNowError(f"{_WHY}the microphone gives no sound") from None
        finally:
            microphone_input.tap = None
        return bytes(heard)
