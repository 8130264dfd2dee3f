"""The commands, run as people run them."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rtaudio_daemon.cli.http_client import DaemonClient
from rtaudio_daemon.daemon.signals import spared
from tests.documents import blocks

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent.parent
CONFIG = """
audio:
  input: {device: none}
  output: {device: none}
http: {port: 0}
"""


@asynccontextmanager
async def started(*arguments: str, cwd: Path = ROOT) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs until the context ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "daemon.py"),
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def finished(*arguments: str, cwd: Path = ROOT) -> tuple[int | None, str]:
    """Exit status and everything that was printed."""
    async with started(*arguments, cwd=cwd) as process:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, output.decode()


async def line_with(process: asyncio.subprocess.Process, pattern: str) -> str:
    """The first line that matches."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        async for raw in process.stdout:
            if re.search(pattern, raw.decode()):
                return raw.decode().strip()
    raise AssertionError(f"nothing like {pattern!r} was printed")


async def test_a_typo_names_line_option_and_what_is_allowed_and_exits_78(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("realtime:\n  profil: azure\nhttp:\n  port: loud\n")
    for command in ("run", "check"):
        status, output = await finished(command, "-c", str(path))
        assert status == 78
        assert f"{path}:2: realtime.profil" in output
        assert "profile" in output
        assert f"{path}:4: http.port" in output


async def test_a_missing_key_says_which_option(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "realtime:\n  profile: azure\n  host_name: x.openai.azure.com\n  deployment: d\n"
    )
    status, output = await finished("check", "-c", str(path))
    assert status == 78
    assert "realtime.api_key" in output


async def test_check_is_content_with_the_shipped_configuration() -> None:
    status, output = await finished("check")
    assert (status, output.strip()) == (0, "config.yaml: fine")


async def test_check_names_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "realtime:\n  simulator: {scenario: no.yaml}\n"
        "audio:\n  input: {device: 'wav:no.wav'}\n  output: {device: 'wav:no/where.wav'}\n"
    )
    status, output = await finished("check", "-c", str(path))
    assert status == 78
    assert output.splitlines() == [
        f"{path}:4: audio.input.device: cannot read {tmp_path}/no.wav: No such file or directory",
        f"{path}:5: audio.output.device: there is no folder {tmp_path}/no that can be written to",
        f"{path}:2: realtime.simulator.scenario: there is no file {tmp_path}/no.yaml",
    ]
    with wave.open(str(tmp_path / "no.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
    (tmp_path / "no").mkdir()
    (tmp_path / "no.yaml").write_text("answers: []\n")
    status, output = await finished("check", "-c", str(path), cwd=tmp_path)
    assert (status, output) == (0, f"{path}: fine\n")


async def test_check_says_whether_a_chime_can_be_played(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("audio:\n  play: {folder: nowhere}\n  earcons: {chime: no.wav}\n")
    status, output = await finished("check", "-c", str(path))
    assert status == 78
    assert output.splitlines() == [
        f"{path}:2: audio.play.folder: there is no folder {tmp_path}/nowhere that can be read",
        f"{path}:3: audio.earcons.chime: cannot read {tmp_path}/no.wav: No such file or directory",
    ]


async def test_a_daemon_runs_until_sigterm_and_can_be_talked_to(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).rpartition(" ")[2]
        await until_open(address)
        status, output = await finished("status", "--url", address)
        assert (status, output.partition(":")[0]) == (0, "no microphone")
        status, output = await finished("mute", "--url", address)
        assert (status, output) == (0, "idle, muted, volume 1, connection open\n")
        status, output = await finished("volume", "0.5", "--url", address, "--json")
        assert (status, json.loads(output)["volume"]) == (0, 0.5)
        status, output = await finished("volume", "60%", "--url", address, "--json")
        assert (status, json.loads(output)["volume"]) == (0, 0.6)
        status, output = await finished("volume", "60", "--url", address)
        assert (status, "expected 0 to 1, as in 0.6, or 60%, got 60" in output) == (2, True)
        status, output = await finished("persona", "--url", address)
        assert (status, output) == (0, "nobody special answers\nknown are: none\n")
        status, output = await finished("persona", "mycroft", "--url", address)
        assert status == 1
        assert "there is no persona 'mycroft'; known are: none" in output
        status, output = await finished("persona", "", "--url", address, "--json")
        assert (status, json.loads(output)["names"]) == (0, [])
        _, output = await finished("status", "--json", "--url", address)
        assert json.loads(output)["muted"] is True
        async with started("status", "--watch", "--url", address) as watcher:
            await line_with(watcher, "snapshot")
            assert (await finished("say", "dinner", "is", "ready", "--url", address))[0] == 0
            status, output = await finished("broadcast", "dinner", "is", "ready", "--url", address)
            assert (status, output.splitlines()[0]) == (
                1,
                "waits to be spoken here, not sent to the others",
            )
            assert "there is no MQTT broker here" in output
            await line_with(watcher, '"status": "speaking"')
            process.send_signal(signal.SIGTERM)
            await line_with(watcher, "shutdown")
            assert await asyncio.wait_for(watcher.wait(), 60) == 0
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_a_sound_file_is_played_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.replace("audio:\n", "audio:\n  play: {folder: sounds}\n"))
    (tmp_path / "sounds").mkdir()
    with wave.open(str(tmp_path / "sounds" / "bell.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(4800))
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).split()[-1]
        await until_open(address)
        status, output = await finished("play", "bell.wav", "--url", address)
        assert (status, output.startswith(("thinking", "speaking"))) == (0, True)
        status, output = await finished("play", "bell.wav", "--wait", "--url", address)
        assert (status, output) == (1, "not played, 0.0 s of it were played\n")
        status, output = await finished("play", "../config.yaml", "--url", address)
        assert (status, "no name of a file below the folder" in output) == (1, True)
        status, output = await finished("play", "http://nas/a", "--url", address)
        assert (status, "audio.play.hosts" in output) == (1, True)


async def test_timers_are_listed_cancelled_and_silenced(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).split()[-1]
        await until_open(address)
        assert await finished("timers", "--url", address) == (0, "no timer is set\n")
        for body in (
            {"kind": "timer", "seconds": 300, "name": "Crème"},
            {"kind": "alarm", "at": "2027-01-04T07:00"},
            {"kind": "alarm", "at": "07:00", "days": ["mon", "fri"], "name": "work"},
        ):
            await asyncio.to_thread(DaemonClient(address).post, "/api/timers", body)
        _, output = await finished("timers", "list", "--url", address)
        listed = output.splitlines()
        assert re.fullmatch(r"  1  timer Crème: running, 0:0[45]:\d\d left", listed[0])
        work = re.compile(r".* alarm work: running, .* left, every mon fri")
        assert any(map(work.fullmatch, listed))
        status, output = await finished("timers", "cancel", "creme", "--url", address)
        assert (status, output) == (0, "cancelled: timer Crème\n")
        status, output = await finished("timers", "cancel", "creme", "--url", address)
        assert (status, output.startswith("error: nothing is called 'creme'")) == (1, True)
        status, output = await finished("timers", "cancel", "--url", address)
        assert (status, "which one?" in output) == (1, True)
        for action in ("dismiss", "snooze"):
            status, output = await finished("timers", action, "--url", address)
            assert (status, output) == (0, "nothing rings\n")
        brief = {"kind": "timer", "seconds": 1, "name": "egg"}
        await asyncio.to_thread(DaemonClient(address).post, "/api/timers", brief)
        await until_ringing(address)
        assert await finished("timers", "dismiss", "--url", address) == (
            0,
            "dismissed: timer egg\n",
        )
        status, output = await finished("timers", "snooze", "--url", address)
        assert (status, output) == (0, "timer egg: rings again in 0:10:00\n")
        status, output = await finished("timers", "cancel", "egg", "--url", address)
        assert (status, output) == (0, "cancelled: timer egg\n")
        _, output = await finished("timers", "--url", address, "--json")
        assert len(json.loads(output)["timers"]) == 2
        body = {"kind": "timer", "seconds": 300, "name": "\x1b[2J\u202e"}
        await asyncio.to_thread(DaemonClient(address).post, "/api/timers", body)
        _, listed_anew = await finished("timers", "--url", address)
        _, unknown = await finished("timers", "cancel", "\x1b]0;x\x07", "--url", address)
        assert (r"timer [2J\u202e: running" in listed_anew, "\x1b" in unknown) == (True, False)


async def test_tools_are_listed_and_called_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    lamp = "name: lamp, description: Switches the lamp., program: [echo, 'on'], confirm: yes"
    own = f"tools: {{own: [{{{lamp}}}]}}\n"
    path.write_text(CONFIG + own)
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).split()[-1]
        await until_open(address)
        status, output = await finished("tools", "--url", address)
        assert status == 0
        lines = output.splitlines()
        assert re.fullmatch(r"built_in: ok, \d tools", lines[0])
        assert "  time()  [changes nothing]" in lines
        assert "own: ok, 1 tool" in lines
        assert "  lamp()  [needs a yes]" in lines
        assert "      Switches the lamp." in lines
        assert re.fullmatch(r"\d+ tools, about \d+ tokens with every answer", lines[-1])
        status, output = await finished("tools", "--url", address, "--json")
        assert "lamp" in [each["name"] for each in json.loads(output)["list"]]
        call = ("tools", "--url", address, "--call")
        status, output = await finished(*call, "volume", '{"percent": 40}')
        assert (status, "40" in output) == (0, True)
        status, output = await finished(*call, "volume", '{"percent": 400}')
        assert (status, output.startswith("error: wrong arguments: percent")) == (1, True)
        status, output = await finished(*call, "lamp")
        assert (status, output.startswith("error: not done: this needs a yes")) == (1, True)
        assert "--yes" in output
        assert await finished(*call, "lamp", "--yes") == (0, "on\n\n")
        _, output = await finished(*call, "lam")
        assert output.startswith("error: there is no tool lam; did you mean lamp")
        status, output = await finished(*call, "lamp", "[1]")
        assert (status, "the arguments must be a JSON object" in output) == (1, True)


async def until_ringing(address: str) -> None:
    """Wait until a timer of the daemon rings."""
    async with asyncio.timeout(60):
        while True:
            found = await asyncio.to_thread(DaemonClient(address).get, "/api/timers")
            if any(each["state"] == "ringing" for each in found["timers"]):
                return
            await asyncio.sleep(0.02)


async def until_open(address: str) -> None:
    """Wait until the daemon has its session."""
    import aiohttp

    async with aiohttp.ClientSession(base_url=address) as http:
        async with asyncio.timeout(60):
            while True:
                async with http.get("/api/status") as answer:
                    if (await answer.json())["connection"]["state"] == "open":
                        return
                await asyncio.sleep(0.02)


async def test_the_commands_show_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets.yaml").write_text(f"token: {'sesame-' * 6}\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.replace("{port: 0}", "{port: 0, token: !secret token}"))
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).rpartition(" ")[2]
        status, output = await finished("status", "--url", address)
        assert status == 1, output
        assert "send the token" in output
        monkeypatch.setenv("RTAUDIO_TOKEN", "sesame-" * 6)
        assert (await finished("volume", "0.5", "--url", address))[0] == 0
        _, output = await finished("status", "--json", "--url", address)
        assert json.loads(output)["volume"] == 0.5
    path.write_text(path.read_text().replace("port: 0", f"port: {address.rpartition(':')[2]}"))
    monkeypatch.delenv("RTAUDIO_TOKEN")
    async with started("-c", str(path)) as process:
        await line_with(process, r"listening at http")
        assert (await finished("mute", "-c", str(path)))[0] == 0


