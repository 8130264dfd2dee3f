"""Virtual time for every test, real time for those that need it (markers `sound`, `real_time`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest

from tests.virtual_time import VirtualTimeLoop


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-traces",
        action="store_true",
        help="write the traces of the library's contract anew",
    )


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("sound") or item.get_closest_marker("real_time"):
        return {"real_time": asyncio.SelectorEventLoop}
    return {"virtual_time": VirtualTimeLoop}


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """What a daemon sets for its log does not outlive its test."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    before = [(logger, logger.level) for logger in loggers]
    yield
    for logger, level in before:
        logger.setLevel(level)
