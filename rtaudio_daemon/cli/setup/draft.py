"""The configuration being created: nothing is on disk until `write`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import voluptuous as vol
import yaml

from ... import config
from ...config import Secret, edit
from ...config.file_writing import write_whole
from ...config.generate import template
from ...config.secrets_file import SECRETS_FILE
from ...config.source import Steps
from ...errors import ConfigError, WrongValueError

Values = Mapping[tuple[str, ...], Any]
"""Values to set, by the steps of each option; a Secret is stored in a separate file."""

_SECRET_NAMES: Mapping[Steps, str] = MappingProxyType(
    {("realtime", "api_key"): "api_key", ("home_assistant", "token"): "ha_token"}
)
_CREDENTIAL = "api_key"
"""The credential that the service's unit provides; its file is beside the configuration."""


class Draft:
    """The existing file at `path`, or the template, with the answers so far."""

    def __init__(self, path: Path, *, new: bool) -> None:
        self.path = path
        self.offered: Values = {}
        """The last answers that were not kept; they are offered again."""
        self._before = before(path)
        self.is_new = self._before is None or new
        """Whether it starts from the template."""
        self._secrets_file = path.parent / SECRETS_FILE
        try:
            self._text = self._before.decode() if self._before and not self.is_new else template()
        except UnicodeDecodeError as error:
            raise ConfigError([f"{path}: is not UTF-8 text; save it as UTF-8"]) from error
        self._values: dict[tuple[str, ...], Any] = {}
        self.settings = self.tried({})

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._values) or self._before != self._text.encode()

    def current(self, option: str) -> str:
        """Return an option's value as text for people; offered values come first."""
        value = self.offered.get(tuple(option.split(".")))
        return str(attrgetter(option)(self.settings) if value is None else value)

    def unchanged(self, option: str) -> Values:
        """Return what Enter means for an option: the offered value, or nothing."""
        steps = tuple(option.split("."))
        return {steps: self.offered[steps]} if steps in self.offered else {}

    def checked(self, option: str, answer: str) -> Any:
        """Return the checked `answer` for the option. Raises WrongValueError if it is invalid."""
        check = next(each.check for each in config.describe() if each.path == option)
        assert check is not None
        try:
            return check(answer)
        except vol.Invalid as error:
            raise WrongValueError(str(error)) from error

    def tried(self, values: Values) -> config.Config:
        """Return the settings as they would be with `values`. Raises ConfigError."""
        plain = {
            steps: value.reveal() if isinstance(value, Secret) else value
            for steps, value in {**self._values, **values}.items()
        }
        text = edit.edited(self._text, str(self.path), plain, over_names=True)
        return config.parse(text.removeprefix("\ufeff"), str(self.path))

    def keep(self, values: Values) -> None:
        """Set the options. Raises ConfigError; then nothing is set."""
        self.settings = self.tried(values)
        self._values.update(values)

    def write(self) -> Path | None:
        """Write it, secrets first; return the backup of the previous file.

        Raises ConfigError; then everything is as before.
        """
        names = {
            steps: edit.secret_name(self._text, steps) or self._new_name(steps)
            for steps, value in self._values.items()
            if isinstance(value, Secret)
        }
        text = edit.edited(self._text, str(self.path), {**self._values, **names}, over_names=True)
        files: dict[Path, str] = {}
        for steps, name in names.items():
            file, content = self._with_secret(name, self._values[steps], files)
            files[file] = content
        try:
            with _whole(), _restored(list(files)):
                for file, content in files.items():
                    write_whole(file, content)
                if config.parse(text.removeprefix("\ufeff"), str(self.path)) != self.settings:
                    raise ConfigError(
                        [f"{self.path}: it is written in a way that cannot be edited safely"]
                    )
                if self._before is not None:
                    return edit.replace_text(self.path.resolve(), self._before, text)
                if self.path.exists():
                    raise ConfigError([f"{self.path}: somebody else has made it meanwhile"])
                write_whole(self.path, text)
        except OSError as error:
            where = error.filename or self.path
            raise ConfigError([f"{where}: cannot be written: {error.strerror}"]) from error
        return None

    def _new_name(self, steps: tuple[str, ...]) -> edit.SecretName:
        name = _SECRET_NAMES[steps]
        handed_over = name == _CREDENTIAL and (self.path.parent / name).exists()
        return edit.SecretName("!credential" if handed_over else "!secret", name)

    def _with_secret(
        self, name: edit.SecretName, value: Secret, pending: Mapping[Path, str]
    ) -> tuple[Path, str]:
        """Return the file that stores a secret, and its new content."""
        if name.tag == "!credential":
            return self.path.parent / name.name, value.reveal()
        file = self._secrets_file
        try:
            text = pending.get(file) or (file.read_text(encoding="utf-8") if file.exists() else "")
            return file, edit.edited(text, str(file), {(name.name,): value.reveal()})
        except (yaml.YAMLError, UnicodeDecodeError):  # their words may hold a secret
            problem = f"{file}: it must hold lines of `NAME: value` and nothing else; correct it"
        except OSError as error:
            problem = f"{file}: cannot be read: {error.strerror}"
        raise ConfigError([problem])


def before(path: Path) -> bytes | None:
    """Return the content of the file; None if there is none. Raises ConfigError if unusable."""
    try:
        content = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    folder = next(each for each in path.absolute().parents if each.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError([f"{path}: you may not write into {folder}; name a file with -c FILE"])
    return content


@contextmanager
def _whole() -> Iterator[None]:
    """Defer Ctrl-C until everything is written."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _restored(files: list[Path]) -> Iterator[None]:
    """Restore the files if anything fails."""
    kept = {file: file.read_bytes() if file.exists() else None for file in files}
    try:
        yield
    except BaseException:
        for file, content in kept.items():
            if content is None:
                file.unlink(missing_ok=True)
            else:
                write_whole(file, content)
        raise
