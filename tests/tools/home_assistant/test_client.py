"""How it stands with Home Assistant: away, starting, refusing, and never a token in a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from rtaudio_daemon.config import HomeAssistant, Secret
from rtaudio_daemon.tools.sources.home_assistant.client import HomeClient, HomeError
from rtaudio_daemon.tools.tool import SourceState

from .fake_home import TOKEN, FakeHome


@asynccontextmanager
async def at_home(home: FakeHome) -> AsyncIterator[HomeClient]:
    async with home:
        client = HomeClient(home.settings)
        try:
            yield client
        finally:
            await client.close()


async def failing(work: Awaitable[object]) -> str:
    with pytest.raises(HomeError) as caught:
        await work
    return str(caught.value)


async def test_things_are_read_and_actions_carried_out() -> None:
    home = FakeHome()
    home.add("light.desk", "off", "Desk lamp")
    async with at_home(home) as client:
        assert client.state is SourceState.STARTING
        assert [each.name for each in (await client.get_states()).values()] == ["Desk lamp"]
        assert str(client.state) == "ok"
        assert await client.get_state("light.none") is None
        await client.act("light.turn_on", {"entity_id": "light.desk"})
        lamp = await client.get_state("light.desk")
        assert lamp is not None
        assert lamp.state == "on"
        assert await client.language() == "de"
    assert home.acted == [("light.turn_on", {"entity_id": "light.desk"})]


# Case 20 of the list of edge cases: away at the start, away in the middle, 404 while starting.


async def test_20_away_at_the_start_and_back_later() -> None:
    home = FakeHome()
    async with at_home(home) as client:
        await home.stop()
        why = await failing(client.ping())
        assert why == "Home Assistant is away: connection refused"
        assert client.state is SourceState.UNREACHABLE
        await home.start()
        assert await failing(client.get_states()) == "Home Assistant is away"  # at once
        assert home.asked == {}
        await asyncio.sleep(5)
        assert await client.get_states() == {}
        assert (client.state, client.note) == (SourceState.OK, "")


async def test_20_away_in_the_middle_and_404_while_it_starts() -> None:
    home = FakeHome()
    async with at_home(home) as client:
        await client.ping()
        await home.stop()
        await failing(client.ping())
        home.status, home.body = 404, "404: Not Found"
        await home.start()
        await failing(client.ping())
        assert (client.state, client.note) == (SourceState.STARTING, "Home Assistant is starting")
        home.status = 0
        await client.ping()
        assert str(client.state) == "ok"


async def test_20_a_lasting_404_is_no_start() -> None:
    home = FakeHome()
    home.status, home.body = 404, "404: Not Found"
    async with at_home(home) as client:
        await failing(client.ping())
        assert client.state is SourceState.UNREACHABLE
        assert client.note.endswith(": nothing of Home Assistant is at this address")


async def test_while_it_is_tried_whether_a_home_is_back_calls_fail_at_once() -> None:
    home = FakeHome()
    async with at_home(home) as client:
        await client.ping()
        home.hangs = True
        await failing(client.get_states())
        await asyncio.sleep(10)
        trying = asyncio.create_task(failing(client.ping()))
        await asyncio.sleep(1)
        started_at = asyncio.get_running_loop().time()
        assert await failing(client.get_states()) == "Home Assistant is away"
        assert asyncio.get_running_loop().time() - started_at < 0.05
        assert await trying == "Home Assistant is away: it does not answer"


# Case 21: the token is revoked.


async def test_21_a_refused_token_is_sent_once_in_fifteen_minutes() -> None:
    home = FakeHome()
    async with at_home(home) as client:
        await client.ping()
        home.token = "another"
        await asyncio.sleep(60)
        asks = [client.get_states() for _ in range(20)]
        whys = await asyncio.gather(*asks, return_exceptions=True)
        assert all("refuses the token" in str(why) for why in whys)
        assert client.state is SourceState.REFUSED
        for _ in range(899):
            await asyncio.sleep(1)
            assert "refuses the token" in await failing(client.ping())
        assert home.statuses[401] == 1
        await asyncio.sleep(2)
        await failing(client.get_states())
        assert home.statuses[401] == 2
        home.token = TOKEN
        await asyncio.sleep(901)
        await client.ping()
        assert str(client.state) == "ok"


async def test_21_a_ban_is_explained_and_not_prolonged() -> None:
    home = FakeHome()
    home.status, home.body = 403, "403: Forbidden"
    async with at_home(home) as client:
        assert "ip_bans.yaml" in await failing(client.ping())
        await failing(client.get_states())
        assert home.statuses[403] == 1


# Case 22: the token of a person who is no administrator.


async def test_22_what_a_person_may_not_do_does_not_count_as_a_wrong_token() -> None:
    home = FakeHome()
    home.forbidden.add("homeassistant.restart")
    async with at_home(home) as client:
        why = await failing(client.act("homeassistant.restart", {}))
        assert why == "Home Assistant does not allow this to its user"
        assert str(client.state) == "ok"
        assert await client.get_states() == {}


async def test_an_action_that_fails_says_why() -> None:
    home = FakeHome()
    home.broken["light.turn_on"] = "The bridge\nis away"
    async with at_home(home) as client:
        why = await failing(client.act("light.turn_on", {}))
        assert why == "Home Assistant did not carry out light.turn_on: The bridge is away"
        assert str(client.state) == "ok"


async def test_a_sentence_is_handed_to_the_agent_where_there_is_one() -> None:
    home = FakeHome()
    async with at_home(home) as client:
        assert "it has no conversation agent" in await failing(client.converse("hello", "de"))
        assert str(client.state) == "ok"
        home.agent = {"response_type": "action_done"}
        assert await client.converse("hello", "") == home.agent
    assert home.acted == [
        ("converse", {"text": "hello", "agent_id": "conversation.home_assistant"})
    ]


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (200, "<html>Welcome</html>", {}, "what answers there is no Home Assistant"),
        (200, "[" * 2000 + "]" * 2000, {}, "what answers there is no Home Assistant"),
        (200, "[" + "1," * (5 << 20) + "1]", {}, "its answer is larger than 8 MB"),
        (
            301,
            "",
            {"Location": "https://home.example/api/?x=1"},
            "it sends us on to https://home.example: write that as home_assistant.url",
        ),
        (302, "", {"Location": "/login"}, "it sends us on to /api/: write that as"),
        (404, '{"error": "not found"}', {}, "what answers there is no Home Assistant"),
        (502, "Bad gateway", {}, "nothing of Home Assistant is at this address"),
    ],
)
async def test_what_is_no_home_assistant_is_explained(
    status: int, body: str, headers: dict[str, str], words: str
) -> None:
    home = FakeHome()
    home.status, home.body, home.headers = status, body, headers
    async with at_home(home) as client:
        assert words in await failing(client.ping())
        assert words in client.note
        assert client.state is SourceState.UNREACHABLE


async def test_the_token_follows_no_redirect() -> None:
    home, elsewhere = FakeHome(), FakeHome()
    async with elsewhere, at_home(home) as client:
        home.status = 307
        home.headers = {"Location": f"http://127.0.0.1:{elsewhere.port}/api/"}
        await failing(client.ping())
        assert elsewhere.asked == {}


async def test_a_host_that_there_is_not_is_named() -> None:
    client = HomeClient(HomeAssistant("http://127.0.0.1:9/lovelace/", Secret(TOKEN)))
    await failing(client.ping())
    assert client.note == "no Home Assistant at 127.0.0.1:9/lovelace: connection refused"
    await client.close()


async def test_the_token_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    home = FakeHome()
    async with at_home(home) as client:
        await client.ping()
        home.token = "another"
        seen = [await failing(client.ping()), client.note, repr(client.__dict__)]
        await home.stop()
        other = HomeClient(home.settings)
        seen += [await failing(other.ping()), other.note]
        await other.close()
    assert not any(TOKEN in each for each in [*seen, caplog.text])


async def test_each_outage_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    home = FakeHome()
    changes: list[str] = []
    async with at_home(home) as client:
        client.changed = lambda: changes.append(client.state)
        await client.ping()
        await home.stop()
        for _ in range(5):
            await failing(client.ping())
        await home.start()
        await client.ping()
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert changes == ["ok", "unreachable", "ok"]


async def test_a_request_under_way_ends_before_the_session_closes() -> None:
    home = FakeHome()
    home.add("light.desk", "on")
    async with at_home(home) as client:
        reading = asyncio.create_task(client.get_states())
        await asyncio.sleep(0)
        await client.close()
        assert list(await reading) == ["light.desk"]
