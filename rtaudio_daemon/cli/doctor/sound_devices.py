"""The doctor's checks of sound devices: the list, the microphone's signal, and a test tone."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ... import config
from ...audio.devices.open import list_devices, open_microphone, open_speaker
from ...audio.devices.protocols import Microphone, Speaker
from ...audio.devices.signal_check import DITHER
from ...audio.devices.worker_supervisor import NO_SERVER, RESTART
from ...audio.processing.format import BYTES_PER_MS, FRAME_BYTES, SAMPLE_RATE, SILENCE_DBFS, dbfs
from ...audio.worker.alsa_cards import find_or_explain
from ...audio.worker.device_lookup import DeviceInfo, Direction, find_device
from ...errors import DeviceError
from ...notifications import AudioPart, DeviceCode, DeviceState
from .finding import Finding, failed, passed, warned
from .remedies import Reasons, remedy_for

_OPEN_S = 5.0
_LISTEN_MS = 2000
_TONE_HZ = 1000
_TONE_MS = 600
_QUIET_DBFS = -75.0
_CLIPPED = 32_000
_UNCLEAN_DBFS = -45.0  # an offset or hum below this is normal
_MAINS_HZ = (50, 60)
_COMPARE_MS = 1000
_CANCELLED_DB = 20.0
_SEE_DEVICES = "see devices, above"
_PART = AudioPart("doctor", "tone", 0)
_NOTHING = DeviceError("PortAudio finds no sound device to listen to", code=DeviceCode.NO_DEVICE)


async def check_sound(settings: config.Audio, *, tone: bool = False) -> AsyncIterator[Finding]:
    """Check devices, microphone, loudspeaker, and with `tone` both together."""
    why_none: list[DeviceError] = []
    try:
        devices = await list_devices(on_none=why_none.append)
    except DeviceError as error:
        if error.code is DeviceCode.STUCK:
            yield failed("devices", NO_SERVER, RESTART)
        else:
            yield failed("devices", str(error), "sudo apt install libportaudio2 libasound2-plugins")
        return
    inputs = sum(each.direction == "input" for each in devices)
    outputs = len(devices) - inputs
    real = not settings.input.device.startswith(("wav:", "none"))
    missed = not inputs and real
    yield _counted(inputs, outputs, missed, why_none[0] if why_none else _NOTHING)
    loudspeaker = _named(devices, "output", settings.output) or _there(
        devices, settings.output, tone=tone
    )
    yield _once(loudspeaker) if missed and not outputs else loudspeaker
    if settings.input.device == "none":
        yield passed("microphone", "none, as configured")
        return
    if unknown := _named(devices, "input", settings.input):
        yield unknown
        if unknown.verdict == "fail":
            return
    reasons = Reasons()
    try:
        microphone = open_microphone(settings.input, reasons)
    except DeviceError as error:
        yield failed("microphone", str(error), "correct audio.input.device")
        return
    async with running(microphone):
        heard = await listen(microphone, _LISTEN_MS)
        judged = _judged(microphone, heard, reasons)
        yield _once(judged) if missed else judged
        for unclean in _unclean(heard):
            yield unclean
        if tone and heard and loudspeaker.verdict != "fail":
            yield await _tone(settings.output, microphone)
    if heard and settings.input.channel != "right" and real:
        for cancelled in _compared(heard, await _right_channel(settings.input)):
            yield cancelled


def _counted(inputs: int, outputs: int, missed: bool, why: DeviceError) -> Finding:
    """Return how many devices there are; `why` there is no microphone, if one is `missed`."""
    what = f"{inputs} microphones, {outputs} loudspeakers"
    if not missed:
        return passed("devices", what)
    options = "audio.input.device" + ("" if outputs else " and audio.output.device")
    return warned("devices", f"{what}: {why}", remedy_for(why.code, options))


def _once(finding: Finding) -> Finding:
    """Return a finding about a missing device without the remedy, which was given before."""
    return replace(finding, remedy=_SEE_DEVICES) if finding.verdict == "warn" else finding


def _named(
    devices: list[DeviceInfo], direction: Direction, settings: config.Input | config.Output
) -> Finding | None:
    """Return what is wrong with the name of a device, if anything, without opening one."""
    device = settings.device
    if device in ("default", "none") or device.startswith("wav:"):
        return None
    try:
        find_or_explain(devices, device, direction)
    except DeviceError as error:
        noun = "microphone" if direction == "input" else "loudspeaker"
        remedy = remedy_for(error.code, f"audio.{direction}.device")
        if settings.fallback == "default":
            return warned(noun, f"{error}; the default is used meanwhile", remedy)
        return failed(noun, str(error), remedy)
    return None


def _there(devices: list[DeviceInfo], settings: config.Output, *, tone: bool) -> Finding:
    """Return what is known about the loudspeaker without opening it; `tone`: one follows."""
    if settings.device == "none":
        return passed("loudspeaker", "none, as configured")
    if settings.device.startswith("wav:"):
        return passed("loudspeaker", settings.device)
    if not any(each.direction == "output" for each in devices):
        remedy = remedy_for(DeviceCode.NO_DEVICE, "audio.output.device")
        return warned("loudspeaker", "there is none", remedy)
    found = find_device(devices, settings.device, "output")
    if found.rates == ():
        what = f"{found.name} does not open now: another program may use it"
        return warned("loudspeaker", what, "`fuser -v /dev/snd/*` shows which; is it the daemon?")
    hint = "" if tone else "; with --tone it is heard"
    return passed("loudspeaker", f"{found.name} is there{hint}")


@asynccontextmanager
async def running(device: Microphone | Speaker) -> AsyncIterator[None]:
    """Keep the device running for the duration of the context."""
    task = asyncio.create_task(device.run(), name="device")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def listen(microphone: Microphone, ms: int) -> bytes:
    """Record this much sound, or what arrives in time."""
    heard = bytearray()

    async def listen() -> None:
        async for frame in microphone:
            heard.extend(frame.pcm)
            if len(heard) >= ms * BYTES_PER_MS:
                return

    task = asyncio.create_task(listen(), name="listen")
    deadline = asyncio.get_running_loop().time() + _OPEN_S + ms / 1000
    while not task.done() and asyncio.get_running_loop().time() < deadline:
        await asyncio.wait([task], timeout=1.0)
        if microphone.state is DeviceState.NONE:
            break
    task.cancel()
    await asyncio.wait([task])
    return bytes(heard)


def _judged(microphone: Microphone, heard: bytes, reasons: Reasons) -> Finding:
    name = f"{microphone.device}"
    if not heard:
        reason = reasons.of("microphone")
        why = f": {reason}" if reason else ""
        remedy = reasons.remedy("microphone", "audio.input.device")
        if microphone.state is DeviceState.NONE:
            return warned("microphone", f"there is none{why}", remedy)
        return failed("microphone", f"{name} gives no sound{why}", remedy)
    samples = np.frombuffer(heard, dtype="<i2")
    level = dbfs(heard)
    if int(samples.max()) - int(samples.min()) <= DITHER:
        remedy = "it is muted (alsamixer, pavucontrol), or a switch on it is off"
        return failed("microphone", f"{name} delivers digital silence", remedy)
    clipped = int((np.abs(samples.astype(np.int32)) >= _CLIPPED).sum())
    if clipped > len(samples) / 1000:
        what = f"{name} is overdriven: {clipped} of {len(samples)} samples at full scale"
        return warned("microphone", what, "lower the capture level: alsamixer -V capture")
    if level < _QUIET_DBFS:
        what = f"{name} is very quiet: {level:.0f} dBFS"
        return warned("microphone", what, "raise the capture level: alsamixer -V capture")
    return passed("microphone", f"{name} hears the room at {level:.0f} dBFS")


def _unclean(heard: bytes) -> Iterator[Finding]:
    """Yield interference below the sound, which leaves less headroom for a voice."""
    samples = np.frombuffer(heard, dtype="<i2").astype(np.float64)
    mean = samples.mean() if len(samples) else 0.0
    hums = [(f"mains hum of {hertz} Hz", _strength(samples - mean, hertz)) for hertz in _MAINS_HZ]
    for what, amplitude in (("a constant offset", abs(mean)), *hums):
        level = 20 * math.log10(max(amplitude, 1.0) / 32768)
        if level > _UNCLEAN_DBFS:
            remedy = "try another USB port, cable, power supply or sound card"
            yield warned("interference", f"{what} at {level:.0f} dBFS lies under the sound", remedy)


async def _right_channel(settings: config.Input) -> bytes:
    """Record a second of the right channel alone."""
    microphone = open_microphone(replace(settings, channel="right"), Reasons())
    async with running(microphone):
        return await listen(microphone, _COMPARE_MS)


def _compared(heard: bytes, right: bytes) -> Iterator[Finding]:
    """Yield whether the microphone's channels cancel each other when mixed."""
    louder = _usual_dbfs(right) - _usual_dbfs(heard)
    if louder > _CANCELLED_DB:
        what = (
            f"the right channel alone is {louder:.0f} dB louder than what is heard: the channels "
            "cancel each other, or only the right one has a microphone"
        )
        yield warned("channels", what, "set audio.input.channel: right")


