"""When the next session is opened, and how often, whatever the service says of its age."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rtaudio_daemon import AzureRealTimeAudio
from rtaudio_daemon.notifications import ConnectionChanged
from rtaudio_daemon.protocol.codec import Json
from rtaudio_daemon.realtime.renewal import Renewal, renewal
from tests.realtime.service import Call, Service

HOUR = 3600.0


class Aging(Service):
    """A service whose sessions say when they expire, `said` being asked at each greeting."""

    def __init__(self, said: Callable[[], Any]) -> None:
        super().__init__("ga")
        self._said = said

    def session(self, number: int) -> Json:
        return {**super().session(number), "expires_at": self._said()}


@asynccontextmanager
async def connected(
    said: Callable[[], Any], **options: Any
) -> AsyncIterator[tuple[Aging, AzureRealTimeAudio, list[ConnectionChanged]]]:
    async with Aging(said) as service:
        client = AzureRealTimeAudio.for_endpoint(service.endpoint(), session_config={}, **options)
        changes: list[ConnectionChanged] = []
        client.on("connection", changes.append)
        async with client:
            yield service, client, changes


async def test_sessions_that_seem_to_end_at_once_are_used_as_long_as_usual() -> None:
    """As on a machine whose clock is ahead by just a session's age."""
    async with connected(lambda: time.time() + 2) as (service, client, _changes):
        await asyncio.sleep(HOUR)
        assert client.is_initialized
        assert len(service.calls) == 3, "about 28 minutes each"


@pytest.mark.parametrize("seconds", [6, 30, 120])
async def test_sessions_that_seem_short_are_renewed_less_and_less_often(seconds: float) -> None:
    async with connected(lambda: time.time() + seconds) as (service, client, changes):
        await asyncio.sleep(HOUR / 2)
        settled = len(service.calls)
        assert settled < 25
        await asyncio.sleep(HOUR / 2)
        assert len(service.calls) - settled <= 6, "one in five minutes"
        assert client.is_initialized
        assert {change.state.value for change in changes} == {"connecting", "open", "renewing"}


async def test_a_session_that_is_really_short_is_renewed_in_time_again_after_a_loss() -> None:
    async with connected(lambda: time.time() + 20) as (service, client, changes):
        await asyncio.sleep(HOUR / 2)
        await service.calls[-1].hang_up(1001)
        calls = len(service.calls)
        await asyncio.sleep(250)
        assert len(service.calls) - calls > 8, "16 s each again"
        assert client.is_initialized
        assert changes[-1].reconnects == 1


@pytest.mark.parametrize("said", ["1796000000000", "NaN", "-5", "9" * 400])
async def test_an_age_that_makes_no_sense_is_not_known(said: str) -> None:
    async def answer(call: Call, message: Json) -> bool:
        raw = json.dumps({"type": "session.updated", "session": service.session(1)})
        await call.socket.send_str(raw.replace('"?"', said))
        return True

    async with Aging(lambda: "?") as service:
        service.on_message = answer
        client = AzureRealTimeAudio.for_endpoint(service.endpoint(), session_config={})
        changes: list[ConnectionChanged] = []
        client.on("connection", changes.append)
        async with client:
            await asyncio.sleep(HOUR)
            assert changes[-1].expires_at is None
            assert len(service.calls) == 3, "about 28 minutes each"


def test_no_renewal_comes_sooner_than_it_may() -> None:
    assert renewal(10.0, HOUR) == Renewal(8.0, 9.5)
    assert renewal(10.0, HOUR, soonest_s=9.0) == Renewal(9.0, 9.5)
    assert renewal(10.0, HOUR, soonest_s=60.0) == Renewal(60.0, 60.0)
    assert renewal(2.0, HOUR) == renewal(None, HOUR) == Renewal(3300.0, 3570.0)
