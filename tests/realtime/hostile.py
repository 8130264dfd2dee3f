"""A service that answers with nonsense: real messages with wrong values, and messages nobody knows.

`Hostile` stands in for the simulator of a `Harness`; `nonsense` writes what it sends.
"""

from __future__ import annotations

import copy
import json
from base64 import b64encode
from collections.abc import Iterator
from random import Random
from typing import Any

from rtaudio_daemon.protocol.codec import SERVER_EVENTS, Json
from tests.realtime.service import Service

DEEP = "@deep@"
EXTRA: list[Json] = [
    {"type": "error", "error": {"type": "server_error", "code": "server_error", "message": "no"}},
    {"type": "input_audio_buffer.timeout_triggered", "item_id": "item_1"},
    {"type": "conversation.item.truncated", "item_id": "item_1", "audio_end_ms": 100},
    {"type": "conversation.item.deleted", "item_id": "item_1"},
    {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "item_1",
        "error": {"code": "x", "message": "no"},
    },
    {
        "type": "response.function_call_arguments.done",
        "response_id": "resp_1",
        "item_id": "item_2",
        "call_id": "call_1",
        "name": "lamp",
        "arguments": "{}",
    },
    {
        "type": "response.done",
        "response": {
            "id": "resp_1",
            "status": "failed",
            "status_details": {"error": {"code": "rate_limit_exceeded", "message": "slow down"}},
            "output": [{"type": "function_call", "id": "item_2", "call_id": "call_1"}],
            "usage": {"input_tokens": 1, "output_tokens": 2},
        },
    },
]


class Hostile(Service):
    """The service in the place of a `Simulator`."""

    @property
    def url(self) -> str:
        return self.host_name

    @property
    def sessions(self) -> list[Any]:
        return []


def nonsense(real: list[Json], random: Random) -> Iterator[str]:
    """Messages without end, half of them mutations of `real` ones."""
    real = [*real, *EXTRA, *EXTRA]
    names = sorted(SERVER_EVENTS)
    while True:
        if random.random() < 0.5:
            message = copy.deepcopy(random.choice(real))
            if "delta" in message and "audio.delta" in message["type"]:
                message["delta"] = b64encode(random.randbytes(2 * random.randrange(960))).decode()
            for _ in range(random.randrange(4)):
                _mutate(message, random)
        else:
            name = random.choice(names) if random.random() < 0.9 else f"new.{random.random()}"
            fields = ("response", "item", "session", "error", "usage", "delta", "item_id", "part")
            keys = random.sample(fields, random.randrange(len(fields)))
            message = {"type": name, **{key: _odd(random) for key in keys}}
        text = json.dumps(message)
        depth = random.choice((70, 300, 900, 5000))
        text = text.replace(f'"{DEEP}"', '{"a":[' * depth + "]}" * depth)
        yield text[: random.randrange(len(text))] if random.random() < 0.02 else text


def _mutate(message: Any, random: Random) -> None:
    """Change one value somewhere in `message`."""
    while True:
        keys = list(message) if isinstance(message, dict) else list(range(len(message)))
        if not keys:
            return
        key = random.choice(keys)
        inner = message[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.2:
            break
        message = inner
    if random.random() < 0.15:
        del message[key]
    else:
        message[key] = _odd(random)


def _odd(random: Random) -> Any:
    kind = random.randrange(18)
    if kind == 0:
        return random.choice((10**400, -(10**400), 2**63, -1, 10**12, 1_796_000_000_000))
    if kind == 1:
        return random.choice((float("nan"), float("inf"), float("-inf"), 1e308, -0.0, 0.1))
    if kind == 2:
        return random.choice(("\ud800", "a\udfff", "\x1b[2J\u202e\r\nERROR", "\x00", "ß" * 300))
    if kind == 3 and random.random() < 0.2:
        return random.choice("x😀\ud83d") * random.choice((200, 5000, 100_000))
    if kind == 4:
        return DEEP
    if kind == 5:
        return {str(random.random()): _odd(random) for _ in range(3)}
    if kind == 6:
        return [_odd(random) for _ in range(random.randrange(4))]
    if kind == 7:
        return random.choice((True, False, None, {}, [], [[]], {"type": {}}))
    if kind < 12:
        return random.choice(("resp_1", "item_1", "call_1", "completed", f"made_up_{kind}"))
    return random.choice(("", 0, 1, f"id_{random.randrange(10**6)}", "auto", "none", "message"))
