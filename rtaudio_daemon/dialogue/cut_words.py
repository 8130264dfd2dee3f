"""Which words of a partly heard sound were heard."""

from __future__ import annotations

import re
from unicodedata import category

# Thai, Lao, Burmese, Khmer, Chinese, Japanese: scripts that put no spaces between words.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uff00-\uff9f]"
)


def heard_words(words: str, heard_ms: float, received_ms: float) -> str:
    """Return the words heard of a sound of `received_ms`, of which `heard_ms` were heard.

    The result ends in " …" if it was cut, and is "" if not even one word was heard.
    """
    if heard_ms >= received_ms:
        return words
    cut = _cut(words, int(len(words) * heard_ms / received_ms))
    return f"{cut} …" if cut else ""


def _cut(words: str, length: int) -> str:
    """Return the first `length` characters at most; whole words where there are spaces."""
    while 0 < length < len(words) and category(words[length]) == "Mn":
        length -= 1  # a combining character that belongs to the letter before it
    cut = words[:length]
    if cut and not _UNSPACED.match(cut[-1]):
        cut = cut.rpartition(" ")[0]
    return cut.rstrip()
