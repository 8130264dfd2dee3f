"""The command line.

Exit status: 0 fine, 78 the configuration is wrong, 77 the doctor's credentials were refused,
130 interrupted, 1 anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from .. import config
from ..audio.devices.open import DeviceInfo, described, list_devices
from ..daemon import log
from ..daemon.app import App
from ..daemon.signals import fill_standard_streams, spared, until_stopped
from ..errors import ConfigError, RTAudioError
from ..realtime.usage_file import USAGE_FILE, state_folder
from ..simulator.server.simulator import Simulator
from ..version import VERSION
from . import preflight
from .demo import Demo
from .doctor import examination
from .doctor.calibration import calibrate
from .doctor.finding import Finding
from .http_client import DaemonClient, local_daemon

EXIT_CONFIG = 78
_LOG = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    fill_standard_streams()
    arguments = _parser().parse_args(_with_default(sys.argv[1:] if argv is None else list(argv)))
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except ConfigError as error:
        print(log.redaction(str(error)), file=sys.stderr)
        return EXIT_CONFIG
    except RTAudioError as error:
        print(log.redaction(f"error: {error}"), file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone, as in `daemon.py status --watch | head`
        return 0
    except KeyboardInterrupt:
        return 0


def _with_default(argv: list[str]) -> list[str]:
    """`daemon.py -c FILE` is `daemon.py run -c FILE`."""
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version")):
        return ["run", *argv]
    return argv


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="daemon.py",
        description="A voice assistant for microphone and loudspeaker. Without a command: run.",
    )
    parser.add_argument("--version", action="version", version=f"rtaudio-daemon {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> Any:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=run)
        return command

    for name, run, text in (
        ("run", _run, "run the daemon"),
        ("check", _check, "check the configuration"),
    ):
        _add_config(add(name, run, text))
    demo = add("demo", _demo, "hold a conversation with the built-in service")
    demo.add_argument("--port", type=_port, default=8770, help="port of the page and the events")
    demo.add_argument("--recorded", action="store_true", help="do not use the sound devices")
    demo.add_argument("--turns", type=int, default=0, help="end after so many answers")
    demo.add_argument("--record", metavar="FILE", help="write what is played into a WAV file")
    demo.add_argument(
        "--scenario", metavar="FILE", default="", help="a file that says what the service answers"
    )
    devices = add("devices", _devices, "list microphones and loudspeakers")
    devices.add_argument("--json", action="store_true", help="as JSON")
    examine = add("doctor", _doctor, "test everything that may be wrong, and say what to do")
    _add_config(examine)
    examine.add_argument("--json", action="store_true", help="as JSON")
    examine.add_argument(
        "--calibrate", action="store_true", help="play a chirp and measure the echo of the room"
    )
    examine.add_argument(
        "--write", action="store_true", help="with --calibrate: write it into the configuration"
    )
    examine.add_argument("--tone", action="store_true", help="play a tone and listen for it")
    _add_simulate(add("simulate", _simulate, "run the local realtime service on its own"))
    status = _add_remote(add("status", _status, "show the state of a running daemon"))
    status.add_argument("--watch", action="store_true", help="print every event until Ctrl-C")
    say = _add_remote(add("say", _say, "make a running daemon speak, or answer"))
    say.add_argument("text", nargs="+")
    say.add_argument("--prompt", action="store_true", help="the model answers the text")
    say.add_argument("--urgent", action="store_true", help="interrupt, and speak first")
    volume = _add_remote(add("volume", _volume, "set the loudness of a running daemon"))
    volume.add_argument("level", type=float, help="0 to 1")
    _add_remote(add("reload", _reload, "make a running daemon read its settings again"))
    for name, text in (
        ("interrupt", "stop what a running daemon says"),
        ("mute", "close the microphone of a running daemon"),
        ("unmute", "open the microphone again"),
    ):
        _add_remote(add(name, _post, text)).set_defaults(path=f"/api/{name}")
    return parser


def _add_config(command: Any) -> None:
    default = os.environ.get("RTAUDIO_CONFIG") or "config.yaml"
    command.add_argument(
        "-c", "--config", default=default, metavar="FILE", help=f"default: {default}"
    )


def _add_remote(command: Any) -> Any:
    _add_config(command)
    command.add_argument("--url", help="address of the daemon (then its token is in RTAUDIO_TOKEN)")
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    return command


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
    command.add_argument("--replay", metavar="FILE", help="play a recording as the service")


# ------------------------------------------------------------------ commands


def _run(arguments: argparse.Namespace) -> int:
    settings = config.load(arguments.config)
    log.redaction.add(settings)
    log.start(settings.logger)
    for warning in settings.warnings:
        _LOG.warning("%s", warning)

    newest = settings

    def load() -> config.Config:
        nonlocal newest
        newest = config.load_again(arguments.config, newest)
        log.redaction.add(newest)
        return newest

    app = App(settings, load=load, usage=state_folder() / USAGE_FILE)

    async def run(stop: asyncio.Event) -> None:
        with ExitStack() as life:
            await app.run(stop, lambda: life.enter_context(spared()))

    return until_stopped(run, reload=app.reload)


def _check(arguments: argparse.Namespace) -> int:
    settings = config.load(arguments.config)
    for warning in (*settings.warnings, *preflight.missing_packages(settings)):
        print(f"warning: {warning}", file=sys.stderr)
    if problems := preflight.unusable_files(settings):
        raise ConfigError(problems)
    print(f"{arguments.config}: fine")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    log.start(config.Logger(default="warning"))
    demo = Demo(
        port=arguments.port,
        recorded=arguments.recorded,
        turns=arguments.turns,
        record=arguments.record,
        scenario=arguments.scenario,
    )
    return until_stopped(demo.run)


def _devices(arguments: argparse.Namespace) -> int:
    found = asyncio.run(list_devices(on_none=lambda why: print(why, file=sys.stderr)))
    if arguments.json:
        print(json.dumps([described(each) for each in found], indent=2))
        return 0
    for direction, title in (("input", "Microphones"), ("output", "Loudspeakers")):
        print(f"{title} (audio.{direction}.device):")
        names = [each for each in found if each.direction == direction]
        for each in names:
            print(f"  {each.name}{'   (default)' if each.default else ''}")
            print(f"      {_facts(each)}")
        if not names:
            print("  none found; wav:PATH and none always work")
    return 0


def _facts(device: DeviceInfo) -> str:
    """What else is known of a device, in one line."""
    facts = [f"usb:{device.place}"] if device.place else []
    facts.append(f"{device.channels} channel{'' if device.channels == 1 else 's'}")
    if device.rates:
        facts.append(f"{', '.join(map(str, device.rates))} Hz")
    elif device.rates is not None:
        facts.append("does not open now (is another program using it?)")
    return "; ".join(facts)


def _doctor(arguments: argparse.Namespace) -> int:
    log.start(config.Logger(default="critical"))

    def report(finding: Finding) -> None:
        if not arguments.json:
            print(examination.line(finding), flush=True)

    if arguments.write and not arguments.calibrate:
        raise RTAudioError("--write goes with --calibrate: it writes what was measured")
    if arguments.calibrate:
        findings = asyncio.run(calibrate(arguments.config, write=arguments.write))
        status = examination.exit_status(findings)
        for finding in findings:
            report(finding)
    else:
        findings, status = asyncio.run(
            examination.run(arguments.config, tone=arguments.tone, report=report)
        )
    if arguments.json:
        print(log.redaction(json.dumps([asdict(each) for each in findings], indent=2)))
    return status


def _simulate(arguments: argparse.Namespace) -> int:
    log.start(config.Logger())

    async def serve(stop: asyncio.Event) -> None:
        simulator = Simulator(
            arguments.host,
            arguments.port,
            api_key=arguments.api_key,
            scenario=arguments.scenario,
            voice=arguments.voice,
            pacing=arguments.pacing,
            tls=arguments.tls,
            record=arguments.record,
            keep_sound=arguments.keep_sound,
            replay=arguments.replay,
        )
        try:
            await simulator.start()
        except (OSError, OverflowError) as error:
            where = f"{arguments.host}:{arguments.port}"
            raise RTAudioError(f"cannot listen on {where}: {error}") from error
        async with simulator:
            if simulator.certificate is not None:
                print(f"certificate {simulator.certificate}", flush=True)
            print(f"simulator ready {simulator.url}", flush=True)
            await stop.wait()

    return until_stopped(serve)


def _status(arguments: argparse.Namespace) -> int:
    daemon = _remote(arguments)
    if not arguments.watch:
        print(json.dumps(daemon.get("/api/status"), indent=2))
        return 0
    signal.signal(signal.SIGINT, signal.default_int_handler)  # that is how watching ends
    for name, data in daemon.events():
        shown = {key: value for key, value in data.items() if key != "time"}
        print(f"{data.get('time', '')}  {name:12} {json.dumps(shown)}", flush=True)
    return 0


def _say(arguments: argparse.Namespace) -> int:
    body: dict[str, Any] = {
        "text": " ".join(arguments.text),
        "mode": "prompt" if arguments.prompt else "verbatim",
        "priority": "high" if arguments.urgent else "normal",
    }
    return _print_state(arguments, _remote(arguments).post("/api/say", body))


def _volume(arguments: argparse.Namespace) -> int:
    state = _remote(arguments).post("/api/volume", {"level": arguments.level})
    return _print_state(arguments, state)


def _post(arguments: argparse.Namespace) -> int:
    return _print_state(arguments, _remote(arguments).post(arguments.path))


def _print_state(arguments: argparse.Namespace, state: dict[str, Any]) -> int:
    """What a command led to, in one line."""
    if arguments.json:
        print(json.dumps(state, indent=2))
        return 0
    muted = ", muted" if state["muted"] else ""
    connection = f"connection {state['connection']['state']}"
    print(f"{state['status']}{muted}, volume {state['volume']:g}, {connection}")
    return 0


def _reload(arguments: argparse.Namespace) -> int:
    report = _remote(arguments).post("/api/reload")
    if arguments.json:
        print(json.dumps(report, indent=2))
        return 0
    for each in report["changed"]:
        why = f": {each['reason']}" if each.get("reason") else ""
        before, after = json.dumps(each["before"]), json.dumps(each["after"])
        print(f"{each['option']}: {before} is now {after} ({each['state']}{why})")
    for warning in report["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if not report["changed"]:
        print("nothing is different")
    return 1 if any(each["state"] == "failed" for each in report["changed"]) else 0


def _key(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("this key is empty; leave the option out for none")
    return text


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 (any free one) to 65535")
    return port


def _remote(arguments: argparse.Namespace) -> DaemonClient:
    if arguments.url:
        url = arguments.url.rstrip("/")
        url = url if "://" in url else f"http://{url}"
        return DaemonClient(url, os.environ.get("RTAUDIO_TOKEN", ""))
    return local_daemon(config.load(arguments.config).http)
