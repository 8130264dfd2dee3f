"""The worker's end of the link to the daemon: in order, whole, and without waiting."""

from __future__ import annotations

import threading
from typing import Any

from rtaudio_daemon.audio.worker.input_stream import InputStream
from rtaudio_daemon.audio.worker.messages import (
    Kind,
    Unpacker,
)
from tests.audio.worker.test_stream import messages


def test_what_a_callback_says_while_the_line_is_in_use_is_said_right_after_it(
    pumps: Any, pair: Any
) -> None:
    link = pumps(InputStream)._link
    with link._lock:
        link.send_soon((Kind.SOUND, b"late"))
    link.send(Kind.FINISHED, b"{}")
    assert messages(pair) == [(Kind.SOUND, b"late"), (Kind.FINISHED, b"{}")]


def test_a_message_of_which_the_daemon_took_a_part_is_told_whole_and_in_order(
    pumps: Any, pair: Any
) -> None:
    link = pumps(InputStream)._link
    large = bytes(range(256)) * 2000
    link.send_soon((Kind.SOUND, large))
    assert link._rest
    link.send_soon((Kind.SOUND, b"small"))
    received: list[tuple[Kind, bytes]] = []

    def read() -> None:
        unpacker = Unpacker()
        while len(received) < 2:
            received.extend(unpacker.feed(pair[0].recv(1 << 16)))

    reader = threading.Thread(target=read)
    reader.start()
    link.serve()
    reader.join(10)
    assert received == [(Kind.SOUND, large), (Kind.SOUND, b"small")]
