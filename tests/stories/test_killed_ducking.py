"""On real sound: a daemon that is killed leaves no other program soft."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.cli.http_client import DaemonClient
from tests.audio.other_programs import here, program, settles_ms, since
from tests.sound_server import Recording, SoundServer, sound_server
from tests.waiting import until

__all__ = ["sound_server"]
pytestmark = [pytest.mark.sound, pytest.mark.slow]
ROOT = Path(__file__).parent.parent.parent
MUSIC = "--property=media.role=music"


@asynccontextmanager
async def daemon(
    folder: Path, way: str
) -> AsyncIterator[tuple[DaemonClient, asyncio.subprocess.Process]]:
    """A daemon in a process of its own, which makes others softer in this way."""
    path = folder / "config.yaml"
    audio = {"duck": "auto", "input": {"deaf_after_s": 0}}
    path.write_text(json.dumps({"audio": audio, "http": {"port": 0}}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "daemon.py"), "run", "-c", str(path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**environment(folder), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = b""
        while b"listening at http" not in line:
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line, "it ended"
        client = DaemonClient(line.decode().split()[-1])
        reading = asyncio.create_task(process.stdout.read())
        found: dict[str, dict[str, object]] = {}
        while not found or (found["ducking"]["way"], found["microphone"]["state"]) != (way, "ok"):
            found = await asyncio.to_thread(client.get, "/api/status")
        yield client, process
        reading.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "STATE_DIRECTORY": str(folder / "state")}


async def listen(client: DaemonClient, *, start: bool) -> None:
    await asyncio.to_thread(client.post, f"/api/listen/{'start' if start else 'stop'}")


async def passed(recording: Recording, mark: int, length_ms: int) -> bytes:
    await until(lambda: len(recording.so_far()) > mark + length_ms * BYTES_PER_MS)
    return since(recording, mark)


async def test_with_the_marker_all_is_as_loud_as_before_at_once(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    with program(tmp_path, 6_000, MUSIC) as radio, program(tmp_path, 5_000) as game:
        async with daemon(tmp_path, "module") as (client, process):
            recording = sound_server.record(tmp_path / "heard.raw")
            mark = here(recording)
            await listen(client, start=True)
            down = await passed(recording, mark, 1000)
            with program(tmp_path, 4_000, "--property=media.role=video") as film:
                newcomer = await passed(recording, here(recording), 600)
                mark = here(recording)
                process.kill()
                up = await passed(recording, mark, 1000)
                assert settles_ms(film.loudness(newcomer), -20) >= 0
                assert 0 <= settles_ms(film.loudness(up), 0) <= 150
        for each in (radio, game):
            assert 0 <= settles_ms(each.loudness(down), -20) <= 400, "the request takes some of it"
            assert 0 <= settles_ms(each.loudness(up), 0) <= 150
        print(f"back after {settles_ms(radio.loudness(up), 0)} ms")
        # The module is there still; the next daemon takes it as it is, and removes it at its end.
        assert "module-role-ducking" in sound_server.ask("list", "short", "modules")
        async with daemon(tmp_path, "module") as (client, _):
            mark = here(recording)
            await listen(client, start=True)
            assert settles_ms(radio.loudness(await passed(recording, mark, 1000)), -20) >= 0
        assert "module-role-ducking" not in sound_server.ask("list", "short", "modules")


def volumes(server: SoundServer) -> dict[str, int]:
    """The volume of each program in percent, by its name."""
    found = json.loads(server.ask("--format=json", "list", "sink-inputs"))
    return {
        each["properties"]["application.name"]: round(
            next(iter(each["volume"].values()))["value"] / 655.36
        )
        for each in found
    }


async def test_program_by_program_the_next_daemon_gives_back_and_a_hand_counts(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sound_server.ask("load-module", "module-stream-restore", "restore_device=no")
    sound_server.ask("load-module", "module-role-ducking", "trigger_roles=phone")
    with (
        program(tmp_path, 6_000, "--client-name=radio") as radio,
        program(tmp_path, 5_000, "--client-name=game"),
    ):
        recording = sound_server.record(tmp_path / "heard.raw")
        async with daemon(tmp_path, "volumes") as (client, process):
            with program(tmp_path, 4_000, "--client-name=film"):
                mark = here(recording)
                await listen(client, start=True)
                down = await passed(recording, mark, 1000)
                assert 0 <= settles_ms(radio.loudness(down), -20) <= 400
                with program(tmp_path, 3_000, "--client-name=late"):
                    await until(lambda: volumes(sound_server).get("late") == 46)
                process.kill()
                await process.wait()
        found = volumes(sound_server)
        assert (found["radio"], found["game"]) == (46, 46), "nobody is there to give it back"
        index = next(
            each["index"]
            for each in json.loads(sound_server.ask("--format=json", "list", "sink-inputs"))
            if each["properties"]["application.name"] == "game"
        )
        sound_server.ask("set-sink-input-volume", str(index), "80%")
        async with daemon(tmp_path, "volumes") as (client, _):
            await until(lambda: volumes(sound_server)["radio"] == 100)
            assert volumes(sound_server)["game"] == 80, "somebody wanted it so"
            with program(tmp_path, 4_000, "--client-name=film"):
                await until(lambda: volumes(sound_server).get("film") == 100)
            mark = here(recording)
            await listen(client, start=True)
            await passed(recording, mark, 1000)
            assert volumes(sound_server)["game"] == 37, "20 dB below what it was"
        found = volumes(sound_server)
        assert (found["radio"], found["game"]) == (100, 80), "an orderly end gives back"


async def test_the_service_gives_back_when_its_daemon_was_killed(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sound_server.ask("load-module", "module-role-ducking", "trigger_roles=phone")
    with program(tmp_path, 6_000, "--client-name=radio"):
        async with daemon(tmp_path, "volumes") as (client, process):
            await listen(client, start=True)
            await until(lambda: volumes(sound_server)["radio"] == 46)
            process.kill()
            await process.wait()
        command = (sys.executable, "-m", "rtaudio_daemon.audio.devices.give_back")
        subprocess.run(command, env=environment(tmp_path), cwd=ROOT, check=True, timeout=60)
        assert volumes(sound_server)["radio"] == 100
        assert not list((tmp_path / "state").glob("lowered*")), "nothing is owed any more"
