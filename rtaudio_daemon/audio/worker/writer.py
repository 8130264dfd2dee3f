"""Writes a loudspeaker's stream in a thread of its own.

That costs less than a callback of PortAudio. It also controls how much sound waits in the device's
buffer: enough to cover a late block, but less than the buffer holds, because what waits is still
heard after a stop.

Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

_DRIFT = 0.001  # more than the difference between any two clocks
_EARLY_S = 0.001  # wake before a block is due: only then can lateness be measured


class TakenFrames:
    """Estimates how many frames a device has taken if it reports that in steps of `step` frames."""

    def __init__(self, rate: int, step: int) -> None:
        self._rate, self._step = rate, step
        self._offset, self._at = float("-inf"), 0.0

    def estimate(self, now: float, reported: int) -> float:
        """Return the frames taken at `now` (seconds), given that it has `reported` that many.

        The device takes them evenly, and has taken at least as many as it says, but less than one
        step more.
        """
        least = reported - now * self._rate
        evenly = self._offset - (now - self._at) * self._rate * _DRIFT
        self._offset, self._at = min(max(least, evenly), least + self._step), now
        return self._offset + now * self._rate


class Writer:
    """Keeps at least `waiting` frames in the buffer of a stream with steps of `step` frames.

    `next_block` gets whether the block comes too late, because the buffer is empty, and returns
    the block, of up to one step. `failed` gets the reason why no more can be written. Both are
    called in the writer's thread.
    """

    def __init__(
        self,
        stream: Any,
        rate: int,
        step: int,
        waiting: int,
        next_block: Callable[[bool], tuple[bytes, int]],
        failed: Callable[[Exception], None],
    ) -> None:
        self._stream, self._rate, self._waiting = stream, rate, waiting
        self._next_block, self._failed = next_block, failed
        self._taken = TakenFrames(rate, step)
        self._room = self._written = 0
        self._starved = self._ending = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Start the stream and write it. Raises OSError if it does not start."""
        self._stream.start_stream()
        self._room = self._stream.get_write_available()
        self._thread.start()

    def end(self) -> None:
        """Close the stream, between two blocks."""
        with self._lock:
            self._ending = True
            self._stream.close()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._ending:
                    return
                try:
                    pause_s = self.write_if_due(time.monotonic())
                except Exception as error:  # any error: the daemon starts another process
                    self._failed(error)
                    return
            if pause_s > 0:
                time.sleep(pause_s)

    def write_if_due(self, now: float) -> float:
        """Write a block if it is due; return in how many seconds to check again."""
        free = self._stream.get_write_available()
        # A negative number is an error: writing raises it, or restarts after an underflow.
        reported = self._written - self._room + free if free >= 0 else self._written
        over = self._written - self._taken.estimate(now, reported) - self._waiting
        if over > 2 * _EARLY_S * self._rate:
            return over / self._rate - _EARLY_S
        # PortAudio knows this too, but to report an underflow PyAudio would close the stream.
        starves = self._written >= self._room and reported >= self._written
        sound, frames = self._next_block(starves and not self._starved)
        self._starved = starves
        self._stream.write(sound, frames, False)
        self._written += frames
        return (over + frames) / self._rate - _EARLY_S
