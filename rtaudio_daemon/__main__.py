"""`python -m rtaudio_daemon`."""

from __future__ import annotations

import os
import signal
from typing import Any

EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command line; a Ctrl-C at any moment ends it in one line or, once it runs, cleanly.

    Commands that only look around end at once, whatever they wait for; those that go on until
    they are stopped set a better rule for themselves.
    """
    signal.signal(signal.SIGINT, _leave)
    from .cli.main import main as command_line  # slow, and a Ctrl-C may come meanwhile

    return command_line()


def _leave(_number: int, _frame: Any) -> None:
    # A thread that still asks for a host's address would hold up an orderly end for seconds.
    os.write(2, b"\ninterrupted\n")
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    raise SystemExit(main())
