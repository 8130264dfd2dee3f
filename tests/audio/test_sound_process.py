"""When a lost device is looked for again."""

from __future__ import annotations

from rtaudio_daemon.audio.sound_process import retry_after_s


def test_a_lost_device_is_looked_for_at_once_then_every_two_seconds_and_at_last_every_four() -> (
    None
):
    waits = [retry_after_s(failures) for failures in range(1, 200)]
    assert waits[:6] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert waits == sorted(waits)
    assert 35 < sum(wait for wait in waits if wait < 4) < 60, "the usual faults are over by then"
    assert max(waits) == 4.0, "with a second to open, it is found within five"
