"""Virtual time for every test of the room, and a service in each dialect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from rtaudio_daemon.realtime.codec import Dialect
from tests.realtime.service import Service
from tests.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual_time": VirtualTimeLoop}


@pytest.fixture(params=["ga", "preview"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    chosen: Dialect = request.param
    return chosen


@pytest.fixture
async def service(dialect: Dialect) -> AsyncIterator[Service]:
    async with Service(dialect) as service:
        yield service
