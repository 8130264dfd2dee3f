"""The tools of the model for timers: what it asks for, and what it is given to say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from rtaudio_daemon.tools.sources.timer_tools import TimerTools
from rtaudio_daemon.tools.timers.keeper import TimerKeeper
from rtaudio_daemon.tools.timers.store import TimerStore
from rtaudio_daemon.tools.tool import CallContext, SourceState, ToolError
from tests.tools.timers.clocks import Clocks


class Model:
    """Calls the tools, on a clock that stands."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.keeper = TimerKeeper(TimerStore(None, ""), self.clocks.moment)
        self.source = TimerTools(self.keeper)

    async def call(self, tool_name: str, /, **arguments: Any) -> Any:
        tool = next(each for each in self.source.tools() if each.name == tool_name)
        return await tool.run(arguments, CallContext("call_1"))

    async def pass_time(self, seconds: float) -> None:
        """Let the keeper look at the clock once, so many seconds later."""
        self.clocks.go_on(seconds)
        task = asyncio.create_task(self.keeper.run(), name="timers")
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def model() -> Model:
    return Model()


async def test_timers_alarms_and_reminders_are_set_in_words_that_can_be_said(model: Model) -> None:
    assert await model.call("timer_set", kind="timer", seconds=300, name="pasta") == {
        "set": "timer pasta: 5 minutes left, until 08:50"
    }
    assert await model.call("timer_set", kind="alarm", at="07:00", days=["mon", "fri"]) == {
        "set": "alarm 07:00: 1 day 23 hours left, until Monday 07:00, every mon fri"
    }
    found = await model.call("timer_set", kind="reminder", at="18:30", text="Feed the cat", days=[])
    assert found == {"set": "reminder Feed the cat: 9 hours 45 minutes left, until 18:30"}
    assert await model.call("timer_list") == {
        "timers": [
            "timer pasta: 5 minutes left, until 08:50",
            "reminder Feed the cat: 9 hours 45 minutes left, until 18:30",
            "alarm 07:00: 1 day 23 hours left, until Monday 07:00, every mon fri",
        ]
    }


async def test_they_are_changed_paused_and_removed(model: Model) -> None:
    await model.call("timer_set", kind="timer", seconds=300, name="pasta")
    changed = await model.call("timer_change", which="PASTA", more_seconds=60, name="noodles")
    assert changed == {"changed": "timer noodles: 6 minutes left, until 08:51"}
    changed = await model.call("timer_change", paused=True)
    assert changed == {"changed": "timer noodles: paused, 6 minutes left"}
    assert await model.call("timer_cancel") == {"cancelled": "timer noodles"}
    assert await model.call("timer_list") == {"timers": []}


async def test_what_rings_is_dismissed_or_snoozed_and_what_was_missed_is_listed(
    model: Model,
) -> None:
    with pytest.raises(ToolError, match="nothing rings"):
        await model.call("timer_snooze")
    assert await model.call("timer_dismiss") == {"dismissed": "nothing rings any more"}
    await model.call("timer_set", kind="timer", seconds=300, name="pasta")
    await model.pass_time(301)
    assert await model.call("timer_list") == {"timers": ["timer pasta: rings now"]}
    assert await model.call("timer_dismiss") == {"dismissed": ["timer pasta"]}
    assert await model.call("timer_snooze", seconds=120) == {
        "rings again": ["timer pasta: 2 minutes left, until 08:52"]
    }
    await model.pass_time(3600)
    assert await model.call("timer_list") == {"timers": [], "missed": ["timer pasta at 08:52"]}


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("timer_set", {"kind": "timer"}, "give either seconds or at"),
        ("timer_set", {"kind": "alarm", "at": "soon"}, "is no time"),
        ("timer_change", {"which": "soup", "seconds": 5}, "nothing is called 'soup'"),
        ("timer_cancel", {}, "there is none"),
        ("timer_snooze", {"seconds": 0}, "expected 1 s to 7 days"),
    ],
)
async def test_what_cannot_be_done_is_explained_to_the_model(
    model: Model, name: str, arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(ToolError, match=why):
        await model.call(name, **arguments)


async def test_two_of_one_name_are_listed_with_what_sets_them_apart(model: Model) -> None:
    for seconds in (300, 600):
        await model.call("timer_set", kind="timer", seconds=seconds, name="egg")
    with pytest.raises(ToolError) as refused:
        await model.call("timer_cancel", which="egg")
    assert str(refused.value) == (
        "2 fit, say which: timer egg: 5 minutes left, until 08:50 (id 1); "
        "timer egg: 10 minutes left, until 08:55 (id 2)"
    )
    assert await model.call("timer_cancel", which="2") == {"cancelled": "timer egg"}


async def test_they_are_few_and_cheap(model: Model) -> None:
    tools = model.source.tools()
    assert [tool.name for tool in tools if tool.read_only] == ["timer_list"]
    definitions = [[tool.name, tool.description, tool.parameters] for tool in tools]
    assert len(json.dumps(definitions)) / 4 < 600, "tokens, about"
    assert (model.source.name, model.source.state) == ("timers", SourceState.OK)
    await model.source.run()
