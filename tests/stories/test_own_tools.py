"""A person's own tools in a whole daemon: what goes out, comes back, and shows nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rtaudio_daemon import config
from rtaudio_daemon.config import OwnHttp, OwnTool, Secret
from rtaudio_daemon.config.tool_sections import ToolRule
from rtaudio_daemon.daemon.log import RedactingFormatter
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from tests.harness import Harness
from tests.stories.test_tools import ANSWER, outputs
from tests.tools.sources.test_http_tool import KEY, lamp

Change = Callable[[config.Config], config.Config]


def with_tools(*own: OwnTool, built_in: tuple[str, ...] = ()) -> Change:
    def change(settings: config.Config) -> config.Config:
        return replace(settings, tools=replace(settings.tools, own=own, built_in=built_in))

    return change


def calling(*calls: Call) -> Callable[[Turn], Reply]:
    def reply(turn: Turn) -> Reply:
        return Reply("Done.", ANSWER) if turn.function_output else Reply(calls=calls)

    return reply


def own(url: str, **options: Any) -> OwnTool:
    http = OwnHttp(url=url + "/lamp/{room}", headers={"Authorization": Secret(KEY)})
    parameters = {"room": {"type": "string"}}
    return OwnTool(name="lamp", description="A lamp.", parameters=parameters, http=http, **options)


async def said(harness: Harness) -> list[Any]:
    """Say something; the results that the model was given for it."""
    await harness.post("/api/say", {"text": "Switch on the lamp."})
    await harness.turns(1)
    return [json.loads(each["output"]) for each in outputs(harness)]


async def test_a_request_of_ones_own_is_made_when_the_model_calls_it(tmp_path: Path) -> None:
    async with lamp() as server:
        server.answer = web.json_response({"lamp": "on"})
        change = with_tools(own(server.url))
        reply = calling(
            Call("lamp", '{"room": "hall/../kitchen x"}'), Call("lamp", '{"room": "hall"}')
        )
        async with Harness(tmp_path, reply=reply, change=change) as harness:
            climbed, done = await said(harness)
        assert climbed == {"error": "room must not hold . or .. as a step of a path"}
        assert done == {"result": {"lamp": "on"}}
        assert server.paths == ["/lamp/hall"]


async def test_wrong_calls_are_explained_and_nothing_runs(tmp_path: Path) -> None:
    async with lamp() as server:
        wrong = ("{", "[1]", "null", "{}", '{"room": 5}', '{"room": NaN}')
        calls = [*(Call("lamp", each) for each in wrong), Call("lampe", "{}")]
        async with Harness(
            tmp_path, reply=calling(*calls), change=with_tools(own(server.url))
        ) as harness:
            errors = [each["error"] for each in await said(harness)]
        assert server.requests == []
    assert len(errors) == 7
    assert errors[-1].startswith("there is no tool lampe; did you mean lamp")
    assert "room" in errors[3] + errors[4]


async def test_an_answer_of_a_megabyte_is_cut_and_counted(tmp_path: Path) -> None:
    async with lamp() as server:
        server.answer = web.Response(text="x" * 1_000_000)
        change = with_tools(own(server.url))
        reply = calling(Call("lamp", '{"room": "hall"}'))
        async with Harness(tmp_path, reply=reply, change=change) as harness:
            (found,) = await said(harness)
        assert found == {"result": "x" * 4000, "left_out": 996_000}


async def test_secrets_of_a_tool_show_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = KEY.removeprefix("Bearer ")
    async with lamp() as server:
        server.answer = web.Response(status=403, text=f"the key {KEY} ({secret}) may not")
        change = with_tools(own(server.url))
        reply = calling(Call("lamp", '{"room": "hall"}'))
        async with Harness(tmp_path, reply=reply, change=change) as harness:
            (found,) = await said(harness)
            shown = [
                found,
                harness.events,
                [list(each.received) for each in harness.simulator.sessions],
            ]
            for path in ("status", "tools", "actions"):
                async with harness.http.get(f"/api/{path}") as answer:
                    assert answer.status == 200
                    shown.append(await answer.json())
            shown.append(await harness.post("/api/tools/lamp", {"arguments": {"room": "hall"}}))
            shown.append(await harness.post("/api/reload"))
        assert server.requests[0].headers["Authorization"] == KEY
        assert "the key ** (**) may not" in found["error"]
    form = RedactingFormatter()
    logged = [form.format(each) for each in caplog.records if each.name != "aiohttp.access"]
    assert secret not in json.dumps(shown) + "\n".join(logged)


async def test_a_rule_about_a_tool_that_there_is_not_is_noted(tmp_path: Path) -> None:
    def change(settings: config.Config) -> config.Config:
        deny = (ToolRule(tool="tiem"), ToolRule(tool="time"))
        return replace(settings, tools=replace(settings.tools, built_in=("time",), deny=deny))

    async with Harness(tmp_path, change=change) as harness:
        (note,) = (await harness.status())["tools"]["notes"]
        assert "about the tool tiem, which there is not" in note


async def test_notes_are_told_to_the_next_session_and_deleted_over_http(tmp_path: Path) -> None:
    reply = calling(Call("remember", '{"text": "Ann eats no nuts."}'))
    async with Harness(
        tmp_path, reply=reply, change=with_tools(built_in=("notes",)), state=tmp_path / "state"
    ) as harness:
        (found,) = await said(harness)
        assert found["result"]["noted"] == "Ann eats no nuts."
        harness.simulator.fault("drop")
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: len(harness.simulator.sessions) == 2)
        await harness.until(lambda: "Ann eats no nuts." in instructions(harness))
        async with harness.http.get("/api/notes") as answer:
            (note,) = (await answer.json())["notes"]
        async with harness.http.delete(f"/api/notes/{note['id']}", json={}) as answer:
            assert await answer.json() == {"notes": []}
    assert "nuts" not in (tmp_path / "state" / "notes.json").read_text()


def instructions(harness: Harness) -> str:
    """What the newest session was given."""
    updates = [
        message["session"].get("instructions", "")
        for message in harness.simulator.sessions[-1].received
        if message["type"] == "session.update"
    ]
    return " ".join(updates)
