"""The bridge and a real broker. The numbers are those of the cases that a home makes happen."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.config import Mqtt, Secret
from rtaudio_daemon.emitter import Emitter
from rtaudio_daemon.errors import NotConnectedError
from rtaudio_daemon.mqtt.bridge import Bridge, BridgeState, load_connect
from rtaudio_daemon.mqtt.discovery import Shown
from rtaudio_daemon.mqtt.link import BrokerError, Caller
from rtaudio_daemon.mqtt.topics import Topics
from rtaudio_daemon.mqtt.waiting import Message
from rtaudio_daemon.notifications import ErrorReported, Notification, WakeWordHeard
from tests import waiting
from tests.api.test_server import Person
from tests.ports import free_port

from .broker import PASSWORD, USER, Broker, Listener, listener

pytestmark = pytest.mark.real_time
TOPICS = Topics("rtaudio-daemon", "me")
DEVICE = "homeassistant/device/rtaudio-daemon-me/config"


async def until(met: Callable[[], object], seconds: float = 60.0) -> None:
    await waiting.until(met, seconds)


class Daemon:
    """A bridge with a daemon that does nothing."""

    def __init__(self, settings: Mqtt, topics: Topics) -> None:
        self.person, self.topics = Person(), topics
        self._ready = asyncio.Event()
        self._ready.set()
        self.notifications = Emitter()
        self.errors: list[str] = []
        self.bridge = Bridge(
            settings,
            topics,
            Shown("1.2.3", priced=False),
            self.person,
            self.happen,
            self._ready,
            load=load_connect,
            chance=lambda: 0.0,
        )

    def happen(self, notification: Notification) -> None:
        if isinstance(notification, ErrorReported):
            self.errors.append(notification.message)
        self.bridge.notice(notification)

    async def is_in(self, state: BridgeState) -> None:
        await until(lambda: self.bridge.state is state)


@asynccontextmanager
async def daemon(broker: Broker, topics: Topics = TOPICS, **settings: Any) -> AsyncIterator[Daemon]:
    options = {"host": "127.0.0.1", "port": broker.port, **settings}
    found = Daemon(Mqtt(**options), topics)
    running = asyncio.create_task(found.bridge.run())
    try:
        yield found
    finally:
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def connected(broker: Broker, **settings: Any) -> AsyncIterator[tuple[Daemon, Listener]]:
    async with listener(broker) as ear, daemon(broker, **settings) as found:
        await until(lambda: ear.at(found.topics.availability) == ["online"])
        yield found, ear


async def test_case_39_who_stops_says_goodbye(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listener(broker) as ear:
            async with daemon(broker):
                await until(lambda: ear.at(TOPICS.availability))
                assert [topic for topic, _ in ear.heard] == [
                    DEVICE,
                    TOPICS.state,
                    TOPICS.timers,
                    TOPICS.availability,
                ]
            await until(lambda: ear.at(TOPICS.availability) == ["online", "offline"])
        async with listener(broker) as late:
            await until(lambda: late.at(TOPICS.availability) == ["offline"])
            assert json.loads(late.at(TOPICS.state)[0])["status"] == "idle", "it is retained"


async def test_case_33_a_broker_that_is_down_at_the_start_is_found_later(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    async with daemon(broker) as found:
        await found.is_in(BridgeState.UNREACHABLE)
        assert found.bridge.note.endswith("cannot be reached: Connection refused")
        with broker:
            async with listener(broker) as ear:
                await until(lambda: ear.at(TOPICS.availability) == ["online"])


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"username": USER, "password": Secret("wrong")}, "does not take the password of voice"),
        ({"username": "nobody", "password": Secret("x")}, "does not take the password of nobody"),
        ({}, "wants a user and a password: write username and password below mqtt"),
    ],
)
async def test_case_33_a_wrong_password_is_named_and_not_shown(
    tmp_path: Path, settings: dict[str, Any], why: str
) -> None:
    with Broker(tmp_path, password=True) as broker:
        async with daemon(broker, **settings) as found:
            await found.is_in(BridgeState.REFUSED)
            assert found.bridge.note == f"127.0.0.1:{broker.port} {why}"
        async with connected(broker, username=USER, password=Secret(PASSWORD)) as (found, _):
            assert found.bridge.document()["notes"] == []


async def test_case_33_an_encrypted_broker_is_trusted_by_its_own_authority_only(
    tmp_path: Path,
) -> None:
    with Broker(tmp_path, tls=True) as broker:
        async with connected(broker, tls="on", ca=broker.ca) as (found, ear):
            await ear.send(TOPICS.command("say"), "Hello.")
            await until(lambda: found.person.told == [("Hello.", "verbatim")])
        async with daemon(broker, tls="on") as found:
            await found.is_in(BridgeState.REFUSED)
            assert found.bridge.note.endswith(
                "is not trusted: self-signed certificate; name its authority in mqtt.ca"
            )
        async with daemon(broker, tls="insecure") as found:
            await found.is_in(BridgeState.OK)
        async with daemon(broker, tls="on", ca=str(tmp_path / "gone.pem")) as found:
            await found.is_in(BridgeState.REFUSED)
            assert found.bridge.note == (
                f"mqtt.ca: {tmp_path}/gone.pem cannot be used: No such file or directory"
            )
    with Broker(tmp_path) as broker:
        async with daemon(broker, tls="on") as found:
            await found.is_in(BridgeState.UNREACHABLE)
            assert "does not encrypt: is mqtt.port the one for TLS?" in found.bridge.note


async def test_case_34_a_broker_that_lost_everything_gets_everything_again(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, _):
            broker.kill()
            await found.is_in(BridgeState.UNREACHABLE)
            broker.start()
            async with listener(broker) as late:
                await until(lambda: late.at(TOPICS.availability) == ["online"])
                assert {DEVICE, TOPICS.state, TOPICS.timers} <= {topic for topic, _ in late.heard}
            assert found.bridge.losses == 1


async def test_case_35_a_retained_wish_is_not_spoken(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listener(broker) as ear:
            await ear.send(TOPICS.command("say"), "An old wish.", retain=True)
            async with daemon(broker) as found:
                await until(lambda: ear.at(TOPICS.availability))
                await ear.send(TOPICS.command("say"), "A kept wish.", retain=True)
                await ear.send(TOPICS.command("say"), "A new wish.")
                await until(lambda: found.person.told)
                assert found.person.told == [("A new wish.", "verbatim")]
                await ear.send(TOPICS.command("say"), "", retain=True)  # takes it back
                await ear.send(TOPICS.command("interrupt"), "")
                await until(lambda: "interrupt" in found.person.told)
                (why,) = found.errors
                assert why.startswith("say: was retained by the broker, so it may be old")


async def test_case_36_what_was_wished_while_nobody_was_there_is_not_spoken(
    tmp_path: Path,
) -> None:
    with Broker(tmp_path) as broker:
        async with listener(broker) as ear:
            async with daemon(broker):
                await until(lambda: ear.at(TOPICS.availability) == ["online"])
            await until(lambda: ear.at(TOPICS.availability)[-1] == "offline")
            await ear.send(TOPICS.command("say"), "Hours ago.")
            async with daemon(broker) as found:
                await until(lambda: ear.at(TOPICS.availability)[-1] == "online")
                await ear.send(TOPICS.command("say"), "Now.")
                await until(lambda: found.person.told)
                assert found.person.told == [("Now.", "verbatim")]


async def test_case_37_what_we_publish_ourselves_never_comes_back(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, ear):
            await found.bridge.publish(TOPICS.command("say"), "Hello, me.")
            await until(lambda: ear.at(TOPICS.command("say")))
            await ear.send(TOPICS.command("interrupt"), "PRESS")
            await until(lambda: found.person.told)
            assert found.person.told == ["interrupt"]


async def test_case_38_home_assistant_is_given_everything_again_when_it_starts(
    tmp_path: Path,
) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (_, ear):
            await ear.send("homeassistant/status", "online")
            await until(lambda: len(ear.at(DEVICE)) == 2 and len(ear.at(TOPICS.availability)) == 2)


async def test_case_40_rooms_with_names_of_their_own_share_a_broker(tmp_path: Path) -> None:
    kitchen, bath = Topics("rtaudio-daemon", "kitchen"), Topics("rtaudio-daemon", "bath")
    with Broker(tmp_path) as broker:
        async with (
            listener(broker) as ear,
            daemon(broker, kitchen) as one,
            daemon(broker, bath) as other,
        ):
            await until(lambda: ear.at(kitchen.availability) and ear.at(bath.availability))
            await ear.send(bath.command("say"), "The bath is full.")
            await until(lambda: other.person.told)
            assert one.person.told == []
            assert one.bridge.losses + other.bridge.losses == 0


@pytest.mark.slow
async def test_case_40_two_of_one_name_do_not_fight_for_ever(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with daemon(broker) as one, daemon(broker) as other:
            both = (one.bridge, other.bridge)
            await until(lambda: BridgeState.CONFLICT in (each.state for each in both), 60)
            await asyncio.sleep(3)
            assert sorted(each.state for each in both) == [BridgeState.CONFLICT, BridgeState.OK]
            (loser,) = [each for each in both if each.state is BridgeState.CONFLICT]
            assert "give each its own mqtt.id" in loser.note


async def test_case_42_odd_payloads_are_errors_and_the_connection_stays(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, ear):
            for name, payload in (
                ("say", b""),
                ("say", b"\xff\xfe\x00"),
                ("say", b"x" * 100_000),
                ("say", b"x" * 1_000_000),  # the broker does not even send it
                ("volume", b"NaN"),
                ("reboot", b"now"),
            ):
                await ear.send(TOPICS.command(name), payload)
            await ear.send(TOPICS.command("volume"), "30")
            await until(lambda: found.person.told == [0.3])
            assert (found.bridge.command_runner.taken, found.bridge.command_runner.refused) == (
                1,
                5,
            )
            assert found.bridge.losses == 0
            await until(lambda: ear.at(TOPICS.event))
            assert json.loads(ear.at(TOPICS.event)[0])["event_type"] == "error"


async def test_what_happens_is_heard_at_the_broker(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, ear):
            found.happen(WakeWordHeard("okay_nabu"))
            await until(lambda: ear.at(TOPICS.event))
            assert json.loads(ear.at(TOPICS.event)[0])["word"] == "okay_nabu"


class OldBroker:
    """Knows version 3.1.1 only; passes that on to a real broker."""

    def __init__(self, broker: Broker, refusal: bytes) -> None:
        self.port, self._target, self._refusal = free_port(), broker.port, refusal

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(9)
        if head[8] == 5:
            writer.write(self._refusal)
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        back.write(head)
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(reader, back))
            group.create_task(_pass_on(there, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
    writer.close()


async def test_a_broker_of_the_old_version_is_used_and_old_wishes_are_refused_there_too(
    tmp_path: Path,
) -> None:
    with Broker(tmp_path) as broker:
        old = OldBroker(broker, struct.pack("!BBBB", 0x20, 2, 0, 1))
        server = await asyncio.start_server(old.serve, "127.0.0.1", old.port)
        async with listener(broker) as ear:
            await ear.send(TOPICS.command("say"), "An old wish.", retain=True)
            async with daemon(broker, port=old.port) as found:
                await until(lambda: ear.at(TOPICS.availability))
                await ear.send(TOPICS.command("say"), "A new wish.")
                await until(lambda: found.person.told)
                assert found.person.told == [("A new wish.", "verbatim")]
                assert found.bridge.command_runner.refused == 1
        server.close()


async def test_half_a_letter_of_a_model_is_sent_as_a_question_mark(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, ear):
            await found.bridge.publish("garden/sign/set", "Hello \ud83d")
            await until(lambda: ear.at("garden/sign/set") == ["Hello ?"])


async def test_an_own_tool_learns_at_once_that_the_broker_is_away(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, ear):
            await found.bridge.publish("garden/gate/set", "open")
            await until(lambda: ear.at("garden/gate/set") == ["open"])
            broker.kill()
            await found.is_in(BridgeState.UNREACHABLE)
            with pytest.raises(NotConnectedError, match="the MQTT broker is away"):
                await found.bridge.publish("garden/gate/set", "open")


async def test_who_is_stopped_while_a_broker_says_nothing_ends_soon(tmp_path: Path) -> None:
    came = asyncio.Event()

    came_to: list[asyncio.StreamWriter] = []

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came_to.append(writer)
        came.set()

    for tls in ("off", "insecure"):
        came.clear()
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        settings = replace(Mqtt(host="127.0.0.1"), port=server.sockets[0].getsockname()[1], tls=tls)
        found = Daemon(settings, TOPICS)
        running = asyncio.create_task(found.bridge.run())
        await came.wait()
        running.cancel()
        async with asyncio.timeout(5):  # an answer would be waited for twice as long
            await asyncio.wait([running])
        server.close()
        came_to.pop().transport.abort()
        assert not came_to


async def test_who_is_stopped_while_a_broker_reads_nothing_any_more_ends_soon() -> None:
    async def full(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)  # it reads a little ahead, and then no more
        writer.write(struct.pack("!BBBBB", 0x20, 3, 0, 0, 0))
        ended.add(writer)

    ended: set[asyncio.StreamWriter] = set()
    server = await asyncio.start_server(full, "127.0.0.1", 0)
    settings = replace(Mqtt(host="127.0.0.1"), port=server.sockets[0].getsockname()[1])
    connect = await load_connect()
    async with asyncio.timeout(6):  # it would be waited for longer
        async with connect(settings, Caller("me", None)) as link:
            with pytest.raises(BrokerError):
                await link.publish_once(Message("base/large", "x" * 50_000_000))
    (writer,) = ended
    writer.transport.abort()
    server.close()
    await server.wait_closed()


@pytest.mark.slow
async def test_case_34_a_broker_that_hangs_is_noticed_and_found_again(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, _):
            broker.freeze()
            # Nobody publishes: two times the keepalive.
            await until(lambda: found.bridge.state is BridgeState.UNREACHABLE, 50)
            await until(lambda: "does not answer as an MQTT broker does" in found.bridge.note, 30)
            broker.thaw()
            await until(lambda: found.bridge.connected, 30)
            async with listener(broker) as late:
                await until(lambda: late.at(TOPICS.availability) == ["online"])


@pytest.mark.slow
async def test_case_34_a_broker_that_hangs_is_noticed_sooner_by_who_has_something_to_say(
    tmp_path: Path,
) -> None:
    with Broker(tmp_path) as broker:
        async with connected(broker) as (found, _):
            broker.freeze()
            found.happen(WakeWordHeard("okay_nabu"))
            await until(lambda: found.bridge.state is BridgeState.UNREACHABLE, 25)
            broker.thaw()
            await until(lambda: found.bridge.connected, 30)
