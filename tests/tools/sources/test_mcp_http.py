"""What may be at the address of an MCP server instead of one, or go wrong on the way."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest
from aiohttp import web

from rtaudio_daemon.config import McpServer, Secret
from rtaudio_daemon.tools.tool import SourceState
from tests.tools.mcp_processes import Connected, connected
from tests.waiting import until

from .mcp_fakes import ECHO, Answer, FakeServer, serving

KEY = "Bearer 4711-0815-abcdef"


def settings(server: FakeServer, **options: Any) -> McpServer:
    headers = {"Authorization": Secret(KEY)}
    return McpServer(url=server.url, headers=headers, **options)


async def note_of(answer: Answer, state: SourceState = SourceState.UNREACHABLE) -> str:
    server = FakeServer(answer)
    async with serving(server), connected(settings(server), wait_for=state) as home:
        assert "4711" not in home.source.note
        return home.source.note.replace(server.url, "URL")


async def test_a_server_is_used_and_gets_the_headers_with_every_request() -> None:
    async with serving(FakeServer()) as server, connected(settings(server)) as home:
        assert await home.call("echo") == {"result": "echo"}
        assert server.methods() == [
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/list",
            "tools/call",
        ]
        assert {headers["Authorization"] for _, headers in server.requests} == {KEY}


async def test_a_web_page_is_no_server() -> None:
    """Case 25."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<html>welcome</html>", content_type="text/html")

    assert await note_of(page) == (
        "a web page answers at this address, no MCP server: see its path, often /mcp"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "there is nothing at this address (status 404): see its path, often /mcp"),
        (502, "it answers with status 502"),
        (405, "no MCP server answers like that (status 405): see its path, often /mcp"),
    ],
)
async def test_a_status_is_named(status: int, words: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="no")

    assert await note_of(answer) == words


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_host_is_not_followed_and_never_gets_the_headers(
    status: int,
) -> None:
    """Case 25."""
    async with serving(FakeServer()) as other:

        async def away(_request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"{other.url}?secret=4711"})

        note = await note_of(away)
        assert note.startswith(f"it sends us to another address: {other.url}")
        assert other.requests == []


async def test_a_redirect_within_the_server_is_followed() -> None:
    """Case 25."""

    async def slash(request: web.Request) -> web.Response | None:
        if request.path.endswith("/"):
            return None
        return web.Response(status=307, headers={"Location": f"{request.path}/"})

    async with serving(FakeServer(slash)) as server, connected(settings(server)) as home:
        assert await home.call("echo") == {"result": "echo"}


async def test_an_unknown_version_of_the_protocol_is_named() -> None:
    """Case 25."""
    server = FakeServer()
    server.version = "2031-01-01"
    away = SourceState.UNREACHABLE
    async with serving(server), connected(settings(server), wait_for=away) as home:
        assert "2031-01-01" in home.source.note


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b'{"jsonrpc": "2.0"', b"\xff\xfe", b"{}"])
async def test_an_answer_that_is_no_message_is_no_server(body: bytes) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    assert (await note_of(answer)).startswith("it does not speak MCP as it should")


