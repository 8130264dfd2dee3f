"""HTTP tools against a small server of our own: what it receives, and what the model is given."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from rtaudio_daemon.config import OwnHttp, OwnTool, Secret
from rtaudio_daemon.tools.sources.http_requests import SharedSession
from rtaudio_daemon.tools.sources.http_tool import HttpTool
from rtaudio_daemon.tools.tool import CallContext, ToolError

KEY = "Bearer opens-every-door-here"
CONTEXT = CallContext("call_1")


class Lamp:
    """A server that keeps the requests it gets and answers `answer` to each."""

    def __init__(self) -> None:
        self.requests: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.answer = web.Response(text="")
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        return self.answer

    @property
    def paths(self) -> list[str]:
        """The paths with their queries, as they were sent."""
        return [request.raw_path for request in self.requests]


@asynccontextmanager
async def lamp() -> AsyncIterator[Lamp]:
    found = Lamp()
    async with RawTestServer(found.handle) as server:
        found.url = str(server.make_url("/")).rstrip("/")
        yield found


async def call(http: OwnHttp, **arguments: Any) -> Any:
    sessions = SharedSession()
    tool = OwnTool(name="lamp", description="A lamp.", http=http)
    try:
        return await HttpTool(tool, sessions).run(arguments, CONTEXT)
    finally:
        await sessions.close()


async def refusal(http: OwnHttp, **arguments: Any) -> str:
    with pytest.raises(ToolError) as refused:
        await call(http, **arguments)
    return str(refused.value)


async def test_arguments_stand_in_path_query_and_body_with_their_types() -> None:
    async with lamp() as server:
        http = OwnHttp(
            url=server.url + "/rooms/{room}/level?by={who}",
            method="post",
            headers={"X-Number": 5, "Authorization": Secret(KEY)},
            query={"level": "{level}", "fixed": True, "unused": "{unused}"},
            json={
                "level": "{level}",
                "words": "set {room} to {level}, not {{level}}",
                "list": ["{level}", "{unused}", {"on": "{on}"}],
                "unused": "{unused}",
                "kept": None,
            },
        )
        await call(http, room="living room/süd", who="a&b=c", level=20, on=True)
        (request,) = server.requests
        assert (request.method, request.raw_path) == (
            "POST",
            "/rooms/living%20room%2Fs%C3%BCd/level?by=a%26b%3Dc&level=20&fixed=true",
        )
        assert (request.headers["X-Number"], request.headers["Authorization"]) == ("5", KEY)
        assert json.loads(server.bodies[0]) == {
            "level": 20,
            "words": "set living room/süd to 20, not {level}",
            "list": [20, {"on": True}],
            "kept": None,
        }


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a/b", "/say/a%2Fb"),
        ("//evil.example/x", "/say/%2F%2Fevil.example%2Fx"),
        ("@evil.example", "/say/%40evil.example"),
        ("x\r\nHost: evil.example", "/say/x%0D%0AHost%3A%20evil.example"),
        ("x?admin=1#y", "/say/x%3Fadmin%3D1%23y"),
        ("%2e%2e", "/say/%252e%252e"),
        ("{room}", "/say/%7Broom%7D"),
        ("\ud800", "/say/%3F"),
        (True, "/say/true"),
        (20.0, "/say/20"),
    ],
)
async def test_an_argument_stays_one_step_of_the_path(text: Any, sent: str) -> None:
    async with lamp() as server:
        await call(OwnHttp(url=server.url + "/say/{text}"), text=text)
        assert server.paths == [sent]
        assert server.requests[0].headers["Host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize("text", ["..", ".", "../admin", "a/../../admin", "..\\admin"])
async def test_an_argument_does_not_climb_in_the_path(text: str) -> None:
    async with lamp() as server:
        why = await refusal(OwnHttp(url=server.url + "/say/{text}"), text=text)
        assert why == "text must not hold . or .. as a step of a path"
        assert server.requests == []


async def test_what_the_address_needs_must_be_given() -> None:
    async with lamp() as server:
        http = OwnHttp(url=server.url + "/say/{text}")
        assert "text is needed" in await refusal(http)
        assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (web.json_response({"a": [1, None]}), {"a": [1, None]}),
        (web.Response(text="20 degrees"), "20 degrees"),
        (web.Response(text=""), "done"),
        (web.Response(status=204), "done"),
        (
            web.Response(body=b"\xff\xd8", content_type="image/jpeg"),
            "[image/jpeg left out, 2 bytes]",
        ),
        (
            web.Response(body=b"caf\xe9", headers={"Content-Type": "text/plain; charset=latin-1"}),
            "café",
        ),
        (
            web.Response(body=b"caf\xe9", headers={"Content-Type": "text/plain; charset=klingon"}),
            "caf�",
        ),
        (web.Response(text='{"a": NaN}'), '{"a": NaN}'),
        (web.Response(text="[" * 100 + "]" * 100), "[" * 100 + "]" * 100),
        (web.Response(text="[" * 100_000), "[" * 100_000),
    ],
)
async def test_an_answer_is_json_or_text_or_named(answer: web.Response, result: Any) -> None:
    async with lamp() as server:
        server.answer = answer
        assert await call(OwnHttp(url=server.url)) == result


async def test_an_answer_of_many_megabytes_is_read_in_part() -> None:
    async with lamp() as server:
        server.answer = web.Response(text="x" * 3_000_000)
        assert await call(OwnHttp(url=server.url)) == "x" * (1 << 20)


async def test_an_answer_that_is_compressed_unasked_is_not_unpacked() -> None:
    async with lamp() as server:
        server.answer = web.Response(text="x" * 1_000_000)
        server.answer.enable_compression()
        assert await call(OwnHttp(url=server.url)) == "x" * 1_000_000  # we ask for none
        server.answer = web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
        assert "compressed" in await refusal(OwnHttp(url=server.url))


@pytest.mark.parametrize(
    ("status", "text", "why"),
    [
        (404, "no such lamp", "HTTP 404: no such lamp"),
        (500, "<html><title>Oh</title></html>", "HTTP 500: Internal Server Error"),
        (422, "", "HTTP 422: Unprocessable Entity"),
        (400, "first\nsecond\x1b[2J", "HTTP 400: first second\\x1b[2J"),
    ],
)
async def test_a_refusal_is_an_error_with_its_words(status: int, text: str, why: str) -> None:
    async with lamp() as server:
        server.answer = web.Response(status=status, text=text)
        assert why in await refusal(OwnHttp(url=server.url))


async def test_a_refusal_of_many_words_is_cut() -> None:
    async with lamp() as server:
        server.answer = web.Response(status=400, text="x" * 100_000)
        assert len(await refusal(OwnHttp(url=server.url))) < 400


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with lamp() as server, lamp() as metadata:
        for place in (metadata.url + "/latest/meta-data", "/elsewhere"):
            server.answer = web.Response(status=status, headers={"Location": place})
            why = await refusal(OwnHttp(url=server.url, headers={"X-Key": Secret(KEY)}))
            assert f"HTTP {status}: it points to another address, which is not followed" in why
        assert metadata.requests == []
        assert len(server.requests) == 2


async def test_secrets_show_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pin, hook = Secret("4711"), "abc def/ghi"
    async with lamp() as server:
        http = OwnHttp(
            url=Secret(server.url + "/api/webhook/w3bh00k-1d"),
            method="POST",
            headers={"Authorization": Secret(KEY)},
            query={"hook": Secret(hook)},
            json={"pin": pin},
        )
        echo = (
            f"you sent {KEY}, or opens-every-door-here, 4711, {hook}, abc%20def%2Fghi to w3bh00k-1d"
        )
        server.answer = web.Response(text=echo)
        found = [str(await call(http))]
        server.answer = web.json_response(
            {"sent": [KEY, {hook: 4711}], "path": "/api/webhook/w3bh00k-1d"}
        )
        found.append(str(await call(http)))
        server.answer = web.Response(status=403, text=f"{KEY} may not POST /api/webhook/w3bh00k-1d")
        found.append(await refusal(http))
        assert json.loads(server.bodies[0]) == {"pin": "4711"}
        assert server.requests[0].query["hook"] == hook
    found.append(await refusal(replace(http, url=Secret(server.url + "/api/webhook/w3bh00k-1d"))))
    logged = [each.getMessage() for each in caplog.records if each.name != "aiohttp.access"]
    everything = "\n".join([*found, repr(http), *logged])
    for secret in ("opens-every-door", "4711", "abc def", "abc%20def", "w3bh00k"):
        assert secret not in everything
    assert found[0] == "you sent **, or **, **, **, ** to **"


async def test_a_host_that_is_away_is_named() -> None:
    async with lamp() as server:
        gone = server.url
    host = gone.removeprefix("http://")
    assert await refusal(OwnHttp(url=gone)) == f"cannot reach {host}: Connection refused"
    assert await refusal(OwnHttp(url="http://lamp.invalid")) == (
        "there is no host lamp.invalid in this network"
    )


async def test_a_host_that_hangs_up_or_talks_nonsense_is_named() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH\r\n" + b"x" * 600_000 + b"\r\n\r\n")
        writer.close()

    for rude, words in ((hang_up, "hung up before"), (nonsense, "does not speak HTTP")):
        server = await asyncio.start_server(rude, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert words in await refusal(OwnHttp(url=f"http://127.0.0.1:{port}"))
        server.close()


async def test_a_host_that_never_answers_is_left_when_the_call_is_stopped() -> None:
    release = asyncio.Event()

    async def wait(_request: web.BaseRequest) -> web.Response:
        await release.wait()
        return web.Response()

    async with RawTestServer(wait) as server:
        sessions = SharedSession()
        tool = OwnTool(name="lamp", description="x", http=OwnHttp(url=str(server.make_url("/"))))
        running = asyncio.create_task(HttpTool(tool, sessions).run({}, CONTEXT))
        await asyncio.sleep(5)
        closing = asyncio.create_task(sessions.close())  # a reload: what runs goes on
        await asyncio.sleep(5)
        assert closing.done()
        assert not running.done()
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        release.set()


async def test_a_public_host_is_asked_through_the_proxy_and_one_at_home_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "all_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with lamp() as proxy, lamp() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        proxy.answer = web.Response(text="from afar")
        server.answer = web.Response(text="at home")
        assert await call(OwnHttp(url="http://weather.example/today")) == "from afar"
        assert await call(OwnHttp(url=server.url)) == "at home"
        assert "no host lamp.local" in await refusal(OwnHttp(url="http://lamp.local/"))
        assert len(proxy.requests) == 1
        secret = OwnHttp(url="http://weather.example/", headers={"Key": Secret("4711-0815")})
        assert "no host weather.example" in await refusal(secret)  # the proxy could read it
        assert len(proxy.requests) == 1
