"""The first run in a real browser, by keyboard alone, with devices that are really heard."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import SAMPLE_RATE
from tests.api.browser import browsing
from tests.harness import write_wav
from tests.sound_server import SoundServer, sound_server

__all__ = ["sound_server"]
pytestmark = [pytest.mark.sound, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


class Person:
    """Uses a keyboard, and no mouse."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.seen = ""

    async def choose(self, value: str) -> None:
        """Take the choice of this value; what comes next is in `seen`."""
        press = self._page.keyboard.press
        for _ in range(5):
            await press("Tab")
            if await self._focus("type") == "radio":
                break
        await press("Space")
        for _ in range(20):
            if await self._focus("value") == value:
                break
            await press("ArrowDown")
        assert await self._focus("value") == value
        await self._go_on()

    async def write(self, text: str) -> None:
        """Write it where the cursor stands already."""
        assert await self._focus("type") in ("text", "password")
        await self._page.keyboard.type(text)
        await self._go_on()

    async def look(self) -> str:
        """What the page says as soon as it asks something, or has come to its end."""
        async with asyncio.timeout(60):
            while await self._page.locator('meta[http-equiv="refresh"]').count():
                await asyncio.sleep(0.2)
        self.seen = await self._page.locator("main").inner_text()
        return self.seen

    async def _go_on(self) -> None:
        async with self._page.expect_navigation():
            await self._page.keyboard.press("Enter")
        await self.look()

    async def _focus(self, what: str) -> str:
        return str(await self._page.evaluate(f"document.activeElement.{what}"))


async def test_devices_are_heard_and_measured_by_keyboard_alone(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sound_server.echo()
    sound_server.say(hiss(tmp_path / "hiss.wav"))
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "daemon.py"), "setup", "--page"),
        cwd=tmp_path,
        env={**os.environ, **sound_server.environment, "RTAUDIO_CONFIG": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    address = (await program.stdout.readline()).decode().rpartition(" ")[2].strip()
    async with browsing(locale="de-DE") as visit:
        await visit.page.goto(address)
        person = Person(visit.page)
        assert "1 von 6: Dienst" in await person.look()
        await person.choose("simulator")
        assert "2 von 6: Mikrofon" in person.seen
        await person.choose("default")
        assert re.search(r"ok +Mikrofon: Standard hört den Raum mit -\d+ dBFS", person.seen)
        await person.choose("default")
        heard = r"ok +Lautsprecher: Standard kommt etwa \d+ ms später im Mikrofon an, mit -\d+ dBFS"
        assert re.search(heard, person.seen)
        await person.choose("measure")
        assert re.search(r"ok +Echo: nach \d+ ms zurück, mit -?\d+\.\d dB", person.seen)
        if "Den Vorschlag übernehmen?" in person.seen:
            await person.choose("yes")
        await person.choose("push_to_talk")
        await person.write("")  # no Home Assistant
        await person.choose("write")
        assert "config.yaml ist geschrieben." in person.seen
        assert visit.complaints == []
    assert await program.wait() == 0
    assert config.load(tmp_path / "config.yaml").audio.listen == "push_to_talk"


def hiss(path: Path) -> Path:
    """A minute and a half of a quiet room: a microphone is never quite silent."""
    noise = np.random.default_rng(1).normal(0, 30, 90 * SAMPLE_RATE).astype("<i2")
    return write_wav(path, noise)
