"""Two daemons of one home hear the same wake word, and one of them answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.mqtt.link import Caller, Link, Received
from rtaudio_daemon.mqtt.waiting import Message
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness
from tests.waiting import until

from .test_listening import ANSWER, SHORT, patient, spoken


class Exchange:
    """A broker that delivers after 20 ms, in one order for all; `hangs`: it delivers nothing."""

    def __init__(self) -> None:
        self.hangs = False
        self.links: list[Member] = []

    @asynccontextmanager
    async def connect(self, _settings: config.Mqtt, _caller: Caller) -> AsyncIterator[Link]:
        link = Member(self)
        self.links.append(link)
        yield link
        self.links.remove(link)

    def deliver(self, sender: Member, message: Message) -> None:
        if self.hangs:
            return
        received = Received(message.topic, message.payload.encode(), False)
        for each in self.links:
            if message.topic in each.own or (message.topic in each.topics and each is not sender):
                asyncio.get_running_loop().call_later(0.02, each.inbox.put_nowait, received)


class Member:
    """The connection of one daemon."""

    def __init__(self, exchange: Exchange) -> None:
        self.inbox: asyncio.Queue[Received] = asyncio.Queue()
        self.topics: list[str] = []
        self.own: list[str] = []
        self._exchange = exchange

    async def subscribe(self, *topics: str, own: bool = False) -> str:
        (self.own if own else self.topics).extend(topics)
        return ""

    async def publish(self, message: Message) -> None:
        self._exchange.deliver(self, message)

    async def publish_once(self, message: Message) -> None:
        self._exchange.deliver(self, message)

    async def messages(self) -> AsyncIterator[Received]:
        while True:
            yield await self.inbox.get()


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """The broker of both daemons."""
    found = Exchange()
    module = SimpleNamespace(connect=found.connect)
    monkeypatch.setitem(sys.modules, "rtaudio_daemon.mqtt.connection", module)
    return found


def in_room(name: str) -> Callable[[config.Config], config.Config]:
    def change(settings: config.Config) -> config.Config:
        return replace(patient(settings), mqtt=config.Mqtt(host="nas", id=name))

    return change


@asynccontextmanager
async def both(folder: Path, words: str = "alexa, what time is it") -> AsyncIterator[list[Harness]]:
    """The kitchen, and the bath, where the same is heard 40 ms later."""
    said = spoken(folder, words) if words else b""
    found = []
    for name, later_ms in (("kitchen", 0), ("bath", 40)):
        place = folder / name
        place.mkdir()
        heard = [(6000 + later_ms, said), (3000, b"")]
        simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Noon.", SHORT))
        found.append(Harness(place, heard, simulator=simulator, change=in_room(name)))
    async with found[0], found[1]:
        yield found


async def connected(daemon: Harness) -> None:
    while (await daemon.status())["connection"]["state"] != "open":
        await asyncio.sleep(0.1)


async def test_one_answers_and_the_other_gives_back_silence(
    tmp_path: Path, exchange: Exchange
) -> None:
    async with both(tmp_path) as (kitchen, bath):
        await kitchen.turns(1)
        await asyncio.sleep(10)
        rooms = {"kitchen": kitchen, "bath": bath}
        (loser,) = (name for name, each in rooms.items() if each.named("yielded"))
        (winner,) = rooms.keys() - {loser}
        assert (winner, loser) == ("kitchen", "bath")
        (event,) = bath.named("yielded")
        assert event["to"] == "kitchen"
        assert event["word"] == bath.named("wake")[0]["word"]
        assert kitchen.statuses[1:] == ["listening", "thinking", "speaking", "idle"]
        assert "thinking" not in bath.statuses
        assert bath.statuses[-1] == "idle"
        assert not bath.named("error")
        assert len(exchange.links) == 2
        async with bath.http.get("/metrics") as metrics:
            assert "rtaudio_mqtt_yielded_total 1.0" in await metrics.text()
    assert not bath.heard().any(), "not even a short sound"
    assert kitchen.heard().any()


async def test_where_the_broker_hangs_both_answer(tmp_path: Path, exchange: Exchange) -> None:
    async with both(tmp_path) as rooms:
        exchange.hangs = True
        for each in rooms:
            await each.turns(1)
            assert not each.named("yielded")


async def test_where_one_is_muted_the_other_answers(tmp_path: Path, exchange: Exchange) -> None:
    async with both(tmp_path) as (kitchen, bath):
        await kitchen.post("/api/mute")
        await bath.turns(1)
        assert not bath.named("yielded")
        assert not kitchen.named("wake")
        assert exchange.links


async def test_a_wake_word_alone_is_acknowledged_in_one_room(
    tmp_path: Path, exchange: Exchange
) -> None:
    async with both(tmp_path, "alexa") as (kitchen, bath):
        await bath.until(lambda: bath.named("yielded"))
        await asyncio.sleep(2)
        assert exchange.links
    assert kitchen.heard().any(), "the sound that invites to speak"
    assert not bath.heard().any()


async def test_a_button_that_is_held_gives_way_to_nobody(
    tmp_path: Path, exchange: Exchange
) -> None:
    async with both(tmp_path) as (kitchen, bath):
        await connected(bath)
        status, _ = await bath.post("/api/listen/start")
        assert status == 200
        assert not bath.app.controls.yield_to("kitchen", "alexa")
        assert (await bath.status())["talking"]
        await kitchen.turns(1)
        assert not bath.named("yielded")
        assert len(exchange.links) == 2


async def test_a_question_that_awaits_its_answer_gives_way_to_nobody(
    tmp_path: Path, exchange: Exchange
) -> None:
    async with both(tmp_path) as (_, bath):
        await connected(bath)
        asking = asyncio.create_task(bath.post("/api/ask", {"question": "Shall I open?"}))
        await until(lambda: bath.named("status"))
        assert not bath.app.controls.yield_to("kitchen", "alexa")
        await asking
        assert bath.simulator.sessions[-1].heard, "what was said then"
        assert not bath.named("yielded")
        assert exchange.links


async def test_an_announcement_is_spoken_once_in_every_room(
    tmp_path: Path, exchange: Exchange
) -> None:
    async with both(tmp_path, "") as (kitchen, bath):
        for each in (kitchen, bath):
            await connected(each)
        status, answer = await kitchen.post("/api/broadcast", {"text": "Dinner is ready."})
        assert (status, answer["sent"], answer["reason"]) == (200, True, "")
        said = answer["said"]["id"]
        for link in exchange.links:  # it comes again, to everybody
            message = {"id": said, "from": "hall", "text": "Dinner is ready."}
            received = Received("rtaudio-daemon/broadcast", json.dumps(message).encode(), False)
            link.inbox.put_nowait(received)
        await asyncio.sleep(20)
        for each in (kitchen, bath):
            assert [(one["id"], one["outcome"]) for one in each.named("said")] == [(said, "said")]
            assert each.statuses.count("speaking") == 1
            async with each.http.get("/api/tools") as tools:
                names = [tool["name"] for tool in (await tools.json())["list"]]
            assert "broadcast" in names
        _, output = await bath.post(
            "/api/tools/broadcast", {"arguments": {"text": "The bath is full."}}
        )
        assert output == {"result": {"this room": "waits to be spoken", "other rooms": "sent"}}
        await kitchen.turns(2)


async def test_without_a_broker_it_is_spoken_here_and_the_answer_says_so(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(9000, b"")]) as harness:
        await connected(harness)
        status, answer = await harness.post("/api/broadcast", {"text": "Dinner is ready."})
        assert (status, answer["sent"]) == (200, False)
        assert answer["reason"] == "nothing was sent: there is no MQTT broker here"
        await harness.turns(1)
        async with harness.http.get("/api/tools") as tools:
            names = [tool["name"] for tool in (await tools.json())["list"]]
        assert "broadcast" not in names


async def test_who_loses_in_the_middle_of_its_answer_is_silent(
    tmp_path: Path, exchange: Exchange
) -> None:
    said = [(2500, spoken(tmp_path, "alexa")), (3000, b"")]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER))
    async with Harness(tmp_path, said, simulator=simulator, change=in_room("kitchen")) as kitchen:
        await kitchen.until(lambda: kitchen.named("connection"))
        await kitchen.post("/api/say", {"text": "Will it rain?"})
        await kitchen.until(lambda: kitchen.named("wake"))
        assert "speaking" in kitchen.statuses
        claim = {"from": "hall", "n": 1, "word": kitchen.named("wake")[0]["word"]}
        received = Received("rtaudio-daemon/wake", json.dumps(claim).encode(), False)
        exchange.links[0].inbox.put_nowait(received)
        await kitchen.until(lambda: kitchen.named("yielded"))
        await asyncio.sleep(20)  # what the service had heard by then is given up after 15 s
        assert len(kitchen.named("interruption")) == 1
        assert kitchen.statuses[-1] == "idle"
        assert kitchen.statuses.count("speaking") == 1
        assert not kitchen.named("error")
