"""The command line.

Exit status: 0 success, 78 the configuration is invalid, 77 the service rejected the credentials
that the doctor used, 130 interrupted, 1 anything else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..errors import ConfigError, RTAudioError
from ..protocol.bounds import printable
from . import remote_commands, startup
from .command_line import parser

EXIT_CONFIG = 78


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    arguments = parser().parse_args(_with_default(sys.argv[1:] if argv is None else list(argv)))
    if arguments.name != "run":
        startup.release_signals()
    try:
        return _run(arguments)
    except ConfigError as error:
        return _failed(str(error), EXIT_CONFIG)
    except RTAudioError as error:
        return _failed(f"error: {error}", 1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone, as with `daemon.py status --watch | head`
        return 0
    except KeyboardInterrupt:
        return 0


def _run(arguments: argparse.Namespace) -> int:
    if arguments.name in remote_commands.COMMANDS:
        try:
            return remote_commands.COMMANDS[arguments.name](arguments)
        except KeyError as error:
            raise RTAudioError(
                f"the answer has no {error}: is that a daemon of another version?"
            ) from error
    if arguments.name in ("backup", "restore"):
        from . import backup

        return backup.COMMANDS[arguments.name](arguments)
    if arguments.name == "report":
        from .report.command import report

        return report(arguments)
    if arguments.name == "wake":
        from . import wake_commands

        return wake_commands.wake(arguments)
    from . import local_commands  # slow: the whole daemon

    return local_commands.COMMANDS[arguments.name](arguments)


def _failed(why: str, status: int) -> int:
    from ..daemon.log import redaction

    print(printable(redaction(why)), file=sys.stderr)
    return status


def _with_default(argv: list[str]) -> list[str]:
    """Interpret `daemon.py -c FILE` as `daemon.py run -c FILE`."""
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version")):
        return ["run", *argv]
    return argv