async def test_a_command_without_a_daemon_says_so() -> None:
    status, output = await finished("status", "--url", "http://127.0.0.1:9")
    assert status == 1
    assert ("systemctl" in output) == Path("/run/systemd/system").exists()
    assert "no daemon answers at http://127.0.0.1:9" in output
    assert "Traceback" not in output


async def test_an_address_may_lack_its_scheme_and_a_port_must_be_one() -> None:
    status, output = await finished("status", "--url", "127.0.0.1:9")
    assert (status, "http://127.0.0.1:9" in output) == (1, True)
    status, output = await finished("demo", "--port", "99999")
    assert (status, "65535" in output, "Traceback" in output) == (2, True, False)


async def test_check_tells_who_else_can_read_the_key(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text(f"api_key: {'k' * 20}\n")
    (tmp_path / "secrets.yaml").chmod(0o644)
    path = tmp_path / "config.yaml"
    path.write_text(
        "realtime: {profile: azure, host_name: x.openai.azure.com, deployment: d, "
        "api_key: !secret api_key}\n"
    )
    status, output = await finished("check", "-c", str(path))
    assert status == 0
    assert "warning: " in output
    assert "kkkk" not in output


def test_what_the_start_built_is_not_looked_through_again() -> None:
    with spared():
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() == 0


async def test_a_taken_port_ends_the_daemon_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    async with started("-c", str(path)) as process:
        port = (await line_with(process, r"listening at http")).rpartition(":")[2]
        other = tmp_path / "other.yaml"
        other.write_text(CONFIG.replace("port: 0", f"port: {port}"))
        status, output = await finished("-c", str(other))
        assert status == 1, output
        assert "http.port" in output
        assert "Traceback" not in output


async def test_script_run_takes_a_file_from_where_the_user_stands(tmp_path: Path) -> None:
    project, here = tmp_path / "project", tmp_path / "here"
    for folder in (project / "script", project / ".venv/bin", here):
        folder.mkdir(parents=True)
    for name in ("daemon.py", "config.yaml", "rtaudio_daemon"):
        (project / name).symlink_to(ROOT / name)
    (project / "script/run").symlink_to(ROOT / "script/run")
    programs = {"script/setup": "exit 0", ".venv/bin/python": f'exec {sys.executable} "$@"'}
    for name, line in programs.items():
        (project / name).write_text(f"#!/bin/sh\n{line}\n")
        (project / name).chmod(0o755)
    (here / "mine.yaml").write_text("http: {port: 0}\n")
    for folder, arguments, file in (
        (here, ["-c", "mine.yaml"], "mine.yaml"),
        (here, [], f"{project}/config.yaml"),
        (project, [], "config.yaml"),
    ):
        command = [str(project / "script/run"), "check", *arguments]
        found = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=True)
        assert found.stdout == f"{file}: fine\n"


