"""The doctor says what is wrong with Home Assistant, and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.doctor import home as doctor
from rtaudio_daemon.cli.doctor.examination import exit_status
from rtaudio_daemon.cli.doctor.finding import Finding
from rtaudio_daemon.tools.sources.mcp_link import LinkError, RefusedLinkError
from tests.tools.home_assistant.fake_assist import INTENTS, FakeAssist
from tests.tools.home_assistant.fake_home import TOKEN, FakeHome


async def found(home: FakeHome, connect: Any = None, *, exposes: bool = True) -> list[Finding]:
    settings = config.parse("tools: {home_assistant: " + str(exposes).lower() + "}\n")
    settings = replace(settings, home_assistant=home.settings)
    connect = connect or FakeAssist(home).connect
    findings = [each async for each in doctor.check_home(settings, connect)]
    assert not any(TOKEN in f"{each.what} {each.remedy}" for each in findings)
    assert all(each.remedy or each.verdict == "pass" for each in findings)
    return findings


async def test_nothing_is_asked_without_an_address() -> None:
    settings = config.parse("http: {port: 0}\n")
    assert [each async for each in doctor.check_home(settings)] == []


async def test_a_home_that_works_is_found_well() -> None:
    async with FakeHome() as home:
        first, second = await found(home)
        assert (first.verdict, second.what) == ("pass", f"{len(INTENTS) + 2} tools for Assist")
        assert len(await found(home, exposes=False)) == 1


async def test_a_wrong_token_is_named_and_sent_once() -> None:
    async with FakeHome() as home:
        home.token = "another"
        (finding,) = await found(home)
        assert "refuses the token" in finding.what
        assert (finding.verdict, exit_status([finding])) == ("fail", 77)
        assert home.statuses[401] == 1


async def test_a_wrong_address_is_named() -> None:
    async with FakeHome() as home:
        await home.stop()
        (finding,) = await found(home)
        assert finding.what.endswith("connection refused")
        assert (finding.verdict, exit_status([finding])) == ("fail", 1)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LinkError("there is none", 404), "it has no MCP server"),
        (RefusedLinkError("needs a package"), "needs a package"),
        (LinkError("it closed the connection"), "it closed the connection"),
    ],
)
async def test_without_its_mcp_server_the_remedy_is_named(error: LinkError, words: str) -> None:
    @asynccontextmanager
    async def refuse(_name: str, _server: Any) -> AsyncIterator[Any]:
        raise error
        yield

    async with FakeHome() as home:
        _, finding = await found(home, refuse)
        assert finding.verdict == "warn"
        assert words in finding.what


async def test_a_home_that_exposes_nothing_is_named() -> None:
    async with FakeHome() as home:
        assist = FakeAssist(home)
        assist.left_out = {*INTENTS, "homeassistant__GetLiveContext", "llm__GetDateTime"}
        _, finding = await found(home, assist.connect)
        assert finding.what == "nothing is exposed to Assist"