def _usual_dbfs(pcm: bytes) -> float:
    """Return the level of most frames, regardless of brief events."""
    frames = range(0, len(pcm), FRAME_BYTES)
    return median([dbfs(pcm[at : at + FRAME_BYTES]) for at in frames] or [SILENCE_DBFS])


async def _tone(settings: config.Output, microphone: Microphone) -> Finding:
    """Play a tone, and search for it in the microphone's sound."""
    reasons = Reasons()
    try:
        speaker = open_speaker(replace(settings, fallback="none"), reasons)
    except DeviceError as error:
        return failed("loudspeaker", str(error), "correct audio.output.device")
    async with running(speaker):
        before = _tone_strength(await listen(microphone, 500))
        deadline = asyncio.get_running_loop().time() + _OPEN_S
        while speaker.state is not DeviceState.OK:
            if asyncio.get_running_loop().time() > deadline:
                reason = reasons.of("speaker")
                what = f"{speaker.device} cannot be opened{': ' if reason else ''}{reason}"
                return failed("loudspeaker", what, reasons.remedy("speaker", "audio.output.device"))
            await asyncio.sleep(0.05)
        speaker.play(_PART, _pcm())
        speaker.end(_PART)
        heard = await listen(microphone, _TONE_MS + 900)
    return _heard_tone(speaker.device, before, heard)


