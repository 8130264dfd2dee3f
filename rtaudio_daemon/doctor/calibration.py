"""The doctor plays a chirp and says how late and how loud the room sends it back."""

from __future__ import annotations

import asyncio
import importlib.util

from .. import config
from ..audio.calibration import Measurement, advice, chirp, examine, listening_ms
from ..audio.devices import open_microphone, open_speaker
from ..audio.format import BYTES_PER_MS
from ..audio.interface import Microphone
from ..events import AudioPart, DeviceState
from .finding import Finding, failed, passed, warned

_PATIENCE_S = 15.0
_CHIRP = AudioPart("doctor", "chirp", 0)


async def calibrate(settings: config.Audio) -> list[Finding]:
    """Measure the echo of the configured devices; a chirp of a second is heard."""
    changed = asyncio.Event()
    microphone = open_microphone(settings.input, on_change=lambda _change: changed.set())
    speaker = open_speaker(
        settings.output.device,
        on_happening=lambda _happening: None,
        on_change=lambda _change: changed.set(),
        volume=settings.output.volume,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(microphone.run(), name="microphone"),
            group.create_task(speaker.run(), name="speaker"),
        ]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not speaker.state is microphone.state is DeviceState.OK:
                    await changed.wait()
                    changed.clear()
                before_ms, after_ms = listening_ms()
                before = await _hear(microphone, before_ms)
                speaker.play(_CHIRP, chirp())
                speaker.end(_CHIRP)
                measured = examine(before, await _hear(microphone, after_ms))
        except TimeoutError:
            what = f"microphone {microphone.state}, loudspeaker {speaker.state}"
            return [failed("calibration", what, "see the findings of `daemon.py doctor`")]
        finally:
            for task in tasks:
                task.cancel()
    return _findings(measured)


async def _hear(microphone: Microphone, ms: int) -> bytes:
    heard = bytearray()
    async for frame in microphone:
        heard += frame.pcm
        if len(heard) >= ms * BYTES_PER_MS:
            break
    return bytes(heard)


def _findings(measured: Measurement) -> list[Finding]:
    found = [passed("noise", f"the quiet room is at {measured.noise_dbfs:.0f} dBFS")]
    if measured.delay_ms is None or measured.echo_db is None:
        found.append(passed("echo", "the microphone does not hear the loudspeaker"))
    else:
        what = f"back after {measured.delay_ms:.0f} ms, at {measured.echo_db:.1f} dB"
        found.append(passed("echo", what))
    can_cancel = importlib.util.find_spec("livekit") is not None
    remedy = "in config.yaml, if you like; nothing was written"
    return found + [
        warned("advice", each, remedy) for each in advice(measured, can_cancel=can_cancel)
    ]
