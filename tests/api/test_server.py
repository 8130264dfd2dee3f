"""The HTTP API: state, controls, events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any, Literal

import aiohttp
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.api.event_stream import HEARTBEAT_S
from rtaudio_daemon.api.server import ApiServer
from rtaudio_daemon.controls import (
    ConnectionStatus,
    DeviceStatus,
    MicrophoneStatus,
    Snapshot,
    UplinkStatus,
    UsageStatus,
)
from rtaudio_daemon.errors import (
    ConfigError,
    DeviceError,
    NotConnectedError,
    NotFoundError,
    NotNowError,
    RTAudioError,
)
from rtaudio_daemon.notifications import (
    ConnectionChanged,
    ConnectionState,
    DeviceState,
    ModelStatus,
    SoundChanged,
    StatusChanged,
    TextSaid,
    Transcript,
    TurnFinished,
)
from rtaudio_daemon.tools.timers.schedule import Schedule, Wish
from rtaudio_daemon.tools.timers.timer import Kind, Moment
from rtaudio_daemon.tools.timers.words import document
from tests.waiting import until

NOW = Moment(60.0, 60.0, UTC)


ACTIONS = [
    {
        "id": "1-2",
        "time": "2026-11-28T09:00:00.000Z",
        "call": "call_1",
        "tool": "open_gate",
        "source": "own",
        "phase": "done",
        "took_ms": 1240,
        "as_asked": "yes",
        "asked": "Open the gate.",
        "arguments": '{"who": "guest"}',
        "result": '{"result": "done"}',
    }
]


NOTE = {"id": "1", "text": "Ann eats no nuts.", "noted": "2026-11-28T12:00:00+00:00"}


class Person:
    """Fake controls; `told` are the calls in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.connected = True
        self.schedule = Schedule()
        self.schedule.set(Kind.TIMER, Wish(seconds=300, name="pasta"), NOW)
        self.now: dict[str, Any] = {}
        """What else is true of the snapshot."""
        self.acted: Sequence[Mapping[str, Any]] = ACTIONS
        self.attends = False
        self.echo: str | float = "auto"

    level_dbfs = -40.0

    def snapshot(self) -> Snapshot:
        muted = [told for told in self.told if told in ("mute", "unmute")]
        state = ConnectionState.OPEN if self.connected else ConnectionState.CLOSED
        snapshot = Snapshot(
            usage=UsageStatus(0, 0.0, 0.0, None, {}, {}),
            status=ModelStatus.IDLE,
            previous=ModelStatus.IDLE,
            since=1.5,
            connection=ConnectionStatus(state, "azure", "sess_1", 60.0, 0, 0, None, False),
            microphone=MicrophoneStatus(DeviceState.OK, "desk", None, self.level_dbfs),
            speaker=DeviceStatus(DeviceState.OK, "desk", None),
            sound=SoundChanged("cancel", "silero", "open"),
            muted=muted[-1:] == ["mute"],
            talking=False,
            volume=1.0,
            uplink=UplinkStatus(False, 0),
            version="0.0.0",
            uptime_s=2.0,
            timers=self.timers()["timers"],
        )
        return replace(snapshot, **self.now)

    def say(
        self,
        text: str,
        mode: Literal["verbatim", "prompt"],
        *,
        urgent: bool = False,
        remember: bool = False,
        said: str | None = None,
        chime: bool = False,
        listen: bool = False,
        instructions: str = "",
    ) -> str:
        if not self.connected:
            raise NotConnectedError("nothing was said")
        more = (*(["urgent"] * urgent), *(["remember"] * remember), *(["chime"] * chime))
        if listen:
            more = (*more, "listen", instructions)
        self.told.append((text, mode, *more))
        return said or "said_1"

    async def ask(
        self,
        question: str,
        answers: Sequence[Mapping[str, Any]],
        *,
        timeout_s: float,
        chime: bool,
    ) -> dict[str, Any]:
        self.told.append(("ask", question, list(answers), timeout_s, chime))
        return {"outcome": "answered", "text": "Yes!", "id": "yes", "reason": ""}

    async def broadcast(self, text: str) -> dict[str, Any]:
        said = self.say(text, "verbatim", chime=True) if self.connected else None
        reason = "" if said else "nothing was said"
        return {"id": said, "sent": True, "reason": reason}

    async def play(
        self, source: Mapping[str, str], *, urgent: bool = False, said: str | None = None
    ) -> str:
        self.told.append(("play", dict(source), *(["urgent"] * urgent)))
        return said or "said_1"

    def wake_words(self) -> dict[str, Any]:
        return {"words": [{"name": "hey marvin"}], "missing": ""}

    async def teach_wake_word(self, name: str, step: str) -> dict[str, Any]:
        self.told.append(("teach", name, step))
        found = {"name": name, "accepted": True, "reason": "", "recorded": 1, "needed": 5}
        return {**found, "how": "faster", "done": False, "score": None, "warnings": []}

    def forget_wake_word(self, name: str) -> None:
        if name == "nobody":
            raise NotFoundError(f"no word {name}")
        self.told.append(("forget", name))

    async def measure_echo(self) -> dict[str, Any]:
        self.told.append("measure_echo")
        curve = [-60.0] * 4 + [max(-60.0, -1.5 * step) for step in range(60)]
        found = {"noise_dbfs": -62.4, "delay_ms": 84.0, "echo_db": -11.6}
        return {**found, "advice": [], "curve": curve}

    def test_sound(self) -> str:
        self.told.append("test_sound")
        return "said_1"

    async def said(self, said: str, limit_s: float) -> TextSaid | None:
        return TextSaid(said, "said", 900) if limit_s else None

    def listen(self, on: bool) -> None:
        if self.snapshot().muted:
            raise NotNowError("muted")
        self.told.append("listen" if on else "listened")

    def attend(self) -> bool:
        self.told += ["attend"] * self.attends
        return self.attends

    def yield_to(self, other: str, word: str) -> bool:
        self.told.append(("yield", other, word))
        return True

    def set_volume(self, level: float) -> None:
        self.told.append(level)

    def choose_persona(self, name: str) -> None:
        if name not in ("", "mycroft"):
            raise NotFoundError("there is no such persona")
        self.told.append(("persona", name))

    async def settings(self) -> list[dict[str, Any]]:
        value = self.echo
        return [
            {
                "name": "echo",
                "option": "audio.echo",
                "value": value,
                "configured": "auto",
                "changed": value != "auto",
                "choices": ["auto", "off"],
            }
        ]

    async def choose(self, values: Mapping[str, str | float]) -> None:
        self.told.append(("choose", dict(values)))
        self.echo = values.get("echo", "auto")

    async def choose_nothing(self) -> None:
        self.told.append("choose nothing")
        self.echo = "auto"

    async def reload(self) -> dict[str, Any]:
        if not self.connected:
            raise ConfigError(["config.yaml:1: http.port: is odd"])
        return {"changed": [], "warnings": []}

    def tools(self) -> dict[str, Any]:
        return {"sources": [], "tools": 0, "tokens": 0, "notes": [], "list": []}

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any], *, confirmed: bool
    ) -> dict[str, Any]:
        self.told.append((name, arguments, confirmed))
        return {"result": "done"}

    def notes(self) -> Sequence[Mapping[str, Any]]:
        return [] if ("forget", "1") in self.told else [NOTE]

    async def forget_note(self, note_id: str) -> None:
        if note_id not in ("1", "pasta"):
            raise NotFoundError("there is no such note")
        self.told.append(("forget", note_id))

    def recorded_events(self) -> Mapping[str, Any]:
        events = [{"t": 1.5, "kind": "status", "status": "idle", "previous": "speaking"}]
        return {"format": 1, "seconds": 2.0, "dropped": 0, "events": events}

    def actions(self) -> Sequence[Mapping[str, Any]]:
        return [] if "forget" in self.told else self.acted

    async def forget_actions(self) -> None:
        if not self.connected:
            raise NotNowError("the actions are still on the disk")
        self.told.append("forget")

    async def devices(self) -> list[dict[str, Any]]:
        self.told.append("devices")
        return [{"name": "desk", "kind": "microphone", "direction": "input", "default": True}]

    def counts(self) -> dict[str, float]:
        return {"uplink_bytes": 7}

    def interrupt(self) -> None:
        self.told.append("interrupt")

    def timers(self) -> dict[str, Any]:
        found = [document(each, NOW) for each in self.schedule.timers(NOW)]
        return {"timers": found, "missed": []}

    async def set_timer(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        asked = {key: value for key, value in wish.items() if key != "kind"}
        timer = self.schedule.set(Kind(wish["kind"]), Wish(**asked), NOW)
        self.told.append("set")
        return document(timer, NOW)

    async def change_timer(self, which: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        timer = self.schedule.change(which, Wish(**wish), NOW)
        self.told.append("change")
        return document(timer, NOW)

    async def cancel_timer(self, which: str) -> dict[str, Any]:
        timer = self.schedule.cancel(which, NOW)
        self.told.append("cancel")
        return document(timer, NOW)

    async def dismiss(self) -> None:
        self.told.append("dismiss")

    async def snooze(self, seconds: float | None = None) -> None:
        self.told.append(("snooze", seconds))

    def mute(self, muted: bool) -> None:
        self.told.append("mute" if muted else "unmute")


class HttpApi:
    """A running API server and a client of it."""

    def __init__(self, **settings: Any) -> None:
        self.person = Person()
        self.server = ApiServer(
            config.Http(port=0, **settings), self.person, boot="b1", wall_clock=lambda: 1.5
        )
        self.http: aiohttp.ClientSession

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.http.post(path, json={} if body is None else body) as answer:
            return answer.status, await answer.json()

    def subscribe(self, path: str = "/api/events", last: str = "") -> Any:
        headers = {"Last-Event-ID": last} if last else {}
        return self.http.get(path, headers=headers, timeout=aiohttp.ClientTimeout())

    def change(self, status: ModelStatus) -> None:
        self.server.publish(StatusChanged(status, ModelStatus.IDLE))


@pytest.fixture
async def http_api() -> AsyncIterator[HttpApi]:
    http_api = HttpApi()
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(base_url=address) as http_api.http,
    ):
        yield http_api


async def read(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The next event: its fields, and the comments before it under ''."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(60):
        async for raw in answer.content:
            line = raw.decode().rstrip("\n")
            if not line:
                if "data" in fields:
                    return fields
                continue
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
    raise AssertionError("the stream ended")


async def test_the_first_event_is_a_snapshot_and_the_next_is_news(http_api: HttpApi) -> None:
    async with http_api.subscribe() as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        first = await read(answer)
        assert (first["id"], first["event"], first["retry"]) == ("b1-0", "snapshot", "2000")
        snapshot = json.loads(first["data"])
        assert snapshot["time"] == snapshot["since"] == "1970-01-01T00:00:01.500Z"
        assert (snapshot["status"], snapshot["muted"]) == ("idle", False)
        http_api.change(ModelStatus.LISTENING)
        second = await read(answer)
        assert (second["id"], second["event"]) == ("b1-1", "status")
        assert json.loads(second["data"])["status"] == "listening"


async def test_whoever_returns_gets_exactly_what_was_missed(http_api: HttpApi) -> None:
    for status in (ModelStatus.LISTENING, ModelStatus.THINKING, ModelStatus.SPEAKING):
        http_api.change(status)
    async with http_api.subscribe(last="b1-1") as answer:
        assert [(await read(answer))["id"] for _ in range(2)] == ["b1-2", "b1-3"]
        http_api.change(ModelStatus.IDLE)
        assert (await read(answer))["id"] == "b1-4"


@pytest.mark.parametrize("last", ["", "b1-1"])
async def test_every_block_of_the_stream_carries_data(http_api: HttpApi, last: str) -> None:
    # httpx-sse and aiosseclient report a block without data as an empty message.
    http_api.change(ModelStatus.LISTENING)
    async with http_api.subscribe(last=last) as answer:
        await asyncio.sleep(HEARTBEAT_S + 1)
        http_api.change(ModelStatus.THINKING)
        await asyncio.sleep(HEARTBEAT_S + 1)
        http_api.change(ModelStatus.IDLE)
        blocks: list[str] = []
        while "b1-3" not in "".join(blocks[-1:]):
            blocks.append((await answer.content.readuntil(b"\n\n")).decode())
    assert len(blocks) == (2 if last else 3)
    assert all("\ndata: " in block for block in blocks)
    assert blocks[0].startswith("retry: 2000\n")
    assert ": still here\n" in "".join(blocks)


@pytest.mark.parametrize(
    "last",
    ["b0-1", "b1-9", "b1-x", "nonsense", "b1-" + "9" * 5000, "b1-" + "0" * 5000, "b1-²", "b1-١"],
)
async def test_a_gap_that_cannot_be_filled_begins_with_the_whole_status(
    http_api: HttpApi, last: str
) -> None:
    http_api.change(ModelStatus.LISTENING)
    async with http_api.subscribe(last=last) as answer:
        first = await read(answer)
        assert first["event"] == "snapshot"
        assert json.loads(first["data"])["gap"] is True


async def test_events_older_than_the_ring_are_a_gap(http_api: HttpApi) -> None:
    for _ in range(300):
        http_api.change(ModelStatus.LISTENING)
    async with http_api.subscribe(last="b1-10") as answer:
        assert json.loads((await read(answer))["data"])["gap"] is True
    async with http_api.subscribe(last="b1-299") as answer:
        assert (await read(answer))["id"] == "b1-300"


async def test_events_beyond_four_megabytes_are_not_kept(http_api: HttpApi) -> None:
    events = http_api.server.events
    for number in range(100):
        events.publish("transcript", {"text": "x" * 64 * 1024, "number": number})
    async with http_api.subscribe(last="b1-36") as answer:
        assert json.loads((await read(answer))["data"])["gap"] is True
    async with http_api.subscribe(last="b1-37") as answer:
        assert (await read(answer))["id"] == "b1-38", "62 of 64 KiB and a little are 4 MiB"
    events.forget("transcript")
    http_api.change(ModelStatus.LISTENING)
    events.publish("transcript", {"text": "x" * 5_000_000})
    async with http_api.subscribe(last="b1-101") as answer:
        assert json.loads((await read(answer))["data"])["gap"] is True
    http_api.change(ModelStatus.IDLE)
    async with http_api.subscribe(last="b1-102") as answer:
        assert (await read(answer))["id"] == "b1-103"


async def test_a_filter_lets_only_the_wanted_events_through(http_api: HttpApi) -> None:
    async with http_api.subscribe("/api/events?types=turn,connection") as answer:
        assert (await read(answer))["event"] == "snapshot"
        http_api.change(ModelStatus.LISTENING)
        http_api.server.publish(TurnFinished("resp_1", "completed", {"first_audio_ms": 430}))
        event = await read(answer)
        assert event["event"] == "turn"
        assert json.loads(event["data"])["first_audio_ms"] == 430
        change = ConnectionChanged(ConnectionState.OPEN, "azure", expires_at=60.0)
        http_api.server.publish(change)
        data = json.loads((await read(answer))["data"])
        assert data["expires_at"] == "1970-01-01T00:01:00.000Z"


async def test_what_was_said_stays_in_the_house_unless_allowed(http_api: HttpApi) -> None:
    async with http_api.subscribe() as answer:
        await read(answer)
        http_api.server.publish(Transcript("user", "a secret", True, "item_1"))
        http_api.change(ModelStatus.LISTENING)
        assert (await read(answer))["event"] == "status"


async def test_what_may_not_be_published_any_more_is_not_told_to_those_who_return(
    http_api: HttpApi,
) -> None:
    http_api.server.adjust(config.Http(publish_transcripts=True))
    http_api.change(ModelStatus.LISTENING)
    http_api.server.publish(Transcript("user", "a secret", True, "item_1"))
    http_api.change(ModelStatus.THINKING)
    async with http_api.subscribe(last="b1-1") as answer:
        assert [(await read(answer))["event"] for _ in range(2)] == ["transcript", "status"]
        http_api.server.adjust(config.Http())
        http_api.server.publish(Transcript("user", "another", True, "item_2"))
        http_api.change(ModelStatus.IDLE)
        assert (await read(answer))["id"] == "b1-4"
    async with http_api.subscribe(last="b1-1") as answer:
        assert [(await read(answer))["id"] for _ in range(2)] == ["b1-3", "b1-4"]


async def test_a_quiet_stream_is_kept_alive(http_api: HttpApi) -> None:
    async with http_api.subscribe() as answer:
        await read(answer)
        await asyncio.sleep(HEARTBEAT_S + 1)
        http_api.change(ModelStatus.LISTENING)
        assert (await read(answer))[""] == "still here"


async def test_a_subscriber_that_leaves_is_noticed(http_api: HttpApi) -> None:
    async with http_api.subscribe() as answer:
        await read(answer)
        assert http_api.server.events.subscribers == 1
    await until(lambda: http_api.server.events.subscribers == 0)


@pytest.mark.real_time
async def test_a_subscriber_that_does_not_read_is_dropped_and_the_others_go_on(
    http_api: HttpApi,
) -> None:
    port = int(http_api.server.address.rpartition(":")[2])
    _reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    async with http_api.subscribe() as answer:
        await read(answer)
        await until(lambda: http_api.server.events.subscribers == 2)
        async with asyncio.timeout(60):
            sent = 0
            while http_api.server.events.dropped == 0:
                sent += 1
                assert sent < 100_000
                http_api.change(ModelStatus.LISTENING)
                await read(answer)
        assert (await read_one_more(http_api, answer))["event"] == "status"
    writer.close()


async def read_one_more(http_api: HttpApi, answer: aiohttp.ClientResponse) -> dict[str, str]:
    http_api.change(ModelStatus.IDLE)
    return await read(answer)


async def test_going_down_is_told_and_ends_the_stream() -> None:
    http_api = HttpApi()
    async with aiohttp.ClientSession() as http:
        async with http_api.server.listening() as address:
            answer = await http.get(f"{address}/api/events", timeout=aiohttp.ClientTimeout())
            await read(answer)
        assert (await read(answer))["event"] == "shutdown"
        assert await answer.content.read() == b""


async def test_too_many_subscribers_are_sent_away_for_a_while(http_api: HttpApi) -> None:
    http_api.server.adjust(config.Http(max_subscribers=1))
    async with http_api.subscribe() as answer:
        await read(answer)
        async with http_api.subscribe() as refused:
            assert refused.status == 503
            assert refused.headers["Retry-After"] == "10"
            assert (await refused.json())["error"]["code"] == "service_unavailable"


async def test_the_verbs_reach_the_person_and_answer_with_the_state(http_api: HttpApi) -> None:
    status, state = await http_api.post("/api/mute")
    assert (status, state["muted"]) == (200, True)
    await http_api.post("/api/unmute")
    await http_api.post("/api/interrupt")
    await http_api.post("/api/say", {"text": "hello"})
    await http_api.post("/api/say", {"text": "dinner", "mode": "verbatim"})
    assert http_api.person.told == [
        "mute",
        "unmute",
        "interrupt",
        ("hello", "prompt"),
        ("dinner", "verbatim"),
    ]


async def test_people_can_be_asked_and_conversations_be_started(http_api: HttpApi) -> None:
    body = {"question": "Open?", "answers": [{"id": "yes", "sentences": ["Yes"]}, {"id": "no"}]}
    status, answer = await http_api.post("/api/ask", body)
    assert status == 200
    assert answer == {"outcome": "answered", "text": "Yes!", "id": "yes", "reason": ""}
    await http_api.post("/api/ask", {"question": "Who?", "timeout_s": 5, "chime": False})
    status, answer = await http_api.post(
        "/api/start_conversation", {"text": "Milk?", "instructions": "Be brief.", "chime": True}
    )
    assert (status, answer["said"]["id"]) == (200, "said_1")
    assert http_api.person.told == [
        ("ask", "Open?", body["answers"], 20.0, True),
        ("ask", "Who?", [], 5.0, False),
        ("Milk?", "verbatim", "remember", "chime", "listen", "Be brief."),
    ]


async def test_an_announcement_everywhere_says_what_is_known_of_it(http_api: HttpApi) -> None:
    status, answer = await http_api.post("/api/broadcast", {"text": "Dinner."})
    assert (status, answer["said"], answer["sent"]) == (200, {"id": "said_1"}, True)
    assert http_api.person.told == [("Dinner.", "verbatim", "chime")]
    http_api.person.connected = False
    status, answer = await http_api.post("/api/broadcast", {"text": "Dinner."})
    assert (status, "said" in answer, answer["sent"]) == (200, False, True)
    assert answer["reason"] == "nothing was said"
    for body in ({}, {"text": " "}, {"text": "a", "mode": "prompt"}):
        status, _ = await http_api.post("/api/broadcast", body)
        assert status == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": " "},
        {"question": "x" * 4001},
        {"question": "a", "answers": [{"id": "b"}] * 33},
        {"question": "a", "answers": [{}]},
        {"question": "a", "answers": [{"id": ""}]},
        {"question": "a", "answers": ["yes"]},
        {"question": "a", "answers": [{"id": "b", "sentences": ["c" * 201]}]},
        {"question": "a", "answers": [{"id": "b", "sentences": [7]}]},
        {"question": "a", "timeout_s": 0},
        {"question": "a", "timeout_s": 121},
    ],
)
async def test_a_question_that_is_wrong_is_refused(http_api: HttpApi, body: Any) -> None:
    status, answer = await http_api.post("/api/ask", body)
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert http_api.person.told == []


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": 7}, {"text": "x" * 4001}, {"text": "a", "mode": "x"}, []]
)
async def test_a_bad_request_is_told_what_is_wrong(http_api: HttpApi, body: Any) -> None:
    status, answer = await http_api.post("/api/say", body)
    assert status == 400
    assert answer["error"]["code"] == "bad_request"
    assert answer["error"]["message"]
    assert http_api.person.told == []


