"""How it stands with the connection over all of its sessions."""

from __future__ import annotations

from rtaudio_daemon.notifications import ConnectionState
from rtaudio_daemon.realtime.connection_record import ConnectionRecord


def test_a_session_that_was_lost_leaves_a_gap_until_the_next_one() -> None:
    record = ConnectionRecord("azure")
    assert record.open(0.0, 0.5, renewed=False) is None, "nothing was missed before the first"
    record.lost(10.0)
    gap_s = record.open(12.0, 12.5, renewed=False)
    opened = record.change(ConnectionState.OPEN, reason="settings refused", gap_s=gap_s)
    assert opened.gap_ms == 2500
    assert opened.reason == "settings refused"
    assert (opened.reconnects, opened.renewals) == (1, 0)


def test_a_renewal_counts_as_such_and_its_gap_is_what_it_took() -> None:
    record = ConnectionRecord("azure")
    record.open(0.0, 0.5, renewed=False)
    opened = record.change(ConnectionState.OPEN, gap_s=record.open(100.0, 100.25, renewed=True))
    assert opened.gap_ms == 250
    assert (opened.reconnects, opened.renewals) == (0, 1)


def test_while_no_session_was_wanted_none_was_missed() -> None:
    record = ConnectionRecord("azure")
    record.open(0.0, 0.0, renewed=False)
    record.lost(10.0)
    record.change(ConnectionState.CLOSED)
    record.rested()
    assert record.open(500.0, 500.0, renewed=False) == 0
    record.change(ConnectionState.OPEN)
    assert record.state is ConnectionState.OPEN
