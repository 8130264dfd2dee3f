"""Copies wake word files for the time it takes to load them.

The libraries map a model into memory. Overwriting the file while it is in use, as a download does,
would crash the process. A deleted copy does not change.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from ...config import WakeWord
from ...config.file_reading import read_bounded

MOST_BYTES = 10_000_000
"""Maximum size of a file."""


@contextmanager
def copied(words: Sequence[WakeWord]) -> Iterator[list[WakeWord]]:
    """Yield the words with their files replaced by copies, which are deleted afterwards.

    Raises ValueError if a file cannot be read or copied.
    """
    with ExitStack() as life:
        try:
            folder = life.enter_context(tempfile.TemporaryDirectory(prefix="rtaudio-wake-"))
            own = [_copied(each, os.path.join(folder, str(n))) for n, each in enumerate(words)]
        except OSError as error:
            why = f"{error.filename or 'the file'}: {error.strerror}"
            raise ValueError(f"cannot read or copy {why}") from error
        except (LookupError, TypeError) as error:
            raise ValueError("the file was changed a moment ago; try again") from error
        yield own


def _copied(word: WakeWord, folder: str) -> WakeWord:
    if not word.file:
        return word
    os.mkdir(folder)
    own = _copy(word.file, folder)
    if own.endswith(".json"):
        with open(own, "rb") as description:
            model = os.path.basename(json.load(description)["model"])
        _copy(os.path.join(os.path.dirname(word.file), model), folder)
    return replace(word, file=own)


def _copy(path: str, folder: str) -> str:
    own = os.path.join(folder, os.path.basename(path))
    with open(own, "wb") as copy:
        copy.write(read_bounded(path, MOST_BYTES))
    return own
