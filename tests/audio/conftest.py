"""Real time for tests with the marker `sound` or `real_time`, virtual time for all others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.sound_server import sound_server
from tests.virtual_time import VirtualTimeLoop

__all__ = ["sound_server"]


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("sound") or item.get_closest_marker("real_time"):
        return {"real_time": asyncio.SelectorEventLoop}
    return {"virtual_time": VirtualTimeLoop}
