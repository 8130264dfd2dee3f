"""A room on a sound card of software: what the loudspeaker plays, as the microphone hears it.

    python -m bench.echo_room DELAY_MS GAIN [TAIL [SEED]]

A process between the monitor of the sink `speaker` and the sink `mic_in`. A line with a number on
its standard input turns the loudspeaker to that loudness, a factor.
"""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np

from bench.computed_rooms import FRAME, RATE, Room

_FORMAT = ("--raw", "--format=s16le", f"--rate={RATE}", "--channels=1")
_SIZE = 1 << 14  # a frame and a tail of half a second


class Reverberator:
    """Frame by frame what `room` makes of a sound, without its delay."""

    def __init__(self, room: Room) -> None:
        self._spectrum = np.fft.rfft(room.impulse(), _SIZE)
        self._rest = np.zeros(_SIZE)

    def feed(self, frame: np.ndarray) -> np.ndarray:
        """The next frame of the echo."""
        self._rest += np.fft.irfft(np.fft.rfft(frame, _SIZE) * self._spectrum, _SIZE)
        heard = self._rest[:FRAME].copy()
        self._rest = np.concatenate([self._rest[FRAME:], np.zeros(FRAME)])
        return heard


def _start(
    *command: str, stdin: int | None = None, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """A program of the sound server's; its complaints at the end are of no interest."""
    return subprocess.Popen(
        [*command, *_FORMAT], stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL
    )


def main() -> None:
    delay_ms, gain, tail, seed = (*sys.argv[1:], *("0", "0")[len(sys.argv) - 3 :])
    reverberator = Reverberator(Room("", 0, float(gain), float(tail), int(seed)))
    turned = [1.0]

    def listen() -> None:
        for line in sys.stdin:
            turned[0] = float(line)

    threading.Thread(target=listen, daemon=True).start()
    ear = _start("parec", "--device=speaker.monitor", "--latency-msec=20", stdout=subprocess.PIPE)
    mouth = _start("pacat", "-p", "--device=mic_in", "--latency-msec=60", stdin=subprocess.PIPE)
    assert ear.stdout is not None
    assert mouth.stdin is not None
    try:
        mouth.stdin.write(bytes(2 * RATE * int(delay_ms) // 1000))
        level = 1.0
        while len(pcm := ear.stdout.read(2 * FRAME)) == 2 * FRAME:
            levels = np.linspace(level, turned[0], FRAME)
            level = turned[0]
            heard = reverberator.feed(np.frombuffer(pcm, "<i2") * levels)
            mouth.stdin.write(np.clip(heard, -32768, 32767).astype("<i2").tobytes())
            mouth.stdin.flush()
    except BrokenPipeError:
        return
    finally:
        ear.kill()
        mouth.kill()


if __name__ == "__main__":
    main()