async def test_without_a_configuration_it_names_the_ways_to_make_one(tmp_path: Path) -> None:
    status, output = await finished("run", "-c", "a b.yaml", cwd=tmp_path)
    assert status == 78
    first, *ways = output.splitlines()
    assert first == "there is no file a b.yaml; one of these makes it:"
    commands = [each.strip().partition("  ")[0] for each in ways]
    setup = "daemon.py setup -c 'a b.yaml'"
    assert commands == [setup, f"{setup} --page", f"{setup} --defaults"]
    assert list(tmp_path.iterdir()) == []


async def test_the_simulator_runs_on_its_own() -> None:
    async with started("simulate", "--port", "0", "--api-key", "k" * 20) as process:
        line = await line_with(process, "simulator ready")
        assert re.fullmatch(r"simulator ready ws://127\.0\.0\.1:\d+", line)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_the_demo_talks_in_plain_words_without_a_sound_card(tmp_path: Path) -> None:
    recording = tmp_path / "answer.wav"
    status, output = await finished(
        "demo", "--recorded", "--turns", "1", "--port", "0", "--record", str(recording)
    )
    assert status == 0, output
    words = re.findall(r"^\[(\w+) *\]", output, re.MULTILINE)
    assert words == ["listening", "thinking", "speaking", "idle"]
    assert "curl -N http://127.0.0.1:" in output
    assert "`daemon.py setup --page`, in a browser" in output.splitlines()[-1]
    assert demo_shown() <= {alike(each) for each in output.splitlines()}
    assert recording.stat().st_size > 100_000


