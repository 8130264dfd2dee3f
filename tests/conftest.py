"""Virtual time for every test, real time for those that need it (markers `sound`, `real_time`)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from aiohttp import web_app
from hypothesis import HealthCheck, settings

from tests.answers import AnswerCounts, count_into, keep
from tests.virtual_time import VirtualTimeLoop

_numbers = count()
# How fast inputs are made and tried says something of the machine, and nothing of what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-traces",
        action="store_true",
        help="write the traces of the library's contract anew",
    )
    parser.addoption(
        "--count-answers", type=Path, metavar="FILE", help="write what the simulator was asked for"
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--count-answers")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(AnswerCounts(path))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is tried by chance is not measured: it may reach a line in one run, not in the next."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")
            item.add_marker(pytest.mark.timeout(300))  # hundreds of tries, on a busy machine


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


@pytest.fixture(autouse=True)
def forgotten_applications() -> Iterator[None]:
    """aiohttp remembers a thousand applications, each a whole daemon with its sound."""
    yield
    web_app._cached_build_middleware.cache_clear()


class _Mistakes(logging.Handler):
    """Keeps what the guard around the service's messages caught."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "please report it" in record.getMessage():
            self.found.append(record)


@pytest.fixture(autouse=True)
def mistakes() -> Iterator[list[logging.LogRecord]]:
    """Fails a test in which a message of the service could not be handled, unless it empties it."""
    handler, logger = _Mistakes(), logging.getLogger("rtaudio_daemon.realtime.session")
    logger.addHandler(handler)
    yield handler.found
    logger.removeHandler(handler)
    assert [logging.Formatter().format(record) for record in handler.found] == []


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a daemon keeps over its restart does not outlive its test."""
    home = tmp_path_factory.getbasetemp() / f"state-{next(_numbers)}"
    monkeypatch.setenv("XDG_STATE_HOME", str(home))


@pytest.fixture(autouse=True)
def answers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Counts what the simulator is asked for, where that is wanted."""
    if request.config.getoption("--count-answers") is None:
        yield
        return
    counts: Counter[str] = Counter()
    count_into(counts, monkeypatch)
    yield
    keep(request.node, counts)
