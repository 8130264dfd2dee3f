"""A real browser for the page: Debian's chromium, without a screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import BrowserContext, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


class Visit:
    """A visit to the page; `asked` are the addresses it asked for, `complaints` its errors."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _console(self, message: Any) -> None:
        # The browser itself notes every refused or broken request; the page is to handle them.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    async def open(self, address: str) -> None:
        """Go there, and note every status that is shown from now on in `window.seen`."""
        await self.page.goto(address)
        await self.page.evaluate(
            "() => { const word = document.getElementById('word');"
            "window.seen = [word.textContent];"
            "new MutationObserver(() => window.seen.push(word.textContent))"
            ".observe(word, { childList: true }); }"
        )

    async def saw(self, *statuses: str) -> None:
        """Wait until these were shown one right after the other."""
        await self.until(f"window.seen.join().includes('{','.join(statuses)}')")

    async def words(self, element: str) -> str:
        """The text of the element with this id."""
        return (await self.page.locator(f"#{element}").text_content()) or ""

    async def until(self, condition: str, seconds: float = 30) -> None:
        """Wait until this JavaScript holds in the page."""
        # Asked from outside: Playwright's own waiting evaluates strings, which the page forbids.
        try:
            async with asyncio.timeout(seconds):
                while not await self.page.evaluate(condition):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            seen = await self.page.locator("main").inner_text()
            raise AssertionError(f"never was {condition}; the page says:\n{seen}") from None


@asynccontextmanager
async def browsing(address: str = "", **options: Any) -> AsyncIterator[Visit]:
    """Open `address` (or nothing yet) in a new browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            context = await browser.new_context(**options)
            page = await context.new_page()
            visit = Visit(context, page)
            if address:
                await visit.open(address)
            yield visit
        finally:
            await browser.close()