async def test_what_is_not_json_is_refused(http_api: HttpApi) -> None:
    json_type = {"Content-Type": "application/json"}
    half = (b'{"text": "\\ud800"}', b'{"\\ud800": 1}', b'{"text": "\xed\xa0\x80"}')
    for data in (b"\xff{", b"[" * 60_000, b'{"text": "a", "remember": NaN}', *half):
        async with http_api.http.post("/api/say", data=data, headers=json_type) as answer:
            assert answer.status == 400
    async with http_api.http.post("/api/say", data=b'{"text":\n x}', headers=json_type) as answer:
        message = (await answer.json())["error"]["message"]
    assert message == "the body must be a JSON object; see line 2, column 2"


async def test_an_address_that_there_is_not_names_the_list_of_them(http_api: HttpApi) -> None:
    status, answer = await asked(http_api, "POST", "/api/sya", {"text": "a"})
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert "/openapi.json lists" in answer["error"]["message"]


async def test_a_body_that_is_not_what_its_headers_say_is_refused(http_api: HttpApi) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with http_api.http.post("/api/mute", data=b"{}", headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["message"] == "the body is not what its headers say"
    assert http_api.person.told == []


async def test_without_a_connection_nothing_is_said_and_that_is_told(http_api: HttpApi) -> None:
    http_api.person.connected = False
    status, answer = await http_api.post("/api/say", {"text": "hello"})
    assert (status, answer["error"]["code"]) == (503, "not_connected")


async def asked(http_api: HttpApi, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with http_api.http.request(method, path, json=body or {}) as answer:
        return answer.status, await answer.json()


async def test_timers_are_set_changed_listed_and_removed(http_api: HttpApi) -> None:
    status, answer = await asked(
        http_api, "POST", "/api/timers", {"kind": "alarm", "at": "07:00", "days": ["fri"]}
    )
    assert (status, answer["status"], answer["timer"]["id"]) == (200, "idle", "2")
    assert [each["id"] for each in answer["timers"]] == ["1", "2"]
    status, answer = await asked(http_api, "PATCH", "/api/timers/pasta", {"more_s": 60})
    assert (status, answer["timer"]["left_s"]) == (200, 360.0)
    status, answer = await asked(http_api, "DELETE", "/api/timers/2")
    assert (status, answer["timer"]["days"]) == (200, ["fri"])
    status, answer = await asked(http_api, "GET", "/api/timers")
    assert (status, [each["name"] for each in answer["timers"]]) == (200, ["pasta"])
    for path in ("dismiss", "snooze"):
        assert (await asked(http_api, "POST", f"/api/timers/{path}"))[0] == 200
    assert http_api.person.told == ["set", "change", "cancel", "dismiss", ("snooze", None)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "", {"kind": "timer"}, 400, "bad_request"),
        ("POST", "", {"kind": "reminder", "seconds": 5}, 409, "wrong_value"),
        ("PATCH", "/soup", {"seconds": 5}, 404, "not_found"),
        ("DELETE", "/soup", {}, 404, "not_found"),
        ("DELETE", "/dismiss", {}, 405, "method_not_allowed"),
    ],
)
async def test_a_timer_that_cannot_be_is_explained(
    http_api: HttpApi, method: str, path: str, body: Any, status: int, code: str
) -> None:
    found, answer = await asked(http_api, method, f"/api/timers{path}", body)
    assert (found, answer["error"]["code"]) == (status, code)


