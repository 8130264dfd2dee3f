#!/usr/bin/env python3
"""Starts rtaudio-daemon; `daemon.py --help` lists what it can do."""

import sys

try:
    from rtaudio_daemon.cli import main
except ModuleNotFoundError as error:
    if (error.name or "").startswith("rtaudio_daemon"):
        raise
    sys.exit(
        f"the package {error.name!r} is missing in this Python; run script/setup once, "
        "then .venv/bin/python daemon.py"
    )

if __name__ == "__main__":
    raise SystemExit(main())
