"""The program for Home Assistant in docs/http-api.md, run as it stands."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rtaudio_daemon import config
from rtaudio_daemon.notifications import ModelStatus
from tests.api.test_server import HttpApi
from tests.waiting import until

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "http-api.md"
TOKEN = "sesame-" * 6


class HomeAssistant:
    """A webhook that keeps what it gets; while `broken`, it refuses."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.broken = False

    async def hook(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(status=502)
        self.got.append((await request.json())["status"])
        return web.Response()


@pytest.mark.real_time
async def test_home_assistant_gets_every_status_also_across_a_break(tmp_path: Path) -> None:
    (recipe,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (tmp_path / "follow.py").write_text(recipe)
    home, http_api = HomeAssistant(), HttpApi(token=config.Secret(TOKEN))
    app = web.Application()
    app.router.add_post("/api/webhook/voice", home.hook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with http_api.server.listening() as address:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(tmp_path / "follow.py"),
            env={
                **os.environ,
                "VOICE_URL": address,
                "VOICE_TOKEN": TOKEN,
                "HOOK_URL": f"http://127.0.0.1:{port}/api/webhook/voice",
            },
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            await until(lambda: home.got == ["idle"])
            turn = [ModelStatus.LISTENING, ModelStatus.THINKING, ModelStatus.SPEAKING]
            for status in [*turn, ModelStatus.IDLE]:  # all within a moment
                http_api.change(status)
            await until(lambda: len(home.got) == 5)
            home.broken = True
            for status in turn:
                http_api.change(status)
            await until(lambda: http_api.server.events.subscribers == 0)
            home.broken = False
            await until(lambda: len(home.got) == 8)
        finally:
            process.terminate()
            await process.wait()
    await runner.cleanup()
    expected = ["idle", "listening", "thinking", "speaking"]
    assert home.got == [*expected, "idle", *expected[1:]]
