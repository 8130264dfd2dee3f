"""A server is kept in touch with: pauses, lists, calls while it is away, and words for people."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from rtaudio_daemon.config import McpServer, Secret
from rtaudio_daemon.optional_packages import how_to_install
from rtaudio_daemon.tools.registry import Registry
from rtaudio_daemon.tools.sources.kept_link import PACKAGE
from rtaudio_daemon.tools.sources.mcp_link import (
    ForgottenLinkError,
    LinkError,
    OfferedTool,
    RefusedLinkError,
)
from rtaudio_daemon.tools.sources.mcp_servers import McpSource
from rtaudio_daemon.tools.tool import CallContext, SourceState, ToolError
from tests.waiting import until

from .mcp_fakes import FakeConnect, FakeLink, offered

CONTEXT = CallContext("call_1")
SERVER = McpServer(url="http://127.0.0.1/mcp")


class Listener:
    def __init__(self) -> None:
        self.changes = 0

    def tools_changed(self) -> None:
        self.changes += 1


def source_of(
    connect: FakeConnect | None, server: McpServer = SERVER, *, name: str = "notes"
) -> McpSource:
    ready = asyncio.Event()
    ready.set()
    return McpSource(name, server, Listener(), ready, connect=connect, chance=lambda: 0.5)


@asynccontextmanager
async def running(source: McpSource) -> AsyncIterator[McpSource]:
    task = asyncio.create_task(source.run())
    try:
        yield source
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


def gaps(times: list[float]) -> list[float]:
    return [round(later - earlier, 1) for earlier, later in pairwise(times)]


async def test_nothing_is_tried_before_the_daemon_is_ready() -> None:
    connect, ready = FakeConnect(FakeLink()), asyncio.Event()
    source = McpSource("notes", SERVER, Listener(), ready, connect=connect)
    async with running(source):
        await asyncio.sleep(100)
        assert connect.tried_at == []
        assert source.state is SourceState.STARTING
        ready.set()
        await until(lambda: source.state is SourceState.OK)


async def test_a_server_that_is_away_is_tried_seldomer_and_seldomer_with_one_note() -> None:
    connect = FakeConnect(LinkError("cannot be reached"))
    async with running(source_of(connect)) as source:
        await asyncio.sleep(200)
        assert gaps(connect.tried_at)[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert (source.state, source.note) == (SourceState.UNREACHABLE, "cannot be reached")
        assert isinstance(source._listener, Listener)
        assert source._listener.changes == 1
        connect.links = [FakeLink(offered("search"))]
        await until(lambda: source.state is SourceState.OK)
        assert source.note == ""


async def test_a_server_that_dies_soon_after_each_start_is_started_seldomer_and_seldomer() -> None:
    """Case 52."""

    class DyingLink(FakeLink):
        async def tools(self) -> list[OfferedTool]:
            self.break_off(LinkError("its program ended (exit status 3): no licence"))
            return []

    connect = FakeConnect(DyingLink())
    async with running(source_of(connect)) as source:
        await asyncio.sleep(200)
        assert [round(each) for each in gaps(connect.tried_at)[:8]] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert source.note == "its program ended (exit status 3): no licence"


async def test_after_a_connection_that_lasted_the_pauses_begin_anew() -> None:
    first, second = FakeLink(), FakeLink()
    connect = FakeConnect(LinkError("away"), LinkError("away"), first, second)
    async with running(source_of(connect)) as source:
        await until(lambda: source.state is SourceState.OK)
        await asyncio.sleep(100)
        first.break_off()
        await until(lambda: len(connect.tried_at) == 4)
        assert gaps(connect.tried_at) == [1, 2, 101]


async def test_after_a_refusal_it_is_tried_every_quarter_of_an_hour_and_at_a_reload() -> None:
    connect = FakeConnect(RefusedLinkError("it does not know us", 401))
    async with running(source_of(connect)) as source:
        await asyncio.sleep(2000)
        assert gaps(connect.tried_at) == [900, 900]
        assert (source.state, source.note) == (SourceState.REFUSED, "it does not know us")
        source.try_again()
        await asyncio.sleep(1)
        assert len(connect.tried_at) == 4
        await asyncio.sleep(890)
        assert len(connect.tried_at) == 4


async def test_the_list_is_read_every_five_minutes_and_soon_after_the_server_says_so() -> None:
    """Case 23."""
    link = FakeLink(offered("one"))
    async with running(source_of(FakeConnect(link))) as source:
        await asyncio.sleep(700)
        assert gaps(link.listed_at) == [301, 301]
        link.offered = [offered("one"), offered("two")]
        link.changed.set()
        await asyncio.sleep(1.1)
        assert [tool.name for tool in source.tools()] == ["one", "two"]


async def test_a_list_that_is_another_again_and_again_is_read_seldomer_and_seldomer() -> None:
    link = FakeLink(offered("one"))
    async with running(source_of(FakeConnect(link))) as source:
        for second in range(400):
            link.offered = [offered(f"tool_{second}")]
            link.changed.set()
            await asyncio.sleep(1)
        pauses = gaps(link.listed_at)
        assert pauses[0] < 3
        assert pauses[-1] == pytest.approx(60, abs=1)
        assert pauses == sorted(pauses)
        assert isinstance(source._listener, Listener)
        assert source._listener.changes < 20
        source.try_again()
        await asyncio.sleep(0.1)
        assert [tool.name for tool in source.tools()] == ["tool_399"]


async def test_only_what_is_allowed_is_offered_and_patterns_that_fit_nothing_are_named() -> None:
    server = McpServer(
        url="http://127.0.0.1/",
        allow=("search_*", "delete_*", "add"),
        deny=("*_all",),
        confirm=("delete_*", "remove"),
        limit_s=7,
    )
    names = ["search_notes", "search_all", "delete_note", "write"]
    link = FakeLink(*(offered(name, read_only=name.startswith("search")) for name in names))
    async with running(source_of(FakeConnect(link), server)) as source:
        await until(lambda: source.state is SourceState.OK)
        found = {tool.name: tool for tool in source.tools()}
        assert list(found) == ["search_notes", "delete_note"]
        assert (found["search_notes"].read_only, found["search_notes"].confirm) == (True, False)
        assert (found["delete_note"].read_only, found["delete_note"].confirm) == (False, True)
        assert {tool.limit_s for tool in found.values()} == {7}
        assert source.note == (
            "allow: add fits none of its 4 tools; confirm: remove fits none of its 4 tools"
        )


async def test_a_tool_whose_arguments_cannot_be_described_is_left_out_with_a_note() -> None:
    deep: Any = {"type": "object"}
    for _ in range(100):
        deep = {"type": "object", "properties": {"a": deep}}
    link = FakeLink(
        offered("good"),
        offered("list", parameters={"type": "array"}),
        offered("deep", parameters=deep),
        offered("large", parameters={"type": "object", "description": "x" * 40_000}),
        offered("none", parameters=[]),
    )
    async with running(source_of(FakeConnect(link))) as source:
        await until(lambda: source.state is SourceState.OK)
        assert [tool.name for tool in source.tools()] == ["good"]
        assert source.note == (
            "left out, as their arguments cannot be described: list, deep, large and 1 more"
        )


async def test_many_long_and_foreign_names_of_two_servers_become_names_for_the_service() -> None:
    """Case 26."""
    names = ["search", "x" * 90, "läuft_🎵", "a b", *(f"many_{number}" for number in range(200))]
    links = [FakeLink(*(offered(name) for name in names)) for _ in range(2)]
    async with (
        running(source_of(FakeConnect(links[0]), name="one")) as one,
        running(source_of(FakeConnect(links[1]), name="two")) as two,
    ):
        await until(lambda: {one.state, two.state} == {SourceState.OK})
        registry = Registry([one, two])
        assert len(registry.tools) == 64
        assert registry.notes[0].startswith(f"{2 * len(names) - 64} tools are left out")
        small = Registry([source_of(None), one])
        assert "search" in small.tools
        assert all(len(name) <= 64 and name.isascii() for name in small.tools)
        both = [each for each in Registry([one, two]).tools if each.startswith("search")]
        assert both == ["search"]
        links[0].offered = links[1].offered = [offered("search"), offered("läuft_🎵")]
        one.try_again()
        two.try_again()
        await until(lambda: len(one.tools()) == len(two.tools()) == 2)
        found = Registry([one, two]).tools
        assert sorted(tool.source for tool in found.values()) == ["mcp:one"] * 2 + ["mcp:two"] * 2


async def test_a_call_while_the_server_is_away_fails_at_once_and_says_why() -> None:
    link = FakeLink(offered("search", read_only=True))
    connect = FakeConnect(link, LinkError("cannot be reached"))
    async with running(source_of(connect)) as source:
        await until(lambda: source.state is SourceState.OK)
        (tool,) = source.tools()
        link.break_off(LinkError("it closed the connection"))
        await until(lambda: source.state is SourceState.UNREACHABLE)
        assert source.tools() == [tool]  # the model may know it still
        before = asyncio.get_running_loop().time()
        with pytest.raises(ToolError, match="mcp:notes is away: it closed the connection"):
            await tool.run({}, CONTEXT)
        assert asyncio.get_running_loop().time() == before


@pytest.mark.parametrize("read_only", [True, False])
async def test_only_what_changes_nothing_is_called_once_more_and_that_once(read_only: bool) -> None:
    """Case 24."""
    lost = ForgottenLinkError("it knows our session no more")
    links = [FakeLink(offered("do", read_only=read_only)) for _ in range(3)]
    for link in links[:2]:
        link.trouble = lost
    async with running(source_of(FakeConnect(*links))) as source:
        await until(lambda: source.state is SourceState.OK)
        (tool,) = source.tools()

        async def call() -> Any:
            try:
                return await tool.run({}, CONTEXT)
            except ToolError as error:
                return str(error)

        calling = asyncio.create_task(call())
        await until(lambda: links[0].called)
        links[0].break_off(lost)
        found = await calling
        if read_only:
            assert found == "mcp:notes is away: it knows our session no more"
            assert [len(link.called) for link in links] == [1, 1, 0]
        else:
            assert "not known whether this was done" in found
            assert [len(link.called) for link in links] == [1, 0, 0]


async def test_a_call_that_runs_when_the_server_is_taken_away_still_gets_its_result() -> None:
    """Case 50."""
    link = FakeLink(offered("slow"))
    link.hold = asyncio.Event()
    async with running(source_of(FakeConnect(link))) as source:
        await until(lambda: source.state is SourceState.OK)
        (tool,) = source.tools()
        calling = asyncio.ensure_future(tool.run({}, CONTEXT))
        await until(lambda: link.called)
        asyncio.get_running_loop().call_later(3, link.hold.set)
    assert calling.done()
    assert await calling == "slow of {}"


async def test_without_the_package_the_note_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case 51."""
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    async with running(source_of(None)) as source:
        await until(lambda: source.state is SourceState.REFUSED)
        assert source.note.endswith(f"run: {how_to_install(PACKAGE)}")


