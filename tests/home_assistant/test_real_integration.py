"""The integration in a real Home Assistant, with a whole daemon; see README.md beside this file."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from rtaudio_daemon import config
from rtaudio_daemon.daemon.app import App
from tests.harness import Harness, speech
from tests.stories.test_asking import Person

pytestmark = [pytest.mark.home_assistant, pytest.mark.real_time, pytest.mark.timeout(300)]
URL = os.environ.get("RTAUDIO_HOME_URL", "")
OWNER = os.environ.get("RTAUDIO_HOME_OWNER", "")
DOCUMENT = Path(__file__).parents[2] / "docs/home-assistant.md"
SATELLITE, STATUS = "assist_satellite.parlour", "sensor.parlour_status"
TOKEN = "a-token-for-tests-only"
LASTS_S = 5.0
"""What everything is said with."""
Json = dict[str, Any]


class Home:
    """The HTTP API of Home Assistant."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def post(self, path: str, **body: Any) -> Any:
        timeout = aiohttp.ClientTimeout(120)
        async with self._http.post(path, json=body, timeout=timeout) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def delete(self, path: str) -> None:
        async with self._http.delete(path) as answer:
            assert answer.status == 200, await answer.text()

    async def state(self, entity: str) -> str | None:
        async with self._http.get(f"/api/states/{entity}") as answer:
            return str((await answer.json())["state"]) if answer.status == 200 else None

    async def until(self, entity: str, state: str, seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while await self.state(entity) != state:
                await asyncio.sleep(0.05)

    async def command(self, kind: str) -> Any:
        """The result of a WebSocket command."""
        async with self._http.ws_connect("/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": OWNER})
            await socket.receive_json()
            await socket.send_json({"id": 1, "type": kind})
            return (await socket.receive_json())["result"]

    async def found(self, unique_id: str) -> Json:
        """The flow of a daemon that Home Assistant found by itself."""
        async with asyncio.timeout(60):
            while True:
                for flow in await self.command("config_entries/flow/progress"):
                    if flow["context"].get("unique_id") == unique_id:
                        return dict(flow)
                await asyncio.sleep(0.5)

    async def set_up(self, port: int) -> Json:
        """The config flow as the browser goes through it."""
        flows = "/api/config/config_entries/flow"
        shown = await self.post(flows, handler="rtaudio_daemon")
        assert (shown["type"], shown["step_id"]) == ("form", "user")
        return dict(await self.post(f"{flows}/{shown['flow_id']}", host="127.0.0.1", port=port))

    @asynccontextmanager
    async def with_daemon(self, harness: Harness, title: str) -> AsyncIterator[None]:
        """The integration of this daemon is set up meanwhile."""
        made = await self.set_up(int(harness.app.address.rpartition(":")[2]))
        assert (made["type"], made["title"]) == ("create_entry", title), made
        try:
            yield
        finally:
            await self.delete(f"/api/config/config_entries/entry/{made['result']['entry_id']}")


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    assert all((URL, OWNER)), "see README.md"
    headers = {"Authorization": f"Bearer {OWNER}"}
    async with aiohttp.ClientSession(URL, headers=headers) as http:
        yield Home(http)


@pytest.fixture
async def begin(home: Home, tmp_path: Path) -> AsyncIterator[Callable[[], Any]]:
    """Starts a daemon that is set up in Home Assistant."""
    running = AsyncExitStack()

    def named(settings: config.Config) -> config.Config:
        return replace(settings, mqtt=replace(settings.mqtt, id="parlour", name="Parlour"))

    async def one(*words: str, silent_ms: int = 0) -> Harness:
        said = [(silent_ms, speech("hello")), (240_000, b"")] if words else [(300_000, b"")]
        harness = Harness(tmp_path, said, reply=Person(*words), change=named)
        await running.enter_async_context(harness)
        await running.enter_async_context(home.with_daemon(harness, "Parlour"))
        await home.until("binary_sensor.parlour_service", "on")
        return harness

    yield one
    await running.aclose()


