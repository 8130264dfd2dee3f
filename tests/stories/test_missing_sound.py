"""What the HTTP API says where there is no loudspeaker, or a sound server that does not answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.worker_supervisor import NO_SERVER, RESTART, list_devices
from rtaudio_daemon.cli.doctor.sound_devices import check_sound
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, speech

pytestmark = pytest.mark.real_time
NO_CARDS = """
import os
import time

class PyAudio:
    def get_device_count(self):
        while not os.path.exists("{asked}"):
            time.sleep(0.01)
        return 0
    def get_default_input_device_info(self):
        raise OSError(-9996, "No default device")
    get_default_output_device_info = get_default_input_device_info
    def terminate(self):
        pass
"""


def answer(_turn: Turn) -> Reply:
    return Reply("Fine.", speech("stop"))


def default_loudspeaker(settings: config.Config) -> config.Config:
    return replace(settings, audio=replace(settings.audio, output=config.Output()))


def no_loudspeaker(settings: config.Config) -> config.Config:
    output = config.Output(device="none")
    return replace(settings, audio=replace(settings.audio, output=output))


@pytest.fixture
def no_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any sound device: the audio processes find this PyAudio first.

    It answers only when the file exists: somebody must see what becomes of it.
    """
    (tmp_path / "modules").mkdir()
    asked = tmp_path / "asked"
    (tmp_path / "modules" / "pyaudio.py").write_text(NO_CARDS.replace("{asked}", str(asked)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    return asked


@pytest.mark.parametrize("mode", ["verbatim", "prompt"])
async def test_nothing_is_said_where_no_loudspeaker_was_found(
    tmp_path: Path, no_cards: Path, mode: str
) -> None:
    async with Harness(tmp_path, reply=answer, change=default_loudspeaker) as harness:
        no_cards.touch()
        await harness.until(lambda: harness.reports_of("speaker"))
        (found,) = harness.reports_of("speaker")
        assert (found["state"], found["code"]) == ("none", "no_device")
        status, answered = await harness.post("/api/say", {"text": "Dinner.", "mode": mode})
        assert (status, answered["error"]["code"]) == (409, "not_now")
        assert "there is no loudspeaker" in answered["error"]["message"]
        async with harness.http.get("/ready") as ready:
            assert ready.status == 503
            assert (await ready.json())["reasons"] == ["the loudspeaker is none"]
        assert harness.statuses == ["idle"]


async def test_where_no_loudspeaker_is_wanted_words_are_said_to_nobody(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=answer, change=no_loudspeaker) as harness:
        assert (await harness.post("/api/say", {"text": "Dinner.", "mode": "verbatim"}))[0] == 200
        await harness.turns(1)
        async with harness.http.get("/ready") as ready:
            assert ready.status == 200


@pytest.fixture
def deaf_sound_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every ALSA device is one of a PulseAudio that accepts connections and never answers."""
    path = tmp_path / "native"
    configuration = tmp_path / "asound.conf"
    configuration.write_text(
        f'pcm.!default {{ type pulse server "unix:{path}" }}\n'
        f'ctl.!default {{ type pulse server "unix:{path}" }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(configuration))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(64)
        yield


@pytest.mark.usefixtures("deaf_sound_server")
async def test_a_sound_server_that_does_not_answer_is_named_in_bounded_time(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path) as harness, asyncio.timeout(30), asyncio.TaskGroup() as tasks:

        async def ask() -> None:
            async with harness.http.get("/api/devices") as answer:
                message = (await answer.json())["error"]["message"]
                assert (answer.status, message) == (
                    503,
                    f"cannot list the devices: {NO_SERVER}; {RESTART}",
                )

        async def look() -> None:
            with pytest.raises(DeviceError, match=f"^{NO_SERVER}; restart it: `systemctl --user"):
                await list_devices()

        async def examine() -> None:
            (finding,) = [each async for each in check_sound(config.Audio())]
            assert (finding.verdict, finding.what) == ("fail", NO_SERVER)
            assert finding.remedy == RESTART

        for _ in range(4):
            tasks.create_task(ask())
        tasks.create_task(look())
        tasks.create_task(examine())