async def test_secrets_show_neither_in_notes_nor_in_errors_nor_in_results() -> None:
    """Case 32."""
    server = McpServer(
        url="http://127.0.0.1/mcp", headers={"Authorization": Secret("Bearer 4711-0815-abc")}
    )
    link = FakeLink(offered("tell"))
    link.trouble = ToolError("no entry for 4711-0815-abc")
    connect = FakeConnect(link, LinkError("it says: Bearer 4711-0815-abc is unknown"))
    async with running(source_of(connect, server)) as source:
        await until(lambda: source.state is SourceState.OK)
        (tool,) = source.tools()
        with pytest.raises(ToolError) as error:
            await tool.run({}, CONTEXT)
        link.trouble = None
        result = await tool.run({"a": "4711-0815-abc"}, CONTEXT)
        link.break_off(LinkError("Bearer 4711-0815-abc"))
        await until(lambda: source.state is SourceState.UNREACHABLE)
        shown = f"{error.value} {result} {source.note} {source.server!r}"
        await asyncio.sleep(5)
        assert "4711" not in f"{shown} {source.note}"


def test_a_source_stays_only_where_name_and_settings_are_the_same() -> None:
    source = source_of(None)
    assert source.is_like(source_of(None))
    assert not source.is_like(source_of(None, name="others"))
    assert not source.is_like(source_of(None, McpServer(url="http://127.0.0.2/mcp")))
