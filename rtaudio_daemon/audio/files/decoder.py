"""The process that decodes one sound file from standard input to pcm on standard output.

    python -m rtaudio_daemon.audio.files.decoder LONGEST_S

The libraries are written in C, and the file may be hostile: a failure ends this process only. Its
memory and CPU time are limited, and it may not write files. The exit status says what is wrong with
the file.
"""

from __future__ import annotations

import io
import sys

from ...child_processes import limit_this_process
from .bounds import DAMAGED, LEAST_RATE, MOST_BYTES, MOST_CHANNELS, MOST_RATE, STRANGE, TOO_LONG

_MOST_MEMORY = 384 << 20
_MOST_CPU_S = 15
_BLOCK_SAMPLES = 1 << 16


def main(arguments: list[str]) -> int:
    """Decode; return the exit status."""
    raw = sys.stdin.buffer.read(MOST_BYTES)
    limit_this_process(_MOST_MEMORY, _MOST_CPU_S)
    import numpy as np
    import soundfile

    from ..processing.format import SAMPLE_RATE, Resampler

    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as sound:
            rate, channels = sound.samplerate, sound.channels
            if not LEAST_RATE <= rate <= MOST_RATE or not 0 < channels <= MOST_CHANNELS:
                return STRANGE
            left, resampler = int(float(arguments[0]) * rate), Resampler(rate, SAMPLE_RATE)
            size, found = max(1, _BLOCK_SAMPLES // channels), bytearray()
            while len(block := sound.read(size, dtype="float32", always_2d=True)):
                left -= len(block)
                if left < 0:
                    return TOO_LONG
                mixed = np.nan_to_num(block.mean(axis=1) * 32767).clip(-32768, 32767)
                found += resampler.feed(mixed.astype("<i2").tobytes())
            found += resampler.flush()
    except (soundfile.SoundFileError, ValueError, RuntimeError, MemoryError):
        return DAMAGED
    sys.stdout.buffer.write(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
