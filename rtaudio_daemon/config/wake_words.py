"""Rules for `audio.wake.words`: one source for each word, and a unique name."""

from __future__ import annotations

from collections.abc import Iterator

from .audio_sections import Audio
from .source import Mistake
from .wake_sections import WakeWord

MOST = 16
"""Maximum number of words; each costs time with every frame."""


def mistakes(audio: Audio) -> Iterator[Mistake]:
    """Yield every mistake: at which option below `audio.wake.words`, and the remedy."""
    words, entries = audio.wake.words, audio.wake.entries()
    usual = entries[: len(entries) - len(words)]
    if len(words) > MOST:
        yield (), f"expected {MOST} words at most, got {len(words)}"
    for index, each in enumerate(words):
        for steps, what in _word(each):
            yield (index, *steps), what
        names, sources = [other.called for other in words], list(map(_source, words))
        if any(_source(each)) and (first := sources.index(_source(each))) < index:
            what = f"is the same word as audio.wake.words[{first}], which counts; leave one out"
            yield (index,), what
        elif audio.listen == "wake_word" and _source(each) in map(_source, usual):
            what = f"wakes as well (audio.wake.word is {audio.wake.word}); set another word there"
            yield (index, "word"), what
        elif each.called and (first := names.index(each.called)) < index:
            what = f"is called {each.called} like audio.wake.words[{first}]; give it a name:"
            yield (index,), f"{what} of its own"


def _word(word: WakeWord) -> Iterator[Mistake]:
    given = [name for name in ("word", "file", "taught") if getattr(word, name)]
    if not given:
        yield (), "has no word; give it word: alexa, file: marvin.json, or taught: hey marvin"
    elif len(given) > 1:
        yield (given[-1],), f"an entry has either {' or '.join(given)}; make an entry of each"
    if word.stop and word.persona:
        yield ("persona",), "a stop is answered by nobody; leave persona or stop out"


def _source(word: WakeWord) -> tuple[str, str, str]:
    return word.word, word.file, word.taught


def cautions(audio: Audio, *, word_given: bool) -> Iterator[Mistake]:
    """Yield what has no effect, likewise; `word_given`: the file has `audio.wake.word`."""
    wakes = any(not each.stop for each in audio.wake.words)
    if wakes and word_given:
        yield ("word",), "is not used: the words are those of audio.wake.words; leave it out"
    if wakes and audio.listen != "wake_word":
        yield ("words",), f"are not listened for: audio.listen is {audio.listen}, not wake_word"
