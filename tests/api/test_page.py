"""The page in a real browser: a whole conversation, the lock, and what goes wrong."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.api import page
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.notifications import (
    DeviceChanged,
    DeviceState,
    ErrorReported,
    ModelStatus,
    SoundChanged,
    Transcript,
    TurnFinished,
)
from rtaudio_daemon.simulator.model.reply import Reply
from tests.api.browser import Visit, browsing
from tests.api.test_server import HttpApi
from tests.harness import Harness, speech

pytestmark = [pytest.mark.real_time, pytest.mark.alone]
TOKEN = "sesame-" * 6
PICTURES = os.environ.get("RTAUDIO_PICTURES")  # a folder for screenshots, to look at


async def picture(visit: Visit, name: str) -> None:
    if PICTURES:
        await visit.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


async def status_is(visit: Visit, status: str) -> None:
    await visit.until(f"document.getElementById('word').textContent === '{status}'")


async def test_a_whole_conversation_is_seen_and_steered_from_the_page(tmp_path: Path) -> None:
    # Up to the first pause: a pause as long as that of "stop" ends a turn now and then.
    said = [(4000, speech("hello")), (2000, speech("hello")[: 850 * BYTES_PER_MS])]
    replies = iter(
        [Reply("Rain, then <b>sun</b>.", speech("weather")), Reply("Fine.", speech("stop"))]
    )
    harness = Harness(
        tmp_path, said, reply=lambda _turn: next(replies, Reply("Yes.", speech("hello")))
    )
    async with browsing() as visit, harness:
        await visit.open(harness.app.address)
        await status_is(visit, "idle")
        assert await visit.words("connection") == "Connected"
        assert await visit.words("uplink") == "○ Sound stays here"
        await picture(visit, "page-idle")
        await visit.until("document.getElementById('uplink').textContent.startsWith('●')")
        loud = "Number(document.getElementById('meter').getAttribute('aria-valuenow')) > -50"
        await visit.until(loud)
        turn = ("listening", "thinking", "speaking")
        await visit.saw("idle", *turn, *turn)  # the first answer is interrupted
        await picture(visit, "page-speaking")
        await visit.saw("idle", *turn, *turn, "idle")
        assert "sun</b>" in await visit.words("log"), "words are words, never markup"
        assert await visit.page.locator("#log b b").count() == 0
        assert await visit.page.locator("#chart rect").count() == 2
        assert re.match(r"Last \d+ ms", await visit.words("chartwords"))
        assert "sent so far" in await visit.words("sent")

        await visit.page.click("#mute")
        await visit.until("document.getElementById('mute').getAttribute('aria-pressed') === 'true'")
        assert (await harness.status())["muted"] is True
        await visit.page.keyboard.press("Enter")  # the focus is still there
        await visit.until("document.getElementById('mute').textContent === 'Mute'")
        await visit.page.fill("#text", "Will it rain?")
        await visit.page.press("#text", "Enter")
        await status_is(visit, "speaking")
        await visit.page.click("#interrupt")
        await status_is(visit, "idle")
        await visit.page.focus("#volume")
        for _ in range(4):
            await visit.page.keyboard.press("ArrowLeft")
        await visit.until("document.getElementById('percent').textContent === '80 %'")
        await visit.page.focus("#interrupt")
        await harness.until(lambda: True)
        await until_volume(harness, 0.8)
        await harness.post("/api/volume", {"level": 0.35})
        await visit.until("document.getElementById('percent').textContent === '35 %'")
        await visit.until("document.getElementById('volume').value === '35'")
        await picture(visit, "page-light")
        assert visit.complaints == []
        assert {url.split("/")[2] for url in visit.asked if not url.startswith("data:")} == {
            harness.app.address.split("/")[2]
        }, "nothing is asked of anybody else"


async def until_volume(harness: Harness, level: float) -> None:
    async with asyncio.timeout(10):
        while (await harness.status())["volume"] != level:
            await asyncio.sleep(0.05)


async def test_who_holds_the_button_is_heard_and_answered(tmp_path: Path) -> None:
    def without_detectors(settings: config.Config) -> config.Config:
        gate = replace(settings.audio.gate, engine="never")
        return replace(settings, audio=replace(settings.audio, gate=gate))

    said = [(0, speech("weather") * 4)]
    harness = Harness(
        tmp_path, said, reply=lambda _: Reply("Yes.", speech("stop")), change=without_detectors
    )
    async with harness, browsing(harness.app.address) as visit:
        await status_is(visit, "idle")
        button = visit.page.locator("#talk")
        await button.hover()
        await visit.page.mouse.down()
        await status_is(visit, "listening")
        await visit.until("document.getElementById('uplink').textContent.startsWith('●')")
        await asyncio.sleep(0.5)
        await visit.page.mouse.up()
        await status_is(visit, "speaking")
        await button.focus()
        await visit.page.keyboard.down(" ")
        await status_is(visit, "listening")
        await visit.page.keyboard.up(" ")
        await visit.until("document.getElementById('talk').textContent === 'Hold to talk'")
        assert visit.complaints == []


async def test_the_token_is_asked_for_once_and_never_put_into_an_address() -> None:
    http_api = HttpApi(token=config.Secret(TOKEN), publish_transcripts=True)
    async with http_api.server.listening() as address, browsing(address) as visit:
        await visit.page.wait_for_selector("#ask[open]")
        await picture(visit, "page-locked")
        await visit.page.fill("#token", "wrong")
        await visit.page.press("#token", "Enter")
        await visit.page.wait_for_selector("#ask[open]")
        await visit.page.fill("#token", TOKEN)
        await visit.page.press("#token", "Enter")
        await status_is(visit, "idle")
        await visit.page.reload()
        await status_is(visit, "idle")
        assert not await visit.page.locator("#ask[open]").count()
        http_api.change(ModelStatus.LISTENING)
        await status_is(visit, "listening")
        assert not any("sesame" in url for url in visit.asked)
        assert visit.complaints == []


async def test_a_daemon_that_went_away_is_found_again_and_nothing_is_lost_or_doubled() -> None:
    http_api = HttpApi(publish_transcripts=True)
    server = http_api.server
    async with server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        for number in range(5):
            server.publish(Transcript("user", f"word {number}", True, f"item_{number}"))
        await visit.until("document.getElementById('log').children.length === 5")
        for subscriber in list(server.events._subscribers):
            subscriber.transport.abort()  # as when the network fails
        for number in range(5, 10):
            server.publish(Transcript("user", f"word {number}", True, f"item_{number}"))
            server.publish(TurnFinished(f"resp_{number}", "completed", {"first_sound_ms": 700}))
        await visit.until("document.getElementById('log').children.length === 10")
        await visit.until("document.querySelectorAll('#chart rect').length === 5")
        said = [
            (await visit.page.locator("#log li span").nth(number).text_content())
            for number in range(10)
        ]
        assert said == [f"word {number}" for number in range(10)]
        server.publish(ErrorReported("service", "busy", "too many requests"))
        await visit.until("document.getElementById('alert').textContent === 'too many requests'")
        assert visit.complaints == []


async def test_what_is_not_as_it_should_be_is_told_also_where_a_device_works() -> None:
    http_api = HttpApi()
    server = http_api.server
    async with server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        assert await visit.words("sound") == "open, engine silero, echo cancel"
        assert not await visit.page.locator("#asked").is_visible()
        note = "audio.listen is wake_word, but …"
        server.publish(SoundChanged("half_duplex", "level", "push_to_talk", (note,)))
        await visit.until(f"document.getElementById('notes').textContent === '{note}'")
        assert await visit.words("sound") == "push to talk, engine level, echo half duplex"
        assert await visit.page.locator("#asked").is_visible()
        server.publish(DeviceChanged("speaker", DeviceState.OK, "default", "it plays on B now"))
        shown = "default (it plays on B now)"
        await visit.until(f"document.getElementById('speaker').textContent === '{shown}'")
        server.publish(DeviceChanged("microphone", DeviceState.LOST, "desk", "it is gone"))
        shown = "desk (lost: it is gone)"
        await visit.until(f"document.getElementById('microphone').textContent === '{shown}'")
        assert visit.complaints == []


async def test_on_a_telephone_in_the_dark_nothing_sticks_out() -> None:
    http_api = HttpApi(publish_transcripts=True)
    small: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    async with http_api.server.listening() as address, browsing(address, **small) as visit:
        await status_is(visit, "idle")
        http_api.server.publish(Transcript("assistant", "Donau" * 40, True, "item_1"))
        for number in range(12):
            latencies = {"first_sound_ms": 600 + 40 * number}
            http_api.server.publish(TurnFinished(f"resp_{number}", "completed", latencies))
        await visit.until("document.querySelectorAll('#chart rect').length === 12")
        await picture(visit, "page-phone-dark")
        wide = await visit.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320
        unnamed = await visit.page.evaluate(
            "[...document.querySelectorAll('button,input,select,[role=meter],[role=log]')]"
            ".filter((one) => !one.labels?.length && !one.textContent.trim()"
            " && !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby'))"
            ".map((one) => one.id)"
        )
        assert unnamed == [], "everything has a name for a screen reader"


async def test_the_page_may_run_nothing_but_its_own_script() -> None:
    http_api = HttpApi()
    async with http_api.server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        await visit.page.evaluate(
            "() => { const script = document.createElement('script');"
            "script.textContent = 'window.stranger = true'; document.body.append(script); }"
        )
        assert await visit.page.evaluate("window.stranger") is None
        assert any("Content Security Policy" in one for one in visit.complaints)


async def test_the_page_is_small_and_stands_alone() -> None:
    html = page.html()
    assert len(html.encode()) < 25_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert not re.search(r"<[^>]+\s(on\w+|style)=", html), "the policy would not let them be"
    http_api = HttpApi()
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address) as http,
        http.get("/") as answer,
    ):
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
    assert "'unsafe" not in policy
    assert policy.count("sha256-") == 2
