"""A button, a display, a monitor: one address each, and a status that says all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon import config
from tests.api.test_server import HttpApi

TOKEN = "sesame-" * 6


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[HttpApi]:
    http_api = HttpApi(**settings)
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(base_url=address) as http_api.http,
    ):
        yield http_api


async def test_one_address_mutes_and_unmutes() -> None:
    async with running() as http_api:
        for body, muted in (({"muted": True}, True), ({"muted": False}, False), (None, True)):
            status, state = await http_api.post("/api/mute", body)
            assert (status, state["muted"]) == (200, muted)
        async with http_api.http.post("/api/mute") as answer:  # no body at all
            assert (await answer.json())["muted"] is True
        assert http_api.person.told == ["mute", "unmute", "mute", "mute"]


@pytest.mark.parametrize("body", [{"muted": "no"}, {"muted": 1}, {"muted": None}, {"mute": True}])
async def test_what_is_no_switch_changes_nothing(body: dict[str, Any]) -> None:
    async with running() as http_api:
        status, answer = await http_api.post("/api/mute", body)
        assert (status, answer["error"]["code"]) == (400, "bad_request")
        assert "mute" in answer["error"]["message"]
        assert http_api.person.told == []


async def test_unmute_takes_no_switch() -> None:
    async with running() as http_api:
        assert (await http_api.post("/api/unmute", {"muted": True}))[0] == 400


async def test_health_needs_no_token_and_says_no_more_than_that() -> None:
    async with running(token=config.Secret(TOKEN)) as http_api:
        for method in ("GET", "HEAD"):
            async with http_api.http.request(method, "/health") as answer:
                assert answer.status == 200
                assert await answer.text() == ('{"ok": true}' if method == "GET" else "")
        async with http_api.http.get("/ready") as answer:
            assert answer.status == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        async with http_api.http.get("/ready", headers=bearer) as answer:
            assert answer.status == 200
        http_api.person.connected = False
        async with http_api.http.get("/ready", headers=bearer) as answer:
            assert answer.status == 503
        async with http_api.http.get("/health") as answer:
            assert answer.status == 200
