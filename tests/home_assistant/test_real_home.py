"""A whole daemon against a real Home Assistant; see README.md beside this file."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon.config import HomeAssistant, Secret
from rtaudio_daemon.config.tool_sections import Tools
from rtaudio_daemon.simulator.model.reply import Call
from rtaudio_daemon.tools.permissions import Permissions
from rtaudio_daemon.tools.sources.home_assistant.actions import perform
from rtaudio_daemon.tools.sources.home_assistant.client import HomeClient
from rtaudio_daemon.tools.sources.home_assistant.sentences import asking_tool
from rtaudio_daemon.tools.sources.home_assistant.source import HomeAssistantSource
from rtaudio_daemon.tools.tool import CallContext, Outcome, ToolError
from tests.daemon.test_reload import Edit
from tests.harness import Harness
from tests.stories.test_confirmations import SPOKEN, Eager, house, transcribed
from tests.stories.test_tools import calling, outputs, phases

pytestmark = [pytest.mark.home_assistant, pytest.mark.real_time]
URL = os.environ.get("RTAUDIO_HOME_URL", "")
TOKEN = os.environ.get("RTAUDIO_HOME_TOKEN", "")
LAMP, LOCK = "input_boolean.test_lamp", "lock.front_door"
SOON_MS = 12_000  # until the tools of the home are known


def at_home(**options: Any) -> Edit:
    return transcribed(home_assistant__url=URL, home_assistant__token=Secret(TOKEN), **options)


@pytest.fixture
async def home() -> AsyncIterator[HomeClient]:
    """Home Assistant itself, with the lamp off and the door locked."""
    assert all((URL, TOKEN)), "set RTAUDIO_HOME_URL and RTAUDIO_HOME_TOKEN; see README.md"
    client = HomeClient(HomeAssistant(URL, Secret(TOKEN)))
    await client.act("input_boolean.turn_off", {"entity_id": LAMP})
    await client.act("lock.lock", {"entity_id": LOCK})
    yield client
    await client.close()


async def is_in(client: HomeClient, entity: str) -> str:
    state = await client.get_state(entity)
    assert state is not None
    return state.state


class Listener:
    def tools_changed(self) -> None:
        pass


@asynccontextmanager
async def source_at_home(
    token: str = "", device_id: str = ""
) -> AsyncIterator[HomeAssistantSource]:
    settings, started = HomeAssistant(URL, Secret(token or TOKEN), device_id), asyncio.Event()
    started.set()
    source = HomeAssistantSource(HomeClient(settings), settings, Listener(), started)
    running = asyncio.create_task(source.run())
    async with asyncio.timeout(30):
        while not source.tools():
            await asyncio.sleep(0.1)
    yield source
    running.cancel()
    await asyncio.wait([running])


async def call(source: HomeAssistantSource, name: str, /, **arguments: Any) -> Outcome:
    (tool,) = [tool for tool in source.tools() if tool.name.endswith(name)]
    assert tool.targets is not None
    await tool.targets(arguments)
    outcome = await tool.run(arguments, CallContext("a"))
    assert isinstance(outcome, Outcome)
    return outcome


async def test_a_spoken_sentence_switches_the_lamp_and_is_answered(
    tmp_path: Path, home: HomeClient
) -> None:
    lamp = Call("intent__HassTurnOn", '{"name": "Test lamp"}')
    said = [(SOON_MS, SPOKEN), (4_000, b"")]
    async with Harness(tmp_path, said, reply=calling(lamp), change=at_home()) as harness:
        await harness.turns(1)
        assert phases(harness) == ["intent__HassTurnOn started", "intent__HassTurnOn done"]
        assert harness.named("tool")[-1]["as_asked"] == "yes"
        assert "speaking" in harness.statuses
        (output,) = outputs(harness)
        assert json.loads(output["output"])["result"]["states"] == {"Test lamp": "on"}
        instructions = harness.received("session.update")[-1]["session"]["instructions"]
        assert "Test lamp" in instructions
    assert await is_in(home, LAMP) == "on"


async def test_the_lock_opens_only_after_a_yes(tmp_path: Path, home: HomeClient) -> None:
    unlock = Call("intent__HassTurnOff", '{"name": "Front door"}')
    words = ["Unlock the front door.", "The weather is nice.", "Yes."]
    sound = [(SOON_MS, SPOKEN), (4_000, SPOKEN), (4_000, SPOKEN), (5_000, b"")]
    states = []
    async with house(
        tmp_path, words, model=Eager(unlock), change=at_home(), sound=sound
    ) as harness:
        for turn in (1, 2, 3):
            await harness.turns(turn)
            states.append(await is_in(home, LOCK))
        assert states == ["locked", "locked", "unlocked"]
        assert phases(harness)[:2] == ["intent__HassTurnOff unconfirmed"] * 2


async def test_what_stays_off_is_not_reported_as_on(home: HomeClient) -> None:
    assert await is_in(home, LAMP) == "off"
    async with source_at_home() as source:
        for _ in range(10):
            outcome = await call(source, "HassTurnOn", name="Dead lamp")
            assert (outcome.as_asked, outcome.value["changed"]) == ("no", False)
        assert (await call(source, "HassTurnOn", name="Test lamp")).as_asked == "yes"
        again = await call(source, "HassTurnOn", name="Test lamp")
        assert (again.as_asked, again.value["changed"]) == ("yes", False)


async def test_a_revoked_token_is_tried_once(home: HomeClient) -> None:
    assert await is_in(home, LAMP) == "off"
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{URL}/api/websocket") as ws:

        async def ask(**message: Any) -> Any:
            await ws.send_json(message)
            answer = await ws.receive_json()
            assert answer.get("success", True), answer
            return answer.get("result")

        await ws.receive_json()
        await ask(type="auth", access_token=TOKEN)
        name = f"to be revoked {time.time_ns()}"
        kind = "auth/long_lived_access_token"
        token = await ask(id=1, type=kind, client_name=name, lifespan=1)
        payload = token.split(".")[1]
        about = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        async with source_at_home(token) as source:
            await ask(id=2, type="auth/delete_refresh_token", refresh_token_id=about["iss"])
            await asyncio.sleep(6)
            for _ in range(20):
                with pytest.raises(ToolError, match="refuses the token"):
                    await call(source, "HassTurnOn", name="Test lamp")
            assert str(source.state) == "refused"
            assert "make a new long-lived token" in source.note
    assert await is_in(home, LAMP) == "off"


async def test_a_device_that_there_is_not_does_no_harm(home: HomeClient) -> None:
    assert await is_in(home, LAMP) == "off"
    async with source_at_home(device_id="0" * 32) as source:
        assert (await call(source, "HassTurnOn", name="Test lamp")).as_asked == "yes"


async def test_what_is_in_an_area_is_looked_at(home: HomeClient) -> None:
    outcome = await perform(home, "input_boolean.turn_on", {"area_id": "kitchen"}, {})
    assert (outcome.as_asked, outcome.value["states"]) == ("yes", {"Test lamp": "on"})
    outcome = await perform(home, "input_boolean.turn_on", {"area_id": "no_such"}, {})
    assert outcome.as_asked == "unknown"


@pytest.mark.parametrize(
    ("sentence", "decision"),
    [
        ("Turn on the test lamp", "allow"),
        ("Is the front door locked?", "allow"),
        ("What time is it?", "allow"),
        ("Unlock the front door", "confirm"),
        ("Open up", "confirm"),
        ("frnt dor unlok", "confirm"),
    ],
)
async def test_a_sentence_is_judged_before_it_is_carried_out(
    home: HomeClient, sentence: str, decision: str
) -> None:
    tool = asking_tool(home, "home_assistant")
    assert tool.targets is not None
    targets = await tool.targets({"sentence": sentence})
    assert Permissions(Tools().confirm, ()).decide(tool, targets) == decision
    assert (await is_in(home, LOCK), await is_in(home, LAMP)) == ("locked", "off")
    if "lamp" in sentence:
        outcome = await tool.run({"sentence": sentence}, CallContext("a"))
        assert (outcome.as_asked, await is_in(home, LAMP)) == ("yes", "on")


async def home_script(what: str) -> None:
    assert "HOME_CACHE" in os.environ, "start Home Assistant by home.sh; see README.md"
    script = str(Path(__file__).with_name("home.sh"))
    process = await asyncio.create_subprocess_exec(script, what)
    assert await process.wait() == 0


async def test_a_restart_is_survived(home: HomeClient, caplog: pytest.LogCaptureFixture) -> None:
    assert await is_in(home, LAMP) == "off"
    caplog.set_level("INFO", "rtaudio_daemon")
    async with source_at_home() as source:
        await asyncio.sleep(7)  # the list was read twice
        everything, seen = len(source.tools()), []
        assert (await call(source, "HassTurnOn", name="Test lamp")).as_asked == "yes"
        await home_script("stop")
        took = []
        for _ in range(40):
            started_at = time.perf_counter()
            with pytest.raises(ToolError, match="away"):
                await call(source, "HassTurnOff", name="Test lamp")
            took.append((time.perf_counter() - started_at) * 1000)
            await asyncio.sleep(0.2)
        assert len(source.tools()) == everything  # the session keeps them
        started_at = time.perf_counter()
        await home_script("start")
        async with asyncio.timeout(90):
            while not await works(source):
                if (about := f"{source.state}: {source.note}") not in seen:
                    seen.append(about)
                await asyncio.sleep(0.2)
        back_s = time.perf_counter() - started_at
        await asyncio.sleep(62)  # it lists again, as not everything is there at once
        assert len(source.tools()) == everything
    took.sort()
    print(
        f"\naway: error after p50 {took[20]:.1f} ms, p95 {took[38]:.1f} ms, most {took[-1]:.1f} ms"
    )
    print(f"switched the lamp {back_s:.1f} s after the start of Home Assistant; meanwhile {seen}")
    lines = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert len([each for each in lines if "no Home Assistant at" in each]) == 1, lines
    assert took[20] < 50


async def works(source: HomeAssistantSource) -> bool:
    try:
        return (await call(source, "HassTurnOff", name="Test lamp")).as_asked == "yes"
    except ToolError:
        return False


async def test_the_tools_part_of_a_turn_takes_little_time(home: HomeClient) -> None:
    assert await is_in(home, LAMP) == "off"
    async with source_at_home() as source:
        took: list[float] = []
        for number in range(100):
            started_at = time.perf_counter()
            name = "HassTurnOff" if number % 2 else "HassTurnOn"
            outcome = await call(source, name, name="Test lamp")
            took.append((time.perf_counter() - started_at) * 1000)
            assert outcome.value["changed"]
    took.sort()
    print(f"\nrules, call and look: p50 {took[49]:.0f} ms, p95 {took[94]:.0f} ms")
    assert took[49] < 1_000
