"""The syntax of the command line: every command, with its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..program_name import PROGRAM
from ..user_folders import configuration_file
from ..version import VERSION

_Add = Callable[[str, str], Any]
"""Adds a command of this name and with this help, and returns its parser."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; `name` of its result is the command."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A voice assistant for microphone and loudspeaker. Without a command: run.",
    )
    parser.add_argument("--version", action="version", version=f"rtaudio-daemon {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str) -> Any:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(name=name)
        return command

    _add_begin(add)
    _add_devices(add)
    _add_simulate(add("simulate", "run the local realtime service on its own"))
    _add_words(add)
    _add_controls(add)
    _add_kept(add)
    _add_wake(
        _add_remote(add("wake", "teach a wake word of your own, list or forget those taught"))
    )
    _add_timers(_add_remote(add("timers", "list, cancel or silence timers, alarms and reminders")))
    _add_tools(_add_remote(add("tools", "list what the model may call, or call it by hand")))
    return parser


def _add_begin(add: _Add) -> None:
    """Add commands that run a daemon, or prepare one."""
    _add_config(add("run", "run the daemon"))
    _add_config(add("check", "check the configuration"))
    setup = add("setup", "ask for what the daemon needs, test it, and write the configuration")
    _add_config(setup)
    setup.add_argument(
        "--defaults", action="store_true", help="ask nothing: write the built-in service's settings"
    )
    setup.add_argument(
        "--page", action="store_true", help="ask in a browser of this machine, for a first one"
    )
    demo = add("demo", "hold a conversation with the built-in service")
    demo.add_argument("--port", type=_port, default=8770, help="port of the page and the events")
    demo.add_argument("--recorded", action="store_true", help="do not use the sound devices")
    demo.add_argument("--turns", type=int, default=0, help="end after so many answers")
    demo.add_argument("--record", metavar="FILE", help="write what is played into a WAV file")
    demo.add_argument(
        "--scenario", metavar="FILE", default="", help="a file that says what the service answers"
    )


def _add_devices(add: _Add) -> None:
    """Add commands that examine devices and service."""
    devices = add("devices", "list microphones and loudspeakers")
    devices.add_argument("--json", action="store_true", help="as JSON")
    examine = add("doctor", "test everything that may be wrong, and say what to do")
    _add_config(examine)
    examine.add_argument("--json", action="store_true", help="as JSON")
    examine.add_argument(
        "--calibrate", action="store_true", help="play a chirp and measure the echo of the room"
    )
    examine.add_argument(
        "--voice", action="store_true", help="listen while you speak, and say how loud you are"
    )
    examine.add_argument(
        "--write",
        action="store_true",
        help="with --calibrate or --voice: write what is proposed into the configuration",
    )
    examine.add_argument("--tone", action="store_true", help="play a tone and listen for it")


def _add_words(add: _Add) -> None:
    """Add commands that make a running daemon audible."""
    status = _add_remote(add("status", "show the state of a running daemon"))
    status.add_argument("--watch", action="store_true", help="print every event until Ctrl-C")
    say = _add_remote(add("say", "make a running daemon speak, or answer"))
    say.add_argument("text", nargs="+")
    say.add_argument("--prompt", action="store_true", help="the model answers the text")
    say.add_argument("--urgent", action="store_true", help="interrupt, and speak first")
    say.add_argument("--chime", action="store_true", help="with a short sound before it")
    say.add_argument("--wait", action="store_true", help="end when it was said; 1 if it was not")
    ask = _add_remote(add("ask", "let a running daemon ask a question; 1 if nobody answers"))
    ask.add_argument("question", nargs="+")
    ask.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="ID[=SENTENCE]",
        help="an answer that is offered, and a sentence that means it; may be given again",
    )
    ask.add_argument(
        "--timeout", type=float, default=20.0, metavar="S", help="how long nobody may speak"
    )
    broadcast = _add_remote(add("broadcast", "make all daemons of a home speak, over MQTT"))
    broadcast.add_argument("text", nargs="+")
    play = _add_remote(add("play", "make a running daemon play a sound file"))
    play.add_argument("source", metavar="FILE|URL", help="as the section audio.play allows")
    play.add_argument("--urgent", action="store_true", help="interrupt, and play first")
    play.add_argument("--wait", action="store_true", help="end when it was played; 1 if it was not")


