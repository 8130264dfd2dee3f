"""The first run in a browser on this machine: the same steps and questions, one page at a time.

Requests are answered only if they contain the key in the printed address, come from this machine
under its own name, and through no proxy. The page needs no script, and is in the browser's language
until the user chooses another one.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import queue
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from ...config.defaults import HTTP_PORT
from ...config.generate import template
from ...errors import RTAudioError
from ...language import chosen, languages
from ...protocol.bounds import printable
from . import guide
from .browser_html import HEADERS, PageText, Question, Said
from .draft import before
from .steps import STEPS, Step
from .terminal import Choice, Terminal

_PATIENCE_S = 8.0
_MOST_BYTES = 16_384
_FAREWELL_S = 5.0
_FORWARDED = (
    *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "X-Ingress-Path"),
)


class BrowserTerminal(Terminal):
    """A terminal whose lines appear on a page; `answer` passes answers from another thread.

    `on_change` is called in the asking thread when there is a new question.
    """

    service_is_offered = False
    how_to_answer = (
        "Choose or type an answer, then press the button. What is there already is in [brackets]."
    )

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__(self._read_line, lambda prompt: self._read_line(prompt, hidden=True))
        self.before: list[Said] = []
        """What was said and asked before the last answer."""
        self.said: list[Said] = []
        """What has been said since then."""
        self.question: Question | None = None
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._number = 0
        self._on_change = on_change

    def say(self, text: str = "") -> None:
        """Show a paragraph or a list."""
        self.said.append(Said(text.strip("\n")))

    def show_command(self, command: str) -> None:
        """Show a command, to be copied."""
        self.said.append(Said(f"Next, in a terminal: {command}"))

    def choose(self, question: str, choices: Sequence[Choice], current: str = "") -> str:
        """Return the value of the chosen option; "" for none."""
        shown = f"{question} [{current}]" if current else question
        return self._ask(shown, [Choice("", "leave it as it is, and go on"), *choices])

    def decide(self, question: str, choices: Sequence[Choice], default: str) -> str:
        """Return the value of the chosen option; `default` is preselected."""
        return self._ask(question, choices, default=default)

    def agrees(self, question: str) -> bool:
        """Return whether the answer is yes; no is preselected."""
        return self.decide(question, [Choice("yes"), Choice("no")], "no") == "yes"

    def answer(self, number: int, text: str) -> None:
        """Answer the question with this number.

        Ignored if it has been answered already, or does not offer this answer.
        """
        asked = self.question
        if asked is None or asked.number != number:
            return
        if not asked.choices or text in {each.value for each in asked.choices}:
            self.question = None
            self._answers.put(text)

    def end(self) -> None:
        """Simulate the end of input."""
        self._answers.put(None)

    def _read_line(self, prompt: str, hidden: bool = False) -> str:
        return self._ask(prompt.strip().removesuffix(":"), hidden=hidden)

    def _ask(
        self,
        text: str,
        choices: Sequence[Choice] = (),
        *,
        hidden: bool = False,
        default: str = "",
    ) -> str:
        self._number += 1
        self.question = Question(self._number, text, choices, hidden, default)
        self._on_change()
        answer = self._answers.get()
        if answer is None:
            raise EOFError
        shown = "(not shown)" if hidden and answer else answer or "(as it is)"
        self.before += [*self.said, Said(text, shown)]
        self.said = []
        return answer


class SetupPage:
    """Serves the steps for the configuration at `path` until all is written, or `stop` is set.

    `check` checks the result. `farewell_s`: how long to wait for a running test, and for the
    browser to fetch the last page.
    """

    def __init__(
        self,
        path: str,
        check: Callable[[], int],
        steps: Sequence[Step] = STEPS,
        *,
        farewell_s: float = _FAREWELL_S,
    ) -> None:
        self._was = before(Path(path))
        if self._was not in (None, template().encode()):
            raise RTAudioError(
                f"{path} is there already: in a browser only a first one is made; `setup` without "
                "--page changes it, or name another file with -c FILE"
            )
        self._path, self._check, self._steps = path, check, steps
        self._farewell_s = farewell_s
        self._key = secrets.token_urlsafe(24)
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._terminal = BrowserTerminal(self._notice)
        self._language = ""  # that somebody chose
        self._done = asyncio.Event()
        self._seen_end = asyncio.Event()
        self._status = 1
        self._failure: RTAudioError | None = None

    @property
    def last_words(self) -> str:
        """Return how it ended and what comes next, for the terminal."""
        if self._done.is_set():
            return printable(self._terminal.said[-1].text)
        written = before(Path(self._path)) != self._was
        done = f"{self._path} is written" if written else "nothing was written"
        return f"Stopped in the middle of a test: {done}."

    async def run(self, stop: asyncio.Event, ready: Callable[[str], None]) -> int:
        """Serve; `ready` gets the address. Returns the exit status; raises RTAudioError."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_get("/{key}/", self._show)
        app.router.add_post("/{key}/", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        asking = threading.Thread(target=self._ask, name="setup", daemon=True)
        try:
            port = await _listen(runner)
            asking.start()
            ready(f"http://127.0.0.1:{port}/{self._key}/")
            ends = [asyncio.create_task(each, name="end") for each in (stop.wait(), self._end())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for each in ends:
                each.cancel()
            self._terminal.end()
            async with asyncio.timeout(self._farewell_s):
                await self._done.wait()
        except TimeoutError:
            return self._status  # stopped in the middle of a test
        finally:
            await runner.cleanup()
        if self._failure is not None:
            raise self._failure
        return self._status

    async def _end(self) -> None:
        """Wait until all is done, and has been seen or is not being viewed."""
        await self._done.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._farewell_s):
                await self._seen_end.wait()

    def _ask(self) -> None:
        """Run the steps; in a separate thread, because they use event loops of their own."""
        try:
            self._status = guide.run(
                self._path, check=self._check, terminal=self._terminal, steps=self._steps
            )
        except RTAudioError as error:
            self._failure = error
            self._terminal.say(f"FAIL  {error}")
        self._notice(is_end=True)

    def _notice(self, *, is_end: bool = False) -> None:
        """Report a change; called in the asking thread."""

        def notice() -> None:
            self._changed.set()
            if is_end:
                self._done.set()

        with suppress(RuntimeError):  # stopped meanwhile, and nobody waits
            self._loop.call_soon_threadsafe(notice)

    async def _show(self, request: web.Request) -> web.Response:
        self._admit(request)
        if self._done.is_set():
            self._seen_end.set()
        if request.query.get("lang") in languages():
            self._language = request.query["lang"]
        code = self._language or chosen(request.headers.get("Accept-Language", ""))
        asked = self._terminal
        page = PageText(code).html(
            asked.before, asked.said, asked.question, done=self._done.is_set()
        )
        return web.Response(text=page, content_type="text/html", headers=HEADERS)

    async def _take(self, request: web.Request) -> web.Response:
        self._admit(request)
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{request.headers.get('Host')}":
            raise web.HTTPForbidden(text="this came from another page")
        form = await _form_of(request)
        number, answer = form.get("number", ""), form.get("answer", "")
        if isinstance(number, str) and number.isdecimal() and isinstance(answer, str):
            self._changed.clear()
            self._terminal.answer(int(number[:9]), answer)
            with suppress(TimeoutError):  # then the page asks again
                async with asyncio.timeout(0 if self._terminal.question else _PATIENCE_S):
                    await self._changed.wait()
        raise web.HTTPSeeOther("./")

    def _admit(self, request: web.Request) -> None:
        """Raise web.HTTPException unless a browser on this machine asks with the key."""
        here = ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback
        name = request.headers.get("Host", "").partition(":")[0]
        if not here or name not in ("127.0.0.1", "localhost"):
            raise web.HTTPForbidden(text="this page is for browsers of its own machine")
        if any(each in request.headers for each in _FORWARDED):
            raise web.HTTPForbidden(text="this page is reached through no proxy")
        if not hmac.compare_digest(request.match_info["key"].encode(), self._key.encode()):
            raise web.HTTPNotFound


async def _form_of(request: web.Request) -> Mapping[str, object]:
    """Parse the page's form. Raises web.HTTPBadRequest for anything that it cannot send."""
    try:
        if request.content_type == "application/x-www-form-urlencoded":
            return await request.post()
    except (ValueError, LookupError):  # no text, or in an encoding that nobody knows
        pass
    raise web.HTTPBadRequest(text="this is no answer of the page")


async def _listen(runner: web.AppRunner) -> int:
    """Listen on the port of the HTTP API, or on any free one; return the port."""
    for port in (HTTP_PORT, 0):
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError:
            continue
        return int(runner.addresses[-1][1])
    raise RTAudioError("no port of 127.0.0.1 is free")


async def serve(path: str, check: Callable[[], int], stop: asyncio.Event) -> int:
    """Serve the steps, and print the address. Raises RTAudioError."""

    def ready(address: str) -> None:
        print(f"open this in a browser of this machine: {address}", flush=True)
        print("Ctrl-C ends it; nothing is written before you say so", flush=True)

    page = SetupPage(path, check)
    status = await page.run(stop, ready)
    print(page.last_words, flush=True)
    return status
