"""The sound cards that the kernel knows, including those that PortAudio does not list.

PortAudio probes a card by opening it, so it misses a card that another program uses exclusively.
Standard library only: this runs in the audio process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...device_codes import DeviceCode
from ...errors import DeviceError
from .device_lookup import DeviceInfo, Direction, find_device
from .usb_paths import places

NO_PERMISSION = (
    "no permission for the sound devices; put the user into the group audio "
    "(`sudo usermod -aG audio USER`) and log in again; services without a login have "
    "it after `sudo systemctl restart user@UID` or when the machine starts again"
)
_ROOT = Path("/")
_CARD = re.compile(r"^ *(\d+) \[[^]]*\]: .*? - (.+)$", re.MULTILINE)
_PCM = re.compile(r"^(\d+)-(\d+): (.*)$", re.MULTILINE)
_STREAM = {"input": "capture", "output": "playback"}


@dataclass(frozen=True, slots=True)
class Hardware:
    """One device of a card in one direction."""

    card: int
    device: int
    name: str
    direction: Direction


def find_or_explain(
    devices: Sequence[DeviceInfo], wanted: str, direction: Direction, root: Path = _ROOT
) -> DeviceInfo:
    """Like `find_device`, but the DeviceError also names a matching card that does not open."""
    try:
        return find_device(devices, wanted, direction)
    except DeviceError as error:
        if error.code not in (DeviceCode.NOT_FOUND, DeviceCode.NO_DEVICE):
            raise
        closed = closed_card(wanted, direction, root)
        if closed is None:
            raise
        raise DeviceError(f"{error}; {closed}", code=closed.code) from error


def closed_card(wanted: str, direction: Direction, root: Path = _ROOT) -> DeviceError | None:
    """Return why the card with the name or place `wanted` does not open; None: no such card.

    Called when PortAudio does not list that card.
    """
    by_card = places(root / "sys")
    for one in hardware(_read(root / "proc/asound/cards"), _read(root / "proc/asound/pcm")):
        if one.direction != direction or not _fits(one, wanted, by_card.get(one.card)):
            continue
        there = f"card {one.card} ({one.name}) is there, but"
        if denied(root / "dev/snd", f"pcmC{one.card}D*"):
            what = f"{there} there is {NO_PERMISSION}"
            return DeviceError(what, code=DeviceCode.NO_PERMISSION)
        what = f"{there} does not open now: does another program use it? (`fuser -v /dev/snd/*`)"
        return DeviceError(what, code=DeviceCode.BUSY)
    return None


def hardware(cards: str, pcm: str) -> Iterator[Hardware]:
    """Yield the devices in the text of /proc/asound/cards and /proc/asound/pcm."""
    names = {int(number): name.strip() for number, name in _CARD.findall(cards)}
    for card, device, properties in _PCM.findall(pcm):
        directions: tuple[Direction, Direction] = ("input", "output")
        for direction in directions:
            if f": {_STREAM[direction]} " in properties and int(card) in names:
                yield Hardware(int(card), int(device), names[int(card)], direction)


def no_device(folder: Path = _ROOT / "dev/snd") -> DeviceError:
    """Return why PortAudio may find no device at all."""
    if denied(folder, "pcm*"):
        return DeviceError(NO_PERMISSION, code=DeviceCode.NO_PERMISSION)
    return DeviceError("PortAudio finds no sound device", code=DeviceCode.NO_DEVICE)


def denied(folder: Path, pattern: str) -> bool:
    """Return whether we lack access to a device file in `folder` that matches `pattern`."""
    return any(not os.access(path, os.R_OK | os.W_OK) for path in folder.glob(pattern))


def _fits(one: Hardware, wanted: str, place: str | None) -> bool:
    if wanted.startswith("usb:"):
        return place == wanted.removeprefix("usb:")
    # PortAudio says "Desk: Audio (hw:1,0)"; the middle part is unknown here.
    short = re.sub(r": .*?(?= \(hw:|$)", "", wanted)
    return short.casefold() in f"{one.name} (hw:{one.card},{one.device})".casefold()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
