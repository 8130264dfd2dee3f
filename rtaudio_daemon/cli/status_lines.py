"""The status of a daemon in a few lines for people."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from typing import Any

from ..language import words
from ..protocol.bounds import printable
from ..status_words import Colour, colour, conditions, headline, sentences

_ANSI: Mapping[Colour, str] = {
    "calm": "1",
    "listening": "1;34",
    "thinking": "1;33",
    "speaking": "1;32",
    "rest": "1;35",
    "bad": "1;31",
    "none": "2",
}


def status_lines(status: Mapping[str, Any], *, coloured: bool = False) -> list[str]:
    """Return the content of `/api/status`; fields that an older daemon lacks are left out.

    Anything that could control a terminal is escaped, except with `coloured` the state's colour.
    """
    found, english = conditions(status), words()
    state = headline(found, english)
    if coloured:
        state = f"\x1b[{_ANSI[colour(found)]}m{state}\x1b[0m"
    first, *others = sentences(found, english)
    given = {each.reason for each in found}
    facts = [f"{name:<12} {text}" for name, text in _facts(status, given)]
    notes = [f"not as configured: {each}" for each in status.get("sound", {}).get("notes", ())]
    return [f"{state}: {printable(first)}", *map(printable, [*others, *facts, *notes])]


def _facts(status: Mapping[str, Any], given: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield names and texts; reasons that were `given` before are left out."""
    for name, key in (("microphone", "microphone"), ("loudspeaker", "speaker")):
        if device := status.get(key):
            reason = device.get("reason") or ""
            why = f" ({reason})" if reason and reason not in given else ""
            yield name, f"{device.get('device', 'none')}{why}"
    if (volume := status.get("volume")) is not None:
        yield "volume", f"{volume * 100:.0f} %"
    if uplink := status.get("uplink"):
        now = "sound is sent to the service now" if uplink["open"] else "sound stays here now"
        since = "today" if "today" in uplink else "since the start"
        yield "sound", f"{now}; {size(uplink.get('today', uplink['bytes']))} sent {since}"
    if usage := status.get("usage"):
        limit = usage.get("daily_limit")
        of = f" of {limit:g}" if limit is not None else ""
        count = usage.get("responses", 0)
        answers = "1 answer" if count == 1 else f"{count} answers"
        yield "cost", f"{usage.get('cost_today', 0):.3f}{of} today, {answers} since the start"
    for timer in status.get("timers", ()):
        called = timer["name"] or timer["text"] or timer["at"] or "without a name"
        left = "rings" if timer["state"] == "ringing" else f"{span(timer['left_s'])} left"
        yield timer["kind"], f"{called}: {left}"
    if chosen := status.get("chosen"):
        named = ", ".join(f"{name} {value or 'nobody special'}" for name, value in chosen.items())
        yield "chosen", f"{named} (on the page, instead of what is configured)"
    if "version" in status:
        yield "daemon", f"version {status['version']}, up for {span(status.get('uptime_s', 0))}"


def size(count: float) -> str:
    """Return a number of bytes, such as `1.2 MB`."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def span(seconds: float) -> str:
    """Return a duration, such as `2 d 03:04:05` or `03:04:05`."""
    whole = max(0, math.ceil(seconds))
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {clock}" if days else clock
