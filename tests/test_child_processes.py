"""A SIGHUP to every process of the daemon is for the daemon alone."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from pathlib import Path

import pytest

from rtaudio_daemon.audio.devices import pactl
from rtaudio_daemon.audio.devices.worker_process import MissingDeviceError, worker_process
from rtaudio_daemon.audio.worker.messages import Kind
from rtaudio_daemon.child_processes import no_hangups
from rtaudio_daemon.simulator.model import voices

pytestmark = pytest.mark.real_time
HANGUP = "#!/bin/sh\nkill -HUP $$\n"  # what the whole unit gets, in the first moment


class News:
    def __init__(self) -> None:
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def message(self, kind: Kind, body: bytes) -> None:
        if not self.first.done():
            self.first.set_result(None)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found before all others."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def install(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


async def test_an_audio_process_lives_on_from_its_first_moment() -> None:
    news = News()
    async with worker_process("list", "default", "left", news) as worker:
        os.kill(worker.pid, signal.SIGHUP)
        await asyncio.wait({worker.ended, news.first}, return_when=asyncio.FIRST_COMPLETED)
        if not news.first.done():  # there is no sound device: it has found that out
            with pytest.raises(MissingDeviceError):
                await worker.ended


async def test_what_asks_the_sound_server_answers_all_the_same(programs: Path) -> None:
    install(programs / "pactl", HANGUP + "echo 17.0\n")
    assert await pactl.answer("--version") == "17.0"


def test_what_speaks_for_the_simulator_speaks_all_the_same(programs: Path) -> None:
    install(programs / "espeak-ng", HANGUP + f"exec cat {programs}/said.wav\n")
    (programs / "said.wav").write_bytes(recording())
    assert voices.espeak("hello")


def recording() -> bytes:
    path = Path(voices.__file__).parents[2] / "recordings" / "hello.wav"
    return path.read_bytes()


def test_the_daemon_itself_gets_it_a_moment_later() -> None:
    came = []
    before = signal.signal(signal.SIGHUP, lambda *_: came.append("hangup"))
    try:
        with no_hangups():
            with no_hangups():
                signal.raise_signal(signal.SIGHUP)
            assert came == []
        assert came == ["hangup"]
    finally:
        signal.signal(signal.SIGHUP, before)
