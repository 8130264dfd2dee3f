"""A whole daemon and a real broker: its status, its own tools, reload, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config import Config, Mqtt, OwnMqtt, OwnTool
from rtaudio_daemon.daemon import identity
from tests.harness import Harness
from tests.waiting import until

from .broker import Broker, listener

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent.parent
KEPT = (
    "homeassistant/device/rtaudio-daemon-kitchen/config",
    "rtaudio-daemon/kitchen/state",
    "rtaudio-daemon/kitchen/timers",
)
AVAILABILITY = "rtaudio-daemon/kitchen/availability"
GATE = OwnTool(
    name="open_gate",
    description="Opens the gate.",
    parameters={"who": {"type": "string"}, "state": {"type": "string"}},
    mqtt=OwnMqtt(topic="garden/gate/set", payload='{state} for {who}, {{who}} and {"json": 1}'),
)


def at(broker: Broker) -> Callable[[Config], Config]:
    def change(settings: Config) -> Config:
        mqtt = Mqtt(host="127.0.0.1", port=broker.port, id="kitchen", name="Kitchen")
        return replace(settings, mqtt=mqtt, tools=replace(settings.tools, own=(GATE,)))

    return change


async def offers_broadcast(harness: Harness) -> bool:
    async with harness.http.get("/api/tools") as tools:
        return "broadcast" in [tool["name"] for tool in (await tools.json())["list"]]


async def test_a_daemon_is_seen_sends_by_its_tools_and_leaves_a_broker_at_a_reload(
    tmp_path: Path,
) -> None:
    with Broker(tmp_path) as broker:
        async with listener(broker) as ear, Harness(tmp_path, change=at(broker)) as harness:
            await until(lambda: ear.at(AVAILABILITY) == ["online"])
            status = await harness.status()
            assert status["daemon"] == {"id": "kitchen", "name": "Kitchen"}
            assert status["mqtt"] == {
                "state": "ok",
                "broker": f"127.0.0.1:{broker.port}",
                "topic": "rtaudio-daemon/kitchen",
                "notes": [],
            }
            assert status["ha_state"] == "idle"
            assert await offers_broadcast(harness)

            arguments = {"who": "Ann", "state": "open"}
            _, answer = await harness.post("/api/tools/open_gate", {"arguments": arguments})
            assert answer == {"result": "sent"}
            await until(lambda: ear.at("garden/gate/set"))
            assert ear.at("garden/gate/set") == ['open for Ann, {who} and {"json": 1}']
            _, answer = await harness.post("/api/tools/open_gate", {"arguments": {"who": "Ann"}})
            assert "state: is missing" in answer["error"]

            await ear.send("rtaudio-daemon/kitchen/microphone/set", "OFF")
            await harness.until(lambda: harness.named("mute"))
            await until(lambda: json.loads(ear.at("rtaudio-daemon/kitchen/state")[-1])["muted"])
            async with harness.http.get("/metrics") as metrics:
                text = await metrics.text()
            assert "rtaudio_mqtt_connected 1.0" in text
            assert "rtaudio_mqtt_commands_total 1.0" in text

            harness.edit = lambda settings: replace(settings, mqtt=Mqtt(id="kitchen"))
            report = await harness.app.reload()
            assert {each["part"] for each in report["changed"]} == {"mqtt"}
            await until(lambda: ear.at(AVAILABILITY) == ["online", "offline", ""])
            assert [ear.at(topic)[-1] for topic in KEPT] == [""] * len(KEPT), "nothing is left"
            assert (await harness.status())["mqtt"] == {"state": "off", "notes": []}
            assert not await offers_broadcast(harness)
            later = {"arguments": {**arguments, "who": "Bob"}}
            _, answer = await harness.post("/api/tools/open_gate", later)
            assert answer == {"error": "there is no MQTT broker here"}

            harness.edit = lambda settings: settings
            await harness.app.reload()
            await until(lambda: ear.at(AVAILABILITY)[-1] == "online")
            assert await offers_broadcast(harness)
            _, answer = await harness.post("/api/broadcast", {"text": "Dinner is ready."})
            assert (answer["sent"], answer["reason"]) == (True, "")
            await until(lambda: ear.at("rtaudio-daemon/broadcast"))
            (sent,) = ear.at("rtaudio-daemon/broadcast")
            assert json.loads(sent)["text"] == "Dinner is ready."
        async with listener(broker) as late:
            await until(lambda: late.at(AVAILABILITY) == ["offline"])


def test_every_daemon_has_an_id_of_its_own_that_stays(tmp_path: Path) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text("c0ffee\n")
    files = (tmp_path / "one.yaml", tmp_path / "two.yaml")
    for file in files:
        file.write_text("http: {port: 0}\n")
    one, two = (identity.identity(config.load(file), machine) for file in files)
    assert one == identity.identity(config.load(files[0]), machine)
    assert one != two
    assert len(one) == 8
    machine.write_text("cafe\n")
    assert identity.identity(config.load(files[0]), machine) != one
    assert len(identity.identity(Config(), tmp_path / "gone")) == 8
    assert identity.identity(config.parse("mqtt: {id: bath}\n")) == "bath"
    assert identity.name(config.parse("mqtt: {id: bath, name: ''}\n")) == "rtaudio-daemon-bath"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_case_39_a_daemon_that_is_gone_is_seen_to_be_gone(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Broker(tmp_path) as broker:
        file = tmp_path / "config.yaml"
        file.write_text(
            "audio: {input: {device: none}, output: {device: none}}\nhttp: {port: 0}\n"
            f"mqtt: {{host: 127.0.0.1, port: {broker.port}, id: kitchen}}\n"
        )
        command = [sys.executable, str(ROOT / "daemon.py"), "run", "-c", str(file)]
        async with listener(broker) as ear:
            with subprocess.Popen(command, env={"XDG_STATE_HOME": str(tmp_path)}) as daemon:
                await until(lambda: ear.at(AVAILABILITY) == ["online"])
                daemon.send_signal(number)
                await until(lambda: ear.at(AVAILABILITY) == ["online", "offline"], 10)
