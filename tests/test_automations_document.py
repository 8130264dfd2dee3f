"""docs/automations.md: its configuration is in order, and its two automations do what it says."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from rtaudio_daemon import config
from rtaudio_daemon.cli.preflight import listed_hooks, unusable_hooks
from rtaudio_daemon.config.hook_events import EVENTS
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, speech
from tests.waiting import until

DOCUMENT = (Path(__file__).parent.parent / "docs" / "automations.md").read_text()
GREEN = {"on": True, "seg": [{"col": [[0, 255, 0]]}]}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.S)


LAMP = blocks("sh")[0]
(DOOR_BELL,) = blocks("python")


class Home:
    """A lamp and a service for pushes: what they were given."""

    def __init__(self) -> None:
        self.lamp: list[Any] = []
        self.pushed: list[Any] = []
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        there = self.lamp if request.path == "/json/state" else self.pushed
        there.append(await request.json())
        return web.json_response({})


@asynccontextmanager
async def home() -> AsyncIterator[Home]:
    found = Home()
    async with RawTestServer(found.handle) as server:
        found.url = str(server.make_url("/")).rstrip("/")
        yield found


def written(folder: Path, lamp: str) -> config.Config:
    """The configuration of the first automation, with its program beside it."""
    (folder / "lamp.sh").write_text(LAMP.replace("http://wled.local", lamp))
    (folder / "lamp.sh").chmod(0o755)
    return config.parse(blocks("yaml")[0], str(folder / "config.yaml"))


@pytest.mark.parametrize("block", blocks("yaml"))
def test_each_configuration_is_in_order(tmp_path: Path, block: str) -> None:
    (tmp_path / "secrets.yaml").write_text("voice_hook: http://127.0.0.1/api/webhook/voice-x\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    assert config.parse(block, str(tmp_path / "config.yaml")).warnings == ()


def test_what_check_shows_is_what_the_document_shows(tmp_path: Path) -> None:
    settings = written(tmp_path, "http://wled.local")
    assert unusable_hooks(settings) == []
    (line,) = listed_hooks(settings)
    assert line.replace(str(tmp_path), "/etc/rtaudio") in DOCUMENT
    (tmp_path / "lamp.sh").unlink()
    (line,) = unusable_hooks(settings)
    assert f"hooks[0].run[0]: there is no program {tmp_path}/lamp.sh" in line


def test_the_document_names_what_is_not_offered() -> None:
    assert not {"snapshot", "level", "shutdown"} & set(EVENTS)
    assert "all but *snapshot*, *level* and *shutdown*" in DOCUMENT


async def ring(folder: Path, voice: str, push: str) -> None:
    """Run the program of the document as it stands."""
    (folder / "door_bell.py").write_text(DOOR_BELL)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(folder / "door_bell.py")),
        env={**os.environ, "VOICE_URL": voice, "PUSH_URL": f"{push}/our-door"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 60) == 0


def short(_turn: Turn) -> Reply:
    return Reply("Somebody is at the door.", speech("hello")[:90_000])


@pytest.mark.real_time
async def test_the_bell_is_announced_the_lamp_shows_it_and_a_push_comes_if_nobody_heard_it(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with home() as there:
        hooks = written(tmp_path, there.url).hooks
        async with Harness(
            tmp_path, reply=short, change=lambda settings: replace(settings, hooks=hooks)
        ) as harness:
            await ring(tmp_path, harness.app.address, there.url)
            await until(lambda: there.lamp[-1:] == [{"on": False}])
            (said,) = harness.named("said")
            assert said["outcome"] == "said"
            assert GREEN in there.lamp
            assert there.pushed == []
        await ring(tmp_path, f"http://127.0.0.1:{unused_tcp_port}", there.url)
    assert there.pushed == [{"topic": "our-door", "message": "Somebody is at the door."}]
