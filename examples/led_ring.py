"""A ring of lights that shows the status: blue listens, violet thinks, green speaks, red is muted.

    python examples/led_ring.py                          # in the terminal
    python examples/led_ring.py --spi /dev/spidev0.0     # APA102 lights, as on a ReSpeaker HAT

VOICE_URL (http://127.0.0.1:8770) and VOICE_TOKEN say where the daemon is; http.read_token is
enough. For other lights write a class with `show`. The bytes are tested; no ring was tried.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

Colour = tuple[int, int, int]
OFF: Colour = (0, 0, 0)
COLOURS: dict[str, Colour] = {
    "listening": (0, 0, 255),
    "thinking": (160, 0, 255),
    "speaking": (0, 255, 0),
}
RED, AMBER = (255, 0, 0), (255, 120, 0)
STEP_S = 0.1
AGAIN_S = 1.0
SILENT_S = 30.0  # the daemon sends something every 15 s
SPI_IOC_WR_MAX_SPEED_HZ = 0x40046B04


class Ring(Protocol):
    """Lights in a circle."""

    def show(self, colours: Sequence[Colour]) -> None:
        """Show these, one for each light."""


class Terminal:
    """Lights for who has none."""

    def show(self, colours: Sequence[Colour]) -> None:
        dots = "".join(f"\x1b[38;2;{red};{green};{blue}m●" for red, green, blue in colours)
        print(f"{dots}\x1b[0m", flush=True)


class Apa102:
    """APA102 or SK9822 lights at an SPI device; `brightness` 1 to 31."""

    def __init__(self, path: str, brightness: int = 8) -> None:
        self._device = os.open(path, os.O_WRONLY)
        self._brightness = brightness
        fcntl.ioctl(self._device, SPI_IOC_WR_MAX_SPEED_HZ, struct.pack("I", 1_000_000))

    def show(self, colours: Sequence[Colour]) -> None:
        os.write(self._device, apa102(colours, self._brightness))


def apa102(colours: Sequence[Colour], brightness: int = 8) -> bytes:
    """What these lights are sent: 32 zeros, a frame each (brightness, blue, green, red), clocks.

    The end is 32 zeros (for SK9822) and half a clock for each light, which passes the data on late.
    """
    frames = (bytes((0xE0 | brightness, blue, green, red)) for red, green, blue in colours)
    return bytes(4) + b"".join(frames) + bytes(4 + (len(colours) + 15) // 16)


@dataclass
class Shown:
    """What is known of the daemon. `connected` False: it is away."""

    connected: bool = False
    status: str = "idle"
    muted: bool = False

    def note(self, event: str, data: dict[str, Any]) -> None:
        """This happened."""
        if event in ("snapshot", "status"):
            self.status = data["status"]
        if event in ("snapshot", "mute"):
            self.muted = data["muted"]

    def colours(self, size: int, step: int) -> list[Colour]:
        """The lights: one amber while the daemon is away, one that runs while it thinks."""
        lights = [OFF] * size
        if not self.connected:
            lights[0] = AMBER
        elif self.status == "thinking":
            lights[step % size] = COLOURS["thinking"]
        elif self.status in COLOURS:
            lights = [COLOURS[self.status]] * size
        elif self.muted:
            lights = [RED] * size
        return lights


class Events:
    """Server-Sent Events, as they come in pieces; `last` is the id to go on from."""

    def __init__(self) -> None:
        self.last = ""
        self._rest = b""
        self._name = self._id = ""

    def feed(self, piece: bytes) -> list[tuple[str, dict[str, Any]]]:
        """The events that are whole now."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [found for line in lines if (found := self._line(line.decode())) is not None]

    def begin(self) -> None:
        """A new connection."""
        self._rest, self._name, self._id = b"", "", ""

    def _line(self, line: str) -> tuple[str, dict[str, Any]] | None:
        field, _, value = line.partition(": ")
        if field == "id":
            self._id = value
        elif field == "event":
            self._name = value
        elif field == "data":
            self.last = self._id or self.last
            return self._name, json.loads(value)
        return None


async def follow(shown: Shown, changed: asyncio.Event) -> None:
    """Note what happens, for ever."""
    token, events, trouble = os.environ.get("VOICE_TOKEN", ""), Events(), ""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENT_S)
    url = os.environ.get("VOICE_URL", "http://127.0.0.1:8770")
    while True:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if events.last:
            headers["Last-Event-ID"] = events.last
        try:
            async with (
                aiohttp.ClientSession(base_url=url, headers=headers, timeout=timeout) as voice,
                voice.get("/api/events?types=status,mute") as answer,
            ):
                answer.raise_for_status()
                events.begin()
                trouble, shown.connected = "", True
                changed.set()
                async for piece in answer.content.iter_any():
                    for event, data in events.feed(piece):
                        shown.note(event, data)
                        changed.set()
        except (aiohttp.ClientError, TimeoutError) as error:
            if trouble != str(error):
                print(f"the daemon is away: {error}", flush=True)
                trouble = str(error)
        shown.connected = False
        changed.set()
        await asyncio.sleep(AGAIN_S)


async def light(ring: Ring, size: int, shown: Shown, changed: asyncio.Event) -> None:
    """Show what is known whenever it changes, and a step of it while it thinks."""
    step, lit = 0, None
    while True:
        colours = shown.colours(size, step)
        if colours != lit:
            ring.show(colours)
            lit = colours
        changed.clear()
        step += 1
        moving = shown.connected and shown.status == "thinking"
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), STEP_S if moving else None)


async def main(ring: Ring, size: int) -> None:
    shown, changed = Shown(), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow(shown, changed))
            tasks.create_task(light(ring, size, shown, changed))
    finally:
        ring.show([OFF] * size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Show the status by lights.")
    parser.add_argument("--spi", metavar="DEVICE", help="as in /dev/spidev0.0; else the terminal")
    parser.add_argument("--lights", type=int, default=12, help="how many there are (12)")
    arguments = parser.parse_args()
    lights: Ring = Apa102(arguments.spi) if arguments.spi else Terminal()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(lights, arguments.lights))
