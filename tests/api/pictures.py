"""Takes the pictures of the page for the documents: script/pictures.

    script/pictures            take them anew
    script/pictures --check    fail when the page has changed since they were taken

Look at them afterwards: docs/page.png, page-dark.png, page-phone.png, page-states.png.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from rtaudio_daemon import config
from rtaudio_daemon.api.server import ApiServer
from rtaudio_daemon.controls import (
    ConnectionStatus,
    DeviceStatus,
    MicrophoneStatus,
    UplinkStatus,
    UsageStatus,
)
from rtaudio_daemon.notifications import (
    ConnectionState,
    DeviceState,
    ModelStatus,
    Transcript,
    TurnFinished,
)
from tests.api.browser import Visit, browsing
from tests.api.test_server import Person

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
TAKEN_OF = DOCS / "page-pictures.sha256"
PICTURES = ("page", "page-dark", "page-phone", "page-states")

_HOURS = [0] * 24
_HOURS[7:10] = 410_000, 1_330_000, 220_000
_HOURS[17:22] = 300_000, 900_000, 2_100_000, 1_500_000, 180_000
_MICROPHONE = MicrophoneStatus(DeviceState.OK, "Jabra Speak 510", None, -58.0)
_SPEAKER = DeviceStatus(DeviceState.OK, "Jabra Speak 510", None)
_OPEN = ConnectionStatus(ConnectionState.OPEN, "azure", "sess_8f21", None, 1, 4, None, False)
_USAGE = UsageStatus(31, 0.4218, 12.6, 2.0, {}, {})
WELL: dict[str, Any] = {
    "microphone": _MICROPHONE,
    "speaker": _SPEAKER,
    "connection": _OPEN,
    "usage": _USAGE,
    "uplink": UplinkStatus(False, sum(_HOURS), sum(_HOURS), _HOURS),
    "persona": {"name": "Nova", "wanted": "Nova", "names": ["Nova", "Max"]},
    "wake_words": [{"word": "hey nova", "heard": 41, "near_misses": 3}],
    "daemon": {"id": "kitchen", "name": "Kitchen"},
    "version": "0.2.0",
    "uptime_s": 93_784.0,
    "volume": 0.7,
}
_TALK = (
    Transcript("user", "Set a timer for the pasta, nine minutes.", True, "item_1"),
    Transcript("assistant", "Nine minutes for the pasta, starting now.", True, "item_2"),
    Transcript("user", "What is the weather tomorrow?", True, "item_3"),
    Transcript("assistant", "Tomorrow begins with fog, and from noon on …", True, "item_4", True),
    Transcript("user", "Stop, that is enough.", True, "item_5"),
)
_WAITS = (820, 940, 760, 1180, 890, 700, 1020, 860, 910, 1340, 780, 830)

_SILENT = replace(_MICROPHONE, level_dbfs=-90.0)
_CLOSED = replace(_OPEN, state=ConnectionState.CLOSED, session_id=None)
_AWAY = replace(_CLOSED, last_error="the host cannot be found")
STATES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("idle", {}),
    (
        "listening",
        {
            "status": ModelStatus.LISTENING,
            "microphone": replace(_MICROPHONE, level_dbfs=-31.0),
            "uplink": replace(WELL["uplink"], open=True),
        },
    ),
    ("thinking", {"status": ModelStatus.THINKING}),
    ("speaking", {"status": ModelStatus.SPEAKING}),
    ("asleep", {"connection": replace(_CLOSED, asleep=True)}),
    ("renewing", {"connection": replace(_OPEN, state=ConnectionState.RENEWING)}),
    ("muted", {"muted": True, "microphone": _SILENT}),
    (
        "deaf",
        {
            "microphone": replace(
                _SILENT, state=DeviceState.DEAF, reason="it delivers digital silence"
            )
        },
    ),
    ("lost", {"speaker": replace(_SPEAKER, state=DeviceState.LOST, reason="it was unplugged")}),
    ("no connection", {"connection": _AWAY}),
    (
        "over budget",
        {
            "connection": replace(_CLOSED, last_error="2.00 of 2.00 are spent today"),
            "usage": replace(_USAGE, cost_today=2.0),
        },
    ),
)


class Kitchen(Person):
    """A daemon that has something to show."""

    def __init__(self) -> None:
        super().__init__()
        self.now = dict(WELL)
        self.level_dbfs = _MICROPHONE.level_dbfs

    def tools(self) -> dict[str, Any]:
        sources = [
            {"name": "timers", "state": "ok", "tools": 5, "note": ""},
            {"name": "home_assistant", "state": "ok", "tools": 14, "note": ""},
        ]
        return {"sources": sources, "tools": 19, "tokens": 1800, "notes": [], "list": []}

    async def settings(self) -> list[dict[str, Any]]:
        def one(name: str, value: Any, configured: Any, *choices: str) -> dict[str, Any]:
            changed = value != configured
            return {
                "name": name,
                "option": name,
                "value": value,
                "configured": configured,
                "changed": changed,
                "choices": list(choices) or None,
            }

        return [
            one("voice", "marin", "alloy", "alloy", "marin"),
            one("persona", "Nova", "Nova", "", "Nova", "Max"),
            one("volume", 0.7, 0.7),
            one("wake_sensitivity", "normal", "normal", "low", "normal", "high"),
            one("echo", "auto", "auto", "auto", "cancel", "off"),
        ]


class Pictured:
    """A daemon that is made of words, and a browser that looks at it."""

    def __init__(self, life: AsyncExitStack) -> None:
        self.person = Kitchen()
        settings = config.Http(port=0, publish_transcripts=True)
        self._server = ApiServer(settings, self.person, boot="b1")
        self._life = life
        self.address = ""

    async def start(self) -> None:
        self.address = await self._life.enter_async_context(self._server.listening())

    async def visit(self, **options: Any) -> Visit:
        """The page with a conversation and turns on it."""
        visit = await self._life.enter_async_context(browsing(self.address, **options))
        await visit.until("document.body.dataset.colour === 'calm'")
        for each in _TALK:
            self._server.publish(each)
        for number, wait in enumerate(_WAITS):
            status = "interrupted" if number == 9 else "completed"
            parts = {"endpoint_ms": wait // 2, "first_audio_ms": wait - 60, "first_sound_ms": wait}
            self._server.publish(TurnFinished(f"resp_{number}", status, parts))
        await visit.until("document.querySelectorAll('#chart g').length === 12")
        await visit.until("document.querySelectorAll('#settings .field').length === 5")
        await visit.page.click("#measure")
        await visit.until("document.querySelectorAll('#curve path').length === 1")
        return visit


def digest() -> str:
    """Of everything that the pictures show."""
    package = ROOT / "rtaudio_daemon"
    paths = [
        *sorted((package / "api").glob("page*.*")),
        *sorted((package / "languages").glob("*.json")),
        package / "status_words.py",
        Path(__file__),
    ]
    content = b"\0".join(path.read_bytes() for path in paths)
    return hashlib.sha256(content).hexdigest()


async def take(folder: Path) -> None:
    """Take all pictures, into this folder."""
    async with AsyncExitStack() as life:
        pictured = Pictured(life)
        await pictured.start()
        wide: dict[str, Any] = {"viewport": {"width": 1100, "height": 800}}
        phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}
        light = await pictured.visit(**wide)
        await light.page.screenshot(path=folder / "page.png", full_page=True)
        shown = await states(pictured, light.page)
        await sheet(light.page, shown, folder / "page-states.png")
        pictured.person.now = dict(WELL)
        pictured.person.level_dbfs = _MICROPHONE.level_dbfs
        dark = await pictured.visit(**wide, color_scheme="dark")
        await dark.page.screenshot(path=folder / "page-dark.png", full_page=True)
        small = await pictured.visit(**phone, color_scheme="dark")
        await small.page.evaluate("scrollTo(0, 0)")
        await small.page.screenshot(path=folder / "page-phone.png")


async def states(pictured: Pictured, page: Page) -> Mapping[str, bytes]:
    """The upper part of the page in each state."""
    await page.emulate_media(reduced_motion="reduce")
    await page.set_viewport_size({"width": 560, "height": 800})
    found = {}
    for name, changes in STATES:
        pictured.person.now = now = {**WELL, **changes}
        pictured.person.level_dbfs = now["microphone"].level_dbfs
        await page.reload()
        stage = page.locator(".stage:visible")
        await page.locator("#connection:visible").wait_for()
        found[name] = await stage.screenshot()
    await page.route("**/api/*", lambda _route: None)
    await page.reload()
    await page.locator("#app:visible").wait_for()
    found["not yet known"] = await page.locator(".stage:visible").screenshot()
    await page.unroute("**/api/*")
    await page.route("**/api/*", lambda route: route.abort())
    await page.reload()
    await page.locator("#detail", has_text="trying again").wait_for()
    found["daemon gone"] = await page.locator(".stage:visible").screenshot()
    return found


async def sheet(page: Page, shown: Mapping[str, bytes], path: Path) -> None:
    """All of them side by side, in one picture."""
    images = "".join(
        f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(each).decode()}">'
        for name, each in shown.items()
    )
    await page.goto("about:blank")
    await page.set_viewport_size({"width": 1120, "height": 800})
    await page.set_content(
        "<style>body{margin:0;padding:1rem;background:#f4f2ee;display:grid;gap:1rem;"
        f"grid-template-columns:1fr 1fr}}img{{width:100%}}</style>{images}"
    )
    await page.screenshot(path=path, full_page=True)


def main(arguments: list[str]) -> int:
    """Take them, or with --check say whether they are old."""
    if arguments == ["--check"]:
        if TAKEN_OF.read_text().strip() == digest():
            return 0
        print("the page has changed since its pictures were taken: run script/pictures")
        return 1
    asyncio.run(take(DOCS))
    TAKEN_OF.write_text(digest() + "\n")
    print(*(f"docs/{name}.png" for name in PICTURES), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
