"""USB sound devices by the port that they are plugged into, from sysfs.

The place (such as `1-1.3`: bus 1, port 1, port 3 of the hub there) is the same after a reboot, and
distinguishes identical devices. Standard library only: this runs in the audio process.
"""

from __future__ import annotations

import os
import re

_PLACE = re.compile(r"\d+-\d+(\.\d+)*")
_CARD = re.compile(r"\(hw:(\d+),\d+\)")


def places(sysfs: str | os.PathLike[str] = "/sys") -> dict[int, str]:
    """Return the place of every USB sound card, by card number."""
    found = {}
    cards = os.path.join(sysfs, "class", "sound")
    for card in sorted(os.listdir(cards) if os.path.isdir(cards) else ()):
        number = card.removeprefix("card")
        if number == card or not number.isdigit():
            continue
        device = os.path.realpath(os.path.join(cards, card, "device"))
        steps = [step for step in device.split(os.sep) if _PLACE.fullmatch(step)]
        if steps:
            found[int(number)] = steps[-1]
    return found


def place_of(name: str, by_card: dict[int, str]) -> str | None:
    """Return the place of the device with this name, in which PortAudio gives the card number."""
    card = _CARD.search(name)
    return by_card.get(int(card[1])) if card else None
