"""The commands that run in this process: they import the daemon, the simulator and the doctor."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from .. import config
from ..audio.devices.open import DeviceInfo, described, list_devices
from ..config import overlay
from ..daemon import log
from ..daemon.app import App
from ..daemon.chosen_settings import ChosenSettings
from ..daemon.memory import return_free_memory
from ..daemon.signals import spared, until_stopped
from ..errors import ConfigError, RTAudioError
from ..program_name import PROGRAM
from ..user_folders import configuration_file, locked, state_folder
from . import startup

_LOG = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon until it is stopped."""
    if not Path(arguments.config).exists():
        raise ConfigError(_how_to_begin(arguments.config))
    return_free_memory()
    state = state_folder()
    newest: config.Config | None = None

    def load(over: overlay.Chosen) -> config.Config:
        nonlocal newest
        first, path = newest is None, arguments.config
        newest = config.load(path, over) if first else config.load_again(path, newest, over)
        log.redaction.add(newest)
        return newest

    chosen = ChosenSettings(state / overlay.OVERLAY_FILE if state else None, load)
    settings = chosen.load()
    log.start(settings.logger)
    for warning in settings.warnings:
        _LOG.warning("%s", warning)
    if state is None:
        _LOG.warning("nothing is kept over a restart: without HOME set XDG_STATE_HOME to a folder")
    app = App(settings, load=chosen.load, state=state, chosen=chosen)

    async def live(stop: asyncio.Event) -> None:
        with ExitStack() as life:
            if state is not None and not life.enter_context(locked(state)):
                _LOG.warning(
                    "another daemon keeps its timers, notes and costs in %s too, and each "
                    "overwrites those of the other: set XDG_STATE_HOME for one of them",
                    state,
                )
            await app.run(stop, lambda: life.enter_context(spared()))

    return until_stopped(live, reload=app.reload, hung_up=startup.hung_up)


def _how_to_begin(missing: str) -> list[str]:
    """Return the ways to create the configuration file `missing`, one line each."""
    option = "" if missing == configuration_file() else f" -c {shlex.quote(missing)}"
    begin = f"  {PROGRAM} setup{option}"
    return [
        f"there is no file {missing}; one of these makes it:",
        f"{begin}  (questions in this terminal)",
        f"{begin} --page  (the same questions in a browser of this machine)",
        f"{begin} --defaults  (no questions: the built-in service, to try it out)",
    ]


def check(arguments: argparse.Namespace) -> int:
    """Print what is wrong with the configuration, or that it is fine."""
    from . import preflight  # only here, as it takes memory

    settings = config.load(arguments.config)
    unanswered = preflight.unanswered_functions(settings)
    missing = [*preflight.missing_packages(settings), *preflight.ducking_in_the_way(settings)]
    missing += preflight.unusable_taught_words(settings)
    for warning in (*settings.warnings, *missing, *unanswered):
        print(f"warning: {warning}", file=sys.stderr)
    if problems := [
        *preflight.unusable_files(settings),
        *preflight.unusable_tools(settings),
        *preflight.unusable_hooks(settings),
    ]:
        raise ConfigError(problems)
    print(f"{arguments.config}: fine")
    for line in preflight.listed_choices(state_folder()):
        print(line)
    for line in preflight.listed_hooks(settings):
        print(line)
    return 0


def demo(arguments: argparse.Namespace) -> int:
    """Hold a conversation with the built-in service."""
    log.start(config.Logger(default="warning"))
    from .demo import Demo  # only here, as it takes memory

    demo = Demo(
        port=arguments.port,
        recorded=arguments.recorded,
        turns=arguments.turns,
        record=arguments.record,
        scenario=arguments.scenario,
    )
    status = until_stopped(demo.run)
    print(
        f"\nNext, for a service of your own: `{PROGRAM} setup`, which asks in this terminal; or "
        f"`{PROGRAM} setup --page`, in a browser of this machine"
    )
    return status


def devices(arguments: argparse.Namespace) -> int:
    """List microphones and loudspeakers."""
    found = asyncio.run(list_devices(on_none=lambda why: print(why, file=sys.stderr)))
    if arguments.json:
        print(json.dumps([described(each) for each in found], indent=2))
        return 0
    print("\n".join(device_lines(found)))
    return 0


def device_lines(found: Sequence[DeviceInfo]) -> Iterator[str]:
    """Yield the lines of the list for people."""
    for direction, title in (("input", "Microphones"), ("output", "Loudspeakers")):
        yield f"{title} (audio.{direction}.device):"
        names = [each for each in found if each.direction == direction]
        for each in names:
            yield f"  {each.name}{'   (default)' if each.default else ''}"
            yield f"      {_facts(each)}"
        if not names:
            yield "  none found; wav:PATH and none always work"


def _facts(device: DeviceInfo) -> str:
    """Return what else is known about a device, in one line."""
    facts = [f"usb:{device.place}"] if device.place else []
    facts.append(f"{device.channels} channel{'' if device.channels == 1 else 's'}")
    if device.rates:
        facts.append(f"{', '.join(map(str, device.rates))} Hz")
    elif device.rates is not None:
        facts.append("does not open now (is another program using it?)")
    return "; ".join(facts)


def doctor(arguments: argparse.Namespace) -> int:
    """Print what may be wrong, with remedies."""
    log.start(config.Logger(default="critical"))

    from .doctor import examination, voice  # only here, as they take memory
    from .doctor.calibration import calibrate
    from .doctor.finding import Finding

    def report(finding: Finding) -> None:
        if not arguments.json:
            print(examination.line(finding), flush=True)

    if arguments.write and not (arguments.calibrate or arguments.voice):
        raise RTAudioError("--write goes with --calibrate or --voice: it writes what was measured")
    if arguments.calibrate and arguments.voice:
        raise RTAudioError("--calibrate plays a chirp while you are silent: use --voice by itself")
    if arguments.calibrate or arguments.voice:
        if arguments.voice:
            print(voice.INVITATION, file=sys.stderr, flush=True)
        measure = voice.check_voice if arguments.voice else calibrate
        findings = asyncio.run(measure(arguments.config, write=arguments.write))
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


def setup(arguments: argparse.Namespace) -> int:
    """Ask, test, and write the configuration; then check it."""
    from .setup import guide  # only here, as it takes memory

    if arguments.defaults:
        return guide.write_defaults(arguments.config)
    log.start(config.Logger(default="critical"))
    if arguments.page:
        return _setup_page(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a terminal must show keys again
    return guide.run(arguments.config, check=lambda: check(arguments))


def _setup_page(arguments: argparse.Namespace) -> int:
    from .setup import browser

    status = 1

    async def serve(stop: asyncio.Event) -> None:
        nonlocal status
        status = await browser.serve(arguments.config, lambda: check(arguments), stop)

    return until_stopped(serve) or status


def simulate(arguments: argparse.Namespace) -> int:
    """Run the local realtime service until it is stopped."""
    from ..simulator.server.simulator import Simulator

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


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = MappingProxyType(
    {
        "run": run,
        "check": check,
        "demo": demo,
        "devices": devices,
        "doctor": doctor,
        "setup": setup,
        "simulate": simulate,
    }
)
"""Each returns its exit status, and raises RTAudioError."""
