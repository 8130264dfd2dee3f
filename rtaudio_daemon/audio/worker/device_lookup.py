"""Finds the device that a name in the configuration refers to.

Standard library only: this runs in the audio process, since device numbers are valid only there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ...device_codes import DeviceCode
from ...errors import DeviceError

Direction = Literal["input", "output"]
_NOUN = {"input": "microphone", "output": "loudspeaker"}


class DeviceInfo(NamedTuple):
    """A device in one direction. `number` is PortAudio's number, valid in one process only.

    `place`: the USB port that it is plugged into, such as 1-1.3. `rates`: which of the daemon's
    sample rates it accepts now; none if another program uses it exclusively; None if unknown.
    """

    name: str
    direction: Direction
    default: bool
    channels: int
    number: int
    place: str | None = None
    rates: tuple[int, ...] | None = None


def find_device(devices: Sequence[DeviceInfo], wanted: str, direction: Direction) -> DeviceInfo:
    """Return the device that `wanted` names: `default`, usb:PLACE, a name, or a unique part of one.

    Case is ignored. A name never refers to a device with another name. Raises DeviceError that
    says what there is instead; its code is `not_found` or `no_device` if nothing matches.
    """
    there = [device for device in devices if device.direction == direction]
    noun = _NOUN[direction]
    if not there:
        raise DeviceError(f"there is no {noun}", code=DeviceCode.NO_DEVICE)
    if wanted == "default":
        return next((device for device in there if device.default), there[0])
    if wanted.startswith("usb:"):
        return _plugged_in_at(wanted.removeprefix("usb:"), there, noun)
    whole = [device for device in there if device.name.casefold() == wanted.casefold()]
    some = whole or [device for device in there if wanted.casefold() in device.name.casefold()]
    if len(some) == 1 or (whole and len({device.name for device in whole}) == 1):
        return some[0]
    if some:
        raise DeviceError(
            f"{wanted!r} names several {noun}s, write more of one name: {_listed(some)}",
            code=DeviceCode.AMBIGUOUS,
        )
    what = f"no {noun} is called {wanted!r}; {_suggestion(there, wanted)}"
    raise DeviceError(what, code=DeviceCode.NOT_FOUND)


def _plugged_in_at(place: str, there: Sequence[DeviceInfo], noun: str) -> DeviceInfo:
    for device in there:
        if device.place == place:
            return device
    known = ", ".join(f"usb:{device.place} ({device.name})" for device in there if device.place)
    what = f"there is {known}" if known else f"no {noun} on USB is found"
    what = f"no {noun} is plugged in at usb:{place}; {what}"
    raise DeviceError(what, code=DeviceCode.NOT_FOUND)


def _suggestion(there: Sequence[DeviceInfo], wanted: str) -> str:
    from difflib import get_close_matches  # uses memory, and is rarely needed

    by_folded = {device.name.casefold(): device for device in there}
    near = get_close_matches(wanted.casefold(), by_folded, n=3, cutoff=0.5)
    if near:
        return f"did you mean {_listed([by_folded[name] for name in near])}?"
    return f"there is {_listed(there)}"


def _listed(devices: Sequence[DeviceInfo]) -> str:
    names = sorted({device.name for device in devices})
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more
