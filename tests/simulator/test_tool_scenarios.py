"""Scenarios for tools: preambles, calls after a delay, rounds, wanted results, refused schemas."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import Caller, call
from tests.simulator.test_scenario import example

KEY = "ek_68af296e8e408191a1120a"


async def answered(caller: Caller) -> list[dict[str, Any]]:
    """The output of the next answer, one that is asked for."""
    await caller.send("response.create")
    output: list[dict[str, Any]] = (await caller.until("response.done"))["response"]["output"]
    return output


async def result(caller: Caller, call_id: str, output: str) -> None:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    await caller.send("conversation.item.create", item=item)


def phases(caller: Caller, kind: str) -> list[str | None]:
    return [event["item"].get("phase") for event in caller.events if event["type"] == kind]


def words(item: dict[str, Any]) -> str:
    return str(item["content"][0]["transcript"])


async def test_a_preamble_is_a_message_of_its_own_before_the_answer() -> None:
    async with example("preamble") as simulator, call(simulator, "ga") as caller:
        await caller.write("how warm is it?")
        preamble, answer = await answered(caller)
        assert (words(preamble), words(answer)) == ("Let me see.", "It is twenty degrees.")
        for kind in ("added", "done"):
            assert phases(caller, f"response.output_item.{kind}") == ["commentary", "final_answer"]
            assert phases(caller, f"conversation.item.{kind}")[1:] == ["commentary", "final_answer"]
        sound = {event["item_id"] for event in caller.of("response.audio.delta")}
        assert sound == {preamble["id"], answer["id"]}


async def test_the_preview_knows_no_phase(dialect: Any) -> None:
    async with example("preamble") as simulator, call(simulator, dialect) as caller:
        await caller.write("how warm is it?")
        await answered(caller)
        known = ["commentary", "final_answer"] if dialect == "ga" else [None, None]
        assert phases(caller, "response.output_item.done") == known


async def test_a_preamble_may_come_before_a_call_that_comes_after_a_delay() -> None:
    async with example("preamble", pacing="burst") as simulator, call(simulator, "ga") as caller:
        await caller.write("hello")
        await answered(caller)
        began = asyncio.get_running_loop().time()
        await caller.write("how warm is it?")
        preamble, wanted = await answered(caller)
        assert asyncio.get_running_loop().time() - began >= 0.5
        assert (words(preamble), wanted["name"]) == ("One moment.", "get_temperature")
        assert phases(caller, "response.output_item.done")[-2:] == ["commentary", None]
        await result(caller, wanted["call_id"], "20")
        (answer,) = await answered(caller)
        assert words(answer) == "It is warm."
        assert phases(caller, "response.output_item.done")[-1] is None


@pytest.mark.parametrize(
    ("found", "said"),
    [("It was Found under a towel", "It is in the bath."), ("nothing", "I cannot find it.")],
)
async def test_calls_go_on_for_rounds_until_a_result_contains_a_word(
    dialect: Any, found: str, said: str
) -> None:
    async with example("rounds") as simulator, call(simulator, dialect) as caller:
        for _ in range(2):  # the rounds are counted from the user's words
            await caller.write("Where is my telephone?")
            (first,) = await answered(caller)
            await result(caller, first["call_id"], "nothing")
            (second,) = await answered(caller)
            rooms = [json.loads(each["arguments"])["room"] for each in (first, second)]
            assert rooms == ["kitchen", "bath"]
            await result(caller, second["call_id"], found)
            (answer,) = await answered(caller)
            assert words(answer) == said


async def test_a_schema_that_is_refused_leaves_the_session_as_it_was(dialect: Any) -> None:
    tools = [
        {"type": "function", "name": name, "description": "x", "parameters": {"type": "object"}}
        for name in ("get_time", "set_light")
    ]
    kind = {"type": "realtime"} if dialect == "ga" else {}
    async with example("refused_schema") as simulator, call(simulator, dialect) as caller:
        await caller.send("session.update", session={**kind, "tools": tools})
        error = await caller.refusal()
        assert error["code"] == "invalid_function_parameters"
        assert error["param"] == "session.tools[1].parameters"
        assert "'set_light'" in error["message"]
        assert caller.session.settings.tools == []
        await caller.send("session.update", session={**kind, "tools": tools[:1]})
        await caller.until("session.updated")
        await caller.send("response.create", response={"tools": tools})
        assert (await caller.refusal())["param"] == "response.tools[1].parameters"


# ------------------------------------------------------------------- as lenient as the service


async def test_null_in_response_create_means_as_in_the_session(dialect: Any) -> None:
    async with Simulator(voice="tone") as simulator, call(simulator, dialect) as caller:
        kind = {"type": "realtime"} if dialect == "ga" else {}
        await caller.send("session.update", session={**kind, "instructions": "Be a pirate."})
        await caller.write("hello")
        nulls: dict[str, Any] = dict.fromkeys(
            ("instructions", "tools", "tool_choice", "conversation", "metadata", "input")
        )
        if dialect == "ga":
            nulls |= dict.fromkeys(("output_modalities", "max_output_tokens"))
            nulls["audio"] = {"output": {"voice": None, "format": None}}
        else:
            nulls |= dict.fromkeys(("modalities", "voice", "temperature"))
        await caller.send("response.create", valid=False, response=nulls)
        done = (await caller.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert caller.session.record.turns[-1].instructions == "Be a pirate."
        assert caller.of("error") == []


async def test_the_model_in_the_preview_s_session_update_changes_nothing() -> None:
    async with Simulator() as simulator, call(simulator, "preview") as caller:
        before = caller.session.settings.document["model"]
        session = {"model": "gpt-4o", "instructions": "Be brief."}
        await caller.send("session.update", valid=False, session=session)
        updated = (await caller.until("session.updated"))["session"]
        assert (updated["model"], updated["instructions"]) == (before, "Be brief.")


@pytest.mark.parametrize(
    ("path", "key", "comes_in"),
    [
        ("/v1/realtime?model=gpt-realtime", KEY, True),
        ("/v1/realtime?model=gpt-realtime", KEY + "x", False),
        ("/v1/realtime?model=gpt-realtime", "", False),
        ("/openai/v1/realtime?model=gpt-realtime", KEY, False),
    ],
)
async def test_openai_takes_the_key_as_a_subprotocol(path: str, key: str, comes_in: bool) -> None:
    protocols = ("realtime", f"openai-insecure-api-key.{key}")
    async with Simulator(api_key=KEY) as simulator, aiohttp.ClientSession() as http:
        if not comes_in:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
                await http.ws_connect(simulator.url + path, protocols=protocols)
            return
        async with http.ws_connect(simulator.url + path, protocols=protocols) as socket:
            assert socket.protocol == "realtime"
            assert (await socket.receive_json())["type"] == "session.created"


async def test_an_empty_key_lets_nobody_in() -> None:
    async with Simulator(api_key="") as simulator, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await http.ws_connect(f"{simulator.url}/v1/realtime?model=gpt-realtime")
