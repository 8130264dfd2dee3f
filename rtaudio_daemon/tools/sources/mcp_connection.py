"""A connection to an MCP server through the official SDK; loading this module takes a second.

Both generations of the protocol are supported: `server/discover` (2026-07-28) is tried first, then
`initialize` (2025-11-25). Requests of the server (sampling, elicitation, roots) are refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import mcp_types as types
from mcp import Client, MCPError
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from pydantic import TypeAdapter, ValidationError

from ...config import McpServer
from ...protocol.bounds import error_message_of, is_too_deep
from ...version import VERSION
from ..tool import Json, ToolError
from .mcp_http import MOST_BYTES, http_streams
from .mcp_link import LinkError, OfferedTool, Watch
from .mcp_mending import UNUSABLE, MendedTransport
from .mcp_stdio import stdio_streams

_LOG = logging.getLogger(__name__)
for _name in ("mcp", "client", "httpx2"):  # what concerns people is in our own words
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.CRITICAL)
_CONNECT_S = 30.0
_REQUEST_S = 30.0
_PAGES_MOST = 20
_TOOLS_MOST = 500
_NAME_CHARACTERS = 256
_DESCRIPTION_CHARACTERS = 4_096
_ERROR_CHARACTERS = 2_000
_PROMPT_CHARACTERS = 64 * 1024
_RESULT: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)
_LEFT_OUT = {"image": "[image left out]", "audio": "[audio left out]"}


@asynccontextmanager
async def connect(
    name: str, server: McpServer, meta: Mapping[str, Any] | None = None
) -> AsyncIterator[Connection]:
    """Open a connection. `meta` is sent with every request. Raises LinkError.

    Exceptions raised inside leave in an exception group; do not raise LinkError inside.
    """
    opened: AbstractAsyncContextManager[tuple[Any, Watch]]
    opened = http_streams(server) if server.url else stdio_streams(name, server)
    async with AsyncExitStack() as stack:
        transport, watch = await stack.enter_async_context(opened)
        connection = Connection(watch, dict(meta) if meta else None)
        client = Client(
            MendedTransport(transport),
            cache=None,
            client_info=types.Implementation(name="rtaudio-daemon", version=VERSION),
            message_handler=connection.received,
            read_timeout_seconds=_REQUEST_S,
        )
        try:
            async with asyncio.timeout(_CONNECT_S):
                await stack.enter_async_context(client)
        except TimeoutError:
            raise watch.failure or LinkError("it does not answer") from None
        except LinkError:
            raise
        except Exception as error:  # of the SDK or of the server
            _LOG.debug("%s: no connection", name, exc_info=error)
            raise watch.failure or watch.oddity or LinkError(_why(error)) from error
        await stack.enter_async_context(connection.listening(client))
        yield connection


class Connection:
    """See `Link`."""

    def __init__(self, watch: Watch, meta: dict[str, Any] | None) -> None:
        self.changed = asyncio.Event()
        self.broken = watch.broken
        self._watch = watch
        self._meta: Any = meta
        self._client: Client

    @property
    def failure(self) -> LinkError:
        """Why the connection ended, or that it did."""
        return self._watch.failure or LinkError("the connection ended")

    async def received(self, message: object) -> None:
        """Handle an unsolicited message of the server."""
        if isinstance(message, types.ToolListChangedNotification):
            self.changed.set()

    @asynccontextmanager
    async def listening(self, client: Client) -> AsyncIterator[None]:
        """Use this client, and in the newer protocol also subscribe to changes of the tools."""
        self._client = client
        tools = client.server_capabilities.tools
        if client.session.discover_result is None or not (tools and tools.list_changed):
            yield
            return
        task = asyncio.create_task(self._listen(), name="changes of an MCP server")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _listen(self) -> None:
        try:
            async with self._client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self.changed.set()
        except (MCPError, ListenNotSupportedError, SubscriptionLost, TimeoutError) as error:
            _LOG.debug("changes are seen by asking only: %s", error)

    async def tools(self) -> Sequence[OfferedTool]:
        """Return all tools, unless the list is endless. Raises LinkError."""
        found: dict[str, OfferedTool] = {}
        cursor: str | None = None
        for _ in range(_PAGES_MOST):
            page = await self._asked(self._client.session.list_tools(params=self._page(cursor)))
            for tool in page.tools:
                if len(found) < _TOOLS_MOST and _is_name(tool.name):
                    found.setdefault(tool.name, _offered(tool))
            cursor = page.next_cursor
            if not cursor:
                break
        return list(found.values())

    async def call(self, name: str, arguments: Json) -> Any:
        """Return the result of a call as JSON. Raises ToolError, LinkError."""
        request = types.CallToolRequest(
            params=types.CallToolRequestParams(name=name, arguments=arguments, _meta=self._meta)
        )
        try:
            # Not the client's own method, which repeats calls and checks results of calls that ran.
            result = await self._client.session.send_request(
                request, _RESULT, request_read_timeout_seconds=_NO_LIMIT
            )
        except MCPError as error:
            if self._watch.failure is not None or error.code == types.CONNECTION_CLOSED:
                self.broken.set()
                raise self.failure from error
            if error.code == types.PARSE_ERROR:
                most = MOST_BYTES >> 20
                why = f"its answer is longer than {most} MiB, or cannot be read for other reasons"
                raise ToolError(why) from error
            raise ToolError(error_message_of(error.message) or "it failed") from error
        except ValidationError as error:
            raise ToolError("it answered something that is no result of a tool") from error
        if isinstance(result, types.InputRequiredResult):
            raise ToolError("it needs input that cannot be given here")
        return _value(result)

    async def prompt_names(self) -> Sequence[str]:
        """Return the server's prompts on the first page. Raises LinkError."""
        page = await self._asked(self._client.session.list_prompts(params=self._page(None)))
        return [each.name for each in page.prompts]

    async def prompt(self, name: str) -> str:
        """Return the text of a prompt. Raises LinkError."""
        found = await self._asked(self._client.session.get_prompt(name, meta=self._meta))
        texts = [
            each.content.text
            for each in found.messages
            if isinstance(each.content, types.TextContent)
        ]
        return "\n".join(texts)[:_PROMPT_CHARACTERS]

    def _page(self, cursor: str | None) -> types.PaginatedRequestParams | None:
        if cursor is None and self._meta is None:
            return None
        return types.PaginatedRequestParams(cursor=cursor, _meta=self._meta)

    async def _asked(self, request: Any) -> Any:
        try:
            return await request
        except (MCPError, ValidationError) as error:
            raise self._watch.failure or self._watch.oddity or LinkError(_why(error)) from error


