"""Connects the daemon to the broker: publishes state and events, and carries out commands."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import random
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from ..config import Mqtt
from ..controls import Controls
from ..errors import NotConnectedError
from ..notifications import (
    Notification,
    Transcript,
    TurnFinished,
    WakeWordHeard,
)
from ..optional_packages import how_to_install, installed
from . import discovery, states
from .answering import Answering
from .command_runner import CommandRunner
from .link import BrokerError, Caller, Connect, Link, Trouble
from .patience import Patience
from .topics import Topics
from .waiting import Message, Waiting

_LOG = logging.getLogger(__name__)
PACKAGE = "aiomqtt"
REFRESH_S = 60.0
"""How often to check for changes that are not notified, in seconds."""
HOME_STARTS_S = 3.0
"""Within this random time after Home Assistant starts, everything is published again."""


class BridgeState(StrEnum):
    """The state of the connection to the broker."""

    STARTING = "starting"
    OK = "ok"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    CONFLICT = "conflict"


_STATE_OF = {
    Trouble.AWAY: BridgeState.UNREACHABLE,
    Trouble.SILENT: BridgeState.UNREACHABLE,
    Trouble.REFUSED: BridgeState.REFUSED,
    Trouble.TAKEN: BridgeState.UNREACHABLE,
}


class MissingPackageError(Exception):
    """The package for MQTT is missing, or cannot be imported: the remedy."""


async def load_connect() -> Connect:
    """Return the function that connects to a broker. Raises MissingPackageError."""
    importlib.invalidate_caches()
    if not installed(PACKAGE):
        what = f"needs a package that is not installed; run: {how_to_install(PACKAGE)}"
        raise MissingPackageError(what)
    try:
        module = await asyncio.to_thread(importlib.import_module, f"{__package__}.connection")
    except ImportError as error:
        raise MissingPackageError(f"the package {PACKAGE} cannot be loaded: {error}") from error
    connect: Connect = module.connect
    return connect


class Bridge:
    """One broker, used by `run` once `ready` is set; `notice` gets every notification.

    `report` publishes what a person may want to know; `load` and `chance` are for tests.
    """

    def __init__(
        self,
        settings: Mqtt,
        topics: Topics,
        shown: discovery.Shown,
        controls: Controls,
        report: Callable[[Notification], None],
        ready: asyncio.Event,
        *,
        load: Callable[[], Awaitable[Connect]] = load_connect,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.shown = shown
        """What determines the entities; see `show`."""
        self.state, self.note = BridgeState.STARTING, ""
        self.answering = Answering(topics.id, topics.wake, controls)
        """Decides with other daemons who answers a wake word."""
        self.command_runner = CommandRunner(topics, controls, report)
        """Carries out commands."""
        self.losses = 0
        """How often the connection was lost."""
        self._settings = settings
        self._topics = topics
        self._controls = controls
        self._ready = ready
        self._load = load
        self._chance = chance
        self._patience = Patience(chance)
        self._clock = asyncio.get_running_loop().time
        self._link: Link | None = None
        self._old = self._forgotten = False
        self._waiting = Waiting()
        self._events = states.Events()
        self._news = asyncio.Event()
        self._home_started = asyncio.Event()
        self._again = asyncio.Event()
        self._first_sound_ms: int | None = None
        self._connected_at: float | None = None

    # ------------------------------------------------------------ public view

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None

    def document(self) -> dict[str, Any]:
        """Return the state for `/api/status`."""
        where = f"{self._settings.host}:{self._settings.port}"
        return {
            "state": str(self.state),
            "broker": where,
            "topic": f"{self._topics.base}/{self._topics.id}",
            "notes": [self.note] if self.note else [],
        }

    def notice(self, notification: Notification) -> None:
        """Handle a notification."""
        if isinstance(notification, TurnFinished):
            self._first_sound_ms = notification.latencies.get("first_sound_ms")
        event = self._events.of(notification)
        if self._link is None:
            return  # it would be out of date later
        if isinstance(notification, WakeWordHeard):
            self.answering.wake(notification.word)
        if event is not None:
            self._waiting.add(Message(self._topics.event, json.dumps(event)))
        if self._settings.said and isinstance(notification, Transcript) and notification.final:
            mine = notification.role == "assistant"
            where = self._topics.last_said if mine else self._topics.last_heard
            self._waiting.put(Message(where, json.dumps(states.words(notification))))
        self._news.set()

    def show(self, shown: discovery.Shown) -> None:
        """Publish another set of entities."""
        if shown != self.shown:
            self.shown = shown
            self._home_started.set()

    def stays(self, settings: Mqtt, topics: Topics) -> bool:
        """Return whether these settings mean the same device at the same broker."""
        was, will_be = (
            (each.host, each.port, each.discovery_prefix) for each in (self._settings, settings)
        )
        return was == will_be and self._topics.device == topics.device

    def forget_device(self) -> None:
        """Remove the device from the broker and from Home Assistant when `run` ends."""
        self._forgotten = True

    def try_again(self) -> None:
        """Connect at once if it is waiting: somebody may have resolved the problem."""
        self._again.set()

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish for another part. Raises NotConnectedError at once if there is no broker."""
        if self._link is None:
            raise NotConnectedError(f"the MQTT broker is away{f': {self.note}' * bool(self.note)}")
        try:
            await self._link.publish(Message(topic, payload, retain))
        except BrokerError as error:
            raise NotConnectedError(f"the MQTT broker did not take it: {error}") from error

    async def broadcast(self, said: str, text: str) -> None:
        """Let all other daemons say `text` under this id. Raises NotConnectedError."""
        wish = {"id": said, "from": self._topics.id, "text": text}
        await self.publish(self._topics.broadcast, json.dumps(wish))

    # ------------------------------------------------------------ the connection

    async def run(self) -> None:
        """Maintain a connection until cancelled, then publish that we are offline."""
        await self._ready.wait()
        try:
            connect = await self._load()
        except MissingPackageError as error:
            self._enter(BridgeState.REFUSED, str(error))
            await asyncio.Event().wait()
            return
        while True:
            self._connected_at = None
            lost = await self._attempt(connect)
            now = self._clock()
            lasted_s = 0.0 if self._connected_at is None else now - self._connected_at
            silent = lost.trouble is Trouble.SILENT
            self._old = lost.trouble is Trouble.OLD or (silent and not self._old)
            pause_s = self._patience.pause_s(lost.trouble, now, lasted_s)
            self._explain(lost)
            self._again.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._again.wait()

    async def _attempt(self, connect: Connect) -> BrokerError:
        """Connect, and work until the connection is lost; return why."""
        offline = Message(self._topics.availability, "offline", retain=True)
        try:
            async with connect(
                self._settings, Caller(self._topics.device, offline, self._old)
            ) as link:
                try:
                    # In a task of its own, which its group cancels on failure. Otherwise later
                    # timeouts would end by cancellation in Debian 12's Python 3.11.2.
                    return await asyncio.create_task(self._live(link), name="mqtt_live")
                except asyncio.CancelledError:
                    with contextlib.suppress(BrokerError):  # no will is sent after an orderly end
                        for message in self._last_messages(offline):
                            await link.publish_once(message)
                    raise
        except BrokerError as error:
            return error
        finally:
            if self._link is not None:
                self._link = None
                self.losses += 1

    def _last_messages(self, offline: Message) -> list[Message]:
        """Return what to publish on an orderly end."""
        if not self._forgotten:
            return [offline]
        topics = self._topics
        kept = [topics.state, topics.timers, topics.availability]
        if self._settings.discovery_prefix:
            kept.insert(0, discovery.topic(self._settings, topics))
        return [offline, *(Message(topic, "", retain=True) for topic in kept)]

    async def _live(self, link: Link) -> BrokerError:
        """Announce the daemon, and keep its state current; return why that ended."""
        denied = [
            await link.subscribe(*self._wanted()),
            await link.subscribe(self._topics.wake, own=True),
        ]
        self._waiting.clear()
        self._news.set()
        self._home_started.clear()
        await self._announce(link)
        self._link, self._connected_at = link, self._clock()
        unread = ", ".join(filter(None, denied))
        self._enter(BridgeState.OK, f"the broker does not let us read {unread}" if unread else "")
        lost = BrokerError(Trouble.AWAY, "the connection to the broker ended")
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._read, self._write, self._announce_again):
                    group.create_task(work(link), name=f"mqtt{work.__name__}")
                group.create_task(self.answering.run(link), name="mqtt_answering")
                group.create_task(self.command_runner.hold(), name="mqtt_hold")
        except* BrokerError as errors:
            (lost, *_) = (each for each in errors.exceptions if isinstance(each, BrokerError))
        return lost

    def _wanted(self) -> list[str]:
        topics = self._topics
        found = [topics.commands, topics.broadcast] if self._settings.commands else []
        if self._settings.discovery_prefix:
            found.append(self._home_status)
        return found

    @property
    def _home_status(self) -> str:
        return f"{self._settings.discovery_prefix}/status"

    async def _announce(self, link: Link) -> None:
        """Publish the device, its state, and that it is online."""
        settings, topics = self._settings, self._topics
        if settings.discovery_prefix:
            device = discovery.message(settings, topics, self.shown)
            where = discovery.topic(settings, topics)
            await link.publish(Message(where, json.dumps(device), retain=True))
        self._waiting.forget()
        for message in self._states():
            await link.publish(message)
            self._waiting.done(message)
        await link.publish(Message(topics.availability, "online", retain=True))

    async def _announce_again(self, link: Link) -> None:
        """Announce again whenever Home Assistant has started."""
        while True:
            await self._home_started.wait()
            await asyncio.sleep(self._chance() * HOME_STARTS_S)
            self._home_started.clear()
            await self._announce(link)

    async def _write(self, link: Link) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S):
                    await self._news.wait()
            self._look()
            while (pause_s := self._waiting.pause_s(self._clock())) is not None:
                if pause_s:
                    await asyncio.sleep(pause_s)
                    self._look()
                else:
                    await link.publish(self._waiting.take())

    def _look(self) -> None:
        """Queue the present state to be published."""
        self._news.clear()
        for message in self._states():
            self._waiting.put(message)

    def _states(self) -> list[Message]:
        snapshot, topics = self._controls.snapshot(), self._topics
        state = states.state(snapshot, self._first_sound_ms)
        return [
            Message(topics.state, json.dumps(state), retain=True),
            Message(topics.timers, json.dumps(states.timers(snapshot)), retain=True),
        ]

    async def _read(self, link: Link) -> None:
        async for received in link.messages():
            if received.topic == self._home_status:
                if received.payload == b"online":
                    self._home_started.set()
            elif received.topic == self._topics.wake:
                self.answering.heard(received)
            elif self._settings.commands:
                await self.command_runner.obey(received)

    # --------------------------------------------------------------------- state

    def _explain(self, error: BrokerError) -> None:
        """Note why there is no connection."""
        if error.trouble is Trouble.OLD:
            return  # it is retried at once, with the old version
        state, note = _STATE_OF[error.trouble], str(error)
        if self._patience.gives_up:
            state = BridgeState.CONFLICT
            note = (
                "the broker throws us out again and again; another client probably has the name "
                f"{self._topics.device}, too: give each its own mqtt.id. Tried again in 5 min"
            )
        self._enter(state, note)

    def _enter(self, state: BridgeState, note: str) -> None:
        if note and note != self.note:
            _LOG.warning("mqtt: %s", note)
        elif state is BridgeState.OK and self.state is not BridgeState.OK:
            _LOG.info("mqtt: connected to %s:%d", self._settings.host, self._settings.port)
        self.state, self.note = state, note