async def test_announce_returns_when_it_was_heard(home: Home, begin: Callable[..., Any]) -> None:
    harness = await begin()
    started_at = time.monotonic()
    announcing = asyncio.create_task(
        home.post("/api/services/assist_satellite/announce", entity_id=SATELLITE, message="Hi.")
    )
    await home.until(SATELLITE, "responding")
    await announcing
    took_s = time.monotonic() - started_at
    assert took_s > LASTS_S
    await harness.until(lambda: harness.named("said"))
    assert harness.named("said")[-1]["outcome"] == "said"
    await home.post("/api/conversation/process", text="Broadcast dinner is ready", language="en")
    await harness.until(lambda: len(harness.named("said")) == 2)
    assert "dinner is ready" in str(harness.received("response.create")[-1])
    print(f"\nannounce: {took_s:.1f} s for {LASTS_S} s of speech")


async def test_what_people_answer_comes_back(home: Home, begin: Callable[..., Any]) -> None:
    await begin("Open the door, please", silent_ms=14_000)
    answers = [{"id": "open", "sentences": ["[please] open (it|the door) [please]"]}]
    found = await home.post(
        "/api/services/assist_satellite/ask_question?return_response",
        entity_id=SATELLITE,
        question="Shall I open?",
        answers=answers,
    )
    answer = found["service_response"]
    assert answer == {"id": "open", "sentence": "Open the door, please", "slots": {}}


async def test_it_is_found_in_the_network(home: Home, tmp_path: Path) -> None:
    def reachable(settings: config.Config) -> config.Config:
        http = replace(settings.http, host="0.0.0.0", token=config.Secret(TOKEN))
        return replace(settings, http=http, mqtt=replace(settings.mqtt, id="attic", name="Attic"))

    harness = Harness(tmp_path, [(120_000, b"")], change=reachable)
    async with harness.simulator:
        app = App(harness.settings(), load=harness.settings, state=tmp_path)
        stop = asyncio.Event()
        running = asyncio.create_task(app.run(stop, lambda: None))
        flow = await home.found("attic")
        assert flow["context"]["title_placeholders"] == {"name": "Attic"}
        path = f"/api/config/config_entries/flow/{flow['flow_id']}"
        made = await home.post(path, token=TOKEN)
        assert (made["type"], made["title"]) == ("create_entry", "Attic")
        await home.until("sensor.attic_status", "idle")
        await home.delete(f"/api/config/config_entries/entry/{made['result']['entry_id']}")
        stop.set()
        await running


async def test_the_automations_of_the_document(home: Home, begin: Callable[..., Any]) -> None:
    found = re.search(r"```yaml\n(automation:\n  - id: voice_.*?)```", DOCUMENT.read_text(), re.S)
    assert found is not None
    text = re.sub(r"(assist_satellite\.|sensor\.)voice\b|sensor\.voice_", _renamed, found[1])
    automations = yaml.safe_load(text)["automation"]
    await begin("Yes, please", silent_ms=16_000)
    for each in automations:
        await home.post(f"/api/config/automation/config/{each['id']}", **each)
    try:
        await home.post("/api/services/lock/lock", entity_id="lock.front_door")
        await home.until("lock.front_door", "locked")
        bell = "input_boolean.door_bell"
        await home.post("/api/services/input_boolean/turn_on", entity_id=bell)
        await home.until("light.kitchen_led", "on")
        await home.until(STATUS, "speaking")
        await home.until("input_boolean.television_muted", "on")
        await home.until(STATUS, "listening")
        await home.until("input_boolean.television_muted", "off")
        assert await home.state("lock.front_door") == "locked"
        await home.until("lock.front_door", "unlocked")
        await home.until(STATUS, "speaking")  # the door is open
        await home.until(STATUS, "idle")
        await home.until("light.kitchen_led", "off")
        await home.post("/api/services/input_boolean/turn_off", entity_id=bell)
    finally:
        for each in automations:
            await home.delete(f"/api/config/automation/config/{each['id']}")


def _renamed(found: re.Match[str]) -> str:
    return found[0].replace("voice", "parlour")
