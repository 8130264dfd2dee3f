"""The real thing: servers of the official SDK, in both eras, over HTTP and over stdio."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.config import McpServer
from rtaudio_daemon.tools.tool import SourceState
from tests.tools.mcp_processes import Server, connected
from tests.waiting import until

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.real_time

KINDS = [
    ("stateful", ""),
    ("stateful", "legacy"),
    ("stateless", "modern"),
    ("stateless", "legacy"),
    ("stdio", "modern"),
    ("stdio", "legacy"),
]


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One for all tests of its kind, as its start takes a second."""
    kind, only = request.param
    options = ("--only", only) if only else ()
    with Server(kind, tmp_path_factory.mktemp("server"), *options) as found:
        yield found


def kinds(*wanted: tuple[str, str]) -> pytest.MarkDecorator:
    names = [" ".join(each).strip() for each in wanted]
    return pytest.mark.parametrize("server", wanted, ids=names, indirect=True)


@kinds(*KINDS)
async def test_every_kind_of_server_is_listed_called_and_hung_up_on(server: Server) -> None:
    greeted = server.greeted
    async with connected(server.settings(deny=("die",), confirm=("write",))) as home:
        await _lists_and_calls(home)
        await _gives_other_things_than_text(home)
        await _stops_a_call_that_takes_too_long(home, server)
        assert server.greeted - greeted == 1


async def _lists_and_calls(home: Any) -> None:
    """Cases 4 and 25."""
    tools = {tool.name: tool for tool in home.source.tools()}
    assert "die" not in tools
    assert tools["add"].read_only
    assert not tools["write"].read_only
    assert [name for name, tool in tools.items() if tool.confirm] == ["write"]
    assert tools["add"].description == "Adds two numbers."
    assert tools["add"].parameters["required"] == ["a", "b"]
    assert await home.call("add", a=1, b=2) == {"result": "3"}
    assert (await home.call("add", a="one", b=2))["error"].startswith("wrong arguments: a: ")
    found = await home.call("big", characters=1_000_000)
    assert found == {"result": "x" * 4000, "left_out": 996_000}
    found = await home.call("big", characters=5_000_000)
    assert found["error"].startswith("its answer is longer than 4 MiB")


async def _gives_other_things_than_text(home: Any) -> None:
    """Case 5."""
    assert await home.call("picture") == {"result": "[image left out]"}
    assert await home.call("nothing") == {"result": "done"}
    assert await home.call("structured") == {"result": {"level": 3}}
    assert await home.call("wrong") == {"error": "the disk is full"}
    assert "error" in await home.call("ask")
    assert await home.call("add", a=2, b=2) == {"result": "4"}


async def _stops_a_call_that_takes_too_long(home: Any, server: Server) -> None:
    """Case 6; over stdio nothing but a notification can say so."""
    usual_s, home.runner.limit_s = home.runner.limit_s, 1.0
    found = await home.call("slow", seconds=60)
    home.runner.limit_s = usual_s
    assert found == {"error": "it gave no result within 1 s"}
    assert await home.call("add", a=3, b=2) == {"result": "5"}
    if server.kind == "stdio":
        await until(lambda: server.ran("slow cancelled") == 1)
    assert server.ran("slow ends") == 0


@kinds(("stateful", "legacy"), ("stateful", ""))
async def test_other_tools_are_known_at_once_and_one_that_is_gone_is_an_error(
    server: Server,
) -> None:
    """Case 23: by the stream that the server has for us, in both eras."""
    async with connected(server.settings()) as home:
        before = home.changes
        await home.call("learn", name="new_one")
        await until(lambda: "new_one" in home.names)
        assert home.changes > before
        assert await home.call("new_one") == {"result": "learned"}
        await home.call("forget", name="new_one")
        assert "error" in await home.call("new_one")
        home.source.try_again()
        await until(lambda: "new_one" not in home.names)


@kinds(("stateful", "legacy"))
async def test_a_server_that_forgot_us_is_greeted_once_more_and_no_write_is_repeated(
    server: Server,
) -> None:
    """Case 24."""
    greeted, added = server.ran("initialize"), server.ran("add")
    async with connected(server.settings()) as home:
        assert await home.call("write", text="one") == {"result": "written"}
        server.forget()
        found = await home.call("write", text="two")
        assert "not known whether this was done" in found["error"]
        assert await home.call("write", text="three") == {"result": "written"}
        server.forget()
        assert await home.call("add", a=1, b=1) == {"result": "2"}
        assert home.source.note == ""
    assert [server.ran(f"write {each}") for each in ("one", "two", "three")] == [1, 0, 1]
    assert server.ran("add") - added == 1
    assert server.ran("initialize") - greeted == 3


async def test_a_server_that_is_started_again_comes_back_by_itself(tmp_path: Path) -> None:
    """Case 24: as an update does it; what was called meanwhile is refused at once."""
    with Server("stateful", tmp_path, "--only", "legacy") as server:
        async with connected(server.settings()) as home:
            server.kill()
            note = await home.is_(SourceState.UNREACHABLE)
            assert note.startswith("cannot be reached")
            assert (await home.call("write", text="one"))["error"].startswith("mcp:test is away")
            server.start()
            await home.is_(SourceState.OK)
            assert await home.call("write", text="two") == {"result": "written"}
        assert [server.ran(f"write {each}") for each in ("one", "two")] == [0, 1]


async def test_the_server_of_the_document_works(tmp_path: Path) -> None:
    document = (ROOT / "docs" / "tools.md").read_text()
    program = next(
        each for each in re.findall(r"```python\n(.*?)```", document, re.S) if "MCPServer" in each
    )
    (tmp_path / "notes_server.py").write_text(program)
    command = (sys.executable, str(tmp_path / "notes_server.py"))
    async with connected(McpServer(command=command)) as home:
        assert home.names == ["search_notes"]
        assert await home.call("search_notes", words="flowers") == {
            "result": "About flowers: water the flowers on Tuesday."
        }
