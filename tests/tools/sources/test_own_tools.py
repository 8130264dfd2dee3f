"""The tools that a person describes, as a source."""

from __future__ import annotations

import asyncio
import sys

import pytest

from rtaudio_daemon.config import OwnHttp, OwnTool
from rtaudio_daemon.tools.sources.own_tools import OwnTools
from rtaudio_daemon.tools.tool import CallContext, SourceState
from tests.tools.sources.test_http_tool import lamp

GATE = OwnTool(
    name="open_gate",
    description="Opens the gate.",
    parameters={"who": {"type": "string"}, "level": {"type": "integer", "default": 1}},
    http=OwnHttp(url="http://gate.invalid/open/{who}"),
    confirm=True,
    limit_s=5.0,
)


def test_a_tool_is_offered_as_it_is_described() -> None:
    source = OwnTools([GATE])
    (tool,) = source.tools()
    assert (tool.name, tool.description, tool.source) == ("open_gate", "Opens the gate.", "own")
    assert (tool.confirm, tool.read_only, tool.limit_s) == (True, False, 5.0)
    assert tool.parameters["required"] == ["who"]
    assert (source.state, source.note) == (SourceState.OK, "")


def test_a_tool_with_a_wrong_schema_is_left_out_and_named() -> None:
    wrong = OwnTool(
        name="lamp", description="x", parameters={"on": {"type": "bool"}}, program=("sh",)
    )
    source = OwnTools([GATE, wrong])
    assert [tool.name for tool in source.tools()] == ["open_gate"]
    assert source.state is SourceState.OK
    assert source.note.startswith("lamp: on.type: there is no type bool")
    assert OwnTools([wrong]).state is SourceState.REFUSED


def test_a_program_that_is_not_there_is_named_and_still_offered() -> None:
    source = OwnTools([OwnTool(name="lamp", description="x", program=("/no/such/lamp",))])
    assert [tool.name for tool in source.tools()] == ["lamp"]
    assert source.note == (
        "lamp: there is no program /no/such/lamp; install it, or write its whole path"
    )


@pytest.mark.real_time
async def test_both_kinds_of_tools_run_and_the_source_ends() -> None:
    async with lamp() as server:
        source = OwnTools(
            [
                OwnTool(name="ask", description="x", http=OwnHttp(url=server.url)),
                OwnTool(name="run", description="x", program=(sys.executable, "-c", "print(1)")),
            ]
        )
        living = asyncio.create_task(source.run())
        for tool, result in zip(source.tools(), ("done", 1), strict=True):
            assert await tool.run({}, CallContext("call_1")) == result
        living.cancel()
        await asyncio.wait([living])
        assert living.cancelled()
