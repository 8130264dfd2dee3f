"""An MCP server that answers as a test says, over HTTP in this process or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from rtaudio_daemon.config import McpServer
from rtaudio_daemon.tools.sources.mcp_link import LinkError, OfferedTool
from rtaudio_daemon.tools.tool import Json

ECHO: Json = {
    "name": "echo",
    "description": "Says it again.",
    "inputSchema": {"type": "object", "properties": {}},
    "annotations": {"readOnlyHint": True},
}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


class FakeServer:
    """Speaks the older era, stateless, unless `answer` has something else to say.

    `requests`: method and headers of every request that came.
    """

    def __init__(self, answer: Answer | None = None, *, tools: Sequence[Any] = (ECHO,)) -> None:
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.tools = tools
        self.version = "2025-11-25"
        self.result: Json = {"content": [{"type": "text", "text": "echo"}]}
        self.url = ""
        self._answer = answer

    def methods(self) -> list[str]:
        """The methods that were asked for."""
        return [method for method, _ in self.requests]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        message = await request.json() if request.can_read_body else {}
        method = message.get("method", request.method)
        self.requests.append((method, dict(request.headers)))
        if self._answer and (found := await self._answer(request)) is not None:
            return found
        if "id" not in message:
            return web.Response(status=202 if request.method == "POST" else 405)
        results: dict[str, Json] = {
            "initialize": {
                "protocolVersion": self.version,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "fake", "version": "1"},
            },
            "tools/list": {"tools": list(self.tools)},
            "tools/call": self.result,
        }
        head: Json = {"jsonrpc": "2.0", "id": message["id"]}
        if method in results:
            return web.json_response({**head, "result": results[method]})
        return web.json_response({**head, "error": {"code": -32601, "message": "no such method"}})


@asynccontextmanager
async def serving(server: FakeServer) -> AsyncIterator[FakeServer]:
    """Let it be reached at `url`."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/mcp"
    try:
        yield server
    finally:
        await runner.cleanup()


class FakeLink:
    """A connection for tests: what it offers, and what its calls give or raise."""

    def __init__(self, *tools: OfferedTool) -> None:
        self.changed, self.broken = asyncio.Event(), asyncio.Event()
        self.failure = LinkError("it went away")
        self.offered = list(tools)
        self.listed_at: list[float] = []
        self.called: list[str] = []
        self.trouble: Exception | None = None
        self.hold: asyncio.Event | None = None

    def break_off(self, failure: LinkError | None = None) -> None:
        """End the connection."""
        self.failure = failure or self.failure
        self.broken.set()

    async def tools(self) -> Sequence[OfferedTool]:
        self.listed_at.append(asyncio.get_running_loop().time())
        return self.offered

    async def call(self, name: str, arguments: Json) -> Any:
        self.called.append(name)
        if self.hold:
            await self.hold.wait()
        if self.trouble:
            raise self.trouble
        return f"{name} of {arguments}"

    async def prompt_names(self) -> Sequence[str]:
        return []

    async def prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> str:
        return ""


class FakeConnect:
    """Gives these connections, one after the other; a LinkError stands for none."""

    def __init__(self, *links: FakeLink | LinkError) -> None:
        self.links = list(links)
        self.tried_at: list[float] = []

    @asynccontextmanager
    async def __call__(
        self, name: str, server: McpServer, meta: Mapping[str, Any] | None = None
    ) -> AsyncIterator[FakeLink]:
        self.tried_at.append(asyncio.get_running_loop().time())
        found = self.links.pop(0) if len(self.links) > 1 else self.links[0]
        if isinstance(found, LinkError):
            raise found
        yield found


def offered(name: str, *, read_only: bool = False, parameters: Any = None) -> OfferedTool:
    """A tool of a server."""
    schema = {"type": "object"} if parameters is None else parameters
    return OfferedTool(name, f"Does {name}.", schema, read_only)
