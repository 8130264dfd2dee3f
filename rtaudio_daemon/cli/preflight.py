"""Checks what the settings require of this machine: optional packages and existing files.

For `check` and the doctor; the daemon itself reports missing items when it builds a component.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from ..audio.devices.ducking_ways import find_way
from ..audio.devices.wav_devices import check_wav
from ..audio.engines.wake_word_engines import package_of
from ..audio.engines.wake_word_files import refusals
from ..audio.files.chimes import own_chime
from ..config import Config, overlay
from ..config.hooks import described
from ..config.placeholders import revealed
from ..config.profiles import PROFILES
from ..errors import ConfigError, DeviceError, WrongValueError
from ..optional_packages import how_to_install, installed
from ..tools.sources import own_tools
from ..tools.sources.python_files import find_in_time
from ..tools.sources.running_program import complaint
from ..user_folders import state_folder


class Package(NamedTuple):
    """`module` is required if `option` has this `value`, or any value if that is None.

    `and_option`: another option that must also be on. `but_ending`: files with this ending
    need no package. `for_word`: one of the wake words must need it.
    """

    option: str
    value: str | None
    module: str
    and_option: str = ""
    but_ending: str = ""
    for_word: bool = False

    def wanted(self, settings: Config) -> bool:
        """Return whether the settings require it."""
        if self.and_option and not attrgetter(self.and_option)(settings):
            return False
        given = attrgetter(self.option)(settings)
        if self.but_ending and given.lower().endswith(self.but_ending):
            return False
        words = settings.audio.wake.entries()
        if self.for_word and self.module not in map(package_of, words):
            return False
        return bool(given if self.value is None else given == self.value)


PACKAGES = (
    Package("realtime.auth", "entra", "azure.identity"),
    Package("audio.gate.engine", "webrtc", "webrtcvad"),
    Package("audio.listen", "wake_word", "pymicro_wakeword", for_word=True),
    Package("audio.listen", "wake_word", "pyopen_wakeword", for_word=True),
    Package("audio.echo", "cancel", "livekit.rtc"),
    Package("audio.input.auto_gain", "on", "livekit.rtc"),
    Package("audio.input.noise_suppression", "on", "livekit.rtc"),
    Package("mqtt.host", None, "aiomqtt"),
    Package("audio.earcons.chime", None, "soundfile", but_ending=".wav"),
    Package("tools.mcp", None, "mcp_types"),
    Package("home_assistant.url", None, "mcp_types", "tools.home_assistant"),
)
"""Every optional package, and the setting that requires it."""


def missing_packages(settings: Config) -> list[str]:
    """Return a line with file and line number for each required package not installed."""
    return [
        settings.problem(
            each.option,
            f"needs a package that is not installed; run: {how_to_install(each.module)}",
        )
        for each in PACKAGES
        if each.wanted(settings) and not installed(each.module)
    ]


def ducking_in_the_way(settings: Config) -> list[str]:
    """Return a line about what keeps the present user from lowering programs, if requested."""
    if settings.audio.duck == "off":
        return []
    found = asyncio.run(find_way(keeps=state_folder() is not None))
    return [settings.problem("audio.duck", found.note)] if found.note else []


def unusable_files(settings: Config) -> list[str]:
    """Return a line with file and line number for each file that is unusable as configured."""
    found = []
    microphone = settings.audio.input.device
    if microphone.startswith("wav:"):
        path = microphone.removeprefix("wav:")
        try:
            check_wav(Path(path))
        except DeviceError as error:
            what = f"{error}{_from_where(path)}"
            found.append(settings.problem("audio.input.device", what))
    output = settings.audio.output.device
    if output.startswith("wav:"):
        folder = Path(output.removeprefix("wav:")).absolute().parent
        if not os.access(folder, os.W_OK | os.X_OK):
            what = f"there is no folder {folder} that can be written to"
            found.append(settings.problem("audio.output.device", what))
    found += _unusable_sounds(settings)
    found += _unusable_wake_words(settings)
    service = settings.realtime
    if PROFILES[service.profile].built_in and service.simulator.scenario and not service.host_name:
        from ..simulator import scenario

        try:
            scenario.load(service.simulator.scenario)
        except ConfigError as error:
            where = _from_where(service.simulator.scenario)
            found += [
                settings.problem("realtime.simulator.scenario", f"{each}{where}")
                for each in error.problems
            ]
    return found


def _unusable_wake_words(settings: Config) -> list[str]:
    words = settings.audio.wake.words
    refused = refusals(words)
    return [
        settings.problem(("audio", "wake", "words", index, "file"), refused[each.called])
        for index, each in enumerate(words)
        if each.called in refused and each.file
    ]


def unusable_taught_words(settings: Config) -> list[str]:
    """Return a line for each taught word that the present user lacks; the daemon's may differ."""
    words = settings.audio.wake.words
    refused = refusals(each for each in words if each.taught)
    return [
        settings.problem(("audio", "wake", "words", index, "taught"), refused[each.called])
        for index, each in enumerate(words)
        if each.called in refused and each.taught
    ]


