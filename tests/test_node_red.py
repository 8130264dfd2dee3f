"""docs/node-red.json in a real Node-RED, headless: replay after a break, a killed daemon, buttons.

Node-RED is installed by npm once, into the folder that RTAUDIO_NODE_RED names:

    RTAUDIO_NODE_RED=~/.cache/node-red script/test -m slow tests/test_node_red.py
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.ports import free_port
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.real_time, pytest.mark.timeout(900)]
ROOT = Path(__file__).parent.parent
TOKEN = "sesame-" * 6
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


async def node_red_program() -> Path:
    """Node-RED in the cache, installed if it is not there."""
    named = os.environ.get("RTAUDIO_NODE_RED")
    assert named, "say where Node-RED is or may be installed: RTAUDIO_NODE_RED=FOLDER"
    assert shutil.which("npm"), "this proof needs npm and Node.js"
    folder = Path(named).expanduser()
    program = folder / "node_modules" / "node-red" / "red.js"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--no-audit", "--no-fund", "--omit=optional", "--prefix", str(folder))
        npm = await asyncio.create_subprocess_exec("npm", "install", *options, "node-red@4")
        assert await npm.wait() == 0
    return program


class Wire:
    """The way from Node-RED to the daemon, which can be cut."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.asked_with: list[str] = []
        self._to = port
        self._cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def cut(self) -> None:
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            there = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(there[1])
            ways = (self._copy(reader, there[1], note=True), self._copy(there[0], writer))
            await asyncio.gather(*ways)
        except OSError:
            writer.transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: bool = False
    ) -> None:
        try:
            while data := await reader.read(65536):
                if note:
                    found = re.search(rb"(?i)last-event-id: (\S+)", data)
                    self.asked_with += [found[1].decode()] if found else []
                writer.write(data)
        except OSError:
            pass
        writer.close()


class Daemon:
    """A daemon with the built-in service and no devices, on a fixed port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "config.yaml"
        self._state = folder / "state"
        self._config.write_text(
            f"http: {{port: {self.port}, token: {TOKEN}}}\n"
            "audio: {input: {device: none}, output: {device: none}}\n"
        )
        self._config.chmod(0o600)
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "daemon.py"),
            "--config",
            str(self._config),
            env={**os.environ, "XDG_STATE_HOME": str(self._state)},
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60):
            while not await self._ready():
                await asyncio.sleep(0.1)

    async def _ready(self) -> bool:
        try:
            return (await self.get("/health"))[0] == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def get(self, path: str) -> tuple[int, Any]:
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with (
            aiohttp.ClientSession(headers=WITH_TOKEN) as session,
            session.request(method, url, json=body) as answer,
        ):
            return answer.status, await answer.json()


class NodeRed:
    """A Node-RED of its own that runs the flow of the document; `lines`: what it prints."""

    def __init__(self, folder: Path, program: Path, voice: int) -> None:
        self.port = free_port()
        self.lines: list[str] = []
        self._program = program
        self._folder = folder
        self._voice = voice

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        flow = json.loads((ROOT / "docs" / "node-red.json").read_text())
        for each in flow:
            if each["id"] == "voice-every":
                each["active"] = True  # as by its button
        (self._folder / "flows.json").write_text(json.dumps(flow))
        (self._folder / "settings.js").write_text(
            f"module.exports = {{flowFile: 'flows.json', uiHost: '127.0.0.1', uiPort: {self.port}, "
            "telemetry: {enabled: false, updateNotification: false}}"
        )
        process = await asyncio.create_subprocess_exec(
            *("node", str(self._program), "--userDir", str(self._folder)),
            env={
                **os.environ,
                "VOICE_URL": f"http://127.0.0.1:{self._voice}",
                "VOICE_TOKEN": TOKEN,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        reader = asyncio.create_task(self._read(process))
        try:
            yield
        except BaseException:
            print(*self.lines, sep="\n")
            raise
        finally:
            process.terminate()
            await process.wait()
            await reader

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line.decode()).rstrip())

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, "\n".join(self.lines)))

    async def until_count(self, pattern: str, number: int) -> None:
        await until(lambda: self.count(pattern) == number)

    async def press(self, button: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{self.port}/inject/voice-{button}") as answer,
        ):
            assert answer.status == 200


async def test_the_flow_gets_every_event_once_over_breaks_and_a_killed_daemon(
    tmp_path: Path,
) -> None:
    program = await node_red_program()
    daemon = Daemon(tmp_path)
    wire = Wire(daemon.port)
    await daemon.start()
    async with await wire.start():
        node_red = NodeRed(tmp_path, program, wire.port)
        async with node_red.running():
            await until(lambda: node_red.count(r"topic: 'snapshot'") == 1, 120)
            assert node_red.count(r"\[debug:status\] idle") == 1

            wire.cut()
            for level in (0.11, 0.12, 0.13, 0.14, 0.15):
                await daemon.post("/api/volume", {"level": level})
            wire.mend()
            await until(lambda: node_red.count(r"level: 0\.1[1-5]\b") >= 5)
            assert [node_red.count(rf"level: 0\.{n}\b") for n in range(11, 16)] == [1] * 5
            assert len(wire.asked_with) == 1, "it went on with its last id"
            assert node_red.count(r"topic: 'snapshot'") == 1, "and was not sent all of it"

            await daemon.kill()
            await daemon.start()
            await until(lambda: node_red.count(r"topic: 'snapshot'") == 2)
            assert node_red.count(r"gap: true") == 1, "another daemon has other ids"

            for button, muted in (("mute", True), ("unmute", False)):
                answers = node_red.count(r"\[debug:answered\] 200")
                await node_red.press(button)
                await node_red.until_count(r"\[debug:answered\] 200", answers + 1)
                assert (await daemon.get("/api/status"))[1]["muted"] is muted
            await node_red.press("start")  # pressed by hand: no second subscriber
            await daemon.post("/api/volume", {"level": 0.77})
            await until(lambda: node_red.count(r"level: 0\.77"))
            await asyncio.sleep(1)
            assert node_red.count(r"level: 0\.77") == 1
    await daemon.kill()
