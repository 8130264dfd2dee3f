"""What waits to be sent is bounded."""

from __future__ import annotations

from rtaudio_daemon.simulator.model.send_queue import SendQueue


async def test_what_nobody_takes_is_dropped_and_counted() -> None:
    outbox = SendQueue()
    for _ in range(10_007):
        outbox.put({"type": "x"})
    assert outbox.dropped == 7
