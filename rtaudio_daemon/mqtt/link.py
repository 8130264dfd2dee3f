"""The interface of a connection to a broker; `connection` implements it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..config import Mqtt
from .waiting import Message

ANSWER_S = 10.0
"""How many seconds the broker may take to answer."""
KEEPALIVE_S = 20
"""If the broker is silent for twice as long, it counts as lost."""


class Trouble(StrEnum):
    """Why there is no connection."""

    AWAY = "away"
    """The broker is unreachable, or the connection was lost."""
    SILENT = "silent"
    """It is reachable but silent: it hangs, or expects another version of the protocol."""
    REFUSED = "refused"
    """It rejects our user or password, or we reject its certificate."""
    TAKEN = "taken"
    """Another client has the same name, so the broker disconnected us."""
    OLD = "old"
    """It does not support version 5 of the protocol."""


class BrokerError(Exception):
    """There is no connection, or it was lost: `trouble` for programs, the message for people."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Received:
    """A received message."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """How to connect: the client's name, and what the broker publishes when it is lost.

    `old`: use version 3.1.1 of the protocol.
    """

    name: str
    will: Message | None
    old: bool = False


class Link(Protocol):
    """An open connection to a broker. Methods raise BrokerError."""

    async def subscribe(self, *topics: str, own: bool = False) -> str:
        """Subscribe to new messages of these topics; return what the broker did not permit, if any.

        `own`: include messages that we send ourselves.
        """

    async def publish(self, message: Message) -> None:
        """Publish, and wait until the broker has it."""

    async def publish_once(self, message: Message) -> None:
        """Publish without waiting; the message may be lost."""

    def messages(self) -> AsyncIterator[Received]:
        """Yield the messages, until the connection is lost."""


Connect = Callable[[Mqtt, Caller], AbstractAsyncContextManager[Link]]
"""Connects to the broker of these settings; raises BrokerError."""
