"""The interface of a connection to an MCP server; needs no package."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..tool import Json, SourceState


class LinkError(Exception):
    """There is no working connection to the server: why, and the remedy, for people.

    `status`: of HTTP, if the server answered with one; otherwise 0.
    """

    state = SourceState.UNREACHABLE

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class RefusedLinkError(LinkError):
    """A person must act first; retried rarely, because servers may count attempts."""

    state = SourceState.REFUSED


class ForgottenLinkError(LinkError):
    """The server has forgotten our session because it was restarted: open a new one."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as described by the server, bounded. `parameters` is empty if it is no schema."""

    name: str
    description: str
    parameters: Json
    read_only: bool


class Watch(Protocol):
    """Watches the transport of a connection."""

    broken: asyncio.Event
    """Set when nothing passes any more."""
    failure: LinkError | None
    """Why that is so."""
    oddity: LinkError | None
    """What was unusual about the last answer."""


class Link(Protocol):
    """A connection that is open."""

    changed: asyncio.Event
    """Set when the server reports a change of its tools; whoever waits for it clears it."""
    broken: asyncio.Event
    """Set when the connection has ended; `failure` then says why."""

    @property
    def failure(self) -> LinkError:
        """Why the connection ended, or that it did."""

    async def tools(self) -> Sequence[OfferedTool]:
        """Return all tools. Raises LinkError."""

    async def call(self, name: str, arguments: Json) -> Any:
        """Return the result of a call as JSON.

        Raises ToolError if the server reports one, LinkError if the connection ended before the
        answer: the call may then have been carried out.
        """

    async def prompt_names(self) -> Sequence[str]:
        """Return the server's prompts. Raises LinkError."""

    async def prompt(self, name: str) -> str:
        """Return the text of a prompt. Raises LinkError."""
