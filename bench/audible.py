"""What it costs to find out whether a text was heard: `python -m bench.audible`."""

from __future__ import annotations

import time

import numpy as np

from rtaudio_daemon.audio.processing.audibility import KEPT_MS, EchoPath, Recording, examine
from rtaudio_daemon.audio.processing.format import FRAME_BYTES
from tests.harness import samples, speech

_SAMPLES = KEPT_MS * 24
_FRAMES = 100_000


def main() -> None:
    """Print CPU times: of a verdict on the longest text, and of every frame meanwhile."""
    text = np.resize(samples(speech("weather") + speech("hello")), _SAMPLES)
    noise = np.random.default_rng(1).normal(0, 20, _SAMPLES)
    for name, heard in (("heard", 0.1 * text + noise), ("not heard", noise)):
        played, there = (sound.astype("<i2").tobytes() for sound in (text, heard))
        began = time.process_time()
        for _ in range(10):
            examine(played, there, EchoPath(100.0, 0.1))
        print(f"{name}: {(time.process_time() - began) * 100:.0f} ms for {KEPT_MS / 1000:.0f} s")
    frame, recording = bytes(FRAME_BYTES), Recording()
    for name in ("nothing is said", "a text is said"):
        began = time.process_time()
        for _ in range(_FRAMES):
            recording.heard(frame)
            recording.played(frame, 0)
        each_us = (time.process_time() - began) * 1e6 / _FRAMES
        print(f"while {name}: {each_us:.1f} us for 20 ms of both sides")
        recording.begin()


if __name__ == "__main__":
    main()