def _heard_tone(device: str, before: float, heard: bytes) -> Finding:
    step = 20 * BYTES_PER_MS
    strengths = [
        _tone_strength(heard[at : at + step]) for at in range(0, len(heard) - step + 1, step)
    ]
    loudest = max(strengths, default=0.0)
    if loudest < 3 * before + 5:
        what = f"the microphone does not hear the tone that {device} plays"
        return warned(
            "loudspeaker", what, "was it heard in the room? If not: volume, mute, cables; else fine"
        )
    delay_ms = 20 * next(i for i, each in enumerate(strengths) if each > loudest / 2)
    level = 20 * math.log10(loudest / 32768)
    what = f"{device} is heard by the microphone about {delay_ms} ms later, at {level:.0f} dBFS"
    return passed("loudspeaker", what)


def _pcm() -> bytes:
    count = SAMPLE_RATE * _TONE_MS // 1000
    wave = [int(8000 * math.sin(2 * math.pi * _TONE_HZ * n / SAMPLE_RATE)) for n in range(count)]
    return array("h", wave).tobytes()


def _tone_strength(pcm: bytes) -> float:
    """Return the amplitude of our tone in `pcm`."""
    return _strength(np.frombuffer(pcm, dtype="<i2").astype(np.float64), _TONE_HZ)


def _strength(samples: NDArray[np.float64], hertz: int) -> float:
    """The amplitude of a tone of this pitch."""
    if not len(samples):
        return 0.0
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / SAMPLE_RATE)
    return float(2 * abs(np.dot(samples, turns)) / len(samples))
