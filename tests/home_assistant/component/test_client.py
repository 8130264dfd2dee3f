"""What answers may be anything: another server, half a line, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.rtaudio_daemon import client as client_module
from custom_components.rtaudio_daemon.client import (
    DaemonError,
    Event,
    EventParser,
    RefusedError,
    UnknownHostError,
    UnreachableError,
    VoiceClient,
)
from custom_components.rtaudio_daemon.happenings import Happenings

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
BLOCK = b'id: a-1\nevent: mute\ndata: {"muted": true}\n\n'


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[VoiceClient]:
    """A client of a server that gives this answer to everything."""
    server = web.Server(answer)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as http:
        yield VoiceClient(http, "127.0.0.1", port, "")
    await runner.cleanup()


def gives(text: str, status: int = 200, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("text", "status", "error", "words"),
    [
        ("<html>", 200, UnreachableError, "no rtaudio-daemon"),
        ("[]", 200, UnreachableError, "no rtaudio-daemon"),
        ("[" * 100_000, 200, UnreachableError, "no rtaudio-daemon"),
        ("{}", 200, UnreachableError, "without daemon.id"),
        ('{"daemon": 1}', 200, UnreachableError, "without daemon.id"),
        ('{"daemon": {"id": ["kitchen"]}}', 200, UnreachableError, "without daemon.id"),
        ("", 302, UnreachableError, "HTTP 302"),
        ("<html>", 502, UnreachableError, "HTTP 502"),
        ('{"error": {"message": "muted"}}', 409, RefusedError, "muted"),
        ('{"error": "muted"}', 409, RefusedError, "HTTP 409"),
        ("{}", 421, UnknownHostError, "HTTP 421"),
        (" " * (5 * 1024 * 1024), 200, UnreachableError, "too long"),
    ],
)
async def test_what_is_no_daemon(
    text: str, status: int, error: type[DaemonError], words: str
) -> None:
    async with answering(gives(text, status, Location="/elsewhere")) as client:
        with pytest.raises(error, match=words):
            await client.status()


async def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_request: web.Request) -> web.Response:
        await asyncio.sleep(3)
        return web.Response()

    monkeypatch.setattr(client_module, "_ANSWER_S", 0.2)
    async with answering(silent) as client:
        with pytest.raises(UnreachableError):
            await client.status()


async def test_a_text_is_said_once_over_broken_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bodies: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        if len(bodies) == 1:
            assert request.transport is not None
            request.transport.abort()
        said: dict[str, Any] = {"id": bodies[0]["id"]}
        if len(bodies) == 3:
            said["outcome"] = "said"
        return web.json_response({"said": said})

    async with answering(answer) as client:
        assert (await client.say("/api/say", {"text": "One."}))["outcome"] == "said"
    assert len(bodies) == 3
    assert len({each["id"] for each in bodies}) == 1


async def test_a_text_whose_end_is_never_known() -> None:
    async with answering(gives('{"said": {"id": "a"}}')) as client:
        with pytest.raises(UnreachableError, match="did not say in time"):
            await client.say("/api/say", {"text": "One."})


async def test_events_of_something_else() -> None:
    async with answering(gives("data: <html>\n\n")) as client:
        with pytest.raises(UnreachableError, match="no rtaudio-daemon"):
            async for _ in client.events(""):
                pass


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_may_be_cut_anywhere(size: int) -> None:
    wire = b": a comment\n\nretry: 2000\n\n" + BLOCK.replace(b"\n", b"\r\n") + BLOCK
    parser = EventParser()
    chunks = [wire[at : at + size] for at in range(0, len(wire), size)]
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    assert found == [Event("a-1", "mute", {"muted": True})] * 2


def test_a_line_without_end_is_refused() -> None:
    parser = EventParser()
    parser.feed(b"x" * 1_000_000)
    with pytest.raises(UnreachableError, match="too long"):
        parser.feed(b"x" * 100_000)


def test_what_happens_by_its_type() -> None:
    happenings = Happenings()
    started = {"phase": "started", "source": "local"}
    assert happenings.of("speech", started) == ("speech_started", {})
    assert happenings.of("speech", {**started, "source": "service"}) is None
    assert happenings.of("speech", {"phase": "stopped"}) == ("speech_stopped", {})
    happenings.of("speech", started)
    assert happenings.of("status", {"status": "idle"}) is None
    assert happenings.of("speech", started) == ("speech_started", {})
    assert happenings.of("wake", {"word": "nora", "time": ""}) == ("wake_word", {"word": "nora"})
    assert happenings.of("turn", {"status": "cancelled"}) is None
    assert happenings.of("turn", {"status": "completed", "response_ms": 1}) == ("answered", {})
    assert happenings.of("tool", {"phase": "started"}) is None
    assert happenings.of("tool", {"phase": "done", "tool": "x"}) == (
        "tool",
        {"tool": "x", "phase": "done"},
    )
    assert happenings.of("timer", {"phase": "set"}) is None
    assert happenings.of("uplink", {"open": True}) is None
