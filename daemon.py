#!/usr/bin/env python3
"""Starts rtaudio-daemon; `daemon.py --help` lists what it can do."""

import sys

from rtaudio_daemon.__main__ import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("rtaudio_daemon"):
            raise
        sys.exit(
            f"the package {error.name!r} is missing in this Python; run script/setup once, "
            "then .venv/bin/python daemon.py"
        )