def _unusable_sounds(settings: Config) -> list[str]:
    found, folder = [], settings.audio.play.folder
    if folder and not os.access(folder, os.R_OK | os.X_OK):
        what = f"there is no folder {folder} that can be read"
        found.append(settings.problem("audio.play.folder", what))
    chime = settings.audio.earcons.chime
    try:
        decodable = chime.lower().endswith(".wav") or installed("soundfile")
        if decodable or not Path(chime).is_file():
            asyncio.run(own_chime(chime))
    except WrongValueError as error:
        found.append(settings.problem("audio.earcons.chime", str(error)))
    return found


def unusable_tools(settings: Config) -> list[str]:
    """Return a line with file and line number for each unusable tool; runs the Python files.

    Mistakes in such a file are reported with the line in it.
    """
    found = [
        settings.problem(("tools", "own", each.index, *each.steps), each.what)
        for each in own_tools.problems(settings.tools.own)
    ]
    found += [
        settings.problem(("tools", "mcp", name, "command"), why)
        for name, server in (settings.tools.mcp or {}).items()
        if server.command and (why := complaint(revealed(server.command[0])))
    ]
    return [*found, *find_in_time(settings.tools.python).problems]


def unusable_hooks(settings: Config) -> list[str]:
    """Return a line with file and line number for each hook whose program cannot be run."""
    return [
        settings.problem(("hooks", index, "run", 0), why)
        for index, hook in enumerate(settings.hooks)
        if hook.run and (why := complaint(revealed(hook.run[0])))
    ]


def listed_hooks(settings: Config) -> list[str]:
    """Return a line for each hook: the event, and the action."""
    return [f"hook on {described(each)}" for each in settings.hooks]


def listed_choices(state: Path | None) -> list[str]:
    """Return a line for each setting chosen on the page and stored in the folder `state`."""
    path = state / overlay.OVERLAY_FILE if state else None
    try:
        chosen = overlay.read(path) if path else {}
    except ConfigError as error:
        return [f"what is chosen on the page is not known: {error}"]
    return [
        f"{overlay.option(name)}: {value or 'nobody special'} is chosen on the page ({path})"
        for name, value in chosen.items()
    ]


def unanswered_functions(settings: Config) -> list[str]:
    """Return a line for functions in `realtime.session.extra.tools`, which nobody answers."""
    given = (settings.realtime.session.extra or {}).get("tools")
    names = [
        str(each.get("name", "?"))
        for each in (given if isinstance(given, list) else ())
        if isinstance(each, Mapping) and each.get("type", "function") == "function"
    ]
    if not names:
        return []
    what = (
        f"nobody answers the functions {', '.join(names)}; describe them in tools.own, or write "
        "them in Python (tools.python)"
    )
    return [settings.problem("realtime.session.extra.tools", what)]


def _from_where(path: str) -> str:
    return "" if Path(path).is_absolute() else f" (looked for in {Path.cwd()})"
