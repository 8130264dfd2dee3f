"""Checks whether the sound server's default devices cancel echo, as `audio.echo: system` assumes.

Such devices are recognized by the names that PulseAudio's and PipeWire's modules give them.
"""

from __future__ import annotations

from typing import Any, Literal

from .pactl import answer, listed, properties

_NAMED = ("name", "description", "driver")


async def default_device(kind: Literal["source", "sink"]) -> tuple[str, bool]:
    """Return its name ("" if no sound server answers) and whether it cancels echo."""
    name = await answer(f"get-default-{kind}")
    for device in await listed(f"{kind}s") if name else []:
        if device.get("name") == name:
            return name, _cancels(device)
    return "", False


async def no_canceller(microphone: str, loudspeaker: str) -> str | None:
    """Return which device in use cancels no echo, with the remedy; None if none is known to.

    Nothing is known about devices that are named, or if no sound server answers.
    """
    if "none" in (microphone, loudspeaker):
        return None
    if microphone == "default":
        name, cancels = await default_device("source")
        if name and not cancels:
            return _note("microphone", name)
    if loudspeaker == "default":
        name, cancels = await default_device("sink")
        if name and not cancels:
            return _note("loudspeaker", name)
    return None


def _note(side: str, name: str) -> str:
    return (
        f"audio.echo is system, but the default {side}, {name}, cancels no echo: make a device "
        "that does the default (docs/echo.md), or set audio.echo: auto; a speakerphone that "
        "cancels its echo itself needs neither"
    )


def _cancels(device: dict[str, Any]) -> bool:
    names = [*(device.get(each) for each in _NAMED), *properties(device).values()]
    return any("echo-cancel" in str(each).lower().replace(" ", "-") for each in names)
