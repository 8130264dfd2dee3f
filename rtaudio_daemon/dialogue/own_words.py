"""Detects that the daemon answers itself: the words of its answers come back as the user's.

A room and a loudspeaker may make the sound of an answer unrecognizable, but not its words: the
transcript of a turn that is the echo of an answer repeats a stretch of that answer.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import islice
from unicodedata import category, normalize

# In scripts without spaces each character counts alone, as a half or a quarter of a word.
_HALVES = "\u3005-\u30ff\u3400-\u9fff"  # Chinese, Japanese
_QUARTERS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_TOKEN = re.compile(rf"[{_HALVES}{_QUARTERS}]|[^\W_{_HALVES}{_QUARTERS}]+")
_HALF, _QUARTER = re.compile(f"[{_HALVES}]"), re.compile(f"[{_QUARTERS}]")
_WORD = 4  # weight of a word, in quarters
_LEAST = 2 * _WORD  # of a turn; "yes" or one repeated word neither proves nor disproves an echo
_ENOUGH = 8 * _WORD
_ALIKE = 0.7  # share of a turn; the rest may be misheard
_SLACK = 2  # tokens that were heard but not said, or said but not heard
_ANSWERS = 3  # how many answers are remembered
_LONGEST_ANSWER, _LONGEST_TURN = 1000, 64  # tokens; the rest is ignored
_LETTERS = 12  # letters per word on average, at most


class OwnWords:
    """Compares the words of turns with the words of recent answers.

    A turn counts only if it begins while an answer is heard and nearly all of it (seven words of
    ten) occurs, in sequence, in one of the last answers. When eight words have come back in this
    way, in one turn or in several successive ones, the daemon answers itself.
    """

    def __init__(self) -> None:
        self._said: deque[list[str]] = deque(maxlen=_ANSWERS)
        self._over_answer = False
        self._evidence = 0

    def said(self, words: str) -> None:
        """Note the words of an answer, heard or to be heard."""
        self._said.append(_tokens(words, _LONGEST_ANSWER))

    def turn_began(self, *, over_answer: bool) -> None:
        """Note that somebody begins to speak; `over_answer`: while an answer is heard."""
        self._over_answer = over_answer

    def came_back(self, words: str) -> bool:
        """Note the words of the last turn; return whether an echo is now certain."""
        turn = _tokens(words, _LONGEST_TURN)
        if self._over_answer and _weight(turn) < _LEAST:
            return False
        repeated = max((_repeated(turn, said) for said in self._said), default=0)
        self._evidence = self._evidence + repeated if self._over_answer and repeated else 0
        if self._evidence < _ENOUGH:
            return False
        self._evidence = 0
        return True


def _tokens(words: str, most: int) -> list[str]:
    """Return words (characters in scripts without spaces) without case, accents, punctuation."""
    words = words[: most * _LETTERS]
    letters = normalize("NFKD", words.replace("'", "").replace("’", "")).casefold()
    plain = "".join(letter for letter in letters if not category(letter).startswith("M"))
    return [found[0] for found in islice(_TOKEN.finditer(plain), most)]


def _weight(tokens: Sequence[str]) -> int:
    return sum(
        1 if _QUARTER.match(token) else 2 if _HALF.match(token) else _WORD for token in tokens
    )


def _repeated(turn: list[str], said: list[str]) -> int:
    """Return how much of the answer the turn repeats if it consists of little else; otherwise 0."""
    longest = SequenceMatcher(None, turn, said, autojunk=False).find_longest_match()
    first = longest.b - longest.a
    stretch = said[max(0, first - _SLACK) : first + len(turn) + _SLACK]
    blocks = SequenceMatcher(None, turn, stretch, autojunk=False).get_matching_blocks()
    same = [token for block in blocks for token in turn[block.a : block.a + block.size]]
    return _weight(same) if _weight(same) >= max(_LEAST, _ALIKE * _weight(turn)) else 0
