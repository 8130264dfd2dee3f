"""Other programs that play a tone each, and how loud each is where a loudspeaker is recorded."""

from __future__ import annotations

import os
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, SAMPLE_RATE
from tests.sound_server import Recording

Levels = NDArray[np.float64]
_STEP_MS = 20
_AMPLITUDE = 6_000
_SECONDS = 60


@dataclass(frozen=True)
class Program:
    """A program that plays a tone; `hz`: a multiple of 50, and no multiple of another one's."""

    hz: int
    process: subprocess.Popen[bytes]

    def loudness(self, pcm: bytes) -> Levels:
        """How much louder or softer than at the beginning it is, in dB, by 20 ms."""
        samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float64)
        size = _STEP_MS * SAMPLE_RATE // 1000
        pieces = samples[: len(samples) // size * size].reshape(-1, size)
        wave_ = np.exp(-2j * np.pi * self.hz * np.arange(size) / SAMPLE_RATE)
        found = np.abs(pieces @ wave_) * 2 / size
        return np.asarray(20 * np.log10(np.maximum(found, 1e-3) / _AMPLITUDE))


@contextmanager
def program(folder: Path, hz: int, *options: str, sink: str = "speaker") -> Iterator[Program]:
    """Play a tone for a minute at most; `options` of paplay. Without a `sink`: on the default."""
    path = folder / f"{hz}.wav"
    if not path.exists():
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            times = np.arange(SAMPLE_RATE * _SECONDS) / SAMPLE_RATE
            tone = _AMPLITUDE * np.sin(2 * np.pi * hz * times)
            file.writeframes(tone.astype("<i2").tobytes())
    where = (f"--device={sink}",) if sink else ()
    command = ("paplay", "--latency-msec=40", *where, *options, str(path))
    process = subprocess.Popen(command, env=dict(os.environ))
    try:
        yield Program(hz, process)
    finally:
        process.kill()
        process.wait()


def settles_ms(levels: Levels, wanted: float, tolerance: float = 1.0) -> int:
    """After how many ms the level is as wanted for 100 ms at least; -1: never."""
    near = np.abs(levels - wanted) < tolerance
    if len(near) < 5:
        return -1
    runs = np.convolve(near, np.ones(5), "valid") == 5
    return int(np.argmax(runs)) * _STEP_MS if runs.any() else -1


def since(recording: Recording, mark: int) -> bytes:
    """What was recorded from `mark` (of `here`) on."""
    return recording.so_far()[mark:]


def here(recording: Recording) -> int:
    """Where the recording is now, at most some 50 ms late."""
    return len(recording.so_far()) & ~1


def ms(mark: int) -> float:
    """How long this stretch of a recording is."""
    return mark / BYTES_PER_MS