def demo_shown() -> set[str]:
    """What README shows of a demo, but for the sound devices."""
    (block,) = (each for each in blocks("") if "The built-in service is running" in each.text)
    lines = {alike(each) for each in block.text.splitlines()}
    return {each for each in lines if not re.match(" +(speaker|microphone): ", each)}


def alike(line: str) -> str:
    """A line that is the same whatever was measured."""
    return re.sub(r"\d+(\.\d+)?", "0", line)


async def test_devices_are_listed_or_said_to_be_missing() -> None:
    status, output = await finished("devices")
    assert status == 0
    assert "Microphones" in output
    assert "Loudspeakers" in output
    command = [sys.executable, "daemon.py", "devices", "--json"]
    found = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    devices = json.loads(found.stdout)
    assert isinstance(devices, list)
    assert devices or "no" in found.stderr, "beside the JSON it is said why there are none"


async def test_what_is_chosen_is_named_by_status_and_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).rpartition(" ")[2]
        await until_open(address)
        await asyncio.to_thread(DaemonClient(address).post, "/api/settings", {"volume": 0.25})
        _, output = await finished("status", "--url", address)
        assert re.search(r"^volume +25 %$", output, re.MULTILINE)
        assert re.search(r"^chosen +volume 0.25 \(on the page", output, re.MULTILINE)
    _, output = await finished("check", "-c", str(path))
    assert "audio.output.volume: 0.25 is chosen on the page" in output
