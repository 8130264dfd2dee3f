"""Sound files are read from where the configuration allows, and from nowhere else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon import config
from rtaudio_daemon.audio.files.bounds import MOST_BYTES
from rtaudio_daemon.config.file_reading import read_below
from rtaudio_daemon.daemon.sound_sources import from_folder, from_host
from rtaudio_daemon.errors import NotFoundError, NotNowError, RTAudioError, WrongValueError
from rtaudio_daemon.tools.sources.http_requests import SharedSession

BELL = b"RIFF of a bell"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sounds = tmp_path / "sounds"
    (sounds / "night").mkdir(parents=True)
    (sounds / "bell.wav").write_bytes(BELL)
    (sounds / "night" / "owl.wav").write_bytes(b"owl")
    (sounds / "large.wav").write_bytes(bytes(MOST_BYTES + 1))
    (sounds / "link.wav").symlink_to(sounds / "bell.wav")
    (sounds / "out").symlink_to(tmp_path)
    (tmp_path / "secret").write_bytes(b"secret")
    os.mkfifo(sounds / "pipe.wav")
    return sounds


async def test_files_below_the_folder_are_read(folder: Path) -> None:
    allowed = config.Play(folder=str(folder))
    assert await from_folder("bell.wav", allowed) == BELL
    assert await from_folder("night/owl.wav", allowed) == b"owl"
    assert await from_folder(f"{folder}/bell.wav", allowed) == BELL


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../secret", "no name of a file below the folder"),
        ("night/../bell.wav", "no name of a file below the folder"),
        ("/etc/passwd", "no name of a file below the folder"),
        ("./bell.wav", "no name of a file below the folder"),
        ("bell\0.wav", "no name of a file below the folder"),
        ("link.wav", "a link, which is not followed"),
        ("out/secret", "a link, which is not followed"),
        ("pipe.wav", "no regular file"),
        ("night", "no regular file"),
        ("bell.wav/x", "Not a directory"),
        ("large.wav", "is larger than 10 MB"),
        ("x" * 300, "File name too long"),
    ],
)
async def test_nothing_else_is_read(folder: Path, name: str, why: str) -> None:
    with pytest.raises(WrongValueError, match=why):
        await from_folder(name, config.Play(folder=str(folder)))


async def test_what_is_missing_is_named_and_without_a_folder_nothing_is_read(folder: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no file 'none\.wav'"):
        await from_folder("none.wav", config.Play(folder=str(folder)))
    with pytest.raises(WrongValueError, match=r"audio\.play\.folder"):
        await from_folder("bell.wav", config.Play())


@given(st.lists(st.sampled_from(["..", ".", "", "night", "out", "secret", "bell.wav"]), min_size=1))
def test_no_name_leads_out_of_the_folder(steps: list[str]) -> None:
    here = Path(__file__).parent
    try:
        found = read_below(here, "/".join(["..", *steps]), 100)
    except OSError:
        return
    raise AssertionError(found)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def host(handler: Handler) -> AsyncIterator[str]:
    """A server whose every path is answered by `handler`; its host and port."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield ":".join(map(str, runner.addresses[0][:2]))
    finally:
        await runner.cleanup()


async def fetched(where: str, *hosts: str, path: str = "bell.wav?key=sesame") -> bytes:
    return await fetched_from(f"http://{where}/{path}", *hosts)


async def fetched_from(address: str, *hosts: str) -> bytes:
    sessions = SharedSession()
    try:
        return await from_host(address, config.Play(hosts=hosts), sessions)
    except RTAudioError as error:
        if "sesame" in str(error):
            raise AssertionError("a secret is shown") from error
        raise
    finally:
        await sessions.close()


async def bell(request: web.Request) -> web.StreamResponse:
    assert "Authorization" not in request.headers
    return web.Response(body=BELL, content_type="application/octet-stream")


async def test_a_host_that_is_named_is_asked() -> None:
    async with host(bell) as where:
        assert await fetched(where, "nas", where) == BELL


@pytest.mark.parametrize("hosts", [(), ("127.0.0.1",), ("127.0.0.1:1",), ("nas",)])
async def test_no_other_host_and_no_other_port_is_asked(hosts: tuple[str, ...]) -> None:
    async with host(bell) as where:
        with pytest.raises(WrongValueError, match=rf"{where} .* audio\.play\.hosts"):
            await fetched(where, *hosts)


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "ftp://nas/a",
        "http://nas:99999/",
        "http://[",
        "nas/bell.wav",
        "file:///etc/passwd",
    ],
)
async def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(WrongValueError, match="this is no address"):
        await fetched_from(address, "nas")


async def test_no_password_is_sent_and_none_is_shown() -> None:
    with pytest.raises(WrongValueError) as refused:
        await fetched_from("http://me:sesame@nas/a", "nas")
    assert str(refused.value) == "an address with a name or a password in it is not fetched"


async def test_without_a_port_both_usual_ones_are_allowed() -> None:
    for address in ("http://NAS.local:80/a", "https://nas.local/a"):
        with pytest.raises(NotNowError, match=r"^not played: "):
            await fetched_from(address, "nas.local")


async def redirecting(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/again":
            raise web.HTTPFound("/again?key=sesame")
        case "/away":
            raise web.HTTPFound("http://localhost:1/bell.wav?key=sesame")
        case "/port":
            raise web.HTTPFound("http://127.0.0.1:1/bell.wav?key=sesame")
        case "/here":
            raise web.HTTPMovedPermanently("/bell.wav")
    return await bell(request)


async def test_a_redirect_is_followed_at_the_same_host_only() -> None:
    async with host(redirecting) as where:
        assert await fetched(where, where, path="here") == BELL
        for path, why in (
            ("again", "points to another address again and again"),
            ("away", r"localhost:1 may be played: name it in audio\.play\.hosts"),
            ("port", r"127\.0\.0\.1:1 may be played"),
        ):
            with pytest.raises(WrongValueError, match=why):
                await fetched(where, where, path=path)
        with pytest.raises(WrongValueError, match="points to another host"):
            await fetched(where, where, "localhost:1", path="away")


async def endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(bytes(1 << 16))


async def silent(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    await asyncio.sleep(3600)
    return answer


async def drops(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(BELL)
    assert request.transport is not None
    request.transport.close()
    return answer


async def html(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>", content_type="text/html")


async def packed(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=BELL, headers={"Content-Encoding": "gzip"})


async def missing(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound(text="no sesame")


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (endless, "sends is over 10 MB"),
        (html, "sends text/html, which is no sound"),
        (packed, "sends is compressed"),
        (missing, "answers HTTP 404 Not Found"),
    ],
)
async def test_an_answer_that_is_no_sound_is_refused(handler: Handler, why: str) -> None:
    async with host(handler) as where:
        with pytest.raises(WrongValueError, match=why):
            await fetched(where, where)


@pytest.mark.parametrize(
    ("handler", "why"),
    [(silent, "takes longer than 20 s"), (drops, "hung up before it had answered")],
)
async def test_a_host_that_does_not_answer_is_named(handler: Handler, why: str) -> None:
    async with host(handler) as where:
        with pytest.raises(NotNowError, match=rf"^not played: {where} {why}$"):
            await fetched(where, where)


async def test_a_host_that_is_not_there_is_named() -> None:
    with pytest.raises(NotNowError, match=r"not played: cannot reach 127\.0\.0\.1:1: "):
        await fetched("127.0.0.1:1", "127.0.0.1:1")
