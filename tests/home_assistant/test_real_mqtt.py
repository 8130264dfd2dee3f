"""A whole daemon as a device of a real Home Assistant over MQTT; see README.md beside this file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config import HomeAssistant, Mqtt, Secret
from rtaudio_daemon.tools.sources.home_assistant.client import HomeClient
from tests.harness import Harness

pytestmark = [pytest.mark.home_assistant, pytest.mark.real_time, pytest.mark.timeout(300)]
URL = os.environ.get("RTAUDIO_HOME_URL", "")
OWNER = os.environ.get("RTAUDIO_HOME_OWNER", "")
BROKER = os.environ.get("RTAUDIO_HOME_BROKER", "")
ENTITIES = {
    "sensor.voice_status",
    "switch.voice_microphone",
    "number.voice_volume",
    "button.voice_listen",
    "button.voice_interrupt",
    "button.voice_dismiss",
    "notify.voice_say",
    "notify.voice_prompt",
    "event.voice_event",
    "binary_sensor.voice_service",
    "binary_sensor.voice_uplink",
    "binary_sensor.voice_problem",
    "sensor.voice_next_timer",
}
WORDS = {"sensor.voice_last_said", "sensor.voice_last_heard"}


class Home:
    """Home Assistant, and what it shows of the daemon."""

    def __init__(self, client: HomeClient, http: aiohttp.ClientSession) -> None:
        self.client = client
        self._http = http

    async def states(self) -> dict[str, dict[str, Any]]:
        """Every entity of the daemon by its id; none while Home Assistant is away."""
        found: list[dict[str, Any]] = []
        with contextlib.suppress(aiohttp.ClientError):  # while it starts
            async with self._http.get("/api/states") as answer:
                found = await answer.json() if answer.status == 200 else []
        return {each["entity_id"]: each for each in found if ".voice_" in each["entity_id"]}

    async def act(self, action: str, entity: str, **data: Any) -> None:
        body = {"entity_id": entity, **data}
        async with self._http.post(f"/api/services/{action.replace('.', '/')}", json=body) as done:
            assert done.status == 200, await done.text()

    async def until(self, entity: str, state: str, seconds: float = 30.0) -> None:
        """Wait for a state."""
        async with asyncio.timeout(seconds):
            while (await self.states()).get(entity, {}).get("state") != state:
                await asyncio.sleep(0.1)

    async def until_there(self, *entities: str, gone: tuple[str, ...] = ()) -> None:
        """Wait until these are there and available, and those are gone."""
        async with asyncio.timeout(60):
            while True:
                found = await self.states()
                usable = {key for key, each in found.items() if each["state"] != "unavailable"}
                if usable >= set(entities) and not set(gone) & found.keys():
                    return
                await asyncio.sleep(0.1)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    assert all((URL, OWNER, BROKER)), "see README.md"
    headers = {"Authorization": f"Bearer {OWNER}"}
    client = HomeClient(HomeAssistant(URL, Secret(OWNER)))
    async with aiohttp.ClientSession(URL, headers=headers) as http:
        yield Home(client, http)
    await client.close()


def at_home(settings: config.Config) -> config.Config:
    mqtt = Mqtt(host="127.0.0.1", port=int(BROKER), id="test", said=False)
    return replace(settings, mqtt=mqtt)


def with_words(settings: config.Config) -> config.Config:
    return replace(settings, mqtt=replace(settings.mqtt, said=True))


async def test_all_entities_come_and_go_and_do_what_they_say(tmp_path: Path, home: Home) -> None:
    async with Harness(tmp_path, [(120_000, b"")], change=at_home) as harness:
        await home.until("sensor.voice_status", "idle")
        await home.until_there(*ENTITIES, gone=tuple(WORDS))
        print(*sorted((await home.states()).keys()), sep="\n")
        await home.until("binary_sensor.voice_service", "on")
        await home.until("binary_sensor.voice_problem", "off")

        await home.act("switch.turn_off", "switch.voice_microphone")
        await home.until("switch.voice_microphone", "off")
        assert harness.named("mute")[-1]["muted"] is True
        await home.act("switch.turn_on", "switch.voice_microphone")
        await home.until("switch.voice_microphone", "on")
        await home.act("number.set_value", "number.voice_volume", value=40)
        await home.until("number.voice_volume", "40")
        await home.act("notify.send_message", "notify.voice_say", message='Say "hi", {all}.')
        await harness.until(lambda: harness.named("said"))
        assert harness.named("said")[-1]["outcome"] == "said"
        await home.act("button.press", "button.voice_interrupt")
        await home.act("button.press", "button.voice_dismiss")

        harness.edit = with_words
        await harness.app.reload()
        await home.until_there(*ENTITIES, *WORDS)
        await home.act("notify.send_message", "notify.voice_say", message="Dinner is ready.")
        await home.until("sensor.voice_last_said", "Dinner is ready.")
        harness.edit = lambda settings: settings
        await harness.app.reload()
        await home.until_there(*ENTITIES, gone=tuple(WORDS))
    await home.until("sensor.voice_status", "unavailable")


async def test_a_restart_of_home_assistant_brings_everything_back(
    tmp_path: Path, home: Home
) -> None:
    async with Harness(tmp_path, [(240_000, b"")], change=at_home) as harness:
        await home.until("sensor.voice_status", "idle")
        before = (await home.states()).keys()
        await asyncio.to_thread(_home, "stop")
        await asyncio.to_thread(_home, "start")
        await home.until("sensor.voice_status", "idle", 120)
        await home.until_there(*before)
        assert (await home.states()).keys() == before, "and no second device"
        await home.act("number.set_value", "number.voice_volume", value=55)
        await home.until("number.voice_volume", "55")
        assert harness.app.controls.snapshot().mqtt["state"] == "ok"


def _home(what: str) -> None:
    subprocess.run([Path(__file__).with_name("home.sh"), what], check=True, timeout=120)
