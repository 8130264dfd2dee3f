"""A connection to a broker, as the rest of this folder sees it; `connection` makes real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..config import Mqtt
from .waiting import Message

ANSWER_S = 10.0
"""How long the broker may take for an answer."""
KEEPALIVE_S = 20
"""After twice as long without a word from it, the broker counts as lost."""


class Trouble(StrEnum):
    """Why there is no connection."""

    AWAY = "away"
    """The broker cannot be reached, or the connection is lost."""
    SILENT = "silent"
    """It can be reached, and says nothing: it hangs, or expects another version of the protocol."""
    REFUSED = "refused"
    """It does not take our user or our password, or we do not take its certificate."""
    TAKEN = "taken"
    """Another client has the same name, and the broker threw us out for it."""
    OLD = "old"
    """It does not know version 5 of the protocol."""


class BrokerError(Exception):
    """There is no connection, or it is lost: `trouble` for programs, the words for people."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who connects: the client's name, what the broker publishes when it is lost, and how.

    `old`: with version 3.1.1 of the protocol.
    """

    name: str
    will: Message | None
    old: bool = False


class Link(Protocol):
    """A connection to a broker that is there. What it is asked for raises BrokerError."""

    async def subscribe(self, *topics: str, own: bool = False) -> str:
        """Want new messages of these topics; returns what the broker did not permit, if any.

        `own`: also those that we send ourselves.
        """

    async def publish(self, message: Message) -> None:
        """Publish, and wait until the broker has it."""

    async def publish_once(self, message: Message) -> None:
        """Publish, and wait for nothing; it may be lost."""

    def messages(self) -> AsyncIterator[Received]:
        """What comes, until the connection is lost."""


Connect = Callable[[Mqtt, Caller], AbstractAsyncContextManager[Link]]
"""Connects to the broker of these settings; raises BrokerError."""
