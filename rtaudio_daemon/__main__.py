"""`python -m rtaudio_daemon`."""

from __future__ import annotations

from .cli import startup


def main() -> int:
    """Run the command line; signals are handled before anything slow is imported."""
    startup.take_signals()
    startup.fill_standard_streams()
    from .cli.main import main as command_line

    return command_line()


if __name__ == "__main__":
    raise SystemExit(main())
