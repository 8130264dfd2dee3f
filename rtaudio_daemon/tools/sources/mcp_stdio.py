"""An MCP server run as a local program: JSON on its standard input and output.

It runs in a process group of its own, gets an environment without our secrets, and ends with us.
Lines that are not messages are skipped. A line that is too long is replaced by an error, in place
of the result that it contains.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

from ...child_processes import harmless_environment, no_hangups, tied
from ...config import McpServer
from ...config.placeholders import revealed
from ...protocol.bounds import error_message_of
from .mcp_link import LinkError, Watch
from .running_program import complaint

_LOG = logging.getLogger(__name__)
MOST_BYTES = 4 << 20
"""Maximum length of a line in bytes."""
_CHUNK = 64 * 1024
_TERM_S = 1.0
_LAST_WORDS_S = 0.3
_ID = re.compile(rb'"id"\s*:\s*(\d{1,9})\b')
_HEAD = 256
_NOTES_MOST = 60  # maximum number of its log lines that we log
_NOTES_S = 60.0  # per this time


class Lines:
    """Splits a stream into lines. Of a line longer than `most`, only the beginning is kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._line = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield the lines that are complete now, and whether each is whole."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            yield bytes(self._line), not self._too_long
            self._line.clear()
            self._too_long = False
        self._add(rest)

    def _add(self, part: bytes) -> None:
        if not self._too_long:
            self._line += part
        if len(self._line) > self._most:
            self._too_long = True
            del self._line[_HEAD:]


class StdioWatch:
    """The state of a running program; `broken` is set when it no longer sends anything."""

    oddity: LinkError | None = None

    def __init__(self, name: str) -> None:
        self.broken = asyncio.Event()
        self.failure: LinkError | None = None
        self._name = name
        self._last = ""
        self._noted: deque[float] = deque(maxlen=_NOTES_MOST)

    def ended(self, status: int | None) -> None:
        """Note that it no longer sends anything."""
        if self.failure is None:
            how = (
                "its program has ended" if status is None else f"its program ended ({_how(status)})"
            )
            self.failure = LinkError(f"{how}{f': {self._last}' if self._last else ''}")
        self.broken.set()

    def complained(self, line: bytes) -> None:
        """Handle a line of its standard error."""
        words = error_message_of(line.decode("utf-8", "replace"))
        if not words:
            return
        self._last = words
        now = asyncio.get_running_loop().time()
        if len(self._noted) < _NOTES_MOST or now - self._noted[0] > _NOTES_S:
            self._noted.append(now)
            _LOG.info("%s: %s", self._name, words)


@asynccontextmanager
async def stdio_streams(name: str, server: McpServer) -> AsyncIterator[tuple[Any, Watch]]:
    """Provide the transport for the SDK, and its watch. Raises LinkError."""
    watch = StdioWatch(name)
    yield _Program(server, watch), watch


class _Program:
    """Starts the program on entry, as the SDK expects of transports, and ends it on exit."""

    def __init__(self, server: McpServer, watch: StdioWatch) -> None:
        self._server = server
        self._watch = watch
        self._life = contextlib.AsyncExitStack()

    async def __aenter__(self) -> tuple[Any, Any]:
        return await self._life.enter_async_context(_streams(self._server, self._watch))

    async def __aexit__(self, *_: object) -> None:
        await self._life.aclose()


@asynccontextmanager
async def _streams(server: McpServer, watch: StdioWatch) -> AsyncIterator[tuple[Any, Any]]:
    transport, process = await _start(server)
    to_us, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_us = anyio.create_memory_object_stream[SessionMessage](0)
    assert process.stdin
    assert process.stderr
    complaints = asyncio.create_task(_listen(process.stderr, watch), name="stderr of an MCP server")
    tasks = [
        asyncio.create_task(_write(process.stdin, from_us), name="stdin of an MCP server"),
        asyncio.create_task(
            _read(process, to_us, watch, complaints), name="stdout of an MCP server"
        ),
        complaints,
    ]
    try:
        yield incoming, outgoing
    finally:
        for task in tasks[:2]:
            task.cancel()
        try:
            await _end(process)
        finally:
            for task in tasks:
                task.cancel()
            for stream in (to_us, incoming, outgoing, from_us):
                stream.close()
            await asyncio.wait(tasks)
            transport.close()  # its child processes may keep its output open


async def _start(
    server: McpServer,
) -> tuple[asyncio.SubprocessTransport, asyncio.subprocess.Process]:
    loop = asyncio.get_running_loop()
    env = harmless_environment(os.environ)
    env |= {name: value.reveal() for name, value in (server.env or {}).items()}
    program = revealed(server.command[0])
    if why := complaint(program, env["PATH"]):
        raise LinkError(why)
    try:
        with no_hangups():
            transport, protocol = await loop.subprocess_exec(
                lambda: asyncio.subprocess.SubprocessStreamProtocol(_CHUNK, loop),
                *tied([*map(revealed, server.command)]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=env,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise LinkError(f"{program} cannot be started: {why}") from error
    return transport, asyncio.subprocess.Process(transport, protocol, loop)


async def _read(
    process: asyncio.subprocess.Process,
    to_us: MemoryObjectSendStream[SessionMessage | Exception],
    watch: StdioWatch,
    complaints: asyncio.Task[None],
) -> None:
    """Pass its messages on until they end; then every waiting request fails at once."""
    assert process.stdout
    lines = Lines(MOST_BYTES)
    async with to_us:
        try:
            while chunk := await process.stdout.read(_CHUNK):
                for line, whole in lines.feed(chunk):
                    if (message := _message(line, whole=whole)) is not None:
                        await to_us.send(SessionMessage(message))
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, ConnectionError):
            pass
        # Its exit status and last words are available a moment later.
        ended = asyncio.ensure_future(process.wait())
        await asyncio.wait([ended, complaints], timeout=_LAST_WORDS_S)
        ended.cancel()
        watch.ended(process.returncode)


def _message(line: bytes, *, whole: bool) -> Any:
    """Parse a line; return an error for a result that is too long, None if it is no message."""
    if not whole:
        found = _ID.search(line)
        if found is None:
            return None
        error = ErrorData(code=PARSE_ERROR, message=f"its answer is longer than {MOST_BYTES} bytes")
        return JSONRPCError(jsonrpc="2.0", id=int(found[1]), error=error)
    try:
        return jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError:
        return None


async def _write(stdin: asyncio.StreamWriter, from_us: Any) -> None:
    try:
        async for each in from_us:
            text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
            stdin.write(text.encode() + b"\n")
            await stdin.drain()
    except ConnectionError:
        pass  # it closed its input; the reader will notice how it ends


async def _listen(stderr: asyncio.StreamReader, watch: StdioWatch) -> None:
    lines = Lines(_CHUNK)
    while chunk := await stderr.read(_CHUNK):
        for line, _ in lines.feed(chunk):
            watch.complained(line)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it and all its children: first SIGTERM, a second later SIGKILL."""
    assert process.stdin
    process.stdin.close()
    _signal(process.pid, signal.SIGTERM)
    # No `asyncio.timeout`: in a cancelled task, Python 3.11.2 does not raise TimeoutError.
    ended = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait([ended], timeout=_TERM_S)
    finally:
        _signal(process.pid, signal.SIGKILL)
    await asyncio.wait([ended], timeout=_TERM_S)
    ended.cancel()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
