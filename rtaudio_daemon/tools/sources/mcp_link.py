"""What a connection to an MCP server is for the source that uses it; needs no package."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..tool import Json, SourceState


class LinkError(Exception):
    """There is no connection to the server, or none that works: why and what to do, for people.

    `status`: of HTTP, where the server answered with one; else 0.
    """

    state = SourceState.UNREACHABLE

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class RefusedLinkError(LinkError):
    """Somebody has to do something first: tried again seldom, as others count the attempts."""

    state = SourceState.REFUSED


class ForgottenLinkError(LinkError):
    """The server knows our session no more, as it was started again: a new one will do."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as the server describes it, bounded. `parameters` is empty where it is no schema."""

    name: str
    description: str
    parameters: Json
    read_only: bool


class Watch(Protocol):
    """Watches over what a connection goes through."""

    broken: asyncio.Event
    """Set when nothing comes through any more."""
    failure: LinkError | None
    """Why that is so."""
    oddity: LinkError | None
    """What was strange about the last answer."""


class Link(Protocol):
    """A connection that is open."""

    changed: asyncio.Event
    """Set when the server says that its tools are others now; the one who waits clears it."""
    broken: asyncio.Event
    """Set when the connection has ended; then `failure` says why."""

    @property
    def failure(self) -> LinkError:
        """Why the connection ended, or that it did."""

    async def tools(self) -> Sequence[OfferedTool]:
        """All tools. Raises LinkError."""

    async def call(self, name: str, arguments: Json) -> Any:
        """The result of a call, as JSON.

        Raises ToolError when the server says so, LinkError when the connection ended before it
        answered: then the call may have been carried out.
        """

    async def prompt_names(self) -> Sequence[str]:
        """The prompts that the server offers. Raises LinkError."""

    async def prompt(self, name: str) -> str:
        """The text of a prompt. Raises LinkError."""
