"""What becomes of the loudspeaker's echo: by `audio.echo`, and where a device should cancel it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from .. import config
from ..audio.pactl import answer, listed, properties
from ..packages import installed
from .finding import Finding, passed, warned

MAKE_ONE = (
    "make one with `pactl load-module module-echo-cancel aec_method=webrtc use_master_format=1 "
    "source_name=ec_mic sink_name=ec_spk`, then `pactl set-default-source ec_mic`, `pactl "
    "set-default-sink ec_spk` (for good: docs/audio.md), and leave both devices at default; a "
    "speakerphone that cancels its echo itself needs none"
)
_NAMED = ("name", "description", "driver")


async def echo(settings: config.Audio) -> AsyncIterator[Finding]:
    """Whether something keeps the loudspeaker out of the microphone."""
    if "none" not in (settings.input.device, settings.output.device):
        yield await _judged(settings)


async def _judged(settings: config.Audio) -> Finding:
    if settings.echo == "system":
        return await _system(settings)
    if settings.echo == "off":
        return passed("echo", "nothing is done about it, as is right for headphones")
    if settings.echo != "half_duplex" and installed("livekit.rtc"):
        return passed("echo", "the daemon cancels it")
    without = "" if settings.echo == "half_duplex" else ", as the package livekit is not installed"
    return passed("echo", f"half duplex: only clear speech interrupts an answer{without}")


async def _system(settings: config.Audio) -> Finding:
    for side, device, kind in (
        ("microphone", settings.input.device, "source"),
        ("loudspeaker", settings.output.device, "sink"),
    ):
        if device != "default":
            what = f"whether {device!r} cancels echo is not known here"
            return warned("echo", what, f"leave it at default and {MAKE_ONE}")
        name = await answer(f"get-default-{kind}")
        if not name:
            what = "no sound server answers, and audio.echo: system needs one that cancels"
            return warned("echo", what, "sudo apt install pulseaudio-utils; or audio.echo: auto")
        found = [each for each in await listed(f"{kind}s") if each.get("name") == name]
        if not any(map(_cancels, found)):
            return warned("echo", f"the default {side}, {name}, cancels no echo", MAKE_ONE)
    return passed("echo", "the sound server cancels it")


def _cancels(device: dict[str, Any]) -> bool:
    """As far as its names tell: PulseAudio's and PipeWire's modules both say so."""
    told = [*(device.get(each) for each in _NAMED), *properties(device).values()]
    return any("echo-cancel" in str(each).lower().replace(" ", "-") for each in told)
