"""A link between a worker and its daemon, and streams that use it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from rtaudio_daemon.audio.worker.link import WorkerLink
from rtaudio_daemon.audio.worker.stream import WorkerStream


@pytest.fixture
def pair() -> Any:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def pumps(pair: Any) -> Any:
    """Makes pumps whose line leads to `pair`, and closes their sockets."""
    lines: list[WorkerLink] = []

    def make(kind: type[WorkerStream], *arguments: str) -> WorkerStream:
        lines.append(WorkerLink(pair[1]))
        lines[-1].ready = True
        return kind(lines[-1], *arguments)

    yield make
    for link in lines:
        link.close()
