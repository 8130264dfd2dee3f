"""Who answers a wake word that several daemons heard: on virtual time, and at a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.config import Mqtt
from rtaudio_daemon.controls import DeviceStatus
from rtaudio_daemon.mqtt.topics import Topics
from rtaudio_daemon.mqtt.waiting import Message
from rtaudio_daemon.notifications import ConnectionState, DeviceState, WakeWordHeard
from tests.waiting import until

from .broker import Broker
from .fakes import FakeBroker, World, world
from .test_connection import Daemon, daemon

WORD = "okay_nabu"
WAKE = "base/wake"
ROUNDS = 100
NAMES = ("bath", "hall", "kitchen")


class Echoing(FakeBroker):
    """Brings our own claims back after `delay_s`."""

    delay_s = 0.02

    async def publish_once(self, message: Message) -> None:
        await super().publish_once(message)
        loop = asyncio.get_running_loop()
        loop.call_later(self.delay_s, self.send, message.topic, message.payload)


def yielded(found: World) -> list[Any]:
    return [each for each in found.person.told if each[0] == "yield"]


def claim(sender: str, n: int = 1) -> str:
    return json.dumps({"from": sender, "n": n, "word": WORD})


async def test_a_wake_word_is_claimed_and_answered_when_the_claim_comes_back_first() -> None:
    broker = Echoing()
    async with world(broker) as found:
        assert broker.own == [WAKE]
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(0.01)
        assert broker.at(WAKE) == [claim("me")]
        broker.send(WAKE, claim("bath"))  # comes before ours
        await asyncio.sleep(0.05)
        assert yielded(found) == [("yield", "bath", WORD)]
        assert found.bridge.answering.yielded == 1

        await asyncio.sleep(10)
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(0.15)  # the bath goes first
        assert broker.at(WAKE) == [claim("me"), claim("me", 2)]
        broker.send(WAKE, claim("bath", 2))  # comes after ours
        await asyncio.sleep(1)
        assert len(yielded(found)) == 1
        assert found.bridge.answering.yielded == 1


async def test_a_claim_that_does_not_come_back_in_time_is_as_good_as_won() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(0.301)
        broker.send(WAKE, claim("bath"))
        await asyncio.sleep(1)
        assert yielded(found) == []


async def test_without_a_broker_nobody_waits_and_later_nothing_is_claimed() -> None:
    broker = Echoing()
    async with world(broker) as found:
        broker.lose()
        await asyncio.sleep(0.01)
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(10)
        assert found.bridge.connected
        broker.send(WAKE, claim("bath"))
        await asyncio.sleep(1)
        assert broker.at(WAKE) == []
        assert yielded(found) == []


async def test_a_claim_that_was_open_when_the_broker_went_is_forgotten() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        await asyncio.sleep(20)
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(0.01)
        broker.lose()
        await asyncio.sleep(5)
        broker.send(WAKE, claim("bath"))
        await asyncio.sleep(1)
        assert yielded(found) == []


async def test_what_is_retained_or_no_claim_counts_for_nothing() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        broker.send(WAKE, claim("bath"), retained=True)
        broker.send(WAKE, "{")
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(1)
        assert yielded(found) == []
        assert broker.at(WAKE) == [claim("me")]
        assert found.errors == []


async def test_who_has_no_session_claims_nothing_and_gives_way() -> None:
    broker = Echoing()
    async with world(broker) as found:
        found.person.connected = False
        assert found.person.snapshot().connection.state is ConnectionState.CLOSED
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(0.1)
        broker.send(WAKE, claim("bath"))
        await asyncio.sleep(1)
        assert broker.at(WAKE) == []
        assert yielded(found) == [("yield", "bath", WORD)]


async def test_whose_loudspeaker_is_lost_leaves_the_word_to_who_can_be_heard() -> None:
    broker = Echoing()
    async with world(broker) as found:
        found.person.now["speaker"] = DeviceStatus(DeviceState.LOST, "desk", "unplugged")
        found.happen(WakeWordHeard(WORD))
        await asyncio.sleep(0.1)
        broker.send(WAKE, claim("bath"))
        await asyncio.sleep(1)
        assert broker.at(WAKE) == []
        assert yielded(found) == [("yield", "bath", WORD)]


class SlowWire:
    """A TCP proxy to a broker that holds every piece up for a while, and keeps their order."""

    def __init__(self, port: int, longest_s: float, chance: random.Random) -> None:
        self.port = 0
        self._to = port
        self._longest_s = longest_s
        self._chance = chance
        self._passing: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[SlowWire]:
        """It listens at `port`."""
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()
        for each in self._passing:
            each.cancel()
        await asyncio.wait(self._passing)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
            self._passing += [
                asyncio.create_task(self._hold_up(source, held)),
                asyncio.create_task(self._let_go(held, target)),
            ]

    async def _hold_up(
        self, reader: asyncio.StreamReader, held: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        now = asyncio.get_running_loop().time
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                held.put_nowait((now() + self._chance.uniform(0, self._longest_s), piece))

    async def _let_go(
        self, held: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        now = asyncio.get_running_loop().time
        try:
            while True:
                due, piece = await held.get()
                await asyncio.sleep(due - now())
                writer.write(piece)
        finally:
            writer.close()


@asynccontextmanager
async def three(broker: Broker, longest_s: float) -> AsyncIterator[list[Daemon]]:
    """Three that are connected, each by a wire of its own."""
    async with AsyncExitStack() as parts:
        found = []
        for number, name in enumerate(NAMES):
            wire = SlowWire(broker.port, longest_s, random.Random(number))
            await parts.enter_async_context(wire.listening())
            topics = Topics("rtaudio-daemon", name)
            options = {"discovery_prefix": "", "port": wire.port}
            found.append(await parts.enter_async_context(daemon(broker, topics, **options)))
        await until(lambda: all(each.bridge.connected for each in found))
        yield found


async def rounds(daemons: Sequence[Daemon], numbers: range) -> list[int]:
    """Say one word after the other, heard at once; how many answered, each time."""
    answered = []
    for number in numbers:
        heard = WakeWordHeard(f"word {number}")
        for each in random.Random(number).sample(daemons, len(daemons)):
            each.happen(heard)
        await asyncio.sleep(0.6)
        answered.append(sum(each.person.told == [] for each in daemons))
        for each in daemons:
            each.person.told.clear()
    return answered


@pytest.mark.slow
@pytest.mark.real_time
async def test_case_49_at_a_slow_broker_one_of_three_answers_a_hundred_times(
    tmp_path: Path,
) -> None:
    """Up to 120 ms there, and as much back."""
    with Broker(tmp_path) as broker:
        async with three(broker, 0.12) as daemons:
            assert await rounds(daemons, range(ROUNDS)) == [1] * ROUNDS


@pytest.mark.slow
@pytest.mark.real_time
async def test_case_49_one_is_muted_and_one_of_the_others_answers(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with three(broker, 0.12) as daemons:
            assert await rounds(daemons[1:], range(20)) == [1] * 20


@pytest.mark.slow
@pytest.mark.real_time
async def test_case_49_when_the_broker_hangs_all_answer(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with three(broker, 0.0) as daemons:
            assert await rounds(daemons, range(1)) == [1]
            broker.freeze()
            assert await rounds(daemons, range(1, 6)) == [3] * 5
            broker.thaw()


@pytest.mark.real_time
async def test_case_49_a_real_broker_brings_our_own_claims_back(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        topics = [Topics("rtaudio-daemon", name) for name in NAMES[:2]]
        async with daemon(broker, topics[0]) as one, daemon(broker, topics[1]) as other:
            for each in (one, other):
                each.bridge.answering.claims.limit_s = 60.0  # however slow this machine is
            await until(lambda: one.bridge.connected and other.bridge.connected)
            one.happen(WakeWordHeard(WORD))
            other.happen(WakeWordHeard(WORD))
            await until(lambda: one.bridge.answering.yielded + other.bridge.answering.yielded == 1)
            await until(
                lambda: not (one.bridge.answering.undecided or other.bridge.answering.undecided)
            )
            assert one.bridge.answering.yielded + other.bridge.answering.yielded == 1


def test_the_topic_of_claims_is_the_same_for_all() -> None:
    assert {Topics("base", name).wake for name in NAMES} == {WAKE}
    assert Mqtt().base == "rtaudio-daemon"
