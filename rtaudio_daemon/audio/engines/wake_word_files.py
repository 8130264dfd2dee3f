"""Checks wake word files of unknown origin before the libraries load them.

A missing, empty or damaged file crashes a process inside these libraries. Therefore the file is
first examined without them, and then tried in a separate process.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ...child_processes import environment_of_ours, no_hangups
from ...config import WakeWord
from ...config.file_reading import read_bounded
from ...errors import NotFoundError, WrongValueError
from ...optional_packages import how_to_install, installed
from ...program_name import PROGRAM
from .model_copies import MOST_BYTES
from .taught_words import TaughtWords
from .tflite import Library
from .wake_word_engines import package_of
from .wake_word_trial import NO_PACKAGE, STRANGE

_LEAST_BYTES = 1_000
_MOST_JSON_BYTES = 65_536
_MAGIC = slice(4, 8), b"TFL3"
_STEP_MS = 10
_PATIENCE_S = 30.0  # a slow machine needs seconds to load the libraries
_AGAIN = "download it again"
_NAME_MOST = 128


def refusals(words: Iterable[WakeWord]) -> dict[str, str]:
    """Return by name why words cannot be used, for those that cannot; takes seconds.

    Words that come with a package, and files whose package is missing, are not checked.
    """
    found = {}
    for word in words:
        if word.taught and word.taught not in TaughtWords().names():
            found[word.called] = (
                f'"{word.taught}" was not taught here: `{PROGRAM} wake teach "{word.taught}"`'
            )
        elif word.taught and installed(package_of(word)):
            try:
                TaughtWords().load(word.taught, Library())
            except (NotFoundError, WrongValueError) as error:
                found[word.called] = str(error)
            except (ImportError, OSError):
                pass  # opening the word reports what is missing
        if word.file and installed(package_of(word)):
            try:
                check_file(word.file)
            except WrongValueError as error:
                found[word.called] = str(error)
    return found


def check_file(path: str) -> None:
    """Examine the file and try it in another process. Raises WrongValueError with the reason."""
    if path.endswith(".json"):
        check_model(os.path.join(os.path.dirname(path), described(path)))
    else:
        check_model(path)
    _try(path)


def described(path: str) -> str:
    """Return the name of the model that a description (microWakeWord, version 2) refers to.

    Raises WrongValueError if the description at `path` cannot be used.
    """
    raw = _read(path, _MOST_JSON_BYTES)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise WrongValueError(f"{path} is no description of a wake word; {_AGAIN} (as raw file)")
    for what in _mistakes(found):
        raise WrongValueError(f"{path}: {what}; only microWakeWord's version 2 can be used")
    name: str = found["model"]
    return name


def _mistakes(found: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong with a description, in order."""
    if found.get("type", "micro") != "micro":
        yield "type: expected micro"
    if found.get("version", 2) != 2:
        yield "version: expected 2"
    if not isinstance(found.get("wake_word"), str):
        yield "wake_word: expected text"
    name = found.get("model")
    plain = isinstance(name, str) and name.endswith(".tflite") and len(name) <= _NAME_MOST
    if not plain or os.path.basename(str(name)) != name or "\0" in name:
        yield "model: expected the name of a .tflite file beside it"
    if not isinstance(micro := found.get("micro"), dict):
        yield "micro: expected a group of settings"
        return
    cutoff, window = micro.get("probability_cutoff"), micro.get("sliding_window_size")
    if isinstance(cutoff, bool) or not isinstance(cutoff, int | float) or not 0 < cutoff < 1:
        yield "micro.probability_cutoff: expected a number between 0 and 1"
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= 100:
        yield "micro.sliding_window_size: expected a whole number from 1 to 100"
    if micro.get("feature_step_size", _STEP_MS) != _STEP_MS:
        yield f"micro.feature_step_size: expected {_STEP_MS}"


def check_model(path: str) -> None:
    """Examine a .tflite file without loading it. Raises WrongValueError with the reason."""
    raw = _read(path, MOST_BYTES)
    where, magic = _MAGIC
    if len(raw) < _LEAST_BYTES or raw[where] != magic:
        kind = "an empty file" if not raw else "a page of the web" if b"<html" in raw[:999] else ""
        raise WrongValueError(
            f"{path} is no model of TensorFlow Lite{f' but {kind}' if kind else ''}; {_AGAIN} (as "
            "raw file)"
        )


def _read(path: str, most: int) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise WrongValueError(f"{path} is no regular file")
        return read_bounded(path, most)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no such name"
        raise WrongValueError(f"cannot read {path}: {why}") from None


def _try(path: str) -> None:
    command = [sys.executable, "-P", "-m", "rtaudio_daemon.audio.engines.wake_word_trial", path]
    try:
        with no_hangups():
            status = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment_of_ours(),
                start_new_session=True,  # a Ctrl-C in the terminal must reach the daemon only
                timeout=_PATIENCE_S,
                check=False,
            ).returncode
    except subprocess.TimeoutExpired:
        raise WrongValueError(f"{path} takes too long to load; use another one") from None
    if status == NO_PACKAGE:
        module = package_of(WakeWord(file=path))
        raise WrongValueError(f"{path} needs a package: `{how_to_install(module)}`")
    if status == STRANGE and path.endswith(".json"):
        raise WrongValueError(
            f"{path}: its model is damaged, or none of microWakeWord (one of openWakeWord is given "
            "without a .json)"
        )
    if status == STRANGE:
        raise WrongValueError(
            f"{path} is damaged, or no model of openWakeWord (for one of microWakeWord give its "
            ".json)"
        )
    if status:
        raise WrongValueError(f"{path} is damaged: it ended the process that tried it; {_AGAIN}")
