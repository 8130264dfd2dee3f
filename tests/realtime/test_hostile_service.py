"""The whole daemon with its HTTP API, on a service that sends nonsense."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64encode
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.protocol.codec import Json
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, speech
from tests.realtime.hostile import Hostile, nonsense
from tests.realtime.service import Call

POSTS: list[tuple[str, Json]] = [
    ("/api/volume", {"level": 0.5}),
    ("/api/mute", {}),
    ("/api/unmute", {}),
    ("/api/listen/start", {}),
    ("/api/listen/stop", {}),
    ("/api/say", {"text": "Hello"}),
    ("/api/interrupt", {}),
]
MESSAGES = int(os.environ.get("HOSTILE_MESSAGES", "200000"))


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def real_messages(folder: Path) -> list[Json]:
    """What a service sends in a conversation of one turn."""
    folder.mkdir()
    async with Harness(folder, [(500, speech("hello"))]) as harness:
        await harness.turns(1)
        return [dict(message) for message in harness.simulator.sessions[0].sent]


def strict(text: str) -> Any:
    """What a browser makes of JSON, which knows neither NaN nor Infinity nor half an emoji."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    parsed = json.loads(text, parse_constant=refuse)
    json.dumps(parsed, ensure_ascii=False).encode()
    return parsed


async def look(harness: Harness) -> None:
    """Every route answers, and never by 500."""
    for path in ("/api/status", "/metrics", "/ready", "/health"):
        async with harness.http.get(path) as answer:
            assert answer.status in (200, 503), path
            text = await answer.text()
            if path == "/metrics":
                assert len(text.splitlines()) < 500, "few series, whatever names a service invents"
            else:
                strict(text)
    for path, body in POSTS:
        status, answer = await harness.post(path, body)
        assert status < 500 or status == 503, (path, answer)
    for _name, data in harness.events:
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
    harness.events.clear()
    harness.times.clear()


async def newest(service: Hostile) -> Call:
    """The session in use; a greeting with nonsense in it may have ended the one before."""
    for _ in range(600):
        if service.calls and not service.calls[-1].over.is_set():
            return service.calls[-1]
        await asyncio.sleep(1)
    raise AssertionError("the daemon does not come back")


async def bombard(harness: Harness, service: Hostile, texts: list[str]) -> None:
    call = await newest(service)
    for text in texts:
        try:
            await call.socket.send_str(text)
        except ConnectionError:
            call = await newest(service)
    for each in service.calls:
        each.received.clear()
    await asyncio.sleep(0.5)
    await look(harness)


async def is_as_good_as_new(harness: Harness, service: Hostile) -> None:
    """Everything that was begun is over in a while, and something can be said."""
    await asyncio.sleep(400)
    status = await harness.status()
    assert status["status"] == "idle", status
    call = await newest(service)
    await asyncio.sleep(100)
    assert (await harness.status())["connection"]["state"] == "open"
    call = await newest(service)
    call.received.clear()
    harness.events.clear()
    assert (await harness.post("/api/say", {"text": "Hello"}))[0] == 200
    await call.until("response.create")
    response = {"id": "resp_last", "metadata": {"rtaudio": "say"}}
    await call.send({"type": "response.created", "response": response})
    part = {"response_id": "resp_last", "item_id": "item_last", "content_index": 0}
    delta = b64encode(bytes(48_000)).decode()
    await call.send({"type": "response.output_audio.delta", **part, "delta": delta})
    await call.send({"type": "response.output_audio.done", **part})
    await call.send({"type": "response.done", "response": {**response, "status": "completed"}})
    await asyncio.sleep(10)
    statuses = [data["status"] for data in harness.named("status")]
    assert statuses == ["thinking", "speaking", "idle"]


async def withstand(folder: Path, count: int, batch: int, seed: int) -> tuple[float, float]:
    """Memory in MB before and after so many messages, and a look at everything after each batch."""
    texts = nonsense(await real_messages(folder / "real"), Random(seed))
    service = Hostile("ga")
    async with Harness(folder, simulator=cast(Simulator, service)) as harness:
        harness.events.clear()
        await bombard(harness, service, list(islice(texts, batch)))
        before = memory_mb()
        for _ in range(count // batch):
            await bombard(harness, service, list(islice(texts, batch)))
        after = memory_mb()
        await is_as_good_as_new(harness, service)
        malformed = harness.app.assistant.driver.counters.malformed
        print(f"\n{count} messages, {malformed} malformed, {before:.0f} → {after:.0f} MB")
        return before, after


async def test_a_daemon_withstands_a_service_that_sends_nonsense(tmp_path: Path) -> None:
    await withstand(tmp_path, 1000, 250, seed=1)


async def test_an_error_that_is_repeated_is_reported_once_and_counted(tmp_path: Path) -> None:
    service = Hostile("ga")
    async with Harness(tmp_path, simulator=cast(Simulator, service)) as harness:
        call = await newest(service)
        for number in range(100):
            for code in ("slow_down", "odd"):
                await call.send({"type": "error", "error": {"code": code, "message": f"{number}"}})
        await asyncio.sleep(6)
        codes = [data["code"] for data in harness.named("error")]
        assert codes == ["slow_down", "odd"]
        await call.send({"type": "error", "error": {"code": "odd", "message": "again"}})
        for number in range(1000):
            await call.send({"type": "error", "error": {"code": f"invented_{number}"}})
        await asyncio.sleep(1)
        assert 3 <= len(harness.named("error")) < 100
        async with harness.http.get("/metrics") as answer:
            text = await answer.text()
        (line,) = (each for each in text.splitlines() if each.startswith("rtaudio_wire_errors_r"))
        assert float(line.split()[1]) + len(harness.named("error")) == 1201


async def test_words_that_cannot_be_transcribed_are_reported(tmp_path: Path) -> None:
    simulator = Simulator(api_key=KEY, transcription="failed")
    said = [(500, speech("hello"))]
    async with Harness(tmp_path, said, simulator=simulator, change=transcribed) as harness:
        await harness.turns(1)
        (error,) = harness.named("error")
        assert error["source"] == "service"
        assert "could not transcribe what was said" in error["message"]


def transcribed(settings: config.Config) -> config.Config:
    session = replace(
        settings.realtime.session, transcription=config.Transcription(model="whisper-1")
    )
    return replace(settings, realtime=replace(settings.realtime, session=session))


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_daemon_withstands_nonsense_for_long(tmp_path: Path) -> None:
    before, after = await withstand(tmp_path, MESSAGES, 2500, seed=2)
    assert after < 1.5 * before
