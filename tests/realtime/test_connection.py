"""One WebSocket: opened, refused, closed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest

from rtaudio_daemon.errors import HandshakeError, ServiceError
from rtaudio_daemon.realtime.connection import Connection
from tests.realtime.service import Service

KEY = "sk-very-secret"


@pytest.fixture
def dialect() -> str:
    return "ga"  # a connection knows nothing of dialects


async def refusal(service: Service) -> HandshakeError:
    with pytest.raises(HandshakeError) as caught:
        await Connection(service.endpoint(api_key=KEY)).open()
    return caught.value


async def test_messages_go_both_ways(service: Service) -> None:
    async with Connection(service.endpoint(api_key=KEY), protocols=("realtime",)) as connection:
        call = await service.call()
        assert call.path == "/openai/v1/realtime?model=d"
        assert call.headers["api-key"] == KEY
        assert call.socket.ws_protocol == "realtime"
        assert "session.created" in await anext(connection)
        await connection.send('{"type":"hello"}')
        await call.until("hello")


async def test_our_goodbye_reaches_the_service(service: Service) -> None:
    connection = Connection(service.endpoint())
    await connection.open()
    call = await service.call()
    await connection.close()
    await call.over.wait()
    assert call.socket.close_code == 1000


async def test_code_and_reason_of_the_end_are_kept(service: Service) -> None:
    async with Connection(service.endpoint()) as connection:
        call = await service.call()
        await anext(connection)
        await call.socket.send_bytes(b"no such thing in this protocol")
        await call.hang_up(1001, "Your session hit the maximum duration")
        assert [message async for message in connection] == []
        assert connection.close_code == 1001
        assert connection.close_reason == "Your session hit the maximum duration"
        with pytest.raises(ServiceError, match="closed while sending"):
            await connection.send("late")


async def test_a_cut_line_ends_the_messages(service: Service) -> None:
    async with Connection(service.endpoint()) as connection:
        call = await service.call()
        await anext(connection)
        call.cut()
        assert [message async for message in connection] == []
        assert connection.close_code == 1006


async def test_a_message_beyond_measure_ends_the_connection(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtaudio_daemon.realtime.connection.MAX_MESSAGE_BYTES", 1000)
    async with Connection(service.endpoint()) as connection:
        call = await service.call()
        await anext(connection)
        await call.socket.send_str("x" * 2000)
        assert [message async for message in connection] == []
        assert connection.close_code == 1009
        assert "1000" in connection.close_reason


async def test_a_service_that_answers_no_ping_is_given_up(service: Service) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from base64 import b64encode
        from hashlib import sha1

        request = await reader.readuntil(b"\r\n\r\n")
        key = request.lower().split(b"sec-websocket-key: ")[1].split(b"\r\n")[0]
        at = request.lower().index(b"sec-websocket-key: ") + len(b"sec-websocket-key: ")
        key = request[at : at + len(key)]
        accept = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        await over.wait()
        writer.close()

    over = asyncio.Event()
    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    host_name = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    before = asyncio.get_running_loop().time()
    async with Connection(service.endpoint(host_name=host_name), heartbeat_s=20) as connection:
        assert [message async for message in connection] == []
        assert connection.close_reason == "the service did not answer a ping"
    assert 29 <= asyncio.get_running_loop().time() - before <= 35
    over.set()
    server.close()


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ('{"error":{"code":"DeploymentNotFound","message":"No d."}}', "DeploymentNotFound", "No d"),
        ('{"error":{"type":"invalid","message":"No."}}', "invalid", "No."),
        ('{"statusCode":401,"message":"Access denied"}', None, "Access denied"),
        ('{"error":"plain"}', None, "plain"),
        ('["odd"]', None, "odd"),
        ("Just   text", None, "Just text"),
        ("<html>proxy</html>", None, "Not Found; a web page answered"),
        ('{"error":{"message":"half an emoji \\ud83d"}}', None, "half an emoji ?"),
        ('{"error":{"code":["x"],"message":"a\\nb\\u001b[2J"}}', None, r"a b\x1b[2J"),
        ("", None, "Not Found"),
        ('{"error":{"message":"the key sk-very-secret is bad"}}', None, "the key ** is bad"),
    ],
)
async def test_a_refusal_keeps_the_words_of_the_service(
    service: Service, body: str, code: str | None, words: str
) -> None:
    service.refusals.append((404, {}, body))
    error = await refusal(service)
    assert (error.status, error.code, error.retry_after_s) == (404, code, None)
    assert words in str(error)
    assert "check deployment" in str(error)
    assert KEY not in str(error)
    assert service.attempts == 1


async def test_a_refusal_without_end_is_read_only_so_far(service: Service) -> None:
    service.refusals.append((500, {}, "x" * 1_000_000))
    assert len(str(await refusal(service))) < 500


async def test_retry_after_is_seconds_or_a_date(service: Service) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for value, low, high in (("7", 7, 7), ("0.5", 0.5, 0.5), (soon, 60, 90), ("-3", 0, 0)):
        service.refusals.append((429, {"Retry-After": value}, ""))
        seconds = (await refusal(service)).retry_after_s
        assert seconds is not None
        assert low <= seconds <= high
    far = "Fri, 01 Jan 2027 00:00:00 +99999999999999999"
    for value in ("soon", "inf", "nan", "Mon, 01 Jan 2029 00:00:00", far):
        service.refusals.append((503, {"Retry-After": value}, ""))
        assert (await refusal(service)).retry_after_s is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(service: Service, status: int) -> None:
    """It would carry the key to another host."""
    asked: list[bytes] = []

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65_536))
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    elsewhere = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/openai/v1/realtime"
    no_address = ("http://[::1", "another address")
    for place, named in ((elsewhere, "127.0.0.1"), ("/login", "another address"), no_address):
        page = "<html><title>Log in here</title></html>"
        service.refusals.append((status, {"Location": place, "Set-Cookie": "a=b"}, page))
        error = await refusal(service)
        assert (error.status, error.code) == (status, None)
        assert f"it points to {named}, which is not followed" in str(error)
        assert "log in to this network" in str(error)
        assert KEY not in str(error)
    assert (asked, service.attempts) == ([], 3)
    server.close()


async def test_a_refusal_can_be_written_anywhere_and_hides_a_key_that_would_be_cut(
    service: Service,
) -> None:
    code, words = "c" * 10_000 + "\\ud800", "x" * 290 + KEY
    service.refusals.append((500, {}, f'{{"error":{{"code":"{code}","message":"{words}"}}}}'))
    error = await refusal(service)
    assert len(str(error)) < 1000
    assert KEY[:8] not in str(error)
    (str(error) + str(error.code)).encode()


async def test_a_web_page_that_answers_is_called_one(service: Service) -> None:
    service.refusals.append((200, {}, "<!doctype html><title>Welcome to this hotel</title>"))
    assert "HTTP 200: OK; a web page answered, perhaps the login page" in str(
        await refusal(service)
    )


async def test_a_proxy_that_the_environment_names_is_asked_for_the_service(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).splitlines()[0])
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    asked: list[bytes] = []
    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", address)
    far = service.endpoint(host_name="wss://far.invalid", api_key=KEY)
    with pytest.raises(ServiceError, match=f"the proxy {address} refused.*407"):
        await Connection(far).open()
    assert asked == [b"CONNECT far.invalid:443 HTTP/1.1"]
    monkeypatch.setenv("NO_PROXY", "far.invalid")
    with pytest.raises(ServiceError, match=r"cannot reach far\.invalid"):
        await Connection(far).open()
    async with Connection(service.endpoint()):
        pass  # this machine is reached directly
    assert len(asked) == 1
    server.close()


async def test_nobody_there_is_a_service_error(service: Service) -> None:
    await service.stop()
    with pytest.raises(ServiceError, match=r"cannot reach 127\.0\.0\.1:\d+: Connect"):
        await Connection(service.endpoint()).open()


async def test_somebody_who_never_answers_is_a_service_error(service: Service) -> None:
    over = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    host_name = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(ServiceError, match="did not answer within 15 s"):
        await Connection(service.endpoint(host_name=host_name)).open()
    over.set()
    server.close()


async def test_somebody_who_speaks_another_language_is_a_service_error(service: Service) -> None:
    async def mumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mumble, "127.0.0.1", 0)
    host_name = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(ServiceError, match="does not speak WebSocket"):
        await Connection(service.endpoint(host_name=host_name)).open()
    server.close()


async def test_a_shared_http_session_lends_its_connector_and_stays_open(service: Service) -> None:
    async with aiohttp.ClientSession() as shared:
        async with Connection(service.endpoint(), http_session=shared) as connection:
            assert "session.created" in await anext(connection)
        assert not shared.closed
        assert shared.connector is not None
        assert not shared.connector.closed


async def test_opening_can_be_cancelled(service: Service) -> None:
    service.greets = False
    opening = asyncio.create_task(Connection(service.endpoint()).open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
