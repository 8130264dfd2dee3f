"""When a session is renewed. No clock, no wire."""

from __future__ import annotations

import pytest

from rtaudio_daemon.realtime.renewal import Renewal, renewal


@pytest.mark.parametrize(
    ("expires_in_s", "expected"),
    [
        (3600.0, Renewal(3300.0, 3570.0)),
        (100.0, Renewal(80.0, 95.0)),
        (None, Renewal(1380.0, 1650.0)),
        (-5.0, Renewal(1380.0, 1650.0)),
        (1e9, Renewal(1380.0, 1650.0)),
    ],
)
def test_when_to_renew(expires_in_s: float | None, expected: Renewal) -> None:
    assert renewal(expires_in_s, 28 * 60) == expected
