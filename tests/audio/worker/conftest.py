"""A link between a worker and its daemon, and streams that use it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from rtaudio_daemon.audio.worker.input_stream import InputStream
from rtaudio_daemon.audio.worker.link import WorkerLink
from rtaudio_daemon.audio.worker.stream import WorkerStream


@pytest.fixture
def pair() -> Any:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def pumps(pair: Any) -> Any:
    """Makes pumps whose line leads to `pair`; at the end nobody reads their streams any more."""
    made: list[tuple[WorkerLink, WorkerStream]] = []

    def make(kind: type[WorkerStream], *arguments: str) -> WorkerStream:
        link = WorkerLink(pair[1])
        link.ready = True
        made.append((link, kind(link, *arguments)))
        return made[-1][1]

    yield make
    for link, stream in made:
        for reader in stream._readers if isinstance(stream, InputStream) else []:
            reader._ending = True
            reader._stream.abandon()
            reader._thread.join()
        link.close()
