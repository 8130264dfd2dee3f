"""Connecting, settings, items, and everything that is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import PATHS, Caller, EnergyHearing, call, loud


async def test_the_greeting_shows_the_defaults(caller: Caller) -> None:
    session = caller.events[0]["session"]
    assert caller.events[0]["type"] == "session.created"
    if caller.dialect == "ga":
        assert session["type"] == "realtime"
        assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        assert session["audio"]["output"]["voice"] == "alloy"
    else:
        assert session["modalities"] == ["audio", "text"]
        assert session["turn_detection"]["silence_duration_ms"] == 200


async def test_an_update_changes_only_what_it_names(caller: Caller) -> None:
    before = caller.events[0]["session"]
    await caller.configure(turn_detection={"type": "server_vad", "threshold": 0.7})
    after = caller.events[-1]["session"]
    nested = caller.dialect == "ga"
    found = after["audio"]["input"] if nested else after
    assert found["turn_detection"]["threshold"] == 0.7
    assert found["turn_detection"]["prefix_padding_ms"] == 300
    found["turn_detection"]["threshold"] = 0.5
    assert after == before


@pytest.mark.parametrize(
    ("dialect", "session", "param"),
    [
        ("ga", {"type": "realtime", "modalities": ["text"]}, "session.modalities"),
        ("ga", {"type": "realtime", "temperature": 0.8}, "session.temperature"),
        ("preview", {"type": "realtime"}, "session.type"),
        ("preview", {"audio": {}}, "session.audio"),
        (
            "preview",
            {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}},
            "session.turn_detection.idle_timeout_ms",
        ),
    ],
)
async def test_the_other_dialects_fields_are_unknown(
    simulator: Simulator, dialect: Dialect, session: dict[str, Any], param: str
) -> None:
    async with call(simulator, dialect) as caller:
        await caller.send("session.update", valid=False, session=session, event_id="e1")
        error = await caller.refusal()
        assert error["code"] == "unknown_parameter"
        assert error["message"] == f"Unknown parameter: '{param}'."
        assert (error["param"], error["event_id"]) == (param, "e1")


async def test_an_update_without_its_type_is_refused_by_ga(simulator: Simulator) -> None:
    async with call(simulator, "ga") as caller:
        await caller.send("session.update", valid=False, session={"instructions": "hi"})
        error = await caller.refusal()
        assert (error["code"], error["param"]) == ("missing_required_parameter", "session.type")


async def test_a_refused_update_applies_nothing(caller: Caller) -> None:
    named = {"type": "realtime"} if caller.dialect == "ga" else {}
    await caller.send(
        "session.update", valid=False, session={**named, "instructions": "new", "nonsense": 1}
    )
    await caller.refusal()
    assert caller.session.settings.instructions != "new"


async def test_the_voice_is_locked_after_it_was_heard(caller: Caller) -> None:
    await caller.write("hello")
    await caller.send("response.create")
    await caller.until("response.done")
    for voice, answer in [("alloy", "session.updated"), ("verse", "error")]:
        session: dict[str, Any] = {"voice": voice}
        if caller.dialect == "ga":
            session = {"type": "realtime", "audio": {"output": {"voice": voice}}}
        await caller.send("session.update", session=session)
        event = await caller.until("session.updated", "error")
        assert event["type"] == answer
    assert caller.events[-1]["error"]["code"] == "cannot_update_voice"


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({"type": "nonsense"}, "invalid_value", "type"),
        ({}, "missing_required_parameter", "type"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": 5}, "invalid_type", "audio"),
        ({"type": "input_audio_buffer.commit", "more": 5}, "unknown_parameter", "more"),
        (
            {"type": "conversation.item.delete", "item_id": "nobody"},
            "item_delete_invalid_item_id",
            "item_id",
        ),
        (
            {"type": "conversation.item.retrieve", "item_id": "nobody"},
            "item_retrieve_invalid_item_id",
            "item_id",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
            },
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "none", "output": ""},
            },
            "invalid_tool_call_id",
            "item.call_id",
        ),
    ],
)
async def test_what_is_wrong_is_refused_and_the_session_goes_on(
    caller: Caller, message: dict[str, Any], code: str, param: str
) -> None:
    await caller.socket.send_json(message)
    error = await caller.refusal()
    assert (error["code"], error["param"]) == (code, param)
    await caller.write("still there?")
    await caller.until("conversation.item.created")


async def test_what_is_no_json_is_refused(caller: Caller) -> None:
    for raw in ("{", "[]", "5", "[" * 100_000):
        await caller.socket.send_str(raw)
        assert (await caller.refusal())["code"] == "invalid_json"
    await caller.socket.send_bytes(b"{}")
    assert (await caller.refusal())["code"] == "invalid_json"


async def test_assistant_text_has_the_content_type_of_its_dialect(caller: Caller) -> None:
    own, other = ("output_text", "text") if caller.dialect == "ga" else ("text", "output_text")
    for kind, answer in [(own, "conversation.item.created"), (other, "error")]:
        item = {
            "type": "message",
            "role": "assistant",
            "content": [{"type": kind, "text": "I said this before."}],
        }
        await caller.send("conversation.item.create", valid=kind == own, item=item)
        assert await caller.until(answer)


async def test_items_are_put_where_they_belong(caller: Caller) -> None:
    await caller.write("b", item_id="b")
    created = "conversation.item.created"
    item: dict[str, Any] = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "x"}],
    }
    send = "conversation.item.create"
    await caller.send(send, item=item | {"id": "a"}, previous_item_id="root")
    await caller.send(send, item=item | {"id": "c"}, previous_item_id="b")
    await caller.send("conversation.item.delete", item_id="b")
    await caller.until("conversation.item.deleted")
    await caller.write("d", item_id="d")
    await caller.until(created)
    before = {event["item"]["id"]: event["previous_item_id"] for event in caller.of(created)}
    assert before == {"b": None, "a": None, "c": "b", "d": "c"}
    assert [each.id for each in caller.session.items] == ["a", "c", "d"]


async def test_an_item_id_is_taken_only_once(caller: Caller) -> None:
    await caller.write("one", item_id="same")
    await caller.write("two", item_id="same")
    assert (await caller.refusal())["code"] == "item_create_duplicate_item_id"


async def test_more_than_15_mib_of_sound_at_once_is_refused(caller: Caller) -> None:
    await caller.push_to_talk()
    await caller.send("input_audio_buffer.append", audio="A" * (21 * 1024 * 1024))
    assert (await caller.refusal())["param"] == "audio"


async def test_only_the_right_key_opens_the_door(dialect: Dialect) -> None:
    async with Simulator(api_key="s3cret") as simulator, aiohttp.ClientSession() as http:
        url = simulator.url + PATHS[dialect]
        for headers in ({}, {"api-key": "wrong"}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(url, headers=headers)
            assert refused.value.status == 401
        for headers in ({"api-key": "s3cret"}, {"Authorization": "Bearer s3cret"}):
            async with http.ws_connect(url, headers=headers) as socket:
                assert (await socket.receive_json())["type"] == "session.created"
        async with http.ws_connect(url + "&api-key=s3cret") as socket:
            assert (await socket.receive_json())["type"] == "session.created"
        async with http.get(url.replace("ws:", "http:")) as answer:
            assert (await answer.json())["error"]["code"] == "401"


async def test_words_that_are_no_unicode_come_back(caller: Caller) -> None:
    await caller.write("half a \ud800 pair", item_id="odd")
    created = await caller.until("conversation.item.created")
    assert created["item"]["content"][0]["text"] == "half a \ud800 pair"


async def test_an_unknown_address_is_not_found(simulator: Simulator) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(simulator.url.replace("ws:", "http:") + "/openai/deployments") as answer,
    ):
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "404"


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/realtime",
        "/openai/v1/realtime?model=a&api-version=2025-04-01-preview",
        "/openai/realtime?deployment=a",
        "/openai/realtime?api-version=2025-04-01-preview",
    ],
)
async def test_a_wrong_address_is_a_bad_request(simulator: Simulator, path: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(simulator.url + path)
    assert refused.value.status == 400


async def test_the_old_header_is_not_welcome_at_the_openai_address(simulator: Simulator) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            simulator.url + "/v1/realtime?model=a", headers={"OpenAI-Beta": "realtime=v1"}
        ) as socket,
    ):
        assert (await socket.receive_json())["error"]["code"] == "beta_api_shape_disabled"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4000


async def test_dropped_connections_break_off(simulator: Simulator, caller: Caller) -> None:
    await simulator.drop_connections()
    message = await caller.socket.receive()
    assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    assert caller.socket.close_code == 1006


async def test_a_stopped_simulator_says_goodbye_and_starts_again_on_its_port(
    dialect: Dialect,
) -> None:
    async with Simulator(voice_detector=EnergyHearing) as simulator:
        port = simulator.port
        async with call(simulator, dialect) as caller:
            waiting = asyncio.create_task(caller.socket.receive())
            await simulator.stop()
            assert (await waiting).data == 1001
        await simulator.start()
        assert simulator.port == port
        async with call(simulator, dialect) as again:
            assert again.session is not simulator.sessions[0]
            assert len(simulator.sessions) == 2


async def test_a_session_expires(dialect: Dialect) -> None:
    async with Simulator(lifetime_s=600) as simulator, call(simulator, dialect) as caller:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(700):
            error = (await caller.socket.receive_json())["error"]
            closing = await caller.socket.receive()
        assert error["code"] == "session_expired"
        assert (closing.data, closing.extra) == (1001, error["message"])
        assert loop.time() - began == pytest.approx(600, abs=1)


async def test_what_was_said_and_heard_can_be_looked_at(caller: Caller) -> None:
    await caller.push_to_talk()
    await caller.speak(loud(200))
    await caller.send("input_audio_buffer.commit")
    await caller.until("input_audio_buffer.committed")
    assert caller.session.heard == loud(200)
    assert caller.session.received[-2]["audio"] == "<4800 bytes>"
    assert caller.session.received[-1] == {"type": "input_audio_buffer.commit"}
    assert caller.events[-1] in caller.session.sent


async def test_a_port_that_is_taken_is_an_oserror(simulator: Simulator) -> None:
    other = Simulator(port=simulator.port)
    with pytest.raises(OSError, match="address already in use"):
        await other.start()
    await other.stop()


async def test_a_plain_request_is_told_to_upgrade(simulator: Simulator, dialect: Dialect) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(simulator.url.replace("ws:", "http:") + PATHS[dialect]) as answer,
    ):
        assert answer.status == 426
        assert (await answer.json())["error"]["code"] == "UpgradeRequired"
