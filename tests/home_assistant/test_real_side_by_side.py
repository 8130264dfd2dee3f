"""One daemon as two devices of a real Home Assistant: by its integration, and over MQTT.

See README.md beside this file.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config import Mqtt
from tests.harness import Harness
from tests.home_assistant.test_real_integration import Home, home
from tests.home_assistant.test_real_mqtt import BROKER

__all__ = ["home"]
pytestmark = [pytest.mark.home_assistant, pytest.mark.real_time, pytest.mark.timeout(300)]
BASE = "rtaudio-daemon"
BOTH = {"binary_sensor.service", "event.event", "number.volume", "switch.microphone"}
QUIET_S = 10.0


def over_mqtt(settings: config.Config) -> config.Config:
    mqtt = Mqtt(host="127.0.0.1", port=int(BROKER), id="cellar", name="Cellar")
    return replace(settings, mqtt=mqtt)


def without_broker(settings: config.Config) -> config.Config:
    return replace(settings, mqtt=replace(settings.mqtt, host=""))


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Counter[str]]:
    """How often something was published, by topic."""
    heard: Counter[str] = Counter()

    async def listen(client: aiomqtt.Client) -> None:
        async for each in client.messages:
            heard[each.topic.value] += not each.retain

    async with aiomqtt.Client("127.0.0.1", int(BROKER)) as client:
        await client.subscribe(f"{BASE}/#")
        task = asyncio.create_task(listen(client))
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.wait([task])


async def entities(home: Home, platform: str) -> dict[str, str]:
    """The entities of the cellar that came this way: their names without device and number."""
    found = {}
    for each in await home.command("config/entity_registry/list"):
        entity = each["entity_id"]
        if each["platform"] == platform and ".cellar" in entity:
            found[entity.removesuffix("_2").replace(".cellar_", ".")] = entity
    return found


async def both(home: Home) -> tuple[dict[str, str], dict[str, str]]:
    """The entities of the integration, and those over MQTT, once they are there."""
    async with asyncio.timeout(60):
        while True:
            own, mqtt = await entities(home, "rtaudio_daemon"), await entities(home, "mqtt")
            if own.keys() & mqtt.keys() >= BOTH and "notify.say" in mqtt:
                return own, mqtt
            await asyncio.sleep(0.2)


async def test_both_do_what_they_are_asked_once(home: Home, tmp_path: Path) -> None:
    async with (
        Harness(tmp_path, [(240_000, b"")], change=over_mqtt) as harness,
        listening() as heard,
        home.with_daemon(harness, "Cellar"),
    ):
        own, mqtt = await both(home)
        print("", *sorted(own.values()), "", *sorted(mqtt.values()), sep="\n")
        await home.until(own["binary_sensor.service"], "on")
        await home.until(mqtt["binary_sensor.service"], "on")
        devices = await home.command("config/device_registry/list")
        assert len([each for each in devices if each["name"] == "Cellar"]) == 2

        for here, there, value in ((mqtt, own, 40), (own, mqtt, 55)):
            volume = here["number.volume"]
            await home.post("/api/services/number/set_value", entity_id=volume, value=value)
            await home.until(here["number.volume"], str(value))
            await home.until(there["number.volume"], str(value))
        for here, there, verb in ((mqtt, own, "off"), (own, mqtt, "on")):
            switch = here["switch.microphone"]
            await home.post(f"/api/services/switch/turn_{verb}", entity_id=switch)
            await home.until(here["switch.microphone"], verb)
            await home.until(there["switch.microphone"], verb)

        say = "/api/services/notify/send_message"
        await home.post(say, entity_id=mqtt["notify.say"], message="From the broker.")
        await harness.until(lambda: len(harness.named("said")) == 1)
        announce = "/api/services/assist_satellite/announce"
        await home.post(
            announce, entity_id="assist_satellite.cellar", message="From Home Assistant."
        )
        await home.post("/api/services/mqtt/publish", topic=f"{BASE}/broadcast", payload="To all.")
        await harness.until(lambda: len(harness.named("said")) == 3)
        await asyncio.sleep(QUIET_S)  # time for what must not come

        assert [each["outcome"] for each in harness.named("said")] == ["said"] * 3
        assert len(harness.received("response.create")) == 3, "nothing was said twice"
        assert [each["level"] for each in harness.named("volume")] == [0.4, 0.55]
        assert [each["muted"] for each in harness.named("mute")] == [True, False]
        print(heard)
        commands = {topic: count for topic, count in heard.items() if topic.endswith("/set")}
        assert commands == {
            f"{BASE}/cellar/{name}/set": 1 for name in ("volume", "microphone", "say")
        }, "no command came back as another"
        assert heard[f"{BASE}/broadcast"] == 1

        harness.edit = without_broker
        await harness.app.reload()
        await home.post("/api/services/number/set_value", entity_id=own["number.volume"], value=60)
        await home.until(own["number.volume"], "60")
        async with asyncio.timeout(30):
            while await entities(home, "mqtt"):
                await asyncio.sleep(0.1)
        assert await entities(home, "rtaudio_daemon") == own
