"""Every fault strikes at its moment, and only then."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from rtaudio_daemon.simulator.fault_injection import EventFaults, FaultInjector, fault_from
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.protocol.rejection import Rejection
from rtaudio_daemon.simulator.scenario import scenario_from
from rtaudio_daemon.simulator.server.admin_api import rejected_origin
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import PATHS, Caller, EnergyHearing, call, loud, quiet

DELTA = "response.audio.delta"
DROPPED = (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def frames(caller: Caller, count: int) -> list[Any]:
    """The next text frames as they are, parsed where they are JSON."""
    found: list[Any] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            raw = await caller.socket.receive_str()
            try:
                found.append(json.loads(raw))
            except ValueError:
                found.append(raw)
    return found


async def test_a_drop_cuts_the_line_without_a_word(simulator: Simulator, caller: Caller) -> None:
    simulator.fault("drop")
    assert (await caller.socket.receive()).type in DROPPED
    assert caller.socket.close_code == 1006


async def test_a_drop_can_wait_for_an_event_and_strikes_once(
    simulator: Simulator, dialect: Dialect
) -> None:
    simulator.fault("drop", on=DELTA, nth=3)
    async with call(simulator, dialect) as caller:
        await caller.write("word " * 40)
        await caller.send("response.create")
        await caller.until(DELTA)
        with pytest.raises(TypeError):  # what is received is no text: the end of the connection
            await caller.until("response.done")
        assert len(caller.of(DELTA)) == 2
    async with call(simulator, dialect) as again:
        await again.write("hello")
        await again.send("response.create")
        await again.until("response.done")


async def test_faults_strike_by_the_clock_of_the_connection(
    simulator: Simulator, caller: Caller
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    simulator.fault("close", at_s=30, code=1012, reason="restart")
    async with asyncio.timeout(60):
        message = await caller.socket.receive()
    assert (message.data, message.extra) == (1012, "restart")
    assert loop.time() - began == pytest.approx(30, abs=1)


async def test_a_stalled_line_sends_nothing_and_answers_no_ping(
    simulator: Simulator, dialect: Dialect
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(simulator.url + PATHS[dialect], autoping=False) as socket,
    ):
        await socket.receive_str()
        if dialect == "preview":
            await socket.receive_str()
        await socket.ping(b"1")
        assert (await socket.receive()).type is aiohttp.WSMsgType.PONG
        simulator.fault("stall", for_s=30)
        await asyncio.sleep(0.1)
        await socket.ping(b"2")
        await socket.send_json({"type": "input_audio_buffer.clear"})
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=20)
        async with asyncio.timeout(30):
            message = await socket.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"2")
            assert (await socket.receive_json())["type"] == "input_audio_buffer.cleared"


async def test_a_slow_line_takes_its_time_for_each_frame(
    simulator: Simulator, caller: Caller
) -> None:
    clock = asyncio.get_running_loop().time
    simulator.fault("slow", delay_s=2.0)
    await asyncio.sleep(0)
    began = clock()
    for _ in range(3):
        await caller.send("input_audio_buffer.clear")
        await caller.until("input_audio_buffer.cleared")
    assert clock() - began == pytest.approx(6.0, abs=0.5)


async def test_a_session_can_be_made_to_expire(simulator: Simulator, caller: Caller) -> None:
    simulator.fault("expire")
    assert (await caller.refusal())["code"] == "session_expired"
    message = await caller.socket.receive()
    assert message.data == 1001
    assert "maximum duration" in str(message.extra)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ({"fault": "omit"}, ["b", "c"]),
        ({"fault": "omit", "times": 0}, []),
        ({"fault": "omit", "nth": 2}, ["a", "c"]),
        ({"fault": "duplicate"}, ["a", "a", "b", "c"]),
        ({"fault": "reorder"}, ["b", "a", "c"]),
        ({"fault": "reorder", "on": "b"}, ["a", "c", "b"]),
        ({"fault": "malformed", "on": "b"}, ["a", "{", "c"]),
        ({"fault": "malformed", "on": "b", "text": "[]"}, ["a", "[", "c"]),
        ({"fault": "unknown_event", "on": "b"}, ["a", "simulator.unknown", "b", "c"]),
        ({"fault": "error", "on": "c"}, ["a", "b", "error", "c"]),
    ],
)
def test_events_are_disturbed(fault: dict[str, Any], seen: list[str]) -> None:
    line = EventFaults(FaultInjector([fault_from(fault)]))
    sent = []
    for kind in "abc":
        event = {"type": kind}
        sent += line.disturbed(event, line.strikes(event))
    assert [each[0] if isinstance(each, str) else each["type"] for each in sent] == seen


def test_unknown_fields_are_everywhere() -> None:
    line = EventFaults(FaultInjector([fault_from({"fault": "unknown_fields"})]))
    event = {"type": "response.done", "response": {"id": "a"}}
    (changed,) = line.disturbed(event, line.strikes(event))
    assert isinstance(changed, dict)
    assert "simulator_unknown" in changed
    assert changed["response"].keys() == {"id", "simulator_unknown"}


def test_a_pattern_matches_both_names_of_an_event() -> None:
    for name in ("response.audio.delta", "response.output_audio.delta", "response.*audio.delta"):
        line = EventFaults(FaultInjector([fault_from({"fault": "omit", "on": name})]))
        assert line.strikes({"type": "response.output_audio.delta"})
        assert not line.strikes({"type": "response.done"})


async def test_what_is_no_json_reaches_the_client(simulator: Simulator, caller: Caller) -> None:
    simulator.fault("malformed", on="input_audio_buffer.cleared")
    simulator.fault("unknown_event", on="conversation.item.*", event={"type": "news"})
    await caller.send("input_audio_buffer.clear")
    await caller.write("hello")
    broken, unknown, created = await frames(caller, 3)
    assert isinstance(broken, str)
    assert unknown["type"] == "news"
    assert created["type"].startswith("conversation.item.")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BadRequest"),
        (401, "401"),
        (403, "403"),
        (404, "DeploymentNotFound"),
        (429, "429"),
        (503, "ServiceUnavailable"),
    ],
)
async def test_handshakes_are_refused_in_azures_words(
    simulator: Simulator, dialect: Dialect, status: int, code: str
) -> None:
    simulator.fault("refuse", status=status, retry_after_s=7)
    url = simulator.url.replace("ws:", "http:") + PATHS[dialect]
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as answer:
            assert answer.status == status
            assert (await answer.json())["error"]["code"] == code
            assert answer.headers["Retry-After"] == "7"
        async with http.get(url) as answer:
            assert answer.status == 426  # let in now, but this is no WebSocket


@pytest.mark.parametrize("error_event", [True, False])
async def test_an_answer_fails_with_and_without_an_error_event(
    simulator: Simulator, caller: Caller, error_event: bool
) -> None:
    simulator.fault(
        "fail", code="rate_limit_exceeded", message="Rate limit reached", error_event=error_event
    )
    await caller.send("response.create")
    response = (await caller.until("response.done"))["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"
    assert bool(caller.of("error")) is error_event
    await caller.send("response.create")
    assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_an_answer_is_filtered_in_the_middle(simulator: Simulator, caller: Caller) -> None:
    simulator.fault("fail", status="incomplete", reason="content_filter", after_deltas=6)
    await caller.write("word " * 40)
    await caller.send("response.create")
    response = (await caller.until("response.done"))["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": "content_filter"}
    assert response["output"][0]["status"] == "incomplete"
    assert len(caller.of(DELTA)) + len(caller.of("response.audio_transcript.delta")) == 6


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("early", "completed", "response.created"),
        ("late", "response.done", "completed"),
        ("streamed", "delta", "completed"),
        ("failed", "response.created", "failed"),
    ],
)
async def test_words_of_the_user_come_early_late_in_pieces_or_not(
    simulator: Simulator, caller: Caller, mode: str, before: str, after: str
) -> None:
    prefix = "conversation.item.input_audio_transcription."
    simulator.fault("transcription", mode=mode)
    await caller.configure(transcription={"model": "whisper-1"})
    await caller.speak(loud(640) + quiet(480))
    if mode != "early":
        await caller.until(prefix + ("failed" if mode == "failed" else "completed"))
    if not caller.of("response.done"):
        await caller.until("response.done")
    kinds = [kind.removeprefix(prefix) for kind in caller.kinds()]
    assert kinds.index(before) < kinds.index(after)
    if mode == "failed":
        assert caller.of(prefix + "failed")[0]["error"]["code"] == "DeploymentNotFound"


async def test_late_deltas_can_be_asked_for(simulator: Simulator, caller: Caller) -> None:
    simulator.fault("late_deltas", count=4)
    await caller.write("word " * 200)
    await caller.send("response.create")
    await caller.until(DELTA)
    await caller.speak(loud(320))
    await caller.until("input_audio_buffer.speech_started")
    before = len(caller.of(DELTA))
    await caller.until("response.done")
    assert len(caller.of(DELTA)) == before + 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Missing required parameter: 'fault'."),
        ({"fault": "flood"}, "Invalid value: 'flood'."),
        ({"fault": "drop", "when": 1}, "Unknown parameter: 'when'."),
        ({"fault": "refuse", "on": "x"}, "Unknown parameter: 'on'."),
        ({"fault": "omit", "at_s": 1}, "Unknown parameter: 'at_s'."),
        ({"fault": "close", "code": 99}, "integer below minimum value"),
        ({"fault": "close", "code": 1006}, "never travels"),
        ({"fault": "drop", "nth": 0}, "integer below minimum value"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused(data: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejection, match=words.replace(".", r"\.")):
        fault_from(data)


async def test_faults_are_made_from_outside_too(simulator: Simulator, caller: Caller) -> None:
    url = simulator.url.replace("ws:", "http:") + "/simulator/fault"
    async with aiohttp.ClientSession() as http:
        async with http.post(url, json={"fault": "omit", "on": "response.done"}) as answer:
            assert answer.status == 200
            (armed,) = (await answer.json())["armed"]
            assert armed == {"fault": "omit", "on": "response.done", "nth": 1, "left": 1}
        async with http.get(url) as answer:
            assert (await answer.json())["armed"] == [armed]
        async with http.post(url, json=["drop"]) as answer:
            assert answer.status == 400
        async with http.post(url, json={"fault": "flood"}) as answer:
            assert answer.status == 400
        async with http.post(url, data="{", headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400
        async with http.delete(url) as answer:
            assert (await answer.json())["armed"] == []
        async with http.post(url, json={"fault": "drop"}) as answer:
            assert answer.status == 200
    assert (await caller.socket.receive()).type in DROPPED


async def test_a_page_in_a_browser_makes_no_faults(simulator: Simulator) -> None:
    url = simulator.url.replace("ws:", "http:") + "/simulator/fault"
    async with aiohttp.ClientSession() as http:
        headers = {"Origin": "http://evil.example"}
        async with http.post(url, json={"fault": "drop"}, headers=headers) as answer:
            assert answer.status == 403
        async with http.post(url, data=b'{"fault": "drop"}') as answer:
            assert answer.status == 415


async def test_a_scenario_brings_its_faults(dialect: Dialect) -> None:
    scenario = scenario_from({"faults": [{"fault": "omit", "on": "input_audio_buffer.cleared"}]})
    async with (
        Simulator(scenario=scenario, voice_detector=EnergyHearing) as simulator,
        call(simulator, dialect) as caller,
    ):
        await caller.send("input_audio_buffer.clear")
        await caller.send("input_audio_buffer.clear", event_id="second")
        await caller.until("input_audio_buffer.cleared")
        await caller.send("response.cancel")
        assert (await caller.until("input_audio_buffer.cleared", "error"))["type"] == "error"


@pytest.mark.parametrize("remote", ["192.168.1.7", "fe80::1", "nobody", None])
def test_faults_are_not_made_from_elsewhere(remote: str | None) -> None:
    request = make_mocked_request("GET", "/simulator/fault").clone(remote=remote or "")
    answer = rejected_origin(request)
    assert answer is not None
    assert answer.status == 403
