"""The lock on the door: every route of the router, and whoever should not get in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from rtaudio_daemon import config
from rtaudio_daemon.api.guard import BODY_MAX, BODY_PATIENCE_S
from rtaudio_daemon.api.idle_connections import CONNECTIONS_MAX, PATIENCE_S, IdleConnections
from rtaudio_daemon.api.routes import PUBLIC_PATHS, ROUTES
from rtaudio_daemon.api.server import ApiServer
from rtaudio_daemon.notifications import ModelStatus
from tests.api.test_server import HttpApi, Person, read
from tests.waiting import until

TOKEN = "sesame-" * 6
READ_TOKEN = "poppy-" * 6
FRIEND = "http://homeassistant.local:8123"
SECRETS: dict[str, Any] = {
    "token": config.Secret(TOKEN),
    "read_token": config.Secret(READ_TOKEN),
    "allowed_hosts": ("voice.example",),
    "allowed_origins": (FRIEND,),
}
JSON = {"Content-Type": "application/json"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def every_route() -> list[tuple[str, str]]:
    """Method and path of everything the real router answers, HEAD left out."""

    async def ask() -> list[tuple[str, str]]:
        app = ApiServer(config.Http(), Person(), boot="b").application()
        found = []
        for route in app.router.routes():
            assert route.resource is not None
            found.append((route.method, route.resource.canonical))
        return found

    return [(method, path) for method, path in asyncio.run(ask()) if method != "HEAD"]


EVERY_ROUTE = every_route()
each_route = pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)


@pytest.fixture
async def locked() -> AsyncIterator[HttpApi]:
    http_api = HttpApi(**SECRETS)
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(base_url=address) as http_api.http,
    ):
        yield http_api


async def refused(http_api: HttpApi, method: str, path: str, **more: Any) -> tuple[int, str]:
    """The status and the error code of a request that must not get through."""
    if method != "GET":
        more.setdefault("data", b"{}")
        more["headers"] = {**JSON, **more.get("headers", {})}
    async with http_api.http.request(method, path, **more) as answer:
        body = await answer.json()
        assert set(body["error"]) == {"code", "message"}
        assert TOKEN not in str(body)
        assert http_api.person.told == [], "and nothing was done"
        return answer.status, body["error"]["code"]


def test_the_table_of_routes_and_the_router_are_the_same() -> None:
    assert sorted(EVERY_ROUTE) == sorted((route.method, route.path) for route in ROUTES)
    assert {path for _, path in EVERY_ROUTE if path in PUBLIC_PATHS} == {"/", "/health"}
    assert {method for method, _ in EVERY_ROUTE} == {"GET", "POST", "PATCH", "DELETE"}


@each_route
async def test_without_the_token_there_is_no_way_in(
    locked: HttpApi, method: str, path: str
) -> None:
    if path in PUBLIC_PATHS:
        async with locked.http.get(path) as answer:
            assert answer.status == 200
            assert "status" not in (await answer.text()) or path == "/"
        return
    wrong: list[dict[str, str]] = [
        {},
        bearer(""),
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        bearer("tök€n"),
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
    ]
    for headers in wrong:
        assert await refused(locked, method, path, headers=headers) == (401, "unauthorized")
    in_address = f"{path}?token={TOKEN}&access_token={TOKEN}"
    assert await refused(locked, method, in_address) == (401, "unauthorized")


async def test_with_another_lock_only_those_go_who_may_not_come_in_any_more(
    locked: HttpApi,
) -> None:
    async with (
        locked.http.get("/api/events", headers=bearer(TOKEN)) as master,
        locked.http.get("/api/events", headers=bearer(READ_TOKEN)) as reader,
    ):
        await read(master)
        await read(reader)
        new = {**SECRETS, "read_token": config.Secret("lotus-" * 6)}
        locked.server.adjust(config.Http(**new))
        assert await reader.content.read() == b"", "it is shown out"
        locked.change(ModelStatus.LISTENING)
        assert (await read(master))["event"] == "status"
    assert await refused(locked, "GET", "/api/status", headers=bearer(READ_TOKEN)) == (
        401,
        "unauthorized",
    )


@each_route
async def test_who_calls_this_machine_by_another_name_is_refused(
    locked: HttpApi, method: str, path: str
) -> None:
    strange = (
        "evil.example",
        "voice.example.evil.example",
        "127.0.0.1.evil.example",
        "",
        "1",
        "[x]",
        "[::1].evil.example",
        "[::1]evil.example:80",
        "[::1",
        "::1",
        "127.0.0.1:evil",
        "localhost:80.evil.example",
    )
    for host in strange:
        headers = {**bearer(TOKEN), "Host": host}
        assert await refused(locked, method, path, headers=headers) == (421, "misdirected_request")


FROM_ELSEWHERE: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": f"{FRIEND}.evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "file://"},
    {"Origin": "http://[x"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@each_route
async def test_what_a_foreign_page_asks_for_is_refused(
    locked: HttpApi, method: str, path: str
) -> None:
    for from_elsewhere in FROM_ELSEWHERE:
        headers = {**bearer(TOKEN), **from_elsewhere}
        if path == "/" and "Origin" not in from_elsewhere:
            async with locked.http.get(path, headers=headers) as answer:
                assert answer.status == 200, "a link to the page is nothing bad"
        else:
            assert await refused(locked, method, path, headers=headers) == (403, "forbidden")


@each_route
async def test_what_changes_something_takes_json_only_and_not_too_much(
    locked: HttpApi, method: str, path: str
) -> None:
    if method == "GET":
        return
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "x/json",
    ):
        headers = {**bearer(TOKEN), "Content-Type": kind}
        assert await refused(locked, method, path, headers=headers) == (
            415,
            "unsupported_media_type",
        )
    headers = {**bearer(TOKEN), **JSON}
    large = b'{"text": "%s"}' % (b"x" * BODY_MAX)
    too_large = (413, "request_entity_too_large")
    assert await refused(locked, method, path, headers=headers, data=large) == too_large

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_MAX // 1024 + 2):
            yield b" " * 1024

    assert await refused(locked, method, path, headers=headers, data=pieces()) == too_large


async def test_a_post_without_a_body_needs_no_type_but_never_from_a_page(locked: HttpApi) -> None:
    refusal = (415, "unsupported_media_type")
    bare = {**bearer(TOKEN), "Content-Type": "application/octet-stream"}
    own = {**bare, "Origin": locked.server.address}
    assert await refused(locked, "POST", "/api/mute", headers=own, data=b"") == refusal
    body = b'{"text": "hello"}'
    assert await refused(locked, "POST", "/api/say", headers=bare, data=body) == refusal
    async with locked.http.post("/api/mute", headers=bearer(TOKEN)) as answer:
        assert answer.status == 200
    assert locked.person.told == ["mute"]


@each_route
async def test_the_token_that_reads_cannot_steer(locked: HttpApi, method: str, path: str) -> None:
    headers = bearer(READ_TOKEN)
    if method != "GET":
        assert await refused(locked, method, path, headers=headers) == (403, "forbidden")
        return
    async with locked.http.get(path, headers=headers) as answer:
        assert answer.status == 200


@each_route
async def test_the_token_opens_every_door(locked: HttpApi, method: str, path: str) -> None:
    bodies: dict[str, Any] = {
        "/api/say": {"text": "hello"},
        "/api/ask": {"question": "Really?"},
        "/api/start_conversation": {"text": "hello"},
        "/api/play": {"file": "bell.wav"},
        "/api/broadcast": {"text": "hello"},
        "/api/volume": {"level": 0.5},
        "/api/persona": {"name": "mycroft"},
        "/api/wake/teach": {"name": "hey marvin", "step": "record"},
        "/api/timers": {"kind": "timer", "seconds": 5},
    }
    data = json.dumps(bodies.get(path, {})).encode() if method != "GET" else None
    path = path.replace("{id}", "pasta")
    headers = {**bearer(TOKEN), **JSON, "Host": "voice.example", "Sec-Fetch-Site": "same-origin"}
    async with locked.http.request(method, path, headers=headers, data=data) as answer:
        assert answer.status == 200
        shown = answer.headers
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert shown["Cache-Control"] == "no-store"
    assert shown["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in shown["Content-Security-Policy"]
    assert shown["Server"] == "rtaudio-daemon"
    assert "Access-Control-Allow-Origin" not in shown


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.0\r\n\r\n", 200),
        (b"HEAD /ready HTTP/1.0\r\n\r\n", 200),
        (b"GET /api/status HTTP/1.0\r\n\r\n", 200),
        (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /health HTTP/1.1\r\nHost: ::1\r\nHost: localhost\r\n\r\n", 400),
        (b"POST /api/mute HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 421),
    ],
)
async def test_a_health_check_without_a_host_is_answered_and_nothing_is_changed_by_one(
    head: bytes, status: int
) -> None:
    http_api = HttpApi()
    async with http_api.server.listening():
        reader, writer = await connect(http_api, head)
        assert int((await reader.readline()).split()[1]) == status
        writer.close()
    assert http_api.person.told == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8770", "192.168.1.5", "a.b."])
async def test_addresses_and_our_own_names_are_understood(host: str) -> None:
    http_api = HttpApi(allowed_hosts=("a.b",))
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address, headers={"Host": host}) as http,
        http.get("/api/status") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_a_friendly_page_may_use_the_window_and_show_ours(locked: HttpApi) -> None:
    asked = {"Origin": FRIEND, "Access-Control-Request-Method": "POST"}
    async with locked.http.options("/api/say", headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    headers = {**bearer(TOKEN), "Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    async with locked.http.get("/api/status", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
        assert answer.headers["Vary"] == "Origin"
    async with locked.http.get("/") as answer:
        assert f"frame-ancestors {FRIEND}" in answer.headers["Content-Security-Policy"]
    status, _ = await refused(locked, "OPTIONS", "/api/say", headers={"Origin": "http://x.y"})
    assert status == 403


async def test_the_log_tells_of_the_first_refusal_only(
    locked: HttpApi, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        await refused(locked, "GET", "/api/status", headers=bearer("guessed"))
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1
    assert "guessed" not in caplog.text


# ------------------------------------------------------- who only holds the door


async def connect(http_api: HttpApi, said: bytes = b"") -> tuple[asyncio.StreamReader, Any]:
    port = int(http_api.server.address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    return reader, writer


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["silent", "half a head", "idle afterwards"],
)
async def test_who_asks_for_nothing_is_shown_the_door(said: bytes) -> None:
    http_api = HttpApi()
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address) as http_api.http,
    ):
        loop = asyncio.get_running_loop()
        async with http_api.subscribe() as stream:
            await read(stream)
            began = loop.time()
            reader, writer = await connect(http_api, said)
            async with asyncio.timeout(PATIENCE_S + 5):
                await reader.read()  # until it is closed
            assert loop.time() - began >= PATIENCE_S - 2
            writer.close()
            assert http_api.server.events.subscribers == 1, "who listens to the events is not idle"


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    http_api = HttpApi()
    head = b"POST /api/mute HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    async with http_api.server.listening():
        loop = asyncio.get_running_loop()
        began = loop.time()
        reader, writer = await connect(http_api, head + b"Content-Length: 2\r\n\r\n{")
        async with asyncio.timeout(BODY_PATIENCE_S + 5):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert loop.time() - began == pytest.approx(BODY_PATIENCE_S, abs=2)
        assert http_api.person.told == []
        writer.close()


async def test_drop_by_drop_is_as_bad_as_not_at_all() -> None:
    http_api = HttpApi()
    async with http_api.server.listening():
        reader, writer = await connect(http_api, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")

        async def drip() -> None:
            for number in range(1000):
                writer.write(b"X-%d: 1\r\n" % number)
                await asyncio.sleep(1)

        dripping = asyncio.create_task(drip())
        async with asyncio.timeout(PATIENCE_S + 5):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        dripping.cancel()
        writer.close()


class Guest:
    """A fake connection of the server."""

    transport = None
    closed = False

    def force_close(self) -> None:
        self.closed = True


class Hall:
    def __init__(self) -> None:
        self.connections: list[Guest] = []


async def test_of_too_many_idle_guests_the_oldest_go_first() -> None:
    hall, idle_connections = Hall(), IdleConnections()
    rounds = asyncio.create_task(idle_connections.run(hall))
    busy = Guest()
    hall.connections = [busy, *(Guest() for _ in range(CONNECTIONS_MAX))]
    idle_connections.begin(busy)
    await asyncio.sleep(3.5)
    assert idle_connections.closed == 0
    newest = [Guest() for _ in range(3)]
    hall.connections += newest
    await asyncio.sleep(1)
    assert idle_connections.closed == 3
    assert not any(guest.closed for guest in [busy, *newest])
    rounds.cancel()


async def test_who_leaves_before_the_answer_is_not_our_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    http_api = HttpApi()

    async def leave(_body: object = None) -> None:
        raise ConnectionResetError("Cannot write to closing transport")

    http_api.server.events.serve = leave  # type: ignore[assignment, method-assign]
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address) as http,
        http.get("/api/events") as answer,
    ):
        assert answer.status == 400
    assert "failed" not in caplog.text


@pytest.mark.real_time
async def test_a_crowd_at_the_door_does_not_keep_the_others_from_coming_in() -> None:
    http_api = HttpApi(max_subscribers=50)
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address) as http_api.http,
    ):
        head = b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        crowd = [await connect(http_api, head) for _ in range(300)]
        events = http_api.server.events
        await until(lambda: events.subscribers == 50)
        for reader, _ in crowd[50:]:
            status = await reader.readline()
            assert status.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
        assert events.subscribers == 50
        async with http_api.http.get("/api/status") as answer:
            assert answer.status == 200
        for _, writer in crowd:
            writer.close()
        await until(lambda: events.subscribers == 0)


async def test_the_kernel_watches_for_peers_that_vanish(api_socket: socket.socket) -> None:
    assert api_socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert api_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    assert api_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


@pytest.fixture
async def api_socket() -> AsyncIterator[socket.socket]:
    """The server's end of a subscriber's connection."""
    http_api = HttpApi()
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address) as http_api.http,
        http_api.subscribe() as stream,
    ):
        await read(stream)
        (subscriber,) = http_api.server.events._subscribers
        yield subscriber.transport.get_extra_info("socket")


def test_the_application_is_an_ordinary_one() -> None:
    async def build() -> web.Application:
        return ApiServer(config.Http(), Person(), boot="b").application()

    assert len(asyncio.run(build()).middlewares) == 1


PROXY = "127.0.0.2"
THROUGH = {
    "X-Ingress-Path": "/api/hassio_ingress/aBc-1_2",
    "X-Forwarded-Host": "home.example:8123",
    "Host": "whatever.example",
}


@pytest.mark.parametrize(
    ("peer", "ingress", "headers", "status"),
    [
        (PROXY, PROXY, {}, 200),
        (PROXY, PROXY, {"Origin": "http://home.example:8123"}, 200),
        (PROXY, PROXY, {"Origin": "http://evil.example"}, 403),
        (PROXY, PROXY, {"Sec-Fetch-Site": "cross-site"}, 403),
        (PROXY, PROXY, {"X-Ingress-Path": "//evil.example/?a"}, 421),
        (PROXY, PROXY, {"X-Ingress-Path": ""}, 421),
        ("127.0.0.3", PROXY, {}, 421),
        ("127.0.0.3", PROXY, {"Host": "127.0.0.1"}, 401),
        (PROXY, "", {}, 421),
    ],
)
async def test_only_the_trusted_proxy_needs_no_token_and_only_with_its_path(
    peer: str, ingress: str, headers: dict[str, str], status: int
) -> None:
    http_api = HttpApi(**{**SECRETS, "allowed_origins": (), "ingress": ingress})
    connector = aiohttp.TCPConnector(local_addr=(peer, 0))
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address, connector=connector) as http,
    ):
        async with http.get("/api/status", headers={**THROUGH, **headers}) as answer:
            assert answer.status == status
        async with http.get("/", headers={**THROUGH, **headers, "Host": "127.0.0.1"}) as answer:
            framed = "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
            through = peer == PROXY == ingress and headers.get("X-Ingress-Path", "/a") == "/a"
            assert through is ("X-Frame-Options" not in answer.headers)
            assert framed is (through and answer.status == 200)
