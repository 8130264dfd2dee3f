"""The voice acts: calls of the model are run, and their results are spoken of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.daemon.tool_box import ToolBox
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.simulator.scenario import Scenario
from rtaudio_daemon.simulator.server.simulator import Simulator
from rtaudio_daemon.tools.sources.built_in import time_line
from rtaudio_daemon.tools.tool import Target
from tests.daemon.test_reload import with_
from tests.harness import KEY, Harness, find, samples, speech
from tests.strict import Dialect
from tests.tools.fakes import FakeSource

Json = dict[str, Any]
both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("hello")
SAID = [(1000, speech("weather"))]


def calling(*calls: Call, rounds: int = 1, preamble: bytes = b"", then: str = "All done.") -> Any:
    """A model that makes these calls, so many rounds long, and then speaks."""

    def reply(turn: Turn) -> Reply:
        if not turn.say and turn.round < rounds and "still running" not in turn.text:
            return Reply("One moment." if preamble else "", preamble or None, calls=calls)
        return Reply(then, ANSWER)

    return reply


def offer(harness: Harness, source: FakeSource) -> ToolBox:
    """Let these be the tools of the daemon."""
    box = harness.app.assistant.calls
    assert isinstance(box, ToolBox)
    box.use([source], harness.settings())
    box.offer()
    return box


def outputs(harness: Harness) -> list[Json]:
    """The results that the service was given, in order, over all sessions."""
    items = [message["item"] for message in harness.received("conversation.item.create")]
    return [item for item in items if item["type"] == "function_call_output"]


def phases(harness: Harness) -> list[str]:
    return [f"{event['tool']} {event['phase']}" for event in harness.named("tool")]


@both_dialects
async def test_the_model_asks_what_time_it_is_and_says_it(tmp_path: Path, dialect: Dialect) -> None:
    change = with_(tools__built_in=("time", "volume"))
    async with Harness(
        tmp_path, SAID, dialect=dialect, reply=calling(Call("time")), change=change
    ) as harness:
        await harness.turns(1)
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        (output,) = outputs(harness)
        result = json.loads(output["output"])["result"]
        assert set(result) == {"date", "weekday", "time", "zone"}
        assert phases(harness) == ["time started", "time done"]
        assert harness.named("tool")[-1]["source"] == "built_in"
        offered = harness.received("session.update")[0]["session"]["tools"]
        assert [tool["name"] for tool in offered] == ["time", "volume"]
        assert harness.received("session.update")[0]["session"]["instructions"].startswith("It is ")
        assert not harness.named("error")


@both_dialects
async def test_two_calls_of_one_answer_run_at_once_and_get_one_answer_in_their_order(
    tmp_path: Path, dialect: Dialect
) -> None:
    calls = [Call("slow", '{"n": 1}'), Call("broken"), Call("nothing_like_it")]
    source = FakeSource()
    both_run = asyncio.Event()

    async def slow(_arguments: Json) -> str:
        await both_run.wait()
        await asyncio.sleep(1)
        return "slow result"

    async def broken(_arguments: Json) -> str:
        both_run.set()
        raise ValueError("a mistake in it")

    source.add("slow", slow)
    source.add("broken", broken)
    async with Harness(tmp_path, reply=calling(*calls), dialect=dialect) as harness:
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.turns(1)
        found = [json.loads(each["output"]) for each in outputs(harness)]
        assert found[0] == {"result": "slow result"}
        assert found[1] == {"error": "it failed by a mistake in its program"}
        assert found[2]["error"].startswith("there is no tool nothing_like_it")
        assert len(harness.received("response.create")) == 2
        assert sorted(phases(harness)) == [
            "broken failed",
            "broken started",
            "nothing_like_it refused",
            "slow done",
            "slow started",
        ]


@both_dialects
async def test_a_tool_that_takes_long_is_heard_and_the_model_says_so(
    tmp_path: Path, dialect: Dialect
) -> None:
    source = FakeSource()

    async def slow(_arguments: Json) -> str:
        await asyncio.sleep(20)
        return "here it is"

    source.add("slow", slow)
    said = [(1000, speech("weather")), (40_000, b"")]
    async with Harness(tmp_path, said, reply=calling(Call("slow")), dialect=dialect) as harness:
        offer(harness, source)
        await harness.turns(1)
        speaking = [data["status"] for data in harness.named("status")]
        assert speaking == [
            *("listening", "thinking", "speaking", "thinking", "speaking", "idle"),
        ]
        notes = [
            message["item"]["content"][0]["text"]
            for message in harness.received("conversation.item.create")
            if message["item"].get("role") == "system"
        ]
        assert len(notes) == 1
        assert "still running" in notes[0]
        asked = [message.get("response") for message in harness.received("response.create")]
        assert asked == [{"tool_choice": "none"}, None]
        assert outputs(harness)[0]["output"] == '{"result": "here it is"}'


async def test_a_tool_that_never_returns_is_given_up_and_the_next_call_works(
    tmp_path: Path,
) -> None:
    source = FakeSource()

    async def never(_arguments: Json) -> None:
        await asyncio.Event().wait()

    source.add("never", never, limit_s=3.0)
    source.add("works")
    turns = iter([(Call("never"),), (Call("works"),)])

    def reply(turn: Turn) -> Reply:
        if turn.function_output:
            return Reply("Done.", ANSWER)
        return Reply(calls=next(turns))

    async with Harness(tmp_path, reply=reply) as harness:
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.turns(1)
        await harness.post("/api/say", {"text": "Again."})
        await harness.turns(2)
        found = [json.loads(each["output"]) for each in outputs(harness)]
        assert found == [{"error": "it gave no result within 3 s"}, {"result": "done"}]
        assert phases(harness) == [
            "never started",
            "never timed_out",
            "works started",
            "works done",
        ]


async def test_the_same_call_twice_in_an_answer_runs_once_and_both_get_its_result(
    tmp_path: Path,
) -> None:
    source = FakeSource()
    source.add("switch")
    calls = (Call("switch", '{"a": 1, "b": 2}'), Call("switch", '{"b": 2, "a": 1}'))
    async with Harness(tmp_path, reply=calling(*calls)) as harness:
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.turns(1)
        assert source.ran == [("switch", {"a": 1, "b": 2})]
        assert [each["output"] for each in outputs(harness)] == 2 * ['{"result": "done"}']


@both_dialects
async def test_a_model_that_calls_again_and_again_is_stopped_after_three_rounds(
    tmp_path: Path, dialect: Dialect
) -> None:
    source = FakeSource()

    async def count(_arguments: Json) -> int:
        return len(source.ran)

    source.add("count", count, read_only=True)
    async with Harness(
        tmp_path, reply=calling(Call("count"), rounds=9), dialect=dialect
    ) as harness:
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("error"))
        assert len(source.ran) == 3
        asked = [message.get("response") for message in harness.received("response.create")]
        assert asked == [None, None, None, {"tool_choice": "none"}]
        assert harness.named("error")[-1]["code"] == "not_answered"
        assert harness.statuses[-1] == "idle"


async def test_what_was_not_meant_for_us_gets_no_answer(tmp_path: Path) -> None:
    change = with_(tools__built_in=("not_for_me",))
    async with Harness(
        tmp_path, [*SAID, (9_000, b"")], reply=calling(Call("not_for_me")), change=change
    ) as harness:
        await harness.until(lambda: harness.named("ignored"))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]
        assert not harness.named("error")
    assert not harness.heard().any()


@both_dialects
async def test_an_answer_goes_on_where_it_was_interrupted(tmp_path: Path, dialect: Dialect) -> None:
    said = [*SAID, (4_000, speech("stop")), (12_000, b"")]
    answers = iter([Reply("Rain, then sun.", speech("weather")), Reply(calls=(Call("go_on"),))])

    async with Harness(
        tmp_path, said, reply=lambda _turn: next(answers), dialect=dialect
    ) as harness:
        await harness.until(lambda: harness.named("interruption"))
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        assert phases(harness) == ["go_on started", "go_on done"]
        await harness.until(lambda: harness.statuses[-1] == "idle")
        first, rest = [each for each in harness.named("transcript") if each["role"] == "assistant"]
        assert first["cut"]
        assert f"{first['text'].removesuffix(' …')} {rest['text']}".strip() == "Rain, then sun."
        assert len(harness.received("response.create")) == 0, "no answer beside the rest"
        assert not harness.named("error")
    end = samples(speech("weather"))[-24_000:]
    assert find(end, harness.heard())[1] > 0.999


async def test_stop_listening_mutes_when_the_answer_is_over(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=calling(Call("mute"))) as harness:
        await harness.post("/api/say", {"text": "Stop listening."})
        await harness.until(lambda: harness.named("mute"))
        assert harness.statuses == ["idle", "thinking", "speaking", "idle"]
        assert harness.named("mute") == [{**harness.named("mute")[0], "muted": True}]
        assert "unmute" in outputs(harness)[0]["output"]


async def test_the_volume_is_changed_by_voice(tmp_path: Path) -> None:
    call = Call("volume", '{"change": -30}')
    async with Harness(tmp_path, reply=calling(call)) as harness:
        await harness.post("/api/say", {"text": "Softer."})
        await harness.turns(1)
        assert outputs(harness)[0]["output"] == '{"result": {"percent": 70, "before": 100}}'
        assert [each["level"] for each in harness.named("volume")] == [0.7]


@both_dialects
async def test_a_session_that_drops_loses_no_result_and_runs_nothing_again(
    tmp_path: Path, dialect: Dialect
) -> None:
    source = FakeSource()
    done = asyncio.Event()

    async def slow(_arguments: Json) -> str:
        await done.wait()
        return "the result"

    source.add("slow", slow)
    async with Harness(tmp_path, reply=calling(Call("slow")), dialect=dialect) as harness:
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("tool"))
        harness.simulator.fault("drop")
        await harness.until(lambda: len(harness.simulator.sessions) == 2)
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        done.set()
        await harness.turns(1)
        assert len(source.ran) == 1
        items = [
            message["item"]["type"]
            for message in harness.simulator.sessions[-1].received
            if message["type"] == "conversation.item.create"
        ]
        assert items[-2:] == ["function_call", "function_call_output"]
        (update,) = [
            each
            for each in harness.simulator.sessions[-1].received
            if each["type"] == "session.update"
        ]
        assert [tool["name"] for tool in update["session"]["tools"]] == ["slow"]


async def test_the_tools_are_what_the_configuration_says_and_a_reload_changes_them(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, change=with_(tools__room="Kitchen")) as harness:
        first = harness.received("session.update")[0]["session"]
        assert "You are in the room: Kitchen." in first["instructions"]
        harness.edit = with_(tools__built_in=("volume",), tools__room="Kitchen")
        _, report = await harness.post("/api/reload")
        assert [each["state"] for each in report["changed"]] == ["applied"]
        await harness.until(lambda: len(harness.received("session.update")) == 2)
        second = harness.received("session.update")[1]["session"]
        assert [tool["name"] for tool in second["tools"]] == ["volume"]
        harness.edit = with_(tools__built_in=())
        await harness.post("/api/reload")
        await harness.until(lambda: len(harness.received("session.update")) == 3)
        assert harness.received("session.update")[2]["session"]["tools"] == []


@pytest.mark.parametrize("refused", [("volume",), ("volume", "end")])
async def test_a_tool_that_the_service_refuses_costs_nothing_but_itself(
    tmp_path: Path, refused: Sequence[str]
) -> None:
    scenario = Scenario(behaviour={"refused_schemas": refused})
    simulator = Simulator(api_key=KEY, reply=calling(Call("time")), scenario=scenario)
    change = with_(
        realtime__session__instructions="Be brief.",
        tools__built_in=("time", "volume", "mute", "end"),
    )
    async with Harness(tmp_path, SAID, simulator=simulator, change=change) as harness:
        await harness.turns(1)
        session = harness.simulator.sessions[-1].settings.document
        assert "Be brief." in session["instructions"]
        names = [tool["name"] for tool in session["tools"]]
        assert names == [name for name in ("time", "volume", "mute", "end") if name not in refused]
        assert outputs(harness)


async def test_an_error_with_the_name_of_a_tool_in_its_words_costs_no_tool(tmp_path: Path) -> None:
    simulator = Simulator(api_key=KEY, reply=calling(Call("time")))
    async with Harness(tmp_path, SAID, simulator=simulator) as harness:
        words = "The function call came to its end at no time; mute it."
        for param in (None, "session.tools"):
            error = {"type": "invalid_request_error", "code": "x", "param": param, "message": words}
            harness.simulator.sessions[-1].emit({"type": "error", "error": error})
        await harness.turns(1)
        assert (await harness.status())["tools"]["notes"] == []
        assert phases(harness) == ["time started", "time done"]


@pytest.mark.parametrize("mistake", [KeyError("x"), None])
async def test_a_tool_that_does_not_find_what_its_call_concerns_is_refused_with_words(
    tmp_path: Path, mistake: Exception | None
) -> None:
    source = FakeSource()

    async def targets(_arguments: Json) -> Sequence[Target]:
        if mistake is None:
            await asyncio.Event().wait()
            return ()
        raise mistake

    source.add("open_gate", targets=targets)
    async with Harness(tmp_path, reply=calling(Call("open_gate"))) as harness:
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.turns(1)
        (output,) = outputs(harness)
        assert json.loads(output["output"])["error"].startswith("what it concerns was not found")
        assert phases(harness) == ["open_gate refused"]
        assert source.ran == []


# ------------------------------------------- what may happen while a tool is running


def slow_source(seconds: float) -> FakeSource:
    source = FakeSource()

    async def slow(_arguments: Json) -> str:
        await asyncio.sleep(seconds)
        return "the result"

    source.add("slow", slow)
    return source


async def test_a_renewal_waits_for_the_tool_and_its_result_is_spoken(tmp_path: Path) -> None:
    simulator = Simulator(api_key=KEY, reply=calling(Call("slow")), lifetime_s=60.0)
    async with Harness(tmp_path, simulator=simulator) as harness:
        source = slow_source(25.0)
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.turns(1)
        result_at = next(
            time
            for time, (name, data) in zip(harness.times, harness.events, strict=True)
            if name == "tool" and data["phase"] == "done"
        )
        renewed_at = [
            time
            for time, (name, data) in zip(harness.times, harness.events, strict=True)
            if name == "connection" and data["state"] == "renewing"
        ]
        assert all(time > result_at for time in renewed_at)
        assert len(source.ran) == 1
        assert next(each["output"] for each in outputs(harness)) == '{"result": "the result"}'


async def test_words_before_the_call_are_played_to_their_end_before_the_result_is_spoken(
    tmp_path: Path,
) -> None:
    first = speech("weather")
    reply = calling(Call("slow"), preamble=first)
    async with Harness(tmp_path, reply=reply) as harness:
        offer(harness, slow_source(0.5))
        await harness.post("/api/say", {"text": "Go."})
        await harness.turns(1)
    heard = harness.heard()
    before, after = find(samples(first), heard), find(samples(ANSWER), heard)
    assert min(before[1], after[1]) > 0.99
    assert after[0] >= before[0] + len(first) // 2


@pytest.mark.parametrize("priority", ["normal", "high"])
async def test_an_announcement_while_a_tool_runs_is_said_and_so_is_the_result(
    tmp_path: Path, priority: str
) -> None:
    async with Harness(tmp_path, reply=calling(Call("slow"))) as harness:
        offer(harness, slow_source(5.0))
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("tool"))
        said = {"text": "Dinner is ready.", "mode": "verbatim", "priority": priority}
        await harness.post("/api/say", said)
        await harness.until(lambda: phases(harness)[-1] == "slow done")
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert harness.statuses.count("speaking") == 2
        assert not harness.named("error")


async def test_whoever_asks_for_silence_gets_it_and_the_tool_goes_on(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=calling(Call("slow"))) as harness:
        source = slow_source(5.0)
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("tool"))
        await harness.post("/api/interrupt")
        await harness.until(lambda: phases(harness)[-1] == "slow done")
        await harness.until(lambda: outputs(harness))
        assert harness.statuses == ["idle", "thinking", "idle"]
        assert outputs(harness)[0]["output"] == '{"result": "the result"}'


async def test_muting_while_a_tool_runs_takes_nothing_from_its_answer(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=calling(Call("slow"))) as harness:
        offer(harness, slow_source(5.0))
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("tool"))
        await harness.post("/api/mute")
        await harness.turns(1)
        assert outputs(harness)


async def test_a_call_of_an_answer_that_failed_half_written_is_not_run(tmp_path: Path) -> None:
    source = FakeSource()
    source.add("switch")
    async with Harness(tmp_path, reply=calling(Call("switch"))) as harness:
        offer(harness, source)
        harness.simulator.fault("fail", after_deltas=0)
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("error"))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert source.ran == []


async def test_the_end_of_the_daemon_stops_a_tool_that_hangs(tmp_path: Path) -> None:
    source = FakeSource()
    stopped = asyncio.Event()

    async def never(_arguments: Json) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    source.add("never", never)
    async with Harness(tmp_path, reply=calling(Call("never"))) as harness:
        offer(harness, source)
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("tool"))
    assert stopped.is_set()


# ------------------------------------------------------------ what the model is told


def told_times(harness: Harness) -> list[str]:
    """The line about the time in the instructions of every update, over all sessions."""
    updates = harness.received("session.update")
    lines = [each["session"].get("instructions", "").splitlines() for each in updates]
    return [line for each in lines for line in each if line.startswith("It is ")]


async def test_after_a_long_silence_the_model_is_given_the_time_anew(tmp_path: Path) -> None:
    said = [(1000, speech("weather")), (10_000, speech("weather")), (40_000, speech("weather"))]
    async with Harness(tmp_path, said, reply=calling(rounds=0)) as harness:
        box = harness.app.assistant.calls
        assert isinstance(box, ToolBox)
        assert box.dated_for_s == 600, "ten minutes"
        box.dated_for_s = 35
        begun = datetime(2026, 11, 28, 9, 5, tzinfo=UTC)
        box.now = lambda: begun + timedelta(seconds=2 * asyncio.get_running_loop().time())
        await harness.turns(2)
        assert len(told_times(harness)) == 1, "one session, and nothing has changed"
        await harness.turns(3)
        assert len(told_times(harness)) == 2


async def sessions_opened(harness: Harness, number: int) -> None:
    await harness.until(lambda: len(harness.simulator.sessions) == number)


async def test_every_new_session_is_given_the_time(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=calling(rounds=0)) as harness:
        for number in (2, 3):
            harness.simulator.fault("drop")
            await harness.post("/api/say", {"text": "Go."})
            await sessions_opened(harness, number)
        await harness.until(lambda: len(told_times(harness)) == 3)


def test_the_line_about_the_time_names_day_zone_and_room() -> None:
    zone = timezone(timedelta(hours=5, minutes=30), "IST")
    line = time_line(datetime(2026, 11, 28, 9, 5, tzinfo=zone), "Kitchen")
    expected = "It is Saturday, 28 November 2026, 09:05, time zone IST (UTC+05:30)."
    assert line == f"{expected} You are in the room: Kitchen."
