"""Wake words taught by the user: stored with their recordings, learned, and detected.

Each has a private folder below `wake_words` in the state directory: its recordings (1.wav and so
on) and what was learned from them, which is computed again when the algorithm has changed.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...config import WakeWord
from ...config.file_reading import read_bounded
from ...config.file_writing import write_whole
from ...config.wake_sections import NAMED, WAKE_NAME
from ...errors import NotFoundError, WrongValueError
from ...program_name import PROGRAM
from ...user_folders import state_folder
from ..processing.taught_word import (
    CUTOFF,
    FEATURES,
    Basis,
    Floats,
    LearnedWord,
    TaughtWordDetector,
    learned_word,
)
from ..processing.word_learning import VERSION, Embed, Material, learn
from ..processing.word_recording import RATE, Sound, WordRecording, word_recording
from ..processing.word_score import Spotted, WordScore
from .open_wake_word import ROW_MS, RowMaker, word_score
from .tflite import Library

FOLDER = "wake_words"
_LEARNED = "learned.npz"
_MATERIAL = Path(__file__).with_name("taught_material.npz")
_RECORDINGS_MOST = 6
_MOST_BYTES = 1_000_000
_BLOCK = 2560  # samples per two rows
_BEFORE_ROWS = 11  # rows of a block of sound that include earlier sound
_TEMPLATE_ROWS_MOST = 32
_STOP_CUTOFF = 0.12


def basis() -> Basis:
    """Return what turns rows into the features used for learning."""
    with np.load(_MATERIAL, allow_pickle=False) as found:
        return Basis(found["mean"], found["projection"])


def material() -> Material:
    """Return the data that the program provides for learning."""
    with np.load(_MATERIAL, allow_pickle=False) as found:
        negatives = found["negatives"].astype(np.float32) / 160
        babble = np.repeat(found["babble"].astype(np.float32) / 28, 2)
    return Material(basis(), negatives.reshape(-1, FEATURES), babble)


def embedder(library: Library) -> Embed:
    """Return a function that computes the rows of sounds, one sound at a time."""
    maker = RowMaker(library)

    def embed(sound: Sound) -> Floats:
        whole = np.zeros((len(sound) // _BLOCK + 2) * _BLOCK, np.float32)
        whole[: len(sound)] = sound
        pcm = (np.clip(whole, -1, 1) * 32767).astype("<i2").tobytes()
        return np.concatenate(list(maker.feed(pcm)))[_BEFORE_ROWS:]

    return embed


class TaughtWord:
    """A taught word, detected in rows of embeddings."""

    windows = _TEMPLATE_ROWS_MOST
    """How many rows of context it needs."""

    def __init__(self, learned: LearnedWord, score: WordScore) -> None:
        self.score = score
        """Its name, and its counters."""
        self._detector = TaughtWordDetector(basis(), learned)

    def feed(self, rows: Floats) -> Spotted | None:
        """Process the next rows (n, 96); return the word if it just ended."""
        found = None
        for certainty in self._detector.feed(rows):
            found = self.score.feed(certainty, ROW_MS) or found
        return found

    def forget(self) -> None:
        """Continue as after a long silence."""
        self._detector.forget()


def taught_word(library: Library, word: WakeWord) -> TaughtWord:
    """Return the word of this name. Raises ValueError if it was not taught or cannot be read.

    A stop word is detected more easily: it is said over an answer, and a mistake only ends that.
    """
    try:
        learned = TaughtWords().load(word.taught, library)
    except (NotFoundError, WrongValueError) as error:
        raise ValueError(str(error)) from error
    return TaughtWord(learned, word_score(word, _STOP_CUTOFF if word.stop else CUTOFF))


def check_name(name: str) -> None:
    """Raise WrongValueError if the name is not valid for a word."""
    if not re.fullmatch(WAKE_NAME, name):
        raise WrongValueError(f"expected up to 48 {NAMED}, got {name[:60]!a}")


class TaughtWords:
    """The taught words in `folder`; None: the current user's folder."""

    def __init__(self, folder: Path | None = None) -> None:
        state = folder or state_folder()
        self._folder = state / FOLDER if state else None

    def names(self) -> list[str]:
        """Return the names of all taught words."""
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(each.name for each in self._folder.iterdir() if (each / "1.wav").is_file())

    def recordings(self, name: str) -> list[WordRecording]:
        """Return the recordings of `name`. Raises NotFoundError and WrongValueError."""
        folder = self._known(name)
        files = [folder / f"{number}.wav" for number in range(1, _RECORDINGS_MOST + 1)]
        try:
            return [word_recording(_read(each)) for each in files if each.is_file()]
        except (OSError, ValueError, EOFError, wave.Error) as error:
            raise WrongValueError(_damaged(name)) from error

    def load(self, name: str, library: Library) -> LearnedWord:
        """Return what was learned of `name`. Raises NotFoundError and WrongValueError.

        If the algorithm has changed, the word is learned again, which takes seconds.
        """
        file = self._known(name) / _LEARNED
        try:
            raw = read_bounded(file, _MOST_BYTES)
            with np.load(io.BytesIO(raw), allow_pickle=False) as found:
                arrays = {key: found[key] for key in found.files}
            if arrays.pop("version").tolist() == [VERSION]:
                return learned_word(arrays)
        except (OSError, ValueError, KeyError, EOFError):
            pass  # it can be learned again
        recordings = self.recordings(name)
        if any(each.fault for each in recordings):
            raise WrongValueError(_damaged(name))
        learned = learn(recordings, material(), embedder(library))
        with contextlib.suppress(OSError):  # it is then learned again next time
            write_whole(file, _packed(learned))
        return learned

    def save(self, name: str, recordings: Sequence[WordRecording], learned: LearnedWord) -> None:
        """Store a word, replacing any of the same name. Raises WrongValueError."""
        check_name(name)
        if self._folder is None:
            raise WrongValueError("there is no folder to keep words in; set XDG_STATE_HOME to one")
        folder = self._folder / name
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700, parents=True)
            for number, each in enumerate(recordings[:_RECORDINGS_MOST], 1):
                write_whole(folder / f"{number}.wav", _wav(each.sound))
            write_whole(folder / _LEARNED, _packed(learned))
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise WrongValueError(f"the word cannot be kept in {folder}: {why}") from error

    def forget(self, name: str) -> None:
        """Remove a word with its recordings. Raises NotFoundError."""
        shutil.rmtree(self._known(name), ignore_errors=True)

    def _known(self, name: str) -> Path:
        if self._folder is None or name not in self.names():
            raise NotFoundError(
                f'no word "{name}" was taught here; `{PROGRAM} wake list` lists all'
            )
        return self._folder / name


def certainty(word: LearnedWord, recording: WordRecording, embed: Embed) -> float:
    """Return how certain it is (0 to 1) that `recording` is this word."""
    lead = np.zeros(RATE, np.float32)
    sound = np.concatenate([lead, recording.sound, lead[: RATE // 2]])
    return max(TaughtWordDetector(basis(), word).feed(embed(sound)))


def _damaged(name: str) -> str:
    return (
        f'the recordings of "{name}" are damaged; teach it again: `{PROGRAM} wake teach "{name}"`'
    )


def _packed(learned: LearnedWord) -> bytes:
    file = io.BytesIO()
    arrays: dict[str, Any] = {"version": np.array([VERSION]), **learned.arrays()}
    np.savez(file, **arrays)
    return file.getvalue()


def _read(file: Path) -> Sound:
    with wave.open(io.BytesIO(read_bounded(file, _MOST_BYTES))) as opened:
        if (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) != (RATE, 1, 2):
            raise ValueError("another kind of recording")
        raw = opened.readframes(opened.getnframes())
    return np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768)


def _wav(sound: Sound) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setframerate(RATE)
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
