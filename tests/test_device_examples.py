"""examples/button.py and examples/led_ring.py: their bytes, and both against a live HTTP API."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from examples.button import INPUT_EVENT, key_changes
from examples.led_ring import AMBER, COLOURS, OFF, RED, Events, Shown, apa102
from rtaudio_daemon import config
from rtaudio_daemon.api.server import ApiServer
from rtaudio_daemon.notifications import ModelStatus, MuteChanged, StatusChanged
from tests.api.test_server import Person
from tests.waiting import until

ROOT = Path(__file__).parent.parent
TOKEN = "sesame-" * 6
ENTER = 28
# The Enter key of a keyboard on 64 bit: scan code, pressed, two repeats, scan code, released.
RECORDED = bytes.fromhex(
    "15c30a6b00000000 45480b0000000000 0400040028000700"
    "15c30a6b00000000 45480b0000000000 01001c0001000000"
    "15c30a6b00000000 45480b0000000000 0000000000000000"
    "16c30a6b00000000 c81b000000000000 01001c0002000000"
    "16c30a6b00000000 c81b000000000000 0000000001000000"
    "16c30a6b00000000 109d000000000000 01001c0002000000"
    "16c30a6b00000000 109d000000000000 0000000001000000"
    "16c30a6b00000000 e8ee000000000000 0400040028000700"
    "16c30a6b00000000 e8ee000000000000 01001c0000000000"
    "16c30a6b00000000 e8ee000000000000 0000000000000000"
)
PRESSED, RELEASED = RECORDED[: 3 * INPUT_EVENT.size], RECORDED[-3 * INPUT_EVENT.size :]
DROPPED = INPUT_EVENT.pack(1, 0, 0, 3, 0)


def test_a_key_that_is_held_is_pressed_once_and_released_once() -> None:
    assert key_changes(RECORDED) == [True, False]
    assert key_changes(RECORDED, ENTER) == [True, False]
    assert key_changes(RECORDED, ENTER + 1) == []
    assert key_changes(PRESSED + DROPPED) == [True, False], "the release may be lost"
    assert key_changes(b"") == []


def test_lights_get_a_frame_each_between_start_and_clocks() -> None:
    start, end = bytes(4), bytes(5)
    assert apa102([(1, 2, 3), (255, 0, 0)], 31) == start + b"\xff\3\2\1\xff\0\0\xff" + end
    assert len(apa102([OFF] * 12)) == 4 + 12 * 4 + 4 + 1
    assert len(apa102([OFF] * 300)) == 4 + 300 * 4 + 4 + 19


def test_the_lights_say_what_is_known() -> None:
    shown = Shown()
    assert shown.colours(3, 5) == [AMBER, OFF, OFF], "away"
    shown.connected = True
    shown.note("snapshot", {"status": "idle", "muted": True})
    assert shown.colours(3, 5) == [RED] * 3
    shown.note("mute", {"muted": False})
    assert shown.colours(3, 5) == [OFF] * 3
    shown.note("status", {"status": "thinking", "previous": "listening"})
    assert shown.colours(3, 5) == [OFF, OFF, COLOURS["thinking"]]
    shown.note("shutdown", {})
    shown.note("status", {"status": "speaking", "previous": "thinking"})
    assert shown.colours(3, 5) == [COLOURS["speaking"]] * 3


def test_events_come_in_any_pieces() -> None:
    events = Events()
    text = (
        'retry: 2000\nid: b1-7\nevent: snapshot\ndata: {"device": "Küche"}\n\n'
        ': still here\nid: b1-8\nevent: status\ndata: {"status": "speaking"}\n\n'
    ).encode()
    found = [each for at in range(len(text)) for each in events.feed(text[at : at + 1])]
    assert found == [("snapshot", {"device": "Küche"}), ("status", {"status": "speaking"})]
    assert events.last == "b1-8"
    events.feed(b"id: b1-9\nevent: sta")
    events.begin()
    assert events.feed(b'data: {"a": 1}\n') == [("", {"a": 1})]
    assert events.last == "b1-8", "half an event is asked for again"


@asynccontextmanager
async def daemon(
    person: Person, boot: str, former: ApiServer | None = None
) -> AsyncIterator[ApiServer]:
    """An HTTP API with a token, where the `former` one was."""
    port = int(former.address.rpartition(":")[2]) if former else 0
    settings = config.Http(port=port, token=config.Secret(TOKEN))
    server = ApiServer(settings, person, boot=boot)
    async with server.listening():
        yield server


class Example:
    """A running example; `lines`: what it prints."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @asynccontextmanager
    async def running(self, address: str, name: str, *arguments: str) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "examples" / name),
            *arguments,
            env={"PATH": os.environ["PATH"], "VOICE_URL": address, "VOICE_TOKEN": TOKEN},
            stdout=asyncio.subprocess.PIPE,
        )
        reader = asyncio.create_task(self._read(process))
        try:
            yield
        finally:
            process.terminate()
            await process.wait()
            await reader

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.lines.append(line.decode().rstrip())

    @property
    def lit(self) -> list[str]:
        """The lines with lights."""
        return [line for line in self.lines if "●" in line]


