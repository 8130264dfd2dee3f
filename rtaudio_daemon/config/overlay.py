"""The few settings that can be chosen at run time and override the configuration.

They are stored in a file of their own (JSON, with the names in `NAMES`), because the configuration
of an installed daemon is read-only. Tools, hooks, hosts and secrets cannot be chosen in this way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .file_reading import read_bounded
from .source import Place, Source, Steps
from .wake_sections import WORDS

if TYPE_CHECKING:
    from .sections import Config

Value = str | float
Chosen = Mapping[str, Value]

OVERLAY_FILE = "settings.json"
"""The name of the file in the state directory."""
TEXT_MAX = 200

_STEPS: Mapping[str, Steps] = {
    "voice": ("realtime", "session", "voice"),
    "persona": ("realtime", "persona"),
    "volume": ("audio", "output", "volume"),
    "wake_sensitivity": ("audio", "wake", "words"),
    "microphone": ("audio", "input", "device"),
    "loudspeaker": ("audio", "output", "device"),
    "echo": ("audio", "echo"),
}
NAMES = tuple(_STEPS)
_MAX_BYTES = 1 << 14


def option(name: str) -> str:
    """Return the option that a setting stands for, such as audio.echo."""
    return ".".join(map(str, _STEPS[name]))


def read(path: Path) -> dict[str, Value]:
    """Return the choices in the file at `path`; empty if it is missing or invalid.

    Raises ConfigError if it cannot be read.
    """
    try:
        found = json.loads(read_bounded(path, _MAX_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError):
        return {}
    given = found if isinstance(found, dict) else {}
    return {name: given[name] for name in NAMES if is_possible(name, given.get(name))}


def is_possible(name: str, value: object) -> bool:
    """Return whether `value` has the form of this setting; a device is never a file."""
    if name == "volume":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and 0 <= float(str(value)) <= 1
    if name == "persona" and value == "":
        return True
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX or not value.isprintable():
        return False
    return name not in ("microphone", "loudspeaker") or not value.lower().startswith("wav:")


def lay_over(source: Source, chosen: Chosen) -> None:
    """Insert the choices into the values of a configuration file, as if written there."""
    if not chosen or not isinstance(source.value, dict | None):
        return
    source.value = source.value or {}
    for name, value in chosen.items():
        steps = _STEPS[name]
        group = _group(source.value, steps[:-1])
        if group is None:
            continue  # the checks report what is wrong there
        if name == "wake_sensitivity":
            group[steps[-1]] = _words(group, value)
            continue
        group[steps[-1]] = value
        source.places[steps] = Place(OVERLAY_FILE, 1)
        source.failed.discard(steps)


def in_effect(config: Config) -> dict[str, Value]:
    """Return the value of every setting in a configuration."""
    audio = config.audio
    found: dict[str, Value] = {
        "voice": config.realtime.session.voice,
        "volume": audio.output.volume,
        "microphone": audio.input.device,
        "loudspeaker": audio.output.device,
        "echo": audio.echo,
    }
    if config.personas:
        found["persona"] = config.realtime.persona
    waking = [each.sensitivity for each in audio.wake.entries() if not each.stop]
    if audio.listen == "wake_word" and waking:
        found["wake_sensitivity"] = waking[0]
    return {name: found[name] for name in NAMES if name in found}


def load_with(load: Callable[[Chosen], Config], chosen: Chosen) -> tuple[Config, Chosen]:
    """Return what `load` returns for `chosen`, and `chosen`; if invalid, use no choices.

    A warning then says so. Raises ConfigError if the configuration itself is invalid.
    """
    try:
        return load(chosen), chosen
    except ConfigError as error:
        if not chosen:
            raise
        settings = load({})
        why = f"what was chosen on the page does not fit any more, and is left out: {error}"
        return replace(settings, warnings=(*settings.warnings, why)), {}


def _group(value: dict[str, Any], steps: Steps) -> dict[Any, Any] | None:
    """Return the group of options at `steps`, created if missing; None if it is no group."""
    for step in steps:
        inner = value.get(str(step))
        if inner is None:
            inner = value[str(step)] = {}
        if not isinstance(inner, dict):
            return None
        value = inner
    return value


def _words(wake: Mapping[Any, Any], sensitivity: Value) -> Any:
    """Return the wake words of a section, all words that wake with this sensitivity."""
    given = wake.get("words")
    if not given:
        name = wake.get("word", WORDS[0])
        return [
            {"word": each, "sensitivity": sensitivity}
            for each in (WORDS if name == "any" else (name,))
        ]
    words = [given] if isinstance(given, Mapping) else given
    if not isinstance(words, list):
        return given
    return [
        {**each, "sensitivity": sensitivity}
        if isinstance(each, Mapping) and not each.get("stop")
        else each
        for each in words
    ]
