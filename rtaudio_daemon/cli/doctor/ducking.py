"""Checks whether other programs can be lowered, if `audio.duck` requests it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ... import config
from ...audio.devices.ducking_ways import find_way
from ...user_folders import state_folder
from .finding import Finding, passed, warned

_WAYS = {
    "module": "PulseAudio makes other programs softer",
    "roles": "WirePlumber makes other programs softer",
    "volumes": (
        "the volumes of other programs are changed one by one; WirePlumber 0.5 or newer can do it "
        "itself (docs/audio.md)"
    ),
}


async def check_ducking(settings: config.Audio) -> AsyncIterator[Finding]:
    """Yield the way in which other programs would be lowered for the present user."""
    if settings.duck == "off":
        return
    found = await find_way(keeps=state_folder() is not None)
    if found.note:
        yield warned("ducking", found.note, "docs/audio.md, The radio goes quiet while it speaks")
    else:
        yield passed("ducking", _WAYS[found.name])
