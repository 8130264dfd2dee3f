"""Every call gets exactly one output, and nothing runs twice, whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.notifications import ToolReported
from rtaudio_daemon.tools.registry import TOOLS_MOST, Registry
from rtaudio_daemon.tools.runner import Call, Refusal, Runner
from rtaudio_daemon.tools.tool import Json, Outcome, Tool, ToolError
from tests.virtual_time import VirtualTimeLoop

from .fakes import FakeSource


class Conversation:
    """Takes what the runner gives; permits what `refusals` does not name."""

    def __init__(self) -> None:
        self.outputs: list[tuple[str, str]] = []
        self.silent: set[str] = set()
        self.reports: list[ToolReported] = []
        self.long: list[Sequence[str]] = []
        self.sounds = 0
        self.refusals: dict[str, Refusal] = {}

    def call_answered(self, call_id: str, output: str, *, silent: bool) -> None:
        self.outputs.append((call_id, output))
        if silent:
            self.silent.add(call_id)

    def call_reported(self, report: ToolReported) -> None:
        self.reports.append(report)

    def calls_work(self) -> None:
        self.sounds += 1

    def calls_take_long(self, call_ids: Sequence[str]) -> None:
        self.long.append(call_ids)

    async def permit(
        self, _name: str, tool: Tool, _arguments: Json, *, by_hand: bool
    ) -> Refusal | None:
        return self.refusals.get(tool.name)

    def of(self, call_id: str) -> Any:
        (output,) = [output for known, output in self.outputs if known == call_id]
        return json.loads(output)

    def phases(self, call_id: str) -> list[str]:
        return [each.phase for each in self.reports if each.call == call_id]


def stage(*, limit_s: float = 30.0, characters: int = 4000) -> tuple[FakeSource, Any]:
    """A source, and what makes a runner of it once its tools are there."""
    source = FakeSource()

    def begin() -> tuple[Runner, Conversation]:
        conversation = Conversation()
        registry = Registry([source])
        return Runner(registry, conversation, limit_s=limit_s, characters=characters), conversation

    return source, begin


async def finished(runner: Runner) -> None:
    async with asyncio.timeout(1000):
        while runner.busy:
            await asyncio.sleep(1)


async def test_a_result_that_is_too_long_is_cut_and_says_how_much_is_left_out() -> None:
    source, begin = stage(characters=100)

    async def big(_arguments: Json) -> str:
        return "x" * 1_000_000

    source.add("big", big)
    runner, conversation = begin()
    runner.run([Call("call_1", "big", "{}")])
    await finished(runner)
    assert conversation.of("call_1") == {"result": "x" * 100, "left_out": 999_900}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (float("nan"), "nan"),
        ({"a": object}, {"a": "<class 'object'>"}),
        ("\ud800", "?"),
        (10**400, 10**400),
        (b"bytes", "b'bytes'"),
    ],
)
async def test_whatever_a_tool_returns_becomes_valid_json(value: Any, shown: Any) -> None:
    source, begin = stage()

    async def odd(_arguments: Json) -> Any:
        return value

    source.add("odd", odd)
    runner, conversation = begin()
    runner.run([Call("call_1", "odd", "{}")])
    await finished(runner)
    assert conversation.of("call_1") == {"result": shown}


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", "1", "[" * 100_000])
async def test_arguments_that_are_no_object_run_nothing_and_say_so(arguments: str) -> None:
    source, begin = stage()
    parameters = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    source.add("switch", parameters=parameters)
    runner, conversation = begin()
    runner.run([Call("call_1", "switch", arguments)])
    await finished(runner)
    assert conversation.of("call_1").keys() == {"error"}
    assert conversation.phases("call_1") == ["refused"]
    assert source.ran == []


async def test_a_result_that_comes_after_two_minutes_is_dropped_and_reported_as_late() -> None:
    source, begin = stage()

    async def slow(_arguments: Json) -> str:
        await asyncio.sleep(200)
        return "at last"

    source.add("slow", slow, limit_s=300.0)
    runner, conversation = begin()
    runner.run([Call("call_1", "slow", "{}")])
    await finished(runner)
    assert "still running" in conversation.of("call_1")["error"]
    assert conversation.phases("call_1") == ["started", "timed_out", "late"]


async def test_a_tool_that_needs_a_yes_does_not_run_and_is_judged_anew_each_time() -> None:
    source, begin = stage()
    source.add("unlock")
    runner, conversation = begin()
    conversation.refusals["unlock"] = Refusal("ask the person", ask=True)
    runner.run([Call("call_1", "unlock", "{}")])
    await finished(runner)
    del conversation.refusals["unlock"]
    runner.run([Call("call_2", "unlock", "{}")])
    await finished(runner)
    assert conversation.phases("call_1") == ["unconfirmed"]
    assert conversation.phases("call_2") == ["started", "done"]
    assert len(source.ran) == 1


async def test_waiting_is_heard_after_two_seconds_and_told_to_the_model_once_after_eight() -> None:
    source, begin = stage()

    async def slow(_arguments: Json) -> None:
        await asyncio.sleep(25)

    source.add("slow", slow)
    source.add("quick")
    runner, conversation = begin()
    runner.run([Call("call_1", "slow", "{}"), Call("call_2", "quick", "{}")])
    await asyncio.sleep(1.9)
    assert conversation.sounds == 0
    await asyncio.sleep(0.2)
    assert conversation.sounds == 1
    await asyncio.sleep(5.8)
    assert conversation.long == []
    await asyncio.sleep(0.2)
    assert conversation.long == [("call_1",)]
    await finished(runner)
    assert conversation.long == [("call_1",)]
    assert conversation.sounds == 6, "after 2 s and every 4 s"


async def test_the_end_of_the_daemon_gives_running_tools_two_seconds() -> None:
    source, begin = stage()

    async def lasts(arguments: Json) -> str:
        await asyncio.sleep(arguments["s"])
        return "done"

    source.add("lasts", lasts)
    runner, conversation = begin()
    runner.run([Call("call_1", "lasts", '{"s": 1}'), Call("call_2", "lasts", '{"s": 20}')])
    await asyncio.sleep(0.1)
    await runner.close()
    assert conversation.of("call_1") == {"result": "done"}
    assert "stopped" in conversation.of("call_2")["error"]
    assert conversation.phases("call_2")[-1] == "cancelled"
    assert not runner.busy


async def test_at_most_eight_tools_run_at_a_time() -> None:
    source, begin = stage()
    running = most = 0

    async def work(_arguments: Json) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1

    source.add("work", work)
    runner, conversation = begin()
    runner.run([Call(f"call_{n}", "work", f'{{"n": {n}}}') for n in range(40)])
    await finished(runner)
    assert most == 8
    assert len(conversation.outputs) == 40


def test_names_are_unique_and_such_that_the_service_takes_them() -> None:
    first, second = FakeSource(name="mcp:a"), FakeSource(name="mcp:b")
    for name in ("search", "Küche an", "x" * 90, "x" * 90 + "y", "search"):
        first.add(name)
    second.add("search")
    registry = Registry([first, second])
    names = list(registry.tools)
    assert len(names) == len(set(names)) == 5, "one source has no two tools of one name"
    assert all(len(name) <= 64 and name.replace("_", "").isascii() for name in names)
    assert names == list(Registry([first, second]).tools)
    assert names[0] == "search"
    assert registry.notes == [
        f"the tool search of mcp:b is called {names[-1]}, as mcp:a has one of this name, too"
    ]


def test_of_many_tools_some_are_left_out_and_their_cost_is_warned_of() -> None:
    source = FakeSource()
    for number in range(200):
        source.add(f"tool_{number}", description="x" * 2000)
    registry = Registry([source])
    assert len(registry.definitions()) == TOOLS_MOST
    assert all(len(each["description"]) == 1024 for each in registry.definitions())
    left_out, cost = registry.notes
    assert "136 tools are left out" in left_out
    assert "tokens with every answer" in cost


# --------------------------------------------------------------------- anything

_KINDS = st.sampled_from(["quick", "slow", "never", "broken", "refused", "outcome", "unknown"])
_CALLS = st.lists(st.tuples(_KINDS, st.integers(0, 2)), min_size=1, max_size=6)
_STEPS = st.lists(st.tuples(_CALLS, st.sampled_from([0.0, 0.5, 3.0, 50.0])), max_size=6)


@settings(max_examples=150)
@given(_STEPS, st.sampled_from([0.0, 1.0, 200.0]))
def test_every_call_has_one_output_and_nothing_runs_twice(
    steps: list[tuple[list[tuple[str, int]], float]], rest_s: float
) -> None:
    async def story() -> None:
        source, begin = stage(limit_s=5.0)

        async def quick(_arguments: Json) -> str:
            return "done"

        async def slow(_arguments: Json) -> str:
            await asyncio.sleep(2.0)
            return "done"

        async def never(_arguments: Json) -> None:
            await asyncio.Event().wait()

        async def broken(_arguments: Json) -> None:
            await asyncio.sleep(0)
            raise ToolError("it is broken")

        async def refused(_arguments: Json) -> None:
            raise ValueError

        async def outcome(_arguments: Json) -> Outcome:
            return Outcome({"a": 1}, silent=True)

        for tool in (quick, slow, never, broken, refused, outcome):
            source.add(tool.__name__, tool)
        runner, conversation = begin()
        conversation.refusals["refused"] = Refusal("no")
        asked = 0
        for calls, pause_s in steps:
            batch = [
                Call(f"call_{asked + n}", name, json.dumps({"n": number}))
                for n, (name, number) in enumerate(calls)
            ]
            before = len(source.ran)
            runner.run(batch)
            asked += len(batch)
            await asyncio.sleep(pause_s)
            ran = Counter((name, arguments["n"]) for name, arguments in source.ran[before:])
            assert all(times == 1 for times in ran.values())
            assert "refused" not in {name for name, _ in ran}
        await asyncio.sleep(rest_s)
        await runner.close()
        assert sorted(call_id for call_id, _ in conversation.outputs) == sorted(
            f"call_{n}" for n in range(asked)
        )
        assert all(json.loads(output) for _, output in conversation.outputs)
        ends = [each.call for each in conversation.reports if each.phase != "started"]
        assert sorted(ends) == sorted(call_id for call_id, _ in conversation.outputs)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(story())


async def test_a_call_by_hand_needs_a_yes_of_its_own_and_what_is_denied_stays_denied() -> None:
    source, begin = stage()
    source.add("unlock")
    source.add("format")
    runner, conversation = begin()
    conversation.refusals = {"unlock": Refusal("ask", ask=True), "format": Refusal("denied")}
    assert json.loads(await runner.call("unlock", "{}", confirmed=False)) == {"error": "ask"}
    assert json.loads(await runner.call("unlock", "{}", confirmed=True)) == {"result": "done"}
    assert json.loads(await runner.call("format", "{}", confirmed=True)) == {"error": "denied"}
    assert [name for name, _ in source.ran] == ["unlock"]


async def test_whether_it_is_as_asked_is_reported_with_the_result() -> None:
    source, begin = stage()

    async def lamp(_arguments: Json) -> Outcome:
        return Outcome({"state": "off"}, as_asked="no")

    source.add("lamp", lamp)
    source.add("scene")
    runner, conversation = begin()
    runner.run([Call("a", "lamp", "{}"), Call("b", "scene", "{}")])
    await finished(runner)
    ends = {each.call: each.as_asked for each in conversation.reports if each.phase == "done"}
    assert ends == {"a": "no", "b": "unknown"}


class Unspeakable:
    """A value of somebody's function that cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("a mistake in it")

    __repr__ = __str__


@pytest.mark.parametrize("value", [[Unspeakable()], {"a": {"b": 10**5000}}])
async def test_a_result_that_cannot_be_written_is_a_failure_of_its_tool(value: Any) -> None:
    source, begin = stage()

    async def give(_arguments: Json) -> Any:
        return value

    source.add("odd", give)
    runner, conversation = begin()
    runner.run([Call("c", "odd", "{}")])
    await finished(runner)
    assert conversation.of("c") == {"error": "it failed by a mistake in its program"}
    assert conversation.phases("c") == ["started", "failed"]


async def test_more_calls_that_wait_for_a_decision_than_are_remembered_get_their_outputs() -> None:
    source, begin = stage()
    source.add("open_gate")
    runner, conversation = begin()

    async def permit(*_of_a_call: object, by_hand: bool) -> Refusal:
        await asyncio.sleep(1)
        return Refusal("not yet", ask=True)

    conversation.permit = permit
    runner.run([Call(f"c{n}", "open_gate", f'{{"n": {n}}}') for n in range(100)])
    await finished(runner)
    assert len(conversation.outputs) == 100
