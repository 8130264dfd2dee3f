"""Repairs lists of tools before the SDK sees them: it rejects a list for one invalid entry."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Self

from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCResponse

from ..tool import Json

UNUSABLE: Json = {"type": "object", "unusable": True}
"""Stands for the schema of a tool whose arguments are not described as an object."""


class MendedTransport:
    """A transport of the SDK whose lists of tools are repaired."""

    def __init__(self, inner: AbstractAsyncContextManager[Any]) -> None:
        self._inner = inner
        self._life = AsyncExitStack()

    async def __aenter__(self) -> tuple[Any, Any]:
        incoming, outgoing = await self._life.enter_async_context(self._inner)
        return _Mended(incoming), outgoing

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._life.__aexit__(*error)


class _Mended:
    """The stream of messages from the server."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def last_context(self) -> Any:
        """The context in which the last message was sent, if the transport provides it."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        """The next message."""
        return _mended(await self._inner.receive())

    async def aclose(self) -> None:
        """Stop receiving."""
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return _mended(await self._inner.__anext__())

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        found: bool | None = await self._inner.__aexit__(*error)
        return found


def _mended(item: Any) -> Any:
    message = item.message if isinstance(item, SessionMessage) else None
    result = message.result if isinstance(message, JSONRPCResponse) else None
    if isinstance(result, dict) and isinstance(result.get("tools"), list):
        result["tools"] = mended_tools(result["tools"])
    return item


def mended_tools(tools: list[Any]) -> list[Json]:
    """Return only the used fields of each tool, made valid; tools without a name are dropped."""
    return [
        {
            "name": tool["name"],
            **{
                key: tool[key] for key in ("title", "description") if isinstance(tool.get(key), str)
            },
            "inputSchema": _schema(tool.get("inputSchema")),
            "annotations": _annotations(tool.get("annotations")),
        }
        for tool in tools
        if isinstance(tool, dict) and isinstance(tool.get("name"), str) and tool["name"]
    ]


def _schema(schema: Any) -> Json:
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        return UNUSABLE
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return UNUSABLE
    if not all(isinstance(each, dict | bool) for each in properties.values()):
        return UNUSABLE
    if not all(isinstance(each, str) for each in required):
        return UNUSABLE
    return {**schema, "type": "object"}


def _annotations(given: Any) -> Json:
    read_only = isinstance(given, dict) and given.get("readOnlyHint") is True
    return {"readOnlyHint": read_only}
