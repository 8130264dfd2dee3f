"""Virtual time, except where the official SDK talks to the simulator (test_sdk.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import Caller, EnergyHearing, call
from tests.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name == "test_sdk.py" or item.get_closest_marker("real_time"):
        return {"real_time": asyncio.SelectorEventLoop}
    return {"virtual_time": VirtualTimeLoop}


@pytest.fixture(params=["ga", "preview"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(voice="tone", voice_detector=EnergyHearing) as running:
        yield running


@pytest.fixture
async def caller(simulator: Simulator, dialect: Dialect) -> AsyncIterator[Caller]:
    async with call(simulator, dialect) as connected:
        yield connected
