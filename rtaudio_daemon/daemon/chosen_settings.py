"""Settings that people choose on the page: stored in the state directory, applied by a reload."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import config
from ..config import overlay
from ..config.file_writing import write_whole
from ..errors import ConfigError, NotNowError, WrongValueError
from .controlled_parts import Reloader

VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"),
)
_CHOICES = {
    "echo": ("auto", "system", "cancel", "half_duplex", "off"),
    "wake_sensitivity": ("low", "normal", "high"),
}
_KIND = {"microphone": "microphone", "loudspeaker": "speaker"}
_LOG = logging.getLogger(__name__)


class ChosenSettings:
    """Settings chosen in the file at `path`, which override those that `load` reads."""

    def __init__(self, path: Path | None, load: Callable[[overlay.Chosen], config.Config]) -> None:
        self._path = path
        self._load = load
        self._lock = asyncio.Lock()
        self.chosen: overlay.Chosen = {}
        """The choices by the names in `config.overlay`, without invalid ones."""

    def load(self) -> config.Config:
        """Return the configuration with the choices applied. Raises ConfigError."""
        try:
            kept = overlay.read(self._path) if self._path else {}
        except ConfigError as error:
            _LOG.warning("%s; nothing of it is used", error)
            kept = {}
        found, self.chosen = overlay.load_with(self._load, kept)
        return found

    async def listed(self, devices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return every setting for `/api/settings`; `devices`: those that can be chosen."""
        settings = await asyncio.to_thread(self._load, {})
        choices: dict[str, Sequence[str]] = {
            **_CHOICES,
            "voice": VOICES,
            "persona": ("", *(settings.personas or ())),
        }
        for name, kind in _KIND.items():
            found = (each["name"] for each in devices if each["kind"] == kind)
            choices[name] = ("default", *found)
        return [
            self._listed(name, value, choices.get(name))
            for name, value in overlay.in_effect(settings).items()
        ]

    async def choose(
        self, values: overlay.Chosen, devices: Sequence[Mapping[str, Any]], reloader: Reloader
    ) -> None:
        """Store those of `values` that differ from the configuration, and apply them.

        Raises WrongValueError for an invalid choice, ConfigError if it does not fit the
        configuration, and NotNowError if it cannot be stored; then nothing changes.
        """
        async with self._lock:
            known = {each["name"]: each for each in await self.listed(devices)}
            for name, value in values.items():
                _check(name, value, known.get(name))
            wanted = {
                name: each
                for name, each in {**self.chosen, **values}.items()
                if name in known and each != known[name]["configured"]
            }
            await asyncio.to_thread(self._load, wanted)
            await asyncio.to_thread(self._write, wanted)
            await reloader.reload()

    async def reset(self, reloader: Reloader) -> None:
        """Remove all choices. Raises NotNowError if the file cannot be removed."""
        async with self._lock:
            await asyncio.to_thread(self._write, {})
            await reloader.reload()

    def _listed(
        self, name: str, configured: overlay.Value, choices: Sequence[str] | None
    ) -> dict[str, Any]:
        value = self.chosen.get(name, configured)
        offered = dict.fromkeys((*choices, configured, value)) if choices else None
        return {
            "name": name,
            "option": overlay.option(name),
            "value": value,
            "configured": configured,
            "changed": name in self.chosen,
            "choices": list(offered) if offered else None,
        }

    def _write(self, chosen: overlay.Chosen) -> None:
        if self._path is None:
            raise NotNowError("nothing can be kept here: there is no state directory")
        try:
            if chosen:
                write_whole(self._path, json.dumps(chosen, indent=2) + "\n")
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise NotNowError(f"{self._path} cannot be written: {error.strerror}") from error


def _check(name: str, value: overlay.Value, known: Mapping[str, Any] | None) -> None:
    if known is not None and value == known["configured"]:
        return
    if known is None or not overlay.is_possible(name, value):
        raise WrongValueError(f"{name}: this cannot be chosen here")
    if known["choices"] and value not in known["choices"]:
        raise WrongValueError(f"{name}: expected {' or '.join(known['choices'])}")
