"""Checks how the loudspeaker's echo is handled, by `audio.echo` and by the sound server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from ... import config
from ...audio.devices.system_aec import default_device
from ...optional_packages import how_to_install, installed
from .finding import Finding, passed, warned

MAKE_ONE = (
    "make one with `pactl load-module module-echo-cancel aec_method=webrtc use_master_format=1 "
    "source_name=ec_mic sink_name=ec_spk`, then `pactl set-default-source ec_mic`, `pactl "
    "set-default-sink ec_spk` (for good: docs/echo.md), and leave both devices at default; a "
    "speakerphone that cancels its echo itself needs none"
)
_EASIER = (
    ". People interrupt more easily where the echo is cancelled: "
    f"`{how_to_install('livekit.rtc')}`, then restart the daemon, or use a device that cancels it "
    "(docs/echo.md)"
)


async def check_echo(settings: config.Audio) -> AsyncIterator[Finding]:
    """Yield whether something keeps the loudspeaker's sound out of the microphone."""
    if "none" not in (settings.input.device, settings.output.device):
        yield await _judged(settings)


async def _judged(settings: config.Audio) -> Finding:
    if settings.echo == "system":
        return await _system(settings)
    if settings.echo == "off":
        return passed("echo", "nothing is done about it, as is right for headphones")
    if settings.echo != "half_duplex" and installed("livekit.rtc"):
        return passed("echo", "the daemon cancels it")
    said = "half duplex: only clear speech interrupts an answer"
    if settings.echo != "half_duplex":
        said += f", as the package livekit is not installed{_EASIER}"
    return passed("echo", said)


async def _system(settings: config.Audio) -> Finding:
    sides: tuple[tuple[str, str, Literal["source", "sink"]], ...] = (
        ("microphone", settings.input.device, "source"),
        ("loudspeaker", settings.output.device, "sink"),
    )
    for side, device, kind in sides:
        if device != "default":
            what = f"whether {device!r} cancels echo is not known here"
            return warned("echo", what, f"leave it at default and {MAKE_ONE}")
        name, cancels = await default_device(kind)
        if not name:
            what = "no sound server answers, and audio.echo: system needs one that cancels"
            return warned("echo", what, "sudo apt install pulseaudio-utils; or audio.echo: auto")
        if not cancels:
            return warned("echo", f"the default {side}, {name}, cancels no echo", MAKE_ONE)
    return passed("echo", "the sound server cancels it")