async def test_tools_are_listed_and_called_by_hand(http_api: HttpApi) -> None:
    status, answer = await asked(http_api, "GET", "/api/tools")
    assert (status, answer["list"]) == (200, [])
    body = {"arguments": {"percent": 40, "more": [None]}, "confirm": True}
    assert await asked(http_api, "POST", "/api/tools/volume", body) == (200, {"result": "done"})
    assert await asked(http_api, "POST", "/api/tools/a%2Fb") == (200, {"result": "done"})
    assert http_api.person.told == [
        ("volume", {"percent": 40, "more": [None]}, True),
        ("a/b", {}, False),
    ]


@pytest.mark.parametrize(
    "body", [{"arguments": []}, {"confirm": 1}, {"percent": 40}, {"arguments": None}]
)
async def test_a_call_by_hand_that_is_none_is_explained(http_api: HttpApi, body: Any) -> None:
    status, answer = await asked(http_api, "POST", "/api/tools/volume", body)
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert http_api.person.told == []


async def test_notes_are_listed_and_deleted(http_api: HttpApi) -> None:
    assert await asked(http_api, "GET", "/api/notes") == (200, {"notes": [NOTE]})
    status, answer = await asked(http_api, "DELETE", "/api/notes/2")
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert await asked(http_api, "DELETE", "/api/notes/1") == (200, {"notes": []})


