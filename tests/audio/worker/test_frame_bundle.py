"""Which frames wait for the next one."""

from __future__ import annotations

from array import array

from rtaudio_daemon.audio.worker.frame_bundle import FrameBundle

SOFT, LOUD = (array("h", [level, -level] * 240).tobytes() for level in (10, 40))


def lengths(bundle: FrameBundle, frames: list[bytes], soft_below: float) -> list[int]:
    """How many frames come at once."""
    return [len(bundle.add(frame, closely=True, soft_below=soft_below)) // 960 for frame in frames]


def test_soft_frames_wait_for_a_loud_one_or_for_a_tenth_of_a_second() -> None:
    bundle = FrameBundle(20)
    assert lengths(bundle, [SOFT] * 10, 10.1) == [0, 0, 0, 0, 5] * 2
    assert lengths(bundle, [SOFT, SOFT, LOUD, LOUD, SOFT], 10.1) == [0, 0, 3, 1, 0]
    assert bundle.add(LOUD, closely=True, soft_below=10.1) == SOFT + LOUD


def test_none_waits_where_none_is_soft() -> None:
    assert lengths(FrameBundle(20), [SOFT] * 3, 9.9) == [1, 1, 1]
    assert lengths(FrameBundle(20), [SOFT] * 3, 0.0) == [1, 1, 1]
    assert lengths(FrameBundle(20), [bytes(960)] * 3, 0.0) == [1, 1, 1]


def test_loud_frames_come_in_pairs_where_they_may() -> None:
    bundle = FrameBundle(20)

    def came(frames: list[bytes]) -> list[int]:
        added = (bundle.add(each, closely=True, soft_below=10.1, pairs=True) for each in frames)
        return [len(sound) // 960 for sound in added]

    assert came([LOUD] * 6) == [0, 2] * 3
    assert came([SOFT, SOFT, SOFT, LOUD]) == [0, 0, 0, 4], "nothing loud waits for long"
    assert came([LOUD, SOFT, SOFT, LOUD]) == [0, 2, 0, 2]
    assert came([LOUD]) == [0]
    assert bundle.add(LOUD, closely=True) == LOUD + LOUD


def test_long_frames_never_wait() -> None:
    bundle = FrameBundle(200)
    for closely in (True, False):
        assert bundle.add(bytes(9600), closely=closely, soft_below=10.0) == bytes(9600)
