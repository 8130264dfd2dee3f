"""Does the daemon answer itself? Then the words of its answers come back as the user's.

The sound of an answer may be unrecognizable when a room and a loudspeaker have changed it. Its
words are not: the transcript of a turn that is the echo of an answer repeats a stretch of it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import islice
from unicodedata import category, normalize

# Where no spaces part the words, each character counts by itself: it is a half or a quarter of one.
_HALVES = "\u3005-\u30ff\u3400-\u9fff"  # Chinese, Japanese
_QUARTERS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_TOKEN = re.compile(rf"[{_HALVES}{_QUARTERS}]|[^\W_{_HALVES}{_QUARTERS}]+")
_HALF, _QUARTER = re.compile(f"[{_HALVES}]"), re.compile(f"[{_QUARTERS}]")
_WORD = 4  # quarters of a word
_LEAST = (
    2 * _WORD
)  # of a turn; who says "yes", or repeats one word, is no echo, nor a proof of none
_ENOUGH = 8 * _WORD
_ALIKE = 0.7  # of a turn; the rest may be misheard
_SLACK = 2  # tokens that were heard and not said, or said and not heard
_ANSWERS = 3  # that are remembered
_LONGEST_ANSWER, _LONGEST_TURN = 1000, 64  # tokens; what is beyond is not looked at
_LETTERS = 12  # of a word, at most, on the average


class OwnWords:
    """Give it the words of answers, the beginnings of turns, and then the words of each turn.

    Only turns count that begin while an answer is heard, and of which nearly all (seven of ten
    words) stands in one of the last answers, in a row. When eight words came back so, in one turn
    or in several without another between them, the daemon answers itself.
    """

    def __init__(self) -> None:
        self._said: deque[list[str]] = deque(maxlen=_ANSWERS)
        self._over_answer = False
        self._evidence = 0

    def said(self, words: str) -> None:
        """These are the words of an answer, heard or to be heard."""
        self._said.append(_tokens(words, _LONGEST_ANSWER))

    def turn_began(self, *, over_answer: bool) -> None:
        """Somebody begins to speak; `over_answer`: while an answer is heard."""
        self._over_answer = over_answer

    def came_back(self, words: str) -> bool:
        """Whether it is certain by these words, of the turn that began last, and those before."""
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
    """Words, or characters where there are no spaces; without case, accents and punctuation."""
    words = words[: most * _LETTERS]
    letters = normalize("NFKD", words.replace("'", "").replace("’", "")).casefold()
    plain = "".join(letter for letter in letters if not category(letter).startswith("M"))
    return [found[0] for found in islice(_TOKEN.finditer(plain), most)]


def _weight(tokens: Sequence[str]) -> int:
    return sum(
        1 if _QUARTER.match(token) else 2 if _HALF.match(token) else _WORD for token in tokens
    )


def _repeated(turn: list[str], said: list[str]) -> int:
    """How much of an answer is in a turn that is nearly all made of it; else 0."""
    longest = SequenceMatcher(None, turn, said, autojunk=False).find_longest_match()
    first = longest.b - longest.a
    stretch = said[max(0, first - _SLACK) : first + len(turn) + _SLACK]
    blocks = SequenceMatcher(None, turn, stretch, autojunk=False).get_matching_blocks()
    same = [token for block in blocks for token in turn[block.a : block.a + block.size]]
    return _weight(same) if _weight(same) >= max(_LEAST, _ALIKE * _weight(turn)) else 0
