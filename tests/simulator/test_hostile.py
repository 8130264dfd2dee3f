"""Clients that mean no good, or know no better, get errors or are cut off; nobody else does."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon.simulator.model.simulated_session import SimulatedSession
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import PATHS, Caller, call


async def assert_others_are_served(simulator: Simulator, dialect: Dialect) -> None:
    async with call(simulator, dialect) as other:
        await other.write("hello")
        await other.send("response.create", response=other.in_text())
        await other.until("response.done")


async def gone(session: SimulatedSession) -> None:
    """Wait until the simulator has given a connection up."""
    async with asyncio.timeout(10):
        while session.open:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "invalid_json"),
        ("null", "invalid_json"),
        ('"' + "x" * 1000 + '"', "invalid_json"),
        ("9" * 10_000, "invalid_json"),
        ('{"type": ' + "[" * 500 + "]" * 500 + "}", "invalid_json"),
        ('{"type": "response.create", "a": ' + '{"a":' * 90 + "1" + "}" * 91, "invalid_json"),
        ('{"type": 5}', "invalid_value"),
        ('{"type": {"a": 1}}', "invalid_value"),
        (json.dumps({"type": "x" * 1_000_000}), "invalid_value"),
        (json.dumps({"type": "response.cancel", "y" * 100_000: 1}), "unknown_parameter"),
        ('{"type": "response.cancel", "event_id": 5}', "invalid_type"),
        ('{"type": "session.update", "session": null}', "invalid_type"),
        ('{"type": "conversation.item.create", "item": {"type": [], "id": {}}}', "invalid_value"),
        ('{"type": "conversation.item.create", "item": {"content": [5]}}', "invalid_type"),
        ('{"type": "conversation.item.truncate", "item_id": "a", "content_index": 1e400, '
         '"audio_end_ms": 0}', "invalid_type"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)  # fmt: skip
async def test_nonsense_is_answered_with_an_error(caller: Caller, raw: str, code: str) -> None:
    await caller.socket.send_str(raw)
    error = await caller.refusal()
    assert error["code"] == code
    assert len(json.dumps(error)) < 2000
    await caller.write("still there?")
    await caller.until("conversation.item.created")


async def test_a_frame_that_is_far_too_long_ends_the_connection(
    simulator: Simulator, dialect: Dialect
) -> None:
    async with call(simulator, dialect) as caller:
        with suppress(ConnectionError, aiohttp.ClientError):
            await caller.socket.send_str("x" * (33 * 1024 * 1024))
        await gone(caller.session)
    await assert_others_are_served(simulator, dialect)


async def test_a_message_that_is_too_long_is_refused(caller: Caller) -> None:
    await caller.socket.send_str(json.dumps({"type": "x" * (25 * 1024 * 1024)}))
    assert (await caller.refusal())["code"] == "string_above_max_length"


async def test_a_client_that_asks_and_never_reads_is_cut_off(
    simulator: Simulator, dialect: Dialect
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(simulator.url + PATHS[dialect]) as socket,
    ):
        await socket.receive_json()
        text = [{"type": "input_text", "text": "x" * 1_000_000}]
        item = {"type": "message", "role": "user", "id": "big", "content": text}
        await socket.send_json({"type": "conversation.item.create", "item": item})
        with suppress(ConnectionError, aiohttp.ClientError):
            for _ in range(200):
                await socket.send_json({"type": "conversation.item.retrieve", "item_id": "big"})
        session = simulator.sessions[-1]
        await gone(session)
    assert session.flooded
    await assert_others_are_served(simulator, dialect)


async def test_thousands_of_items_are_forgotten_from_their_beginning(
    simulator: Simulator, dialect: Dialect
) -> None:
    async with call(simulator, dialect) as caller:
        item: dict[str, Any] = {"type": "message", "role": "user"}
        item["content"] = [{"type": "input_text", "text": "x"}]
        for number in range(5000):
            created = {"type": "conversation.item.create", "item": item | {"id": f"item{number}"}}
            await caller.socket.send_json(created)
        await caller.send("conversation.item.delete", item_id="item4999")
        await caller.send("conversation.item.delete", item_id="item0")
        while (error := json.loads(await caller.socket.receive_str()))["type"] != "error":
            pass
        assert error["error"]["code"] == "item_delete_invalid_item_id"
        assert 2000 <= len(caller.session.items) <= 4000
        assert len(caller.session.sent) <= 4000
    assert not caller.session.flooded


async def test_responses_beside_the_conversation_are_not_endless(caller: Caller) -> None:
    for _ in range(20):
        await caller.send("response.create", response={"conversation": "none"})
    assert (await caller.refusal())["code"] == "rate_limit_exceeded"
    for _ in range(16):
        await caller.until("response.done")


async def test_a_megabyte_of_text_is_not_an_hour_of_sound(caller: Caller) -> None:
    await caller.write("x" * 1_000_000)
    await caller.send("response.create")
    await caller.until("response.audio.delta")
    await caller.send("response.cancel")
    await caller.until("response.done")
    (turn,) = caller.session.record.turns
    assert len(turn.text) == 1_000_000
    assert len(caller.session.received[0]["item"]["content"][0]["text"]) < 100


async def test_a_mistake_of_our_own_is_answered_too(
    caller: Caller,
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a mistake")

    caller.session._verbs["input_audio_buffer.clear"] = broken
    await caller.send("input_audio_buffer.clear")
    assert (await caller.refusal())["type"] == "server_error"
    await caller.write("still there?")
    await caller.until("conversation.item.created")
