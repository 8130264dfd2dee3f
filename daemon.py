#!/usr/bin/env python3
"""Starts rtaudio-daemon; `daemon.py --help` lists what it can do."""

from rtaudio_daemon.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
