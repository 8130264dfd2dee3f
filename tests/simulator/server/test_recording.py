"""What was said is written down, and can be played again to another client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.recording import load, silence_for
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import PATHS, EnergyHearing, call, loud, quiet


async def an_evening(path: Path, dialect: Dialect, **settings: Any) -> list[dict[str, Any]]:
    """Record one spoken turn that ends with a broken line; returns what the client saw."""
    async with Simulator(
        voice="tone", voice_detector=EnergyHearing, record=path, **settings
    ) as simulator:
        async with call(simulator, dialect) as caller:
            await caller.configure(transcription={"model": "whisper-1"})
            await caller.speak(loud(640) + quiet(480))
            await caller.until("conversation.item.input_audio_transcription.completed")
            if not caller.of("response.done"):
                await caller.until("response.done")
            await asyncio.sleep(2.0)
            simulator.fault("drop")
            await caller.socket.receive()
        return caller.events


async def test_a_recording_tells_both_sides_in_order(tmp_path: Path, dialect: Dialect) -> None:
    path = tmp_path / "evening.jsonl"
    seen = await an_evening(path, dialect, api_key=None)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"t": 0, "connection": 1, "what": "open", "path": PATHS[dialect]}
    assert {key: lines[-1][key] for key in ("what", "code")} == {"what": "close", "code": None}
    assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)
    sent = [line["message"] for line in lines if line["what"] == "out"]
    assert [each["type"] for each in sent] == [each["type"] for each in seen]
    assert not any("AAAA" in json.dumps(line) for line in lines)
    appends = [line["message"] for line in lines if line["what"] == "in"][1:]
    assert {each["audio"] for each in appends} == {"<4800 bytes>", "<960 bytes>"}


async def test_a_recording_keeps_sound_when_asked_and_never_keys(
    tmp_path: Path, dialect: Dialect
) -> None:
    path = tmp_path / "evening.jsonl"
    async with (
        Simulator(api_key="s3cret", record=path, keep_sound=True) as simulator,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{simulator.url}{PATHS[dialect]}&api-key=s3cret") as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "input_audio_buffer.append", "audio": "AAAAAAAA"})
        await socket.send_str("{")
        while (await socket.receive_json())["type"] != "error":
            pass
    assert "s3cret" not in path.read_text()
    heard = [entry for entry in load(path)[0] if entry.what == "in"]
    assert json.loads(heard[0].text)["audio"] == "AAAAAAAA"
    assert heard[1].text == "{"


async def test_a_recording_is_played_as_the_service(tmp_path: Path, dialect: Dialect) -> None:
    path = tmp_path / "evening.jsonl"
    seen = await an_evening(path, dialect)
    loop = asyncio.get_running_loop()
    async with (
        Simulator(replay=path) as simulator,
        aiohttp.ClientSession() as http,
        http.ws_connect(simulator.url + PATHS[dialect]) as socket,
    ):
        played: list[Any] = []
        began = 0.0
        async for message in socket:
            played.append(json.loads(message.data))
            kind = played[-1]["type"]
            if kind in ("session.created", "conversation.created"):
                await asyncio.sleep(1.0)  # nothing goes on before the client has said its part
            if kind == ("session.created" if dialect == "ga" else "conversation.created"):
                await socket.send_json({"type": "session.update", "session": {}})
            if kind == "response.done":
                began = loop.time()
        assert [each["type"] for each in played] == [each["type"] for each in seen]
        assert socket.close_code == 1006
        assert loop.time() - began == pytest.approx(2.0, abs=0.3)
        deltas = [each["delta"] for each in played if each["type"].endswith("audio.delta")]
        assert deltas
        assert {delta.strip("=A") for delta in deltas} == {""}  # silence, as long as it was
        for connection in range(2):  # the last connection is played to whoever comes later
            async with http.ws_connect(simulator.url + PATHS[dialect]) as again:
                assert (await again.receive_json())["type"] == "session.created", connection


async def test_a_client_that_says_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, dialect: Dialect
) -> None:
    path = tmp_path / "evening.jsonl"
    await an_evening(path, dialect)
    async with (
        asyncio.timeout(30),
        Simulator(replay=path) as simulator,
        aiohttp.ClientSession() as http,
        http.ws_connect(simulator.url + PATHS[dialect]) as socket,
    ):
        kinds = [json.loads(message.data)["type"] async for message in socket]
    assert "response.done" in kinds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no connection"),
        ("{", ":1: is no line of a recording"),
        ('{"t": 0, "connection": 1, "what": "shout"}', ":1: is no line of a recording"),
        ('{"t": 0, "connection": 1, "what": "out"}', ":1: is no line of a recording"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert f"{path}" in str(refused.value)
    assert words in str(refused.value)


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Simulator(replay=tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("size", "base64"),
    [("<0 bytes>", ""), ("<1 bytes>", "AA=="), ("<2 bytes>", "AAA="), ("<3 bytes>", "AAAA")],
)
def test_elided_sound_becomes_silence(size: str, base64: str) -> None:
    assert silence_for(size) == base64
    assert silence_for("AAAA") is None
