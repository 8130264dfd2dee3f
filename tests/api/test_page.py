"""The page in a real browser: a whole conversation, the lock, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.api import page
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.controls import ConnectionStatus, UsageStatus
from rtaudio_daemon.notifications import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    DeviceState,
    ErrorReported,
    ModelStatus,
    SoundChanged,
    ToolReported,
    Transcript,
    TurnFinished,
)
from rtaudio_daemon.simulator.model.reply import Reply
from tests.api.browser import Visit, browsing
from tests.api.test_server import ACTIONS, HttpApi, Person
from tests.harness import Harness, speech
from tests.waiting import until

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
        [Reply("Rain, then sun.", speech("weather")), Reply("<b>Fine</b>.", speech("stop"))]
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
        log = await visit.words("log")
        assert "then sun" not in log, "only what was heard"
        assert "<b>Fine</b>." in log, "words are words, never markup"
        assert await visit.page.locator("#log b b").count() == 0
        assert await visit.page.locator("#chart g").count() == 2
        assert re.search(r": last \d+\.\d s, ", await visit.words("chartwords"))
        assert "sent since the start" in await visit.words("sent")

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
    async with asyncio.timeout(60):
        while (await harness.status())["volume"] != level:
            await asyncio.sleep(0.05)


async def test_timers_are_seen_cancelled_and_silenced_on_the_page(tmp_path: Path) -> None:
    async with browsing() as visit, Harness(tmp_path) as harness:
        await visit.open(harness.app.address)
        await status_is(visit, "idle")
        assert await visit.page.is_hidden("#timersbox")
        await harness.post("/api/timers", {"kind": "timer", "seconds": 300, "name": "<b>pasta"})
        words = "document.querySelector('#timers span')?.textContent"
        await visit.until(f"/^timer <b>pasta: 00:0[45]:/.test({words})")
        first = await visit.words("timers")
        await visit.page.focus("#timers button")
        await visit.until(f"document.getElementById('timers').textContent !== {json.dumps(first)}")
        assert await visit.page.evaluate("document.activeElement.textContent") == "Cancel"
        await picture(visit, "page-timers")
        await visit.page.click("#timers button")
        await visit.until("document.getElementById('timersbox').hidden")
        await harness.post("/api/timers", {"kind": "timer", "seconds": 90_000})
        await visit.until(f"{words}?.startsWith('timer of 1 day 01:00:00: ')")
        await visit.page.click("#timers button")
        await visit.until("document.getElementById('timersbox').hidden")
        await harness.post("/api/timers", {"kind": "timer", "seconds": 1, "name": "egg"})
        await visit.until("!document.getElementById('ringing').hidden")
        assert await visit.words("rings") == "Rings: timer egg"
        await visit.page.click("#snooze")
        await visit.until("document.getElementById('ringing').hidden")
        assert re.search(r"egg: 00:(09:5\d|10:00) left", await visit.words("timers"))
        await harness.post("/api/timers", {"kind": "timer", "seconds": 1, "name": "tea"})
        await visit.until("!document.getElementById('ringing').hidden")
        await visit.page.click("#dismiss")
        await visit.until("document.querySelectorAll('#timers li').length === 1")
        assert visit.complaints == []


async def test_notes_are_seen_and_deleted_on_the_page(tmp_path: Path) -> None:
    def with_notes(settings: config.Config) -> config.Config:
        return replace(settings, tools=replace(settings.tools, built_in=("notes",)))

    state = tmp_path / "state"
    async with browsing() as visit, Harness(tmp_path, change=with_notes, state=state) as harness:
        await visit.open(harness.app.address)
        await status_is(visit, "idle")
        assert await visit.page.is_hidden("#notebox")
        await harness.post(
            "/api/tools/remember", {"arguments": {"text": "<b>Ann</b> eats no nuts."}}
        )
        words = "document.querySelector('#kept span')?.textContent"
        await visit.until(f"{words} === '<b>Ann</b> eats no nuts. '")
        await visit.page.click("#kept button")
        await visit.until("document.getElementById('notebox').hidden")
        assert '"notes": []' in (state / "notes.json").read_text()
        assert visit.complaints == []


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
        await visit.until("document.querySelectorAll('#chart g').length === 5")
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


async def test_notes_of_people_are_listed_apart_from_what_is_not_as_configured() -> None:
    http_api = HttpApi()
    http_api.person.now["sound"] = SoundChanged("off", "level", "open", ("No echo is cancelled.",))
    async with browsing() as visit, http_api.server.listening() as address:
        await visit.open(address)
        await visit.until("!document.getElementById('notebox').hidden")
        assert await visit.words("kept") == "Ann eats no nuts. Delete"
        await visit.until("document.getElementById('notes').textContent !== ''")
        assert await visit.words("notes") == "No echo is cancelled."
        await visit.page.click("#kept button")
        await visit.until("document.getElementById('notebox').hidden")
        assert http_api.person.told == [("forget", "1")]
        assert visit.complaints == []


async def test_why_a_call_led_to_nothing_is_seen_without_a_mouse() -> None:
    http_api = HttpApi(publish_transcripts=True)
    refused = {**ACTIONS[0], "phase": "refused", "took_ms": 0, "as_asked": "unknown"}
    http_api.person.acted = [{**refused, "result": '{"error": "wrong arguments: who: is missing"}'}]
    async with browsing() as visit, http_api.server.listening() as address:
        await visit.open(address)
        await visit.until("!document.getElementById('acts').hidden")
        words = await visit.words("actions")
        assert words.endswith("open_gate: refused: wrong arguments: who: is missing")
        asked = {**refused, "phase": "unconfirmed", "result": '{"error": "ask first"}'}
        http_api.person.acted = [asked]
        http_api.server.publish(ToolReported("call_2", "open_gate", "own", "unconfirmed"))
        await visit.until("!document.getElementById('actions').textContent.includes('refused')")
        assert (await visit.words("actions")).endswith("open_gate: not confirmed")


async def test_the_last_actions_are_seen_in_plain_words_and_forgotten() -> None:
    http_api = HttpApi(publish_transcripts=True)
    async with browsing() as visit, http_api.server.listening() as address:
        await visit.open(address)
        await visit.until("!document.getElementById('acts').hidden")
        words = await visit.words("actions")
        assert "“Open the gate.”" in words
        assert "open_gate: done after 1.2 s, as asked" in words
        await picture(visit, "page-actions")
        http_api.person.told.append("forget")
        http_api.server.publish(ToolReported("call_2", "open_gate", "own", "started"))
        await visit.until("document.getElementById('acts').hidden")
        http_api.person.told.clear()
        http_api.server.publish(ToolReported("call_2", "open_gate", "own", "done"))
        await visit.until("!document.getElementById('acts').hidden")
        await visit.page.click("#forget")
        await visit.until("document.getElementById('acts').hidden")
        assert http_api.person.told == ["forget"]
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
        await visit.until("document.querySelectorAll('#chart g').length === 12")
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
    assert len(html.encode()) < 70_000
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


async def text_is(visit: Visit, element: str, text: str) -> None:
    await visit.until(f"document.getElementById('{element}').textContent === {json.dumps(text)}")


async def claims(visit: Visit) -> list[str]:
    """What the page says of the daemon now: its pills, and the details that are known."""
    shown = "[...document.querySelectorAll('.pill:not([hidden]), dd, #meter:not([hidden])')]"
    texts = await visit.page.evaluate(f"{shown}.map((one) => one.textContent.trim())")
    return [text for text in texts if text != "–"]


def connection(state: ConnectionState, **more: Any) -> ConnectionStatus:
    return replace(Person().snapshot().connection, state=state, **more)


async def test_asleep_is_neither_unreachable_nor_red_and_a_renewal_stays_connected() -> None:
    http_api = HttpApi()
    person, server = http_api.person, http_api.server
    async with server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        await visit.page.evaluate(
            "() => { const detail = document.getElementById('detail'); window.details = [];"
            "new MutationObserver(() => window.details.push(detail.textContent))"
            ".observe(detail, { childList: true }); }"
        )
        for state, headline in (
            (ConnectionState.RENEWING, "renewing"),
            (ConnectionState.OPEN, "idle"),
        ):
            server.publish(ConnectionChanged(state, "azure", "sess_1"))
            await status_is(visit, headline)
            assert await visit.words("connection") == "Connected"
        person.now = {"connection": connection(ConnectionState.CLOSED, asleep=True)}
        server.publish(ConnectionChanged(ConnectionState.CLOSED, "azure"))
        await text_is(visit, "connection", "Not connected")
        assert await visit.words("word") == "asleep"
        assert await visit.page.get_attribute("#connection", "class") == "pill rests"
        sentences = await visit.page.evaluate("window.details")
        assert sentences == [
            "The next session is taking over; the conversation goes on.",
            "Speak whenever you like.",
            "The session opens when somebody speaks.",
        ]
        person.now = {}
        server.publish(ConnectionChanged(ConnectionState.CONNECTING, "azure"))
        await text_is(visit, "connection", "connecting")
        server.publish(ConnectionChanged(ConnectionState.CONNECTING, "azure", reason="no route"))
        await text_is(visit, "connection", "Not connected")
        assert await visit.words("word") == "no connection"
        assert await visit.words("detail") == "The service cannot be reached: no route."


@pytest.mark.parametrize(
    ("direction", "state", "device", "headline"),
    [
        ("microphone", DeviceState.DEAF, "desk", "microphone deaf"),
        ("microphone", DeviceState.LOST, "desk", "microphone lost"),
        ("microphone", DeviceState.NONE, "none", "no microphone"),
        ("speaker", DeviceState.LOST, "desk", "loudspeaker lost"),
        ("speaker", DeviceState.NONE, "default", "no loudspeaker"),
        ("speaker", DeviceState.NONE, "none", "idle"),
    ],
)
async def test_a_device_that_does_not_work_is_the_headline(
    direction: Literal["microphone", "speaker"], state: DeviceState, device: str, headline: str
) -> None:
    http_api = HttpApi()
    server = http_api.server
    small: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
    async with server.listening() as address, browsing(address, **small) as visit:
        await status_is(visit, "idle")
        why = None if device == "none" else "the plug is out"
        server.publish(DeviceChanged(direction, state, device, why))
        if headline != "idle":
            await status_is(visit, headline)
            assert await visit.page.locator("#devices").is_hidden(), "the headline says it"
            assert await visit.page.locator("#detail").bounding_box() is not None
            assert ("the plug is out" in await visit.words("detail")) is (why is not None)
        http_api.change(ModelStatus.SPEAKING)
        await status_is(visit, "speaking")
        assert await visit.words("devices") == ("" if headline == "idle" else headline)


async def test_nothing_is_claimed_before_the_first_status_and_when_the_daemon_is_gone() -> None:
    http_api = HttpApi()
    async with http_api.server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        assert "Connected" in await claims(visit)
        subscriber = next(iter(http_api.server.events._subscribers))
        http_api.server.events.shut_down()
        await status_is(visit, "daemon gone")
        assert await claims(visit) == []
        assert subscriber.gone.is_set()
        await visit.page.route("**/api/events*", lambda _route: None)  # never answered
        await visit.page.reload()
        await status_is(visit, "not yet known")
        assert await claims(visit) == []
        assert not await visit.page.locator("#silent").is_visible()


async def test_without_javascript_the_status_of_the_moment_is_shown() -> None:
    http_api, closed = HttpApi(), HttpApi(token=config.Secret(TOKEN))
    http_api.person.told.append("mute")
    scriptless: dict[str, Any] = {"java_script_enabled": False, "locale": "de-AT"}
    async with (
        http_api.server.listening() as address,
        closed.server.listening() as closed_address,
        browsing(**scriptless) as visit,
    ):
        await visit.page.goto(address)
        shown = await visit.page.locator("main:visible").inner_text()
        assert shown.splitlines()[0] == "Stumm"
        assert "Das Mikrofon ist geschlossen." in shown
        assert "Ton bleibt hier" in shown
        assert await visit.page.locator("button:visible").count() == 0, "they could do nothing"
        await visit.page.click("nav a[lang=en]")
        shown = await visit.page.locator("main:visible").inner_text()
        assert "The microphone is closed." in shown
        await visit.page.goto(closed_address)
        shown = await visit.page.locator("main:visible").inner_text()
        assert "Token" in shown
        assert "idle" not in shown.lower(), "nothing is said to those without the token"


HIDE = (
    "Object.defineProperty(document, 'hidden', {{ value: {0}, configurable: true }});"
    "document.dispatchEvent(new Event('visibilitychange'))"
)


async def test_hidden_tabs_leave_their_connections_to_the_one_that_is_looked_at() -> None:
    http_api = HttpApi(publish_transcripts=True)
    server = http_api.server
    async with server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        for _ in range(6):  # as many connections as a browser allows, and one more
            await visit.page.evaluate(HIDE.format("true"))
            await until(lambda: server.events.subscribers == 0)
            tab = Visit(visit.context, await visit.context.new_page())
            await tab.open(address)
            await status_is(tab, "idle")
            visit, first = tab, visit
        await visit.page.click("#mute")
        await until(lambda: http_api.person.told == ["mute"])
        server.publish(Transcript("user", "meanwhile", True, "item_1"))
        await visit.page.evaluate(HIDE.format("true"))
        await first.page.evaluate(HIDE.format("false"))
        await status_is(first, "idle")
        await text_is(first, "log", "Youmeanwhile")


async def test_a_button_whose_request_finds_no_connection_is_reported() -> None:
    http_api = HttpApi()
    async with http_api.server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        for _ in range(5):
            tab = Visit(visit.context, await visit.context.new_page())
            await tab.open(address)
            await status_is(tab, "idle")
        began = asyncio.get_running_loop().time()
        await visit.page.click("#mute")
        await visit.until("document.getElementById('alert').textContent.includes('other tabs')")
        assert asyncio.get_running_loop().time() - began < 10
        assert http_api.person.told == []


async def test_words_of_other_scripts_and_typed_words_are_shown_as_they_are_read() -> None:
    http_api = HttpApi(publish_transcripts=True)
    async with http_api.server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        assert not await visit.page.locator("#silent").is_visible(), "transcripts are published"
        hebrew = "מה השעה?"
        http_api.server.publish(Transcript("user", hebrew, True, "item_1"))
        await visit.until("document.getElementById('log').children.length === 1")
        script = "getComputedStyle(document.querySelector('#log span')).direction"
        assert await visit.page.evaluate(script) == "rtl"
        await visit.page.fill("#text", hebrew)
        assert await visit.page.evaluate("getComputedStyle(text).direction") == "rtl"
        await visit.page.press("#text", "Enter")
        await visit.until("document.getElementById('log').children.length === 2")
        assert await visit.page.locator("#log li").nth(1).inner_text() == f"You\n{hebrew}"
        await visit.page.fill("#text", "Dinner is ready.")
        await visit.page.select_option("#mode", "verbatim")
        await visit.page.press("#text", "Enter")
        await visit.until("document.getElementById('log').children.length === 3")
        said = await visit.page.locator("#log li").nth(2).inner_text()
        assert said == "You, to say aloud\nDinner is ready."
        http_api.person.now = {"usage": UsageStatus(1, 0.0, 0.0, None, {}, {})}
        await visit.page.reload()
        await status_is(visit, "idle")
        assert await visit.words("usage") == "1 answer"
    closed = HttpApi()
    async with closed.server.listening() as address, browsing(address) as visit:
        await status_is(visit, "idle")
        assert await visit.page.locator("#silent").is_visible()


async def test_people_are_asked_from_the_page_and_their_answer_is_shown() -> None:
    http_api = HttpApi()
    async with http_api.server.listening() as address, browsing(address) as visit:
        await visit.until("!document.getElementById('mode').disabled")
        await visit.page.fill("#text", "Shall I open?")
        await visit.page.select_option("#mode", "ask")
        await visit.page.click("#say button")
        await visit.until("document.getElementById('log').children.length === 2")
        log = await visit.page.locator("#log").inner_text()
        assert "Shall I open?" in log
        assert log.splitlines()[-1].endswith("Yes!")
        assert http_api.person.told == [("ask", "Shall I open?", [], 20.0, True)]
        assert visit.complaints == []
