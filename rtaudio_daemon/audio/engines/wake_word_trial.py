"""The process that tries the file of one wake word: it is loaded, and hears noise.

    python -m rtaudio_daemon.audio.engines.wake_word_trial FILE

The libraries are written in C and do not check files: what goes wrong ends this process only. Its
exit status says what that is.
"""

from __future__ import annotations

import sys

from ...child_processes import limit_this_process

STRANGE, NO_PACKAGE = 3, 4
"""Exit statuses: another kind of file; a package is missing. Any other but 0: it is damaged."""
_MOST_MEMORY = 512 << 20
_MOST_CPU_S = 20
_FRAMES, _SAMPLES = 20, 2_400  # two seconds: the longest word is full then


def main(arguments: list[str]) -> int:
    """Try the file; returns the exit status."""
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