@pytest.mark.real_time
async def test_a_button_talks_also_after_a_restart_of_the_daemon(tmp_path: Path) -> None:
    device, person, example = tmp_path / "event3", Person(), Example()
    async with AsyncExitStack() as parts:
        async with daemon(person, "b1") as server:
            running = example.running(server.address, "button.py", str(device))
            await parts.enter_async_context(running)
            await until(lambda: example.lines)  # it is not plugged in
            os.mkfifo(device)
            button = os.open(device, os.O_RDWR)
            parts.callback(os.close, button)
            os.write(button, PRESSED)
            await until(lambda: person.told == ["listen"])
            os.write(button, RECORDED[len(PRESSED) :])
            await until(lambda: person.told == ["listen", "listened"])
        os.write(button, RECORDED)
        await until(lambda: sum("daemon" in line for line in example.lines) == 2)
        async with daemon(person, "b2", server):
            os.write(button, RECORDED)
            await until(lambda: person.told == ["listen", "listened"] * 2)


def toggled(person: Person, times: int) -> bool:
    return len(person.told) == times


@pytest.mark.real_time
async def test_a_button_mutes_and_unmutes(tmp_path: Path) -> None:
    device, person, example = tmp_path / "event3", Person(), Example()
    os.mkfifo(device)
    button = os.open(device, os.O_RDWR)
    async with daemon(person, "b1") as server:
        options = ("--mute", "--key", str(ENTER))
        async with example.running(server.address, "button.py", str(device), *options):
            for number in (1, 2, 3):
                os.write(button, RECORDED)
                await until(partial(toggled, person, number))
    os.close(button)
    assert person.told == ["mute", "unmute", "mute"]


@pytest.mark.real_time
async def test_a_ring_follows_the_status_also_after_a_restart_of_the_daemon() -> None:
    person, example = Person(), Example()

    def shows(*colours: tuple[int, int, int]) -> bool:
        dots = "".join(f"\x1b[38;2;{red};{green};{blue}m●" for red, green, blue in colours)
        return example.lit[-1:] == [f"{dots}\x1b[0m"]

    async with AsyncExitStack() as parts:
        async with daemon(person, "b1") as server:
            running = example.running(server.address, "led_ring.py", "--lights", "2")
            await parts.enter_async_context(running)
            await until(lambda: shows(OFF, OFF))
            for status in (ModelStatus.LISTENING, ModelStatus.SPEAKING):
                server.publish(StatusChanged(status, ModelStatus.IDLE))
                await until(partial(shows, *[COLOURS[status]] * 2))
            server.publish(StatusChanged(ModelStatus.IDLE, ModelStatus.SPEAKING))
            server.publish(MuteChanged(True))
            await until(lambda: shows(RED, RED))
        await until(lambda: shows(AMBER, OFF))
        async with daemon(person, "b2", server):
            await until(lambda: shows(OFF, OFF))