def _add_controls(add: _Add) -> None:
    """Add commands that change a running daemon."""
    volume = _add_remote(add("volume", "set the loudness of a running daemon"))
    volume.add_argument("level", type=_level, help="0 to 1, or 0%% to 100%%")
    persona = _add_remote(add("persona", "choose who answers at a running daemon, or list them"))
    persona.add_argument("persona", nargs="?", metavar="NAME", help='"" is nobody special')
    _add_remote(add("reload", "make a running daemon read its settings again"))
    for name, text in (
        ("interrupt", "stop what a running daemon says"),
        ("mute", "close the microphone of a running daemon"),
        ("unmute", "open the microphone again"),
    ):
        _add_remote(add(name, text))
    _add_remote(add("health", "say whether a running daemon is healthy; 1 if it is not"))


def _add_kept(add: _Add) -> None:
    """Add commands that write files about stored data."""
    for name, text in (
        ("backup", "write timers, notes, actions, costs and settings into a new archive"),
        ("restore", "put back what a backup holds, while no daemon runs"),
    ):
        keeping = add(name, text)
        _add_config(keeping, "taken as by every command; what is kept is the same with all")
        keeping.add_argument("file", metavar="FILE")
        keeping.add_argument("--state", metavar="FOLDER", help="default: the state folder of yours")
    report = add("report", "write what developers need to know into a new archive, without words")
    _add_config(report)
    _add_address(report)
    report.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="",
        help="- is the standard output; default: a new name",
    )


def _add_wake(command: Any) -> None:
    command.add_argument("action", choices=("teach", "list", "forget"))
    command.add_argument("word", nargs="*", help="as in: wake teach hey marvin")


def _add_tools(command: Any) -> None:
    command.add_argument(
        "--call",
        nargs="+",
        metavar=("NAME", "JSON"),
        help="call a tool, as in --call volume '{\"percent\": 40}'",
    )
    command.add_argument(
        "--yes", action="store_true", help="do not ask before a call that needs it"
    )


def _add_timers(command: Any) -> None:
    actions = ("list", "cancel", "dismiss", "snooze")
    command.add_argument("action", nargs="?", default="list", choices=actions, help="default: list")
    command.add_argument("which", nargs="?", default="", help="cancel: the name or the number")


def _add_config(command: Any, text: str = "") -> None:
    default = configuration_file()
    text = text or f"default: {default}"
    command.add_argument("-c", "--config", default=default, metavar="FILE", help=text)


def _level(text: str) -> float:
    """Parse a volume from 0 to 1, which may be given in percent."""
    try:
        level = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        level = -1.0
    if 0 <= level <= 1:
        return level
    raise argparse.ArgumentTypeError(f"expected 0 to 1, as in 0.6, or 60%, got {text}")


def _add_remote(command: Any) -> Any:
    _add_config(command)
    _add_address(command)
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    return command


def _add_address(command: Any) -> None:
    command.add_argument("--url", help="address of the daemon (then its token is in RTAUDIO_TOKEN)")


def _add_simulate(command: Any) -> None:
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=_port, default=8771)
    command.add_argument(
        "--api-key", type=_key, metavar="K", help="refuse connections without this key"
    )
    command.add_argument("--voice", choices=("auto", "parrot", "espeak", "tone", "silence"))
    command.add_argument("--pacing", choices=("burst", "realtime", "slow"), help="default: burst")
    command.add_argument(
        "--scenario", metavar="FILE", help="a file with the answers and the faults"
    )
    command.add_argument("--tls", action="store_true", help="wss, with a self-made certificate")
    command.add_argument("--record", metavar="FILE", help="write all frames as JSON lines")
    command.add_argument(
        "--keep-sound", action="store_true", help="record the sound too, not just its size"
    )
    command.add_argument(
        "--replay", metavar="FILE", help="play a recording, or a report of a daemon, as the service"
    )


def _key(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("this key is empty; leave the option out for none")
    return text


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 (any free one) to 65535")
    return port
