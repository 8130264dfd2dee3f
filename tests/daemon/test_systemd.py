"""What systemd is told, over a socket of our own."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtaudio_daemon.daemon.health import HealthMonitor
from rtaudio_daemon.daemon.systemd import Systemd
from tests.harness import Harness, speech


class Manager:
    """Hears what a service tells."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self.environment = {"NOTIFY_SOCKET": address}

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


def test_ready_and_status_are_told_in_one_line_each_and_only_once(manager: Manager) -> None:
    systemd = Systemd(manager.environment)
    systemd.ready("idle,\n session sess_1")
    systemd.status("speaking")
    systemd.status("speaking")
    systemd.stopping()
    assert manager.heard() == [
        "READY=1\nSTATUS=idle, session sess_1",
        "STATUS=speaking",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_reloading_carries_the_time_that_newer_systemd_asks_for(manager: Manager) -> None:
    Systemd(manager.environment).reloading()
    (message,) = manager.heard()
    first, second = message.split("\n")
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0


def test_an_abstract_address_is_understood() -> None:
    manager = Manager(f"@rtaudio-test-{os.getpid()}")
    Systemd(manager.environment).status("idle")
    assert manager.heard() == ["STATUS=idle"]
    manager.socket.close()


async def test_the_watchdog_is_fed_at_half_time_while_all_is_well_and_not_otherwise(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    ailments: list[str | None] = [None, None, "no sound", "no sound", None]
    asked: list[float] = []

    def ailment() -> str | None:
        asked.append(asyncio.get_running_loop().time())
        return ailments[len(asked) - 1]

    systemd = Systemd({**manager.environment, "WATCHDOG_USEC": "30000000"})
    assert systemd.watchdog_s == 30
    task = asyncio.create_task(systemd.watch(ailment))
    await asyncio.sleep(61)
    task.cancel()
    assert [round(time - asked[0]) for time in asked] == [0, 15, 30, 45, 60]
    assert manager.heard() == ["WATCHDOG=1", "WATCHDOG=1", "STATUS=no sound", "WATCHDOG=1"]
    words = [record.getMessage() for record in caplog.records]
    assert len([each for each in words if "unhealthy: no sound" in each]) == 1


async def test_without_systemd_nothing_is_told_and_nothing_waits() -> None:
    systemd = Systemd({})
    systemd.ready("idle")
    await systemd.watch(lambda: pytest.fail("nobody asks"))


def test_a_watchdog_that_is_meant_for_another_process_is_not_ours(manager: Manager) -> None:
    environment = {**manager.environment, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}
    assert Systemd(environment).watchdog_s == 0


def test_a_manager_that_is_gone_is_no_reason_to_fail(tmp_path: Path) -> None:
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("idle")


# --------------------------------------------------------------- what supervision sees


async def test_systemd_is_told_of_every_change_where_it_listens(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.environment["NOTIFY_SOCKET"])
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        words = harness.app._health.words()
        assert words.startswith("muted: The microphone is closed; session sess_")
        heard = manager.heard()
    assert heard[0].startswith("READY=1\nSTATUS=connecting: Connecting to the service")
    assert heard[-1] == f"STATUS={words}"


async def test_no_words_are_made_where_no_systemd_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(HealthMonitor, "words", lambda _: pytest.fail("nobody reads them"))
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        await harness.post("/api/reload")


async def test_the_house_is_well_and_says_what_it_does(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(2000, speech("hello"))]) as harness:
        supervision = harness.app._health
        await harness.until(lambda: harness.named("connection"))
        assert supervision.words().startswith("idle: Speak whenever you like; session sess_")
        await harness.turns(1)
        assert supervision.ailment() is None
        await harness.post("/api/mute")
        assert "muted" in supervision.words()
        await harness.simulator.stop()
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "connecting")
        assert "no connection: The service cannot be reached: " in supervision.words()
        assert supervision.ailment() is None, "a lost connection is no ailment"


async def test_a_microphone_that_is_said_to_work_and_gives_no_sound_is_an_ailment(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path) as harness:
        supervision, assistant = harness.app._health, harness.app.assistant
        await asyncio.sleep(1)
        assert supervision.ailment() is None
        assert assistant.microphone_input.last_frame_at is not None
        assert assistant.microphone_input.microphone is not None
        assistant.microphone_input.microphone.pause(True)  # which nobody ordered
        await asyncio.sleep(9)
        assert supervision.ailment() is None
        await asyncio.sleep(2)
        assert "no sound came from the microphone" in str(supervision.ailment())


async def test_an_ended_session_task_is_an_ailment(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.app.assistant.driver.session.stop()
        await asyncio.sleep(0.1)
        assert harness.app._health.ailment() == "the task session has ended"
