"""The process that tries one wake word file: it loads the file and feeds it noise.

    python -m rtaudio_daemon.audio.engines.wake_word_trial FILE

The libraries are written in C and do not check files: a failure ends this process only. The exit
status is the result.
"""

from __future__ import annotations

import sys

from ...child_processes import limit_this_process

STRANGE, NO_PACKAGE = 3, 4
"""Exit statuses: another kind of file; a missing package. Any other but 0: a damaged file."""
_MOST_MEMORY = 512 << 20
_MOST_CPU_S = 20
_FRAMES, _SAMPLES = 20, 2_400  # two seconds, enough for the longest word


def main(arguments: list[str]) -> int:
    """Try the file; return the exit status."""
    limit_this_process(_MOST_MEMORY, _MOST_CPU_S)
    import numpy as np

    try:
        from ...config import WakeWord
        from .wake_word_engines import load_file

        engine = load_file(WakeWord(file=arguments[0]))
        chance = np.random.default_rng(1)
        for _ in range(_FRAMES):
            engine.feed(chance.normal(0, 1_000, _SAMPLES).astype("<i2").tobytes())
    except ValueError:
        return STRANGE
    except (ImportError, OSError):
        return NO_PACKAGE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
