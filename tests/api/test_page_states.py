"""What the page shows of every state and in every language, in one browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtaudio_daemon.api.server import ApiServer
from rtaudio_daemon.controls import UplinkStatus, UsageStatus
from rtaudio_daemon.language import words
from rtaudio_daemon.notifications import ErrorReported, ModelStatus, Transcript, TurnFinished
from rtaudio_daemon.status_words import COLOURS, State, conditions, sentences
from tests.api.browser import Visit, browsing
from tests.api.test_page import picture, status_is
from tests.api.test_server import HttpApi
from tests.test_status_words import TABLE, WELL
from tests.waiting import until

pytestmark = [pytest.mark.real_time, pytest.mark.alone]


async def test_the_page_follows_the_table_of_states_and_speaks_german() -> None:
    http_api = HttpApi(publish_transcripts=True)
    person, server = http_api.person, http_api.server
    hours = [0] * 24
    hours[8], hours[20] = 480_000, 1_440_000
    person.now = {
        "uplink": UplinkStatus(False, 3_000_000, sum(hours), hours),
        "persona": {"name": "", "wanted": "", "names": ["mycroft"]},
        "wake_words": [{"word": "hey mycroft", "heard": 41, "near_misses": 3}],
        "usage": UsageStatus(3, 0.1234, 0.2, 2.0, {}, {}),
    }
    async with server.listening() as address, browsing(address, locale="de-DE") as visit:
        await status_is(visit, "bereit")
        await the_rules_are_those_of_the_table(visit.page)
        assert await visit.words("detail") == "Einfach sprechen."
        assert await visit.words("today") == "1,9 MB"
        assert await visit.words("since") == "Ton, zwischen 8 und 21 Uhr"
        assert await visit.page.locator("#hours rect").count() == 24
        assert (await visit.words("cost"), await visit.words("limit")) == (
            "0,123",
            "heute ausgegeben, von 2,00 erlaubten",
        )
        # Both sides of the conversation, the mark of a cut, captions, and what a reload keeps.
        server.publish(Transcript("user", "Wie wird das Wetter?", True, "item_1"))
        server.publish(Transcript("assistant", "Erst Regen, …", True, "item_2", cut=True))
        latencies = {"endpoint_ms": 400, "first_audio_ms": 900, "first_sound_ms": 1000}
        server.publish(TurnFinished("resp_1", "interrupted", latencies))
        await visit.until("document.querySelectorAll('#chart g').length === 1")
        assert await visit.page.locator("#chart g rect").count() == 4, "three parts and the cut"
        assert await visit.page.locator("#log mark").all_inner_texts() == ["✂ hier unterbrochen"]
        await visit.page.click("#large")
        assert await visit.words("captions") == "Erst Regen, …"
        await picture(visit, "page-captions")
        await visit.page.reload()
        await status_is(visit, "bereit")
        said = await visit.page.locator("#log li > span").all_inner_texts()
        assert said == ["Wie wird das Wetter?", "Erst Regen, …"]
        assert await visit.page.locator("#captions").is_visible()
        assert await visit.page.locator("#chart g").count() == 1
        await what_nobody_interrupted_is_marked_no_more(visit, server)
        words = "not answered: the connection was lost for too long"
        server.publish(ErrorReported("conversation", "not_answered", words))
        await visit.until("document.getElementById('alert').textContent")
        assert await visit.words("alert") == "nicht beantwortet: die Verbindung war zu lange weg"
        http_api.change(ModelStatus.LISTENING)
        await status_is(visit, "hört zu")
        assert await visit.page.get_attribute("body", "data-colour") == "listening"
        # A sound file and a test sound.
        await visit.page.fill("#text", "bell.wav")
        await visit.page.select_option("#mode", "play")
        await visit.page.press("#text", "Enter")
        await visit.until("document.getElementById('log').children.length === 3")
        await visit.page.click("#test")
        await visit.until("document.getElementById('tested').textContent.includes('Mikrofon')")
        await visit.page.click("#measure")
        await visit.until("document.querySelectorAll('#curve path').length === 1")
        assert "nach 84 ms" in await visit.words("tested")
        assert await visit.words("wakewords") == "hey mycroft (41-mal gehört, 3-mal beinahe)"
        await visit.page.select_option("#persona", "mycroft")
        await until(lambda: ("persona", "mycroft") in person.told)
        assert person.told == [
            ("play", {"file": "bell.wav"}),
            "test_sound",
            "measure_echo",
            ("persona", "mycroft"),
        ]
        await a_word_is_taught(visit)
        await settings_are_chosen_and_undone(visit.page, person.told)
        await visit.page.click("#clear")
        assert await visit.page.locator("#log li").count() == 0
        # The other language is chosen once.
        await visit.page.click("nav a[lang=en]")
        await status_is(visit, "idle")
        await visit.page.goto(address)
        await status_is(visit, "idle")
        assert await visit.page.get_attribute("html", "lang") == "en"
        assert visit.complaints == []


async def what_nobody_interrupted_is_marked_no_more(visit: Visit, server: ApiServer) -> None:
    """Its rest was played after all; a reload keeps that, too."""
    assert await visit.page.locator("#log mark").count() == 1
    server.publish(Transcript("assistant", "Erst Regen, dann Sonne.", True, "item_2"))
    await visit.until("document.querySelectorAll('#log mark').length === 0")
    await visit.page.reload()
    await status_is(visit, "bereit")
    said = await visit.page.locator("#log li > span").all_inner_texts()
    assert said == ["Wie wird das Wetter?", "Erst Regen, dann Sonne."]
    assert await visit.page.locator("#log mark").count() == 0


async def a_word_is_taught(visit: Visit) -> None:
    """By the answers that `POST /api/wake/teach` gives."""
    answer = {
        "name": "hey marvin",
        "accepted": True,
        "reason": "",
        "recorded": 1,
        "needed": 5,
        "how": "faster",
        "done": False,
        "score": None,
        "warnings": [],
    }
    sent: list[Any] = []

    async def reply(route: Any) -> None:
        if route.request.method == "GET":
            words = [{"name": "hey marvin"}] if answer["done"] else []
            await route.fulfill(json={"words": words, "missing": ""})
        elif route.request.method == "DELETE":
            answer["done"] = False
            await route.fulfill(json={"words": [], "missing": ""})
        else:
            sent.append(route.request.post_data_json)
            await route.fulfill(json=answer)

    await visit.page.route("**/api/wake", reply)
    await visit.page.route("**/api/wake/teach", reply)
    await visit.page.route("**/api/wake/words/hey%20marvin", reply)
    await visit.page.evaluate("taught()")
    await visit.page.fill("#newword", "hey marvin")
    await visit.page.press("#newword", "Enter")
    shown = "document.getElementById('teaching').textContent"
    await visit.until(f"{shown} === 'Gehört. Als Nächstes: schneller.'")
    assert await visit.page.evaluate("learned.value + '/' + learned.max") == "1/5"
    answer |= {"done": True, "recorded": 5, "score": 0.91}
    await visit.page.keyboard.press("Enter")  # the focus is on the button
    await visit.until("document.querySelectorAll('#taught li').length === 1")
    assert "Sicherheit: 0,91." in await visit.words("teaching")
    assert sent == [{"name": "hey marvin", "step": "record"}] * 2
    await visit.page.click("#taught button")
    await visit.until("document.querySelectorAll('#taught li').length === 0")


async def settings_are_chosen_and_undone(page: Any, told: list[Any]) -> None:
    assert await page.locator("#reset").is_hidden()
    assert await page.locator("#settings option").all_inner_texts() == [
        "auto",
        "aus: für Kopfhörer",
    ]
    await page.select_option("#set-echo", "off")
    await page.locator("#settings .note", has_text="konfiguriert: auto").wait_for()
    assert await page.evaluate("document.activeElement.id") == "set-echo"
    await page.click("#reset")
    await page.locator("#reset").wait_for(state="hidden")
    assert told[-2:] == [("choose", {"echo": "off"}), "choose nothing"]


async def the_rules_are_those_of_the_table(page: Any) -> None:
    """The page finds the states, sentences and colours that the daemon finds."""
    statuses = [json.loads(json.dumps({**WELL, **status})) for status, *_ in TABLE if status]
    shown = await page.evaluate(
        "(all) => all.map((one) => conditions(one).map((each, place, found) => "
        "[each[0], sentence(each, place, found), colourOf(each[0])]))",
        statuses,
    )
    german = words("de")
    for status, found in zip(statuses, shown, strict=True):
        expected = conditions(status)
        assert found == [
            [str(each.state), said, COLOURS[each.state]]
            for each, said in zip(expected, sentences(expected, german), strict=True)
        ]
    assert await page.evaluate("['gone', 'unknown'].map(colourOf)") == [
        COLOURS[State.GONE],
        COLOURS[State.UNKNOWN],
    ]