_NO_LIMIT = 3_600.0  # the runner has one


def _is_name(name: str) -> bool:
    """Return whether it can be shown unchanged in a log and in a terminal."""
    return len(name) <= _NAME_CHARACTERS and name.isprintable()


def _offered(tool: types.Tool) -> OfferedTool:
    return OfferedTool(
        tool.name,
        (tool.description or tool.title or "")[:_DESCRIPTION_CHARACTERS],
        {} if tool.input_schema == UNUSABLE else tool.input_schema,
        bool(tool.annotations and tool.annotations.read_only_hint),
    )


def _value(result: types.CallToolResult) -> Any:
    """Return what the model gets of a result. Raises ToolError if it is an error."""
    parts = [_part(each) for each in result.content]
    text = "\n".join(part for part in parts if part)
    if result.is_error:
        raise ToolError(text[:_ERROR_CHARACTERS] or "it failed, and does not say why")
    has_text = any(isinstance(each, types.TextContent) and each.text for each in result.content)
    structured = result.structured_content
    if not has_text and structured is not None:
        if is_too_deep(structured):
            raise ToolError("its result is nested too deeply")
        return structured
    return text or "done"


def _part(content: Any) -> str:
    if isinstance(content, types.TextContent):
        return content.text
    return _LEFT_OUT.get(content.type, "[resource left out]")


def _why(error: BaseException) -> str:
    """Return an error of the SDK or of the server in words for people."""
    if isinstance(error, BaseExceptionGroup):
        return _why(error.exceptions[0])
    if isinstance(error, ValidationError):
        return "it does not speak MCP as it should"
    if isinstance(error, MCPError) and error.code == types.CONNECTION_CLOSED:
        return "it closed the connection"
    words = error_message_of(str(error)) or type(error).__name__
    if isinstance(error, MCPError) and error.code == types.UNSUPPORTED_PROTOCOL_VERSION:
        return f"it speaks versions of MCP that are unknown here ({words}); see for a newer package"
    return f"it does not speak MCP as it should: {words}"
