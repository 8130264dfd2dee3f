"""Starts daemons for the tests of the integration, which run with another Python.

    python -m tests.home_assistant.component.daemons PORT

`POST /` with what the daemon is to be like starts one and answers with its `number` and `port`;
`DELETE /NUMBER` stops it. Service and devices are simulated: it says everything with the same
recording of five seconds, and hears, after `silent_ms`, a person who says `words`. `folder`: below
the package, with sounds that it may play.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

import rtaudio_daemon
from rtaudio_daemon import config
from rtaudio_daemon.daemon.app import App
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, speech
from tests.stories.test_asking import Person

LONG_MS = 600_000
PACKAGE = Path(rtaudio_daemon.__file__).parent


@asynccontextmanager
async def daemon(about: dict[str, Any]) -> AsyncIterator[int]:
    """A running daemon; its port."""

    def change(settings: config.Config) -> config.Config:
        token, read = config.Secret(about["token"]), config.Secret(about["read_token"])
        http = replace(settings.http, port=about["port"], token=token, read_token=read)
        mqtt = replace(settings.mqtt, id=about["id"], name=about["name"])
        folder = str(PACKAGE / about["folder"]) if about["folder"] else ""
        audio = replace(settings.audio, play=replace(settings.audio.play, folder=folder))
        return replace(settings, http=http, mqtt=mqtt, audio=audio)

    said = [(LONG_MS, b"")]
    if about["words"]:
        said.insert(0, (about["silent_ms"], speech("hello")))
    async with AsyncExitStack() as parts:
        folder = parts.enter_context(tempfile.TemporaryDirectory())
        simulator = Simulator(api_key=KEY, reply=Person(*about["words"]))
        await parts.enter_async_context(simulator)
        harness = Harness(Path(folder), said, simulator=simulator, change=change)
        app = App(harness.settings(), load=harness.settings, state=Path(folder))
        stop, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(app.run(stop, ready.set))
        starting = asyncio.create_task(ready.wait())
        await asyncio.wait({running, starting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            starting.cancel()
            await running
        yield int(app.address.rpartition(":")[2])
        stop.set()
        await running


class Daemons:
    """All that run."""

    def __init__(self) -> None:
        self._running: list[AsyncExitStack] = []

    async def start(self, request: web.Request) -> web.Response:
        """Start one more."""
        stack = AsyncExitStack()
        port = await stack.enter_async_context(daemon(await request.json()))
        self._running.append(stack)
        return web.json_response({"number": len(self._running) - 1, "port": port})

    async def stop(self, request: web.Request) -> web.Response:
        """Stop one."""
        await self._running[int(request.match_info["number"])].aclose()
        return web.json_response({})


def main(port: int) -> None:
    """Serve until the program is ended."""
    daemons, app = Daemons(), web.Application()
    app.add_routes([web.post("/", daemons.start), web.delete("/{number}", daemons.stop)])
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
