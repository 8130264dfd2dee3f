"""MCP servers as child processes, and a source that is connected to one."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rtaudio_daemon.config import McpServer
from rtaudio_daemon.tools.registry import Registry
from rtaudio_daemon.tools.runner import Call, Runner
from rtaudio_daemon.tools.sources.mcp_servers import McpSource
from rtaudio_daemon.tools.tool import SourceState
from tests.waiting import until

from .test_runner import Conversation

PROGRAM = Path(__file__).with_name("mcp_server.py")


class Server:
    """A server of the official SDK: `stateful` and `stateless` are reached over HTTP."""

    def __init__(self, kind: str, folder: Path, *options: str) -> None:
        self.kind, self._options = kind, options
        self._log = folder / f"{kind}.log"
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        if self.kind != "stdio":
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, at the port that it had before."""
        self._process = subprocess.Popen(
            [*self.command, "--port", str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """End it without a word."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def forget(self) -> None:
        """Let it forget its sessions."""
        assert self._process
        self._process.send_signal(signal.SIGUSR1)

    @property
    def command(self) -> tuple[str, ...]:
        log = ("--log", str(self._log))
        return (sys.executable, str(PROGRAM), self.kind, *log, *self._options)

    def settings(self, **options: Any) -> McpServer:
        """What the configuration says of it."""
        if self.kind == "stdio":
            return McpServer(command=self.command, **options)
        return McpServer(url=f"http://127.0.0.1:{self.port}/mcp", **options)

    @property
    def greeted(self) -> int:
        """How often somebody connected to it."""
        return self.ran("initialize") + self.ran("server/discover")

    def ran(self, what: str) -> int:
        """How often something has happened in it."""
        return self._log.read_text().splitlines().count(what) if self._log.exists() else 0


class Connected:
    """A source, and a runner for its tools, as a daemon has them."""

    def __init__(self, server: McpServer, *, limit_s: float = 30.0) -> None:
        self.changes = 0
        ready = asyncio.Event()
        ready.set()
        self.source = McpSource("test", server, self, ready)
        self.conversation = Conversation()
        self.registry = Registry([self.source])
        self.runner = Runner(self.registry, self.conversation, limit_s=limit_s)
        self._calls = 0

    def tools_changed(self) -> None:
        self.changes += 1
        self.registry.refresh()

    @property
    def names(self) -> list[str]:
        return [tool.name for tool in self.source.tools()]

    def begin(self, name: str, /, **arguments: Any) -> str:
        """Let the model call a tool; its id."""
        self._calls += 1
        call_id = f"call_{self._calls}"
        self.runner.run([Call(call_id, name, json.dumps(arguments))])
        return call_id

    async def answer(self, call_id: str, within_s: float = 20.0) -> Any:
        """The output of that call."""
        await until(lambda: call_id in dict(self.conversation.outputs), within_s)
        return self.conversation.of(call_id)

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """The output of a call."""
        return await self.answer(self.begin(name, **arguments))

    async def is_(self, state: SourceState, within_s: float = 20.0) -> str:
        """Wait for a state; the note that goes with it."""
        await until(lambda: self.source.state is state, within_s)
        return self.source.note


@asynccontextmanager
async def connected(
    server: McpServer, *, wait_for: SourceState = SourceState.OK, limit_s: float = 30.0
) -> AsyncIterator[Connected]:
    """A source that keeps in touch with `server`."""
    found = Connected(server, limit_s=limit_s)
    task = asyncio.create_task(found.source.run())
    try:
        await found.is_(wait_for)
        yield found
    finally:
        await found.runner.close()
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
