"""The page for those who do not see it, by the rules of axe-core.

axe-core is fetched by npm once, into the folder that RTAUDIO_AXE names:

    RTAUDIO_AXE=~/.cache/axe-core script/test -m slow tests/api/test_page_axe.py
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.setup.browser import SetupPage
from rtaudio_daemon.cli.setup.steps import STEPS
from tests.api.browser import browsing
from tests.api.pictures import STATES, WELL, Pictured
from tests.api.test_server import HttpApi

pytestmark = [pytest.mark.slow, pytest.mark.real_time, pytest.mark.timeout(300)]
RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap((one) => one.nodes.map((node) => one.id + ": " + node.html));
}"""
PHONE = {"viewport": {"width": 320, "height": 640}}


async def axe() -> str:
    """The program, fetched if it is not there."""
    named = os.environ.get("RTAUDIO_AXE")
    assert named, "say where axe-core is or may be installed: RTAUDIO_AXE=FOLDER"
    folder = Path(named).expanduser()
    program = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not program.exists():
        assert shutil.which("npm"), "this proof needs npm"
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--no-audit", "--no-fund", "--prefix", str(folder))
        npm = await asyncio.create_subprocess_exec("npm", "install", *options, "axe-core@4")
        assert await npm.wait() == 0
    return program.read_text()


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize(("size", "locale"), [({}, "en-GB"), (PHONE, "de-DE")])
async def test_axe_finds_nothing(look: str, size: dict[str, Any], locale: str) -> None:
    """In every state, one after the other."""
    program = await axe()
    async with AsyncExitStack() as life:
        pictured = Pictured(life)
        await pictured.start()
        visit = await pictured.visit(
            **size, locale=locale, color_scheme=look, bypass_csp=True, reduced_motion="reduce"
        )
        await visit.page.click("#large")
        for state, changes in STATES:
            pictured.person.now = {**WELL, **changes}
            await visit.page.reload()
            await visit.page.locator("#connection:visible").wait_for()
            await visit.until("document.querySelectorAll('#settings .field').length === 5")
            await visit.page.add_script_tag(content=program)
            assert await visit.page.evaluate(RUN) == [], state


@pytest.mark.parametrize(
    ("locale", "end"), [("en-GB", "This is the end"), ("de-DE", "Das war alles")]
)
async def test_axe_finds_nothing_in_the_first_run(tmp_path: Path, locale: str, end: str) -> None:
    """By keyboard alone, from the first question to the end."""
    program = await axe()
    wanted = [each for each in STEPS if each.name in ("Service", "Echo", "Home Assistant")]
    page = SetupPage(str(tmp_path / "config.yaml"), lambda: 0, wanted)
    addresses = asyncio.Queue[str]()
    running = asyncio.create_task(page.run(asyncio.Event(), addresses.put_nowait), name="setup")
    async with browsing(bypass_csp=True, locale=locale) as visit:
        await visit.page.goto(await addresses.get())
        seen = 0
        while not await visit.page.get_by_text(end).count():
            await visit.page.locator("form").wait_for()
            await visit.page.add_script_tag(content=program)
            assert await visit.page.evaluate(RUN) == []
            await visit.page.locator("form input").first.focus()
            async with visit.page.expect_navigation():
                await visit.page.keyboard.press("Enter")
            await visit.page.locator("form, main > p").first.wait_for()
            seen += 1
        assert seen == 4, "three steps, and what becomes of them"
    assert await running == 0
    assert (tmp_path / "config.yaml").exists()


async def test_axe_finds_nothing_where_a_token_is_asked_for() -> None:
    program = await axe()
    http_api = HttpApi(token=config.Secret("sesame-" * 6))
    async with (
        http_api.server.listening() as address,
        browsing(address, bypass_csp=True) as visit,
    ):
        await visit.page.wait_for_selector("#ask[open]")
        await visit.page.add_script_tag(content=program)
        assert await visit.page.evaluate(RUN) == []