async def test_the_last_actions_are_listed_and_forgotten(http_api: HttpApi) -> None:
    async with http_api.http.get("/api/actions") as answer:
        (found,) = (await answer.json())["actions"]
    assert found == {
        key: value
        for key, value in ACTIONS[0].items()
        if key not in ("asked", "arguments", "result")
    }, "what was said is nobody's business"
    http_api.server.adjust(config.Http(port=0, publish_transcripts=True))
    async with http_api.http.get("/api/actions") as answer:
        assert (await answer.json())["actions"] == ACTIONS
    http_api.person.connected = False
    async with http_api.http.delete("/api/actions") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (409, "not_now")
    http_api.person.connected = True
    async with http_api.http.delete("/api/actions") as answer:
        assert (answer.status, await answer.json()) == (200, {"actions": []})


async def test_who_may_only_read_sees_the_last_actions_and_forgets_none() -> None:
    token, reader = "full-" * 8, "read-" * 8
    secrets = {"token": config.Secret(token), "read_token": config.Secret(reader)}
    http_api = HttpApi(**secrets)
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {reader}"}) as http,
    ):
        async with http.get("/api/actions") as answer:
            assert answer.status == 200
        async with http.delete("/api/actions") as answer:
            assert answer.status == 403
    assert http_api.person.told == []