async def test_a_server_that_never_answers_is_given_up_and_tried_again() -> None:
    asked = 0

    async def frozen(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await asyncio.sleep(3600)
        return web.Response()

    async with serving(FakeServer(frozen)) as server:
        ready = asyncio.get_running_loop().time()
        found = Connected(settings(server))
        task = asyncio.create_task(found.source.run())
        note = await found.is_(SourceState.UNREACHABLE, 60)
        assert asyncio.get_running_loop().time() - ready < 31
        assert note == "it does not answer"
        before = asked
        await until(lambda: asked > before)
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_is_asked_for_once_in_a_quarter_of_an_hour_and_at_a_reload(
    status: int,
) -> None:
    """Case 21: others may count the attempts, and shut us out."""

    async def refused(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    server, state = FakeServer(refused), SourceState.REFUSED
    async with serving(server), connected(settings(server), wait_for=state) as home:
        assert f"status {status}" in home.source.note
        assert "4711" not in home.source.note
        assert len(server.requests) == 1
        await asyncio.sleep(1000)
        assert len(server.requests) == 2
        home.source.try_again()
        await until(lambda: len(server.requests) == 3)
        await asyncio.sleep(100)
        assert len(server.requests) == 3


async def test_a_key_that_is_revoked_in_the_middle_stops_everything_at_once() -> None:
    revoked = False

    async def answer(_request: web.Request) -> web.Response | None:
        return web.Response(status=401) if revoked else None

    async with serving(FakeServer(answer)) as server, connected(settings(server)) as home:
        revoked = True
        before = len(server.requests)
        assert "does not know us" in (await home.call("echo"))["error"]
        await home.is_(SourceState.REFUSED)
        assert "does not know us" in (await home.call("echo"))["error"]
        assert len(server.requests) == before + 1


async def test_compressed_answers_are_read_but_none_that_swells() -> None:
    """Cases 4 and 25."""
    size = 1000

    async def zipped(request: web.Request) -> web.Response | None:
        message = await request.json()
        if message["method"] != "tools/call":
            return None
        content = [{"type": "text", "text": "x" * size}]
        result = {"jsonrpc": "2.0", "id": message["id"], "result": {"content": content}}
        body = gzip.compress(json.dumps(result).encode())
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=body, headers=headers)

    async with serving(FakeServer(zipped)) as server, connected(settings(server)) as home:
        assert await home.call("echo") == {"result": "x" * 1000}
        size = 200_000_000
        found = await home.call("echo", again=True)
        assert found["error"].startswith("its answer is longer than 4 MiB")
        assert home.source.state is SourceState.OK


@pytest.mark.parametrize(
    ("coding", "body"),
    [("br", b"\x0b"), ("gzip", b"no gzip"), ("deflate", zlib.compress(b"x")[:3])],
)
async def test_what_is_compressed_otherwise_is_an_error_of_the_call(
    coding: str, body: bytes
) -> None:
    async def zipped(request: web.Request) -> web.Response | None:
        message = await request.json()
        if message["method"] != "tools/call":
            return None
        headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
        return web.Response(body=body, headers=headers)

    async with serving(FakeServer(zipped)) as server, connected(settings(server)) as home:
        assert "error" in await home.call("echo")
        assert home.source.state is SourceState.OK


@pytest.mark.parametrize("size", [600_000, 3_000_000, 9_000_000])
@pytest.mark.parametrize("events", [True, False])
async def test_a_long_answer_is_read_as_far_as_there_is_sense_in_it(
    size: int, events: bool
) -> None:
    """Case 4: an event is one line, and longer than other clients read."""

    async def long(request: web.Request) -> web.Response | None:
        message = await request.json()
        if message["method"] != "tools/call":
            return None
        content = [{"type": "text", "text": "x" * size}]
        result = {"jsonrpc": "2.0", "id": message["id"], "result": {"content": content}}
        text = json.dumps(result)
        if not events:
            return web.Response(text=text, content_type="application/json")
        return web.Response(
            text=f"event: message\ndata: {text}\n\n", content_type="text/event-stream"
        )

    async with serving(FakeServer(long)) as server, connected(settings(server)) as home:
        found = await home.call("echo")
        if size < 4_000_000:
            assert found == {"result": "x" * 4000, "left_out": size - 4000}
        else:
            assert found["error"].startswith("its answer is longer than 4 MiB")
        assert home.source.state is SourceState.OK


@pytest.mark.parametrize(
    "result",
    [
        {"content": "no list"},
        {},
        {"content": [{"type": "text"}]},
        {"content": [{"type": "unknown", "x": 1}]},
        {"resultType": "input_required", "inputRequests": {}},
    ],
)
async def test_a_result_that_is_none_is_an_error_of_the_call(result: Any) -> None:
    server = FakeServer()
    server.result = result
    async with serving(server), connected(settings(server)) as home:
        assert "error" in await home.call("echo")
        server.result = {"content": []}
        assert await home.call("echo", again=1) == {"result": "done"}


ODD = [
    {"name": "text", "inputSchema": "text"},
    {"name": "array", "inputSchema": {"type": "array"}},
    {"name": "none"},
    {"name": "odd", "inputSchema": {"type": "object", "properties": {"a": 5}}},
    {"name": "required", "inputSchema": {"type": "object", "required": [5]}},
    {"name": "list", "inputSchema": {"type": "object", "properties": []}},
]


async def test_a_faulty_tool_costs_only_itself_and_is_named() -> None:
    hasty = {
        "name": "hasty",
        "description": 5,
        "inputSchema": {"properties": {"a": {"type": "string"}}},
        "annotations": {"readOnlyHint": "yes"},
        "outputSchema": [],
    }
    tools = [ECHO, *ODD, 5, {"name": 5}, {}, hasty]
    async with serving(FakeServer(tools=tools)) as server, connected(settings(server)) as home:
        assert home.names == ["echo", "hasty"]
        assert home.source.note == (
            "left out, as their arguments cannot be described: text, array, none and 3 more"
        )
        assert home.source.tools()[1].parameters["type"] == "object"
        assert not home.source.tools()[1].read_only
        assert await home.call("hasty", a="b") == {"result": "echo"}


async def test_names_that_would_rule_a_terminal_are_left_out() -> None:
    names = ["a\x1b[2Jb", "line\nfeed", "back\u202ewards", "n" * 257, "türöffner"]
    tools = [{**ECHO, "name": name} for name in names]
    async with serving(FakeServer(tools=tools)) as server, connected(settings(server)) as home:
        assert [tool.name for tool in home.source.tools()] == ["türöffner"]


async def test_a_server_that_is_not_there_is_looked_for() -> None:
    async with serving(FakeServer()) as server:
        url = server.url
    where = McpServer(url=url)
    async with connected(where, wait_for=SourceState.UNREACHABLE) as home:
        assert home.source.note == (
            "cannot be reached (connection refused): is it running, and is its address right?"
        )


async def asked_of(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str, answer: bytes
) -> tuple[str, bytes]:
    """The note about a server, and what a proxy that the environment names was asked."""
    asked = b""

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setenv(variable, f"http://ada:proxy-password@{address}")
    where = McpServer(url=url, headers={"Authorization": Secret(KEY)})
    async with connected(where, wait_for=SourceState.UNREACHABLE) as home:
        note = home.source.note.replace(address, "PROXY")
    server.close()
    assert "4711" not in note
    assert "proxy-password" not in note
    return note, asked


async def test_a_proxy_is_asked_for_a_tunnel_and_gets_none_of_the_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    url = "https://tools.invalid/mcp"
    note, asked = await asked_of(monkeypatch, url, "HTTPS_PROXY", refusal)
    assert asked.startswith(b"CONNECT tools.invalid:443 HTTP/1.1\r\n")
    assert b"4711" not in asked
    assert note.startswith("the proxy PROXY does not let us through: 403")


@pytest.mark.parametrize("url", ["http://tools.invalid/mcp", "https://nas.local/mcp"])
async def test_what_a_proxy_could_read_and_what_is_at_home_goes_past_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    note, asked = await asked_of(monkeypatch, url, "ALL_PROXY", b"")
    assert asked == b""
    assert note.startswith("cannot be reached (")


async def test_a_proxy_of_an_unknown_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "gopher://ada:proxy-password@proxy.lan:70")
    where = McpServer(url="https://tools.invalid/mcp")
    async with connected(where, wait_for=SourceState.UNREACHABLE) as home:
        assert home.source.note == (
            "the proxy proxy.lan:70 is of a kind that is not spoken here: use http://"
        )
