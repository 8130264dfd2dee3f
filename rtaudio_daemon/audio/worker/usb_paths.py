"""USB sound devices by the place where they are plugged in, from sysfs.

The place (as in `1-1.3`: bus 1, port 1 of it, port 3 of the hub there) is the same after a reboot,
and differs between two equal devices. Standard library only: it runs in the audio process.
"""

from __future__ import annotations

import os
import re

_PLACE = re.compile(r"\d+-\d+(\.\d+)*")
_CARD = re.compile(r"\(hw:(\d+),\d+\)")


def places(sysfs: str | os.PathLike[str] = "/sys") -> dict[int, str]:
    """The place of every sound card on USB, by the number of the card."""
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
    """Where the device of this name is plugged in; PortAudio names the card by its number."""
    card = _CARD.search(name)
    return by_card.get(int(card[1])) if card else None