async def test_devices_that_cannot_be_listed_are_unavailable_for_a_while(
    http_api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def devices() -> list[dict[str, Any]]:
        asked.append(1)
        await asyncio.sleep(10)
        raise DeviceError("cannot list the devices: the sound server does not answer")

    monkeypatch.setattr(http_api.person, "devices", devices)

    async def ask() -> tuple[int, str]:
        async with http_api.http.get("/api/devices") as answer:
            assert answer.headers["Retry-After"] == "5"
            return answer.status, (await answer.json())["error"]["message"]

    began = asyncio.get_running_loop().time()
    found = await asyncio.gather(*(ask() for _ in range(5)))
    assert found == [(503, "cannot list the devices: the sound server does not answer")] * 5
    assert len(asked) == 1, "those who wait do not wait one after the other"
    assert asyncio.get_running_loop().time() - began < 11


async def test_unknown_places_and_methods_are_answered_in_json(http_api: HttpApi) -> None:
    assert (await http_api.post("/api/nothing"))[0] == 404
    status, answer = await http_api.post("/api/status")
    assert (status, answer["error"]["code"]) == (405, "method_not_allowed")
    async with http_api.http.get("/api/say") as refused:
        assert (refused.status, refused.headers["Allow"]) == (405, "POST")
        assert (await refused.json())["error"]["message"] == "send POST here, not GET"


async def test_a_fault_of_ours_is_logged_and_not_shown(
    http_api: HttpApi, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("key=sesame")

    http_api.person.interrupt = broken  # type: ignore[method-assign]
    status, answer = await http_api.post("/api/interrupt")
    assert status == 500
    assert "sesame" not in str(answer)
    assert "POST /api/interrupt failed" in caplog.text


async def test_a_taken_port_is_told_with_a_remedy(http_api: HttpApi) -> None:
    port = int(http_api.server.address.rpartition(":")[2])
    other = ApiServer(config.Http(port=port), Person(), boot="b2")
    with pytest.raises(RTAudioError, match=r"http\.port"):
        async with other.listening():
            pass


async def test_settings_are_listed_chosen_and_undone(http_api: HttpApi) -> None:
    status, found = await http_api.post("/api/settings", {"echo": "off"})
    assert (status, found["settings"][0]["value"]) == (200, "off")
    async with http_api.http.delete("/api/settings") as answer:
        assert (await answer.json())["settings"][0]["value"] == "auto"
    wrongs: list[dict[str, Any]] = [{"echo": ""}, {"volume": 2}, {"tools": {}}, {"voice": 1}]
    for wrong in wrongs:
        assert (await http_api.post("/api/settings", wrong))[0] == 400
    assert http_api.person.told == [("choose", {"echo": "off"}), "choose nothing"]
    status, found = await http_api.post("/api/test_sound")
    assert (status, found["said"]["outcome"]) == (200, "said")


async def test_who_answers_is_chosen_by_name(http_api: HttpApi) -> None:
    for name in ("mycroft", ""):
        status, state = await asked(http_api, "POST", "/api/persona", {"name": name})
        assert status == 200
        assert state["persona"] == {"name": "", "wanted": "", "names": []}
    assert http_api.person.told == [("persona", "mycroft"), ("persona", "")]
    status, answer = await asked(http_api, "POST", "/api/persona", {"name": "nobody"})
    assert (status, answer["error"]["code"]) == (404, "not_found")
    for wrong in ({}, {"name": 1}, {"name": "x" * 49}):
        assert (await asked(http_api, "POST", "/api/persona", wrong))[0] == 400
