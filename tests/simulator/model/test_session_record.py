"""What a session keeps for tests is bounded."""

from __future__ import annotations

from rtaudio_daemon.simulator.model.session_record import SessionRecord
from tests.simulator.caller import loud


def test_the_record_of_what_was_heard_is_bounded() -> None:
    record = SessionRecord()
    for _ in range(30):
        record.hear(loud(10_000))
    assert record.heard_bytes == 300_000 * 48
    assert len(record.heard) == 120_000 * 48
