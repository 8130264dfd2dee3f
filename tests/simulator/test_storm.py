"""Whatever a client says, in whatever order: the session answers validly and lives on."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from typing import Any

import pytest

from rtaudio_daemon.simulator.model.behaviour import Behaviour
from rtaudio_daemon.simulator.model.simulated_session import SimulatedSession
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.protocol.services import AZURE, AZURE_PREVIEW
from tests.simulator.caller import EnergyHearing, loud, quiet
from tests.strict import assert_valid_server_events

JUNK: list[Any] = [None, True, -1, 0, 1.5, "", "x", [], [None], {}, {"type": "message"}]


def any_message(dice: random.Random, ids: list[str], dialect: Dialect) -> dict[str, Any]:
    sound = dice.choice([loud(300), quiet(300), b"", loud(40)])
    text = {"type": "input_text", "text": "hello there"}
    wrong = {"type": "audio" if dialect == "ga" else "output_text", "text": "x"}
    ga = dialect == "ga"
    turn_detection = dice.choice(
        [None, {"type": "semantic_vad"}, {"type": "server_vad", "interrupt_response": False}]
    )
    session: dict[str, Any] = {"turn_detection": turn_detection}
    if ga:
        session = {"type": "realtime", "audio": {"input": session}}
    chosen: dict[str, Any] = dice.choice(
        [
            {
                "type": "input_audio_buffer.append",
                "audio": base64.b64encode(sound).decode(),
            },
            {"type": "input_audio_buffer.commit"},
            {"type": "input_audio_buffer.clear"},
            {"type": "session.update", "session": session},
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "message",
                    "role": dice.choice(["user", "assistant", "system"]),
                    "content": [dice.choice([text, wrong])],
                },
                "previous_item_id": dice.choice([None, "root", *ids]),
            },
            {"type": "conversation.item.delete", "item_id": dice.choice(ids)},
            {"type": "conversation.item.retrieve", "item_id": dice.choice(ids)},
            {
                "type": "conversation.item.truncate",
                "item_id": dice.choice(ids),
                "content_index": 0,
                "audio_end_ms": dice.choice([-1, 0, 50, 10**9]),
            },
            {"type": "response.create"},
            {"type": "response.create", "response": {"conversation": "none"}},
            {
                "type": "response.create",
                "response": {"input": [{"type": "item_reference", "id": dice.choice(ids)}]},
            },
            {"type": "response.cancel"},
        ]
    )
    if dice.random() < 0.2:
        key = dice.choice([*chosen, "event_id", "junk"])
        chosen = {**chosen, key: dice.choice(JUNK)}
    return chosen


class Client:
    """Takes all that it is sent."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []

    async def send(self, event: dict[str, Any]) -> None:
        self.received.append(event)


@pytest.mark.parametrize("seed", range(6))
async def test_a_storm_of_messages_is_weathered(dialect: Dialect, seed: int) -> None:
    dice = random.Random(seed)
    client = Client()
    session = SimulatedSession(
        AZURE if dialect == "ga" else AZURE_PREVIEW,
        model="m",
        lifetime_s=3600,
        behaviour=Behaviour(voice="tone", late_deltas=1, voice_detector=EnergyHearing),
    )
    outbox = asyncio.create_task(session.run_outbox(client))
    session.greet()
    for _ in range(300):
        ids = [item.id for item in session.items] or ["nobody"]
        await session.handle(json.dumps(any_message(dice, ids, dialect)))
        if dice.random() < 0.3:
            await asyncio.sleep(dice.choice([0.01, 0.1, 1.0]))
    await asyncio.sleep(60)
    await session.close()
    outbox.cancel()
    sent = client.received
    assert_valid_server_events(dialect, sent)
    created = [event["response"]["id"] for event in sent if event["type"] == "response.created"]
    done = [event["response"]["id"] for event in sent if event["type"] == "response.done"]
    assert sorted(created) == sorted(done)
    assert len(created) > 5
