"""The settings of wake words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .checks import boolean, choice, integer, option, text
from .schema import groups

WORDS = ("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft")
"""The words that come with the package."""
Sensitivity = Literal["low", "normal", "high"]
WAKE_NAME = r"[^\W_][\w '-]{0,47}"
"""The valid names of words; they are also names of folders, so nothing may lead elsewhere."""
NAMED = "letters, digits, spaces, _ and -, as in hey marvin"
"""The same in words; 48 characters at most."""


@dataclass(frozen=True)
class WakeWord:
    """One wake word: from the package, from a file, or taught here."""

    word: str = option("", "a word that the package knows", choice(*WORDS))
    file: str = option(
        "",
        "file of a word, beside the configuration: microWakeWord's .json (its .tflite beside it), "
        "or openWakeWord's .tflite",
        text(r".+\.(json|tflite)", "a file that ends in .json or .tflite"),
    )
    taught: str = option("", "name of a word that you taught here", text(WAKE_NAME, NAMED))
    name: str = option(
        "",
        "its name in events; empty = the word, or the name of the file without its ending",
        text(WAKE_NAME, NAMED),
    )
    sensitivity: Sensitivity = option(
        "normal",
        "high detects it more often, but also wakes more often for nothing; low is the opposite",
        choice("low", "normal", "high"),
    )
    persona: str = option("", "who answers to it, by the name in personas", text(WAKE_NAME, NAMED))
    stop: bool = option(
        False, "end what plays or rings instead of waking; active only meanwhile", boolean()
    )

    @property
    def called(self) -> str:
        """Its name in events."""
        stem = self.file.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
        return self.name or self.word or self.taught or stem


@dataclass(frozen=True)
class Wake:
    """With `listen: wake_word`: which words, and how long one lasts."""

    word: str = option("okay_nabu", "the word; any is one of the four", choice(*WORDS, "any"))
    words: tuple[WakeWord, ...] = option(
        (), "several words, or third-party words; then word is not used", groups(WakeWord)
    )
    follow_up_s: int = option(
        8,
        "speech needs no word for this long after the word, and after each answer (also with the "
        "button, but not after an announcement)",
        integer(1, 600),
    )

    def entries(self) -> tuple[WakeWord, ...]:
        """Return all words to listen for; `word` counts only if no other word wakes."""
        if any(not each.stop for each in self.words):
            return self.words
        names = WORDS if self.word == "any" else (self.word,)
        return (*(WakeWord(word=name) for name in names), *self.words)
