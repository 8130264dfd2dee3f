"""Chooses the engine for each wake word, and the mode if a word cannot be detected."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ...config import Wake, WakeWord
from ...optional_packages import SPECS, how_to_install
from ..processing.wake_word import Attention, CombinedEngine, Listen, WakeWordEngine
from .micro_wake_word import MicroWakeWordEngine
from .model_copies import copied
from .open_wake_word import CUTOFF, OpenWord, RowMaker, RowWord, RowWordEngine, word_score
from .taught_words import taught_word
from .tflite import Library

_LOG = logging.getLogger(__name__)
_NOBODY = "audio.listen is wake_word, but nothing except push to talk is listened to"
_WITHOUT = "audio.wake.words, a word is left out"


def package_of(word: WakeWord) -> str:
    """Return the module of the optional package that detects this word."""
    return "pymicro_wakeword" if word.word or word.file.endswith(".json") else "pyopen_wakeword"


def load_file(word: WakeWord) -> WakeWordEngine:
    """Return the engine for a word with a file. Raises ValueError for another kind of file."""
    kind = MicroWakeWordEngine if package_of(word) == "pymicro_wakeword" else _open_engine
    return kind([word])


def open_attention(
    listen: str, wake: Wake, words: Sequence[WakeWord] | None = None, notes: Sequence[str] = ()
) -> Attention:
    """Return what decides when to listen, as `audio.listen` names it.

    `words`: the usable words of `wake`; None: all. `notes`: why the others are unusable. If no
    wake word can be detected, only push to talk is listened to.
    """
    given = wake.entries() if words is None else words
    stops, unstopped = _engines([each for each in given if each.stop])
    ends = CombinedEngine(stops) if stops else None
    if listen in ("push_to_talk", "open"):
        found = [f"{_WITHOUT}: {each}" for each in (*notes, *unstopped)]
        for note in found:
            _LOG.warning("%s", note)
        mode: Listen = "open" if listen == "open" else "push_to_talk"
        return Attention(mode, notes=found, stops=ends)
    engines, noted = _engines([each for each in given if not each.stop])
    found = [*notes, *noted, *unstopped]
    heading = _WITHOUT if engines else _NOBODY
    found = [f"{heading}: {each}" for each in found]
    for note in found:
        _LOG.warning("%s", note)
    if not engines and found:
        return Attention("push_to_talk", notes=found, stops=ends)
    combined, follow_up_ms = CombinedEngine(engines), wake.follow_up_s * 1000
    return Attention("wake_word", combined, follow_up_ms, notes=found, stops=ends)


def _opened_copies(
    opened: Callable[[list[WakeWord]], WakeWordEngine], words: Sequence[WakeWord]
) -> WakeWordEngine:
    with copied(words) as own:
        return opened(own)


def _engines(words: Sequence[WakeWord]) -> tuple[list[WakeWordEngine], list[str]]:
    """Return the engines that detect these words, and why some cannot be detected."""
    engines: list[WakeWordEngine] = []
    notes = []
    opening: Sequence[tuple[str, Callable[[list[WakeWord]], WakeWordEngine]]] = (
        ("pymicro_wakeword", MicroWakeWordEngine),
        ("pyopen_wakeword", _open_engine),
    )
    for module, opened in opening:
        mine = [each for each in words if package_of(each) == module]
        names = ", ".join(each.called for each in mine)
        try:
            engines += [_opened_copies(opened, mine)] if mine else []
        except (ImportError, OSError) as error:
            package = SPECS[module].partition(">")[0]
            notes.append(
                f"{names}: that needs the package {package}: `{how_to_install(module)}`, then "
                f"restart the daemon ({error})"
            )
        except ValueError as error:
            notes.append(f"{names}: {error}")
    return engines, notes


def _open_engine(words: Sequence[WakeWord]) -> RowWordEngine:
    library = Library()
    maker = RowMaker(library)

    def opened(word: WakeWord) -> RowWord:
        if word.taught:
            return taught_word(library, word)
        return OpenWord(library, word.file, word_score(word, CUTOFF), maker.silence)

    return RowWordEngine(maker, [opened(each) for each in words])
