"""A server of the official SDK for the tests, as a process of its own.

    mcp_server.py stdio|stateful|stateless [--only legacy|modern] [--port N] [--log FILE]

Over HTTP it prints its port; SIGUSR1 makes it forget its sessions, as a new start does. `legacy`
knows only the handshake, `modern` only `discover`. Each call is written to the log, so that a test
can count what has really run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from mcp import MCPError
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.runner import serve_loop
from mcp.server.stdio import stdio_server
from mcp_types import METHOD_NOT_FOUND, CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel

READ_ONLY = ToolAnnotations(read_only_hint=True)


def build(log: Path | None, only: str) -> MCPServer:
    server = MCPServer("test", version="1", log_level="CRITICAL")

    def ran(what: str) -> None:
        if log:
            with log.open("a") as file:
                file.write(f"{what}\n")

    async def gate(ctx: Any, call_next: Any) -> Any:
        refused = {"legacy": "server/discover", "modern": "initialize"}.get(only)
        if ctx.method == refused:
            raise MCPError(METHOD_NOT_FOUND, "Method not found")
        if ctx.method in ("initialize", "server/discover", "notifications/cancelled"):
            ran(ctx.method)
        return await call_next(ctx)

    server.middleware.append(gate)

    @server.tool(annotations=READ_ONLY)
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        ran("add")
        return a + b

    @server.tool(annotations=READ_ONLY)
    def search_notes(words: str) -> str:
        """Searches the notes."""
        ran("search_notes")
        return f"the note about {words}: water the flowers on Tuesday"

    @server.tool()
    def write(text: str) -> str:
        """Writes a note."""
        ran(f"write {text}")
        return "written"

    @server.tool(annotations=READ_ONLY, structured_output=False)
    def big(characters: int) -> str:
        """Gives a long text."""
        return "x" * characters

    @server.tool(annotations=READ_ONLY)
    def picture() -> Image:
        """Gives a picture."""
        return Image(data=b"\x89PNG", format="png")

    @server.tool(structured_output=False)
    def nothing() -> None:
        """Gives nothing."""

    @server.tool(structured_output=False)
    def structured() -> CallToolResult:
        """Gives no text, but something else."""
        return CallToolResult(content=[], structured_content={"level": 3})

    @server.tool(structured_output=False)
    def wrong() -> CallToolResult:
        """Fails."""
        return CallToolResult(content=[TextContent(text="the disk is full")], is_error=True)

    @server.tool()
    async def slow(seconds: float) -> str:
        """Takes its time."""
        ran("slow begins")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            ran("slow cancelled")
            raise
        ran("slow ends")
        return "late"

    @server.tool()
    def die() -> str:
        """Ends this process at once."""
        os.kill(os.getpid(), signal.SIGKILL)
        return ""

    @server.tool()
    def noise() -> str:
        """Prints what is no message, and complains."""
        sys.stdout.write('this is no JSON\n{"half": \n')
        sys.stdout.flush()
        sys.stderr.write("a warning \x1b[31mwith colour\n")
        sys.stderr.flush()
        return "noisy"

    def learned() -> str:
        """Was not there before."""
        return "learned"

    @server.tool()
    async def learn(name: str, ctx: Context) -> str:
        """Makes another tool, and says so in both eras."""
        server.add_tool(learned, name=name, annotations=READ_ONLY)
        await ctx.session.send_tool_list_changed()
        await ctx.notify_tools_changed()
        return "learned"

    @server.tool()
    async def forget(name: str, ctx: Context) -> str:
        """Takes a tool away, and says nothing."""
        server.remove_tool(name)
        return "forgotten"

    @server.tool()
    async def ask(ctx: Context) -> str:
        """Asks the person for something."""
        answer = await ctx.elicit("Which room?", schema=_Room)
        return str(answer)

    @server.tool(name="läuft_🎵")
    def music() -> str:
        """Says what is playing."""
        return "a song"

    @server.tool(name="x" * 90)
    def long_name() -> str:
        """Has a long name."""
        return "long"

    @server.prompt()
    def house() -> str:
        """Describes the house."""
        return "There is a lamp in the kitchen."

    return server


class _Room(BaseModel):
    room: str


async def _stdio(server: MCPServer) -> None:
    await server.run_stdio_async()


async def _older_stdio(server: MCPServer) -> None:
    """As servers were before there was `server/discover`."""
    inner = server._lowlevel_server
    async with stdio_server() as (incoming, outgoing), inner.lifespan(inner) as state:
        await serve_loop(
            inner,
            incoming,
            outgoing,
            lifespan_state=state,
            init_options=inner.create_initialization_options(),
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=("stdio", "stateful", "stateless"))
    parser.add_argument("--only", default="", choices=("", "legacy", "modern"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--many", type=int, default=0, help="so many further tools")
    arguments = parser.parse_args()
    server = build(arguments.log, arguments.only)
    for number in range(arguments.many):
        server.add_tool(lambda: "one of many", name=f"many_{number:03}", description="Is many.")
    if arguments.transport == "stdio":
        asyncio.run(_older_stdio(server) if arguments.only == "legacy" else _stdio(server))
        return
    stateless = arguments.transport == "stateless"
    app = server.streamable_http_app(json_response=stateless, stateless_http=stateless)
    signal.signal(signal.SIGUSR1, lambda *_: server.session_manager._server_instances.clear())
    sock = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sends at once only then
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", arguments.port))
    print(sock.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
