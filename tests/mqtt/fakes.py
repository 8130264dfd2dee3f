"""A broker that a test holds in its hand, and a bridge to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from rtaudio_daemon.config import Mqtt
from rtaudio_daemon.emitter import Emitter
from rtaudio_daemon.mqtt.bridge import Bridge
from rtaudio_daemon.mqtt.discovery import Shown
from rtaudio_daemon.mqtt.link import BrokerError, Caller, Connect, Link, Received, Trouble
from rtaudio_daemon.mqtt.topics import Topics
from rtaudio_daemon.mqtt.waiting import Message
from rtaudio_daemon.notifications import ErrorReported, Notification
from tests.api.test_server import Person

SETTINGS = Mqtt(host="nas", base="base")
TOPICS = Topics("base", "me")


class FakeBroker:
    """`published` is what it got; `troubles` is what the next attempts to connect end with."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.times: list[float] = []
        self.subscribed: list[str] = []
        self.own: list[str] = []
        self.attempts: list[tuple[float, Caller]] = []
        self.troubles: list[Trouble] = []
        self.denied = ""
        self.lost_while_publishing = False
        self._inbox: asyncio.Queue[Received | Trouble] = asyncio.Queue()

    @asynccontextmanager
    async def connect(self, _settings: Mqtt, caller: Caller) -> AsyncIterator[Link]:
        self.attempts.append((asyncio.get_running_loop().time(), caller))
        if self.troubles:
            trouble = self.troubles.pop(0)
            raise BrokerError(trouble, f"it is {trouble}")
        self._inbox = asyncio.Queue()
        yield self

    async def subscribe(self, *topics: str, own: bool = False) -> str:
        if own:
            self.own = list(topics)
            return ""
        self.subscribed = list(topics)
        return self.denied

    async def publish(self, message: Message) -> None:
        if self.lost_while_publishing:
            raise BrokerError(Trouble.AWAY, "it did not answer")
        self.published.append(message)
        self.times.append(asyncio.get_running_loop().time())

    async def publish_once(self, message: Message) -> None:
        await self.publish(message)

    async def messages(self) -> AsyncIterator[Received]:
        while True:
            each = await self._inbox.get()
            if isinstance(each, Trouble):
                raise BrokerError(each, f"it is {each}")
            yield each

    def send(self, topic: str, payload: str, *, retained: bool = False) -> None:
        """Deliver a message."""
        self._inbox.put_nowait(Received(topic, payload.encode(), retained))

    def lose(self, trouble: Trouble = Trouble.AWAY) -> None:
        """Break the connection."""
        self._inbox.put_nowait(trouble)

    def at(self, topic: str) -> list[str]:
        """What was published at a topic."""
        return [each.payload for each in self.published if each.topic == topic]


class World:
    """A daemon without sound, and its bridge to a broker; `errors` is what was reported."""

    running: asyncio.Task[None]
    """The bridge at work."""

    def __init__(self, broker: FakeBroker, settings: Mqtt, load: Any, chance: float) -> None:
        self.broker = broker
        self.person = Person()
        self.notifications = Emitter()
        self.errors: list[str] = []
        self.ready = asyncio.Event()

        async def given() -> Connect:
            return broker.connect

        self.bridge = Bridge(
            settings,
            TOPICS,
            Shown("1.2.3", priced=False),
            self.person,
            self.happen,
            self.ready,
            load=load or given,
            chance=lambda: chance,
        )

    def happen(self, notification: Notification) -> None:
        """This happens in the daemon."""
        if isinstance(notification, ErrorReported):
            self.errors.append(notification.message)
        self.bridge.notice(notification)


@asynccontextmanager
async def world(
    broker: FakeBroker,
    settings: Mqtt = SETTINGS,
    *,
    load: Callable[[], Any] | None = None,
    chance: float = 0.5,
) -> AsyncIterator[World]:
    """A bridge that runs."""
    found = World(broker, settings, load, chance)
    found.ready.set()
    found.running = asyncio.create_task(found.bridge.run())
    await asyncio.sleep(0.01)
    yield found
    found.running.cancel()
    await asyncio.wait([found.running])
