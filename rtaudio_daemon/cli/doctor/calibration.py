"""The doctor plays a chirp and measures the delay and loudness of its echo in the room."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from ... import config
from ...audio.devices.open import open_microphone, open_speaker
from ...audio.devices.protocols import Device, Microphone
from ...audio.devices.signal_check import SignalCheck
from ...audio.processing.format import BYTES_PER_MS
from ...audio.processing.room_measurement import (
    QUIET_ROOM_DBFS,
    Measurement,
    Proposal,
    advice,
    chirp,
    examine,
    listening_ms,
    proposals,
)
from ...config import edit
from ...errors import ConfigError
from ...notifications import AudioPart, DeviceState
from ...optional_packages import installed
from ...program_name import PROGRAM
from .finding import Finding, failed, passed, warned
from .remedies import Reasons

_PATIENCE_S = 15.0
_CHIRP = AudioPart("doctor", "chirp", 0)
_DEAF = "unmute it or lower its gain (a switch on it, alsamixer, pavucontrol), then try again"
_UNHEARD = "the microphone does not hear the loudspeaker"


async def calibrate(path: str, *, write: bool = False) -> list[Finding]:
    """Measure the echo of the devices in the configuration at `path`; a chirp is audible.

    With `write`, proposed settings are written to that file. Raises ConfigError.
    """
    measured, found, proposed = await measured_room(config.load(path).audio)
    if measured is None:
        return found
    if proposed:
        return found + (written_findings(path, proposed) if write else proposed_findings(proposed))
    none = "the options of config.yaml are right for this room"
    if measured.echo_db is None:
        none = "the loudspeaker was not heard, which speaks for no other options"
    return [*found, passed("written", f"nothing: {none}") if write else passed("proposal", none)]


async def measured_room(
    settings: config.Audio,
) -> tuple[Measurement | None, list[Finding], list[Proposal]]:
    """Return the echo of a chirp (None: not played or not heard), findings, and proposals.

    Raises DeviceError.
    """
    measured = await _measure(settings)
    if isinstance(measured, list):
        return None, measured, []
    can_cancel = installed("livekit.rtc")
    found = _findings(measured, settings.echo, can_cancel=can_cancel)
    return measured, found, proposals(measured, settings, can_cancel=can_cancel)


async def _measure(settings: config.Audio) -> Measurement | list[Finding]:
    reasons = Reasons()
    microphone = open_microphone(settings.input, reasons)
    speaker = open_speaker(replace(settings.output, fallback="none"), reasons)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(microphone.run(), name="microphone"),
            group.create_task(speaker.run(), name="speaker"),
        ]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not speaker.state is microphone.state is DeviceState.OK:
                    await reasons.changed.wait()
                    reasons.changed.clear()
                before_ms, after_ms = listening_ms()
                before = await _hear(microphone, before_ms)
                speaker.play(_CHIRP, chirp())
                speaker.end(_CHIRP)
                after = await _hear(microphone, after_ms)
                if deaf := SignalCheck(after_s=1).feed(before + after):
                    what = f"microphone {microphone.device!r}: {deaf.reason}"
                    return [failed("calibration", what, _DEAF)]
                return examine(before, after)
        except TimeoutError:
            return [
                *_missed("microphone", microphone, reasons, "audio.input.device"),
                *_missed("speaker", speaker, reasons, "audio.output.device"),
            ] or [failed("calibration", "the microphone gives no sound", "try again")]
        finally:
            for task in tasks:
                task.cancel()


def _missed(
    direction: Literal["microphone", "speaker"],
    device: Device,
    reasons: Reasons,
    option: str,
) -> list[Finding]:
    """Return a finding if the device did not become available."""
    if device.state is DeviceState.OK:
        return []
    noun = "microphone" if direction == "microphone" else "loudspeaker"
    reason = reasons.of(direction)
    what = f"{noun} {device.device!r} is {device.state}{': ' if reason else ''}{reason}"
    return [failed("calibration", what, reasons.remedy(direction, option))]


async def _hear(microphone: Microphone, ms: int) -> bytes:
    heard = bytearray()
    async for frame in microphone:
        heard += frame.pcm
        if len(heard) >= ms * BYTES_PER_MS:
            break
    return bytes(heard)


def _findings(measured: Measurement, mode: str, *, can_cancel: bool) -> list[Finding]:
    found = [passed("noise", f"the quiet room is at {measured.noise_dbfs:.0f} dBFS")]
    if measured.delay_ms is None or measured.echo_db is None:
        found.append(_unheard(measured.noise_dbfs, mode))
    else:
        what = f"back after {measured.delay_ms:.0f} ms, at {measured.echo_db:.1f} dB"
        found.append(passed("echo", what))
    remedy = "no option of config.yaml can do that for you"
    return found + [
        warned("advice", each, remedy) for each in advice(measured, can_cancel=can_cancel)
    ]


def _unheard(noise_dbfs: float, mode: str) -> Finding:
    """The chirp was not heard by the microphone; whether the room heard it is unknown."""
    if noise_dbfs >= QUIET_ROOM_DBFS:
        remedy = "try again when the room is quiet, or with the loudspeaker turned up"
        return warned("echo", "the chirp is not found in the noise of the room", remedy)
    if mode in ("off", "system"):
        what = f"{_UNHEARD}, as it should be with audio.echo: {mode} (if the chirp was audible)"
        return passed("echo", what)
    return warned(
        "echo",
        _UNHEARD,
        "was the chirp audible? If not: audio.output.volume, mute, cables, then try again; "
        'if it was, as with headphones, set audio.echo: "off"',
    )


def proposed_findings(
    proposed: list[Proposal], options: str = "--calibrate --write"
) -> list[Finding]:
    """Return the proposals as findings; `options` of the doctor would write them."""
    remedy = f"nothing was written; `{PROGRAM} doctor {options}` would do it"
    return [warned("proposal", _in_words(each), remedy) for each in proposed]


def written_findings(path: str, proposed: list[Proposal]) -> list[Finding]:
    """Return what was written to the configuration at `path`, or why nothing was."""
    try:
        backup = edit.write(path, {each.steps: each.value for each in proposed})
    except ConfigError as error:
        remedy = "nothing was written; change it by hand: "
        remedy += "; ".join(map(_in_words, proposed))
        return [
            failed("written", problem, remedy, config_at_fault=True) for problem in error.problems
        ]
    return [
        *(passed("written", _in_words(each)) for each in proposed),
        passed(
            "written", f"the file as it was is {backup}; `{PROGRAM} reload` applies the new one"
        ),
    ]


def _in_words(proposal: Proposal) -> str:
    return f"{'.'.join(proposal.steps)}: {proposal.now} -> {proposal.value}, as {proposal.why}"
