"""Home Assistant in memory, and daemons that run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.rtaudio_daemon.const import DOMAIN

DAEMONS = os.environ.get("DAEMONS", "")
TOKEN = "a-token-for-tests-only"


@dataclass
class Daemon:
    """One that runs; `number` among them all."""

    number: int
    port: int

    async def stop(self) -> None:
        async with (
            aiohttp.ClientSession() as http,
            http.delete(f"{DAEMONS}/{self.number}") as answer,
        ):
            assert answer.status == 200

    async def get(self, path: str = "/api/status") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as answer:
            return dict(await answer.json())

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(url, json=body) as answer,
        ):
            return dict(await answer.json())


@dataclass
class Wire:
    """Stands between, and can be cut."""

    to: int
    cut: bool = False
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        self._open |= {writer, back}
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        writer.close()
        self._open.discard(writer)

    def break_off(self) -> None:
        """Every connection ends now."""
        for writer in list(self._open):
            writer.transport.abort()

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server


Start = Callable[..., Awaitable[Daemon]]


@pytest.fixture(autouse=True)
async def home(
    socket_enabled: None, enable_custom_integrations: None, hass: HomeAssistant
) -> HomeAssistant:
    assert await async_setup_component(hass, "homeassistant", {})
    return hass


@pytest.fixture
async def start(socket_enabled: None) -> AsyncIterator[Start]:
    """Starts daemons; what is left out is as usual."""
    assert DAEMONS, "start the tests by tests/home_assistant/component/run"
    running: list[Daemon] = []

    async def one(**about: Any) -> Daemon:
        usual = {"token": TOKEN, "read_token": "", "port": 0, "id": "kitchen", "name": "Voice"}
        usual |= {"words": [], "silent_ms": 12_000, "folder": ""}
        async with (
            aiohttp.ClientSession() as http,
            http.post(DAEMONS, json=usual | about) as answer,
        ):
            assert answer.status == 200, await answer.text()
            made = Daemon(**await answer.json())
        running.append(made)
        return made

    yield one
    for daemon in running:
        await daemon.stop()


@pytest.fixture
async def wire(start: Start) -> AsyncIterator[Wire]:
    """A daemon behind a wire."""
    wire = Wire((await start()).port)
    server = await wire.serve()
    yield wire
    wire.break_off()
    server.close()
    await asyncio.sleep(0.05)


async def set_up(
    hass: HomeAssistant, port: int, token: str = TOKEN, unique_id: str = "kitchen"
) -> MockConfigEntry:
    """The integration, with a daemon."""
    data = {"host": "127.0.0.1", "port": port, "token": token}
    entry = MockConfigEntry(domain=DOMAIN, unique_id=unique_id, title="Voice", data=data)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def until(met: Callable[[], Any], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.02)


async def until_state(hass: HomeAssistant, entity: str, state: str, seconds: float = 20.0) -> None:
    def met() -> bool:
        found = hass.states.get(entity)
        return found is not None and found.state == state

    try:
        await until(met, seconds)
    except TimeoutError:
        raise AssertionError(f"{entity} is {hass.states.get(entity)}, not {state}") from None
