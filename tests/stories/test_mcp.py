"""A whole daemon with a real MCP server: it is asked, and what it says is spoken."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rtaudio_daemon import config
from rtaudio_daemon.optional_packages import how_to_install
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.tools.sources.kept_link import PACKAGE
from tests.harness import Harness, speech
from tests.tools.mcp_processes import Server
from tests.tools.sources.mcp_fakes import FakeServer, serving

from .test_tools import outputs, phases

Change = Callable[[config.Config], config.Config]
ANSWER = speech("stop")


def with_servers(**servers: config.McpServer) -> Change:
    def change(settings: config.Config) -> config.Config:
        return replace(settings, tools=replace(settings.tools, mcp=servers))

    return change


async def states(harness: Harness) -> dict[str, str]:
    """The state of each server."""
    sources = (await harness.status())["tools"]["sources"]
    return {each["name"]: each["state"] for each in sources if each["name"].startswith("mcp:")}


async def wait_for(harness: Harness, **wanted: str) -> None:
    while await states(harness) != {f"mcp:{name}": state for name, state in wanted.items()}:
        await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server("stateless", tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.mark.real_time
async def test_the_model_asks_a_server_and_speaks_of_what_it_says(
    tmp_path: Path, server: Server
) -> None:
    def reply(turn: Turn) -> Reply:
        if turn.round == 0:
            return Reply("", calls=(Call("search_notes", '{"words": "flowers"}'),))
        return Reply("Water them on Tuesday.", ANSWER)

    change = with_servers(house=server.settings(allow=("search_*",)))
    async with Harness(tmp_path, reply=reply, change=change) as harness:
        await wait_for(harness, house="ok")
        await harness.post("/api/say", {"text": "What is with the flowers?"})
        await harness.turns(1)
        (output,) = outputs(harness)
        assert json.loads(output["output"]) == {
            "result": "the note about flowers: water the flowers on Tuesday"
        }
        assert phases(harness) == ["search_notes started", "search_notes done"]
        assert harness.named("tool")[-1]["source"] == "mcp:house"
        offered = harness.received("session.update")[-1]["session"]["tools"]
        assert "search_notes" in [tool["name"] for tool in offered]
        assert "write" not in [tool["name"] for tool in offered]
        assert harness.statuses[-4:] == ["idle", "thinking", "speaking", "idle"]


@pytest.mark.real_time
async def test_a_reload_changes_only_the_servers_that_differ_and_lets_a_call_end(
    tmp_path: Path, server: Server
) -> None:
    """Case 50."""

    def reply(turn: Turn) -> Reply:
        if turn.round == 0:
            return Reply("", calls=(Call("slow", '{"seconds": 1}'),))
        return Reply("Done.", ANSWER)

    here = server.settings(allow=("slow",))
    greeted = server.ran("server/discover")
    async with Harness(tmp_path, reply=reply, change=with_servers(a=here, b=here)) as harness:
        await wait_for(harness, a="ok", b="ok")
        assert server.ran("server/discover") == greeted + 2
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: phases(harness) == ["slow started"])
        harness.edit = with_servers(b=here, c=here)
        _, answer = await harness.post("/api/reload")
        assert [each["state"] for each in answer["changed"]] == ["pending"]
        await harness.turns(1)
        assert [json.loads(each["output"]) for each in outputs(harness)] == [{"result": "late"}]
        await wait_for(harness, b="ok", c="ok")
        assert server.ran("server/discover") == greeted + 3
        assert phases(harness) == ["slow started", "slow done"]


async def test_without_the_package_the_daemon_runs_and_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 51."""
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    servers = with_servers(house=config.McpServer(url="http://127.0.0.1:9/mcp"))
    async with Harness(tmp_path, reply=lambda _turn: Reply("Hello.", ANSWER), change=servers) as it:
        await wait_for(it, house="refused")
        sources: list[Any] = (await it.status())["tools"]["sources"]
        assert sources[-1]["note"].endswith(f"run: {how_to_install(PACKAGE)}")
        await it.post("/api/say", {"text": "Hello?"})
        await it.turns(1)
        assert not it.named("error")


async def test_a_reload_tries_a_server_again_that_refused_us(tmp_path: Path) -> None:
    async def refused(_request: web.Request) -> web.Response:
        return web.Response(status=401)

    async with serving(FakeServer(refused)) as server:
        house = config.McpServer(url=server.url, headers={"Authorization": config.Secret("4711")})
        async with Harness(tmp_path, change=with_servers(house=house)) as harness:
            await wait_for(harness, house="refused")
            await asyncio.sleep(300)
            assert len(server.requests) == 1
            await harness.post("/api/reload")
            while len(server.requests) == 1:
                await asyncio.sleep(1)
            assert "4711" not in json.dumps([await harness.status(), harness.events])


def test_the_package_is_loaded_only_where_a_server_is_configured() -> None:
    program = (
        "import sys, rtaudio_daemon.daemon.app, rtaudio_daemon.cli.main\n"
        "sys.exit(any(name in sys.modules for name in ('mcp', 'mcp_types', 'httpx2')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
