"""The first run in a browser: who is let in, and what is written."""

from __future__ import annotations

import asyncio
import re
import stat
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli import local_commands
from rtaudio_daemon.cli.setup.browser import SetupPage, serve
from rtaudio_daemon.cli.setup.draft import Draft
from rtaudio_daemon.cli.setup.steps import STEPS, Step
from rtaudio_daemon.cli.setup.terminal import Terminal
from rtaudio_daemon.config.generate import template
from rtaudio_daemon.errors import RTAudioError

pytestmark = pytest.mark.real_time
KEY = "the-right-key-4711"
NOBODY = "ws://127.0.0.1:9/v1/realtime"


class Visitor:
    """A browser that keeps what it was shown."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self.http, self.address = http, address
        self.shown: list[str] = []

    async def look(self) -> str:
        """The page as soon as it asks something, or has come to its end."""
        while True:
            async with self.http.get(self.address) as answer:
                assert answer.status == 200
                page = await answer.text()
            self.shown.append(page)
            if 'http-equiv="refresh"' not in page:
                return page

    async def answer(self, text: str) -> str:
        """Answer the question that is shown; the next page."""
        (number,) = re.findall(r'name="number" value="(\d+)"', self.shown[-1])
        async with self.http.post(self.address, data={"number": number, "answer": text}) as answer:
            assert answer.status == 200, "after the redirect"
        return await self.look()


@asynccontextmanager
async def served(
    folder: Path, steps: Sequence[str] = ("Service",)
) -> AsyncIterator[tuple[Visitor, asyncio.Task[int], asyncio.Event]]:
    """The page, and what ends it."""
    path = str(folder / "config.yaml")
    wanted = [each for each in STEPS if each.name in steps]
    page = SetupPage(path, lambda: local_commands.check(Namespace(config=path)), wanted)
    stop, addresses = asyncio.Event(), asyncio.Queue[str]()
    running = asyncio.create_task(page.run(stop, addresses.put_nowait), name="setup page")
    try:
        async with aiohttp.ClientSession() as http:
            yield Visitor(http, await addresses.get()), running, stop
    finally:
        stop.set()
        await asyncio.wait([running])


async def test_somebody_sets_it_up_in_a_browser(tmp_path: Path) -> None:
    async with served(tmp_path) as (visitor, running, _):
        page = await visitor.look()
        assert "The service that listens and answers" in page
        assert 'value="compatible"' in page
        await visitor.answer("compatible")
        page = await visitor.answer(NOBODY)
        assert 'type="password"' in page
        page = await visitor.answer(KEY)
        assert "FAIL" in page
        page = await visitor.answer("keep")
        assert "does not work yet" in page
        assert 'value="write" checked' in page
        page = await visitor.answer("Service")
        assert "Which service? [compatible]" in page
        page = await visitor.answer("")
        assert "does not work yet" in page, "as nothing else was answered"
        page = await visitor.answer("write")
        assert "is written" in page
        assert "Next, in a terminal: " in page
        assert await running == 0
        assert KEY not in "".join(visitor.shown)
    assert config.load(tmp_path / "config.yaml").realtime.api_key == KEY
    assert stat.S_IMODE((tmp_path / "secrets.yaml").stat().st_mode) == 0o600


async def test_a_browser_that_speaks_german_is_asked_in_german(tmp_path: Path) -> None:
    async with served(tmp_path, ("Service", "Echo")) as (visitor, running, _):
        visitor.http.headers["Accept-Language"] = "de-AT,de;q=0.9,en;q=0.5"
        page = await visitor.look()
        assert '<html lang="de" dir="ltr">' in page
        assert "Der Dienst, der zuhört und antwortet" in page
        assert "<strong>simulator</strong>: eingebaut; kein Schlüssel" in page
        await visitor.answer("compatible")
        page = await visitor.answer(NOBODY)
        assert "Schlüssel (wird nicht gezeigt)" in page
        page = await visitor.answer(KEY)
        assert "<strong>keep</strong>" not in page
        page = await visitor.answer("keep")
        assert "<h2>2 von 2: Echo</h2>" in page
        page = await visitor.answer("off")
        assert "; geht noch nicht" in page
        page = await visitor.answer("quit")
        assert "Nichts wurde geschrieben." in page
        assert await running == 1
        shown = re.sub(r"<style>.*?</style>|<[^>]*>", " ", "".join(visitor.shown), flags=re.DOTALL)
        english = re.compile(r"\b(?:the|is|it|which|this)\b")
        assert [line for line in shown.splitlines() if english.search(line)] == []


async def test_who_chooses_a_language_keeps_it(tmp_path: Path) -> None:
    async with served(tmp_path) as (visitor, _, _):
        page = await visitor.look()
        assert '<a href="?lang=en" lang="en" hreflang="en" aria-current=true>English</a>' in page
        async with visitor.http.get(visitor.address, params={"lang": "de"}) as answer:
            visitor.shown.append(await answer.text())
        assert '<nav aria-label="Sprache">' in visitor.shown[-1]
        assert "Der Dienst, der zuhört und antwortet" in visitor.shown[-1]
        await visitor.answer("compatible")
        await visitor.answer(NOBODY)
        page = await visitor.answer(KEY)
        assert '<strong class="fail">FEHLER</strong>' in page
        async with visitor.http.get(visitor.address, params={"lang": "tlh"}) as answer:
            assert '<html lang="de" dir="ltr">' in await answer.text()


async def test_an_answer_that_is_given_twice_counts_once(tmp_path: Path) -> None:
    async with served(tmp_path) as (visitor, _, _):
        first = await visitor.look()
        page = await visitor.answer("openai")
        assert "Name of the model" in page
        visitor.shown.append(first)  # the button of the page before
        page = await visitor.answer("azure")
        assert "Name of the model" in page


async def test_an_answer_that_is_not_offered_is_none(tmp_path: Path) -> None:
    async with served(tmp_path, ("Echo",)) as (visitor, _, _):
        await visitor.look()
        page = await visitor.answer("loud")
        assert "Which one? [auto]" in page
        page = await visitor.answer("off")
        assert "Echo</strong>: off" in page
        page = await visitor.answer("Echo ")
        assert 'value="write" checked' in page
        await visitor.answer("quit")
    assert list(tmp_path.iterdir()) == []


async def test_what_ends_early_writes_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as (visitor, running, stop):
        await visitor.look()
        stop.set()
        assert await running == 1
    assert list(tmp_path.iterdir()) == []


async def test_the_terminal_says_too_how_it_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = asyncio.Event()
    stop.set()
    assert await serve(str(tmp_path / "config.yaml"), lambda: 0, stop) == 1
    assert capsys.readouterr().out.endswith("\nEnded before the end: nothing was written.\n")


async def test_a_page_that_is_stopped_in_the_middle_of_a_test_says_so(tmp_path: Path) -> None:
    begun, end = threading.Event(), threading.Event()

    def test(_terminal: Terminal, _draft: Draft) -> None:
        begun.set()
        end.wait()

    stop, path = asyncio.Event(), str(tmp_path / "config.yaml")
    step = Step("Service", test, lambda _: "")
    page = SetupPage(path, lambda: 0, [step], farewell_s=0.0)
    running = asyncio.create_task(page.run(stop, lambda _: None), name="setup page")
    await asyncio.to_thread(begun.wait)
    stop.set()
    assert await running == 1
    assert page.last_words == "Stopped in the middle of a test: nothing was written."
    end.set()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:8770"}, 403),
        ({"X-Forwarded-For": "192.0.2.1"}, 403),
        ({"Via": "1.1 proxy"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_only_a_browser_of_this_machine_is_let_in(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with served(tmp_path) as (visitor, _, _):
        await visitor.look()
        body = {"number": "1", "answer": "openai"}
        async with visitor.http.post(visitor.address, data=body, headers=headers) as answer:
            assert answer.status == status
        assert "The service that listens" in await visitor.look(), "nothing was answered"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"number=1&answer=\xff\xfe"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"number=1&answer=openai"),
        ("multipart/form-data", b"number=1&answer=openai"),
        ("text/plain", b"number=1&answer=openai"),
    ],
)
async def test_what_the_form_does_not_send_is_no_answer(
    tmp_path: Path, kind: str, body: bytes
) -> None:
    async with served(tmp_path) as (visitor, _, _):
        await visitor.look()
        headers = {"Content-Type": kind}
        async with visitor.http.post(visitor.address, data=body, headers=headers) as answer:
            assert answer.status == 400
        assert "The service that listens" in await visitor.look(), "nothing was answered"


async def test_without_the_key_of_the_address_there_is_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as (visitor, _, _):
        root = visitor.address.rsplit("/", 2)[0]
        for path in ("/", "/guess/", "/ü/"):
            async with visitor.http.get(root + path) as answer:
                assert answer.status == 404
        async with visitor.http.get(visitor.address) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert answer.headers["Cache-Control"] == "no-store"


async def test_what_is_there_already_is_left_to_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("# mine\n")
    with pytest.raises(RTAudioError, match="only a first one is made"):
        SetupPage(str(file), lambda: 0)
    file.write_text(template())
    SetupPage(str(file), lambda: 0)
