"""A service in each dialect, for every test of the room."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rtaudio_daemon.protocol.codec import Dialect
from tests.realtime.service import Service


@pytest.fixture(params=["ga", "preview"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    chosen: Dialect = request.param
    return chosen


@pytest.fixture
async def service(dialect: Dialect) -> AsyncIterator[Service]:
    async with Service(dialect) as service:
        yield service
