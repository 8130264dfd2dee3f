"""How an answer is cut into deltas and when each leaves: as data, to be carried out by
`Generation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .items import BYTES_PER_MS

Pacing = Literal["burst", "realtime", "slow"]

_CHUNKS = (4800, 7200, 9600, 12000)  # bytes; the service sends 100 to 250 ms at a time
_WORDS_FIRST = 3  # the transcript runs ahead of the sound by this many words
# Relative to real time: at 20, 3 s of answer take 150 ms; slow makes every player underrun.
_SPEED: dict[Pacing, float] = {"burst": 20, "realtime": 1, "slow": 0.5}
_TEXT_DELAY_S = 0.005


@dataclass(frozen=True, slots=True)
class Step:
    """Wait `delay_s`, then send one delta: words, or sound."""

    delay_s: float
    words: str = ""
    pcm: bytes = b""


def spoken(text: str, pcm: bytes, pacing: Pacing) -> Iterator[Step]:
    """Yield a spoken message: the transcript a little ahead of the sound, in pieces."""
    words = pieces(text)
    chunks = list(_cut(pcm))
    speed = _SPEED[pacing]
    for word in words[:_WORDS_FIRST]:
        yield Step(_TEXT_DELAY_S, words=word)
    rest = words[_WORDS_FIRST:]
    # All words are out after two thirds of the sound.
    per_chunk = -(-3 * len(rest) // max(1, 2 * len(chunks)))
    delay_s = 0.0
    for count, chunk in enumerate(chunks):
        # In real time the second piece is sent at once: players need a lead.
        yield Step(0.0 if pacing == "realtime" and count == 1 else delay_s, pcm=chunk)
        delay_s = len(chunk) / BYTES_PER_MS / 1000 / speed
        now, rest = rest[:per_chunk], rest[per_chunk:]
        for word in now:
            yield Step(0.0, words=word)
    for word in rest:
        yield Step(0.0, words=word)


def written(text: str) -> Iterator[Step]:
    """Yield a written message, or the arguments of a call, word by word."""
    for piece in pieces(text):
        yield Step(_TEXT_DELAY_S, words=piece)


def pieces(text: str) -> list[str]:
    """Split into words, each with the space before it; joined they equal `text`."""
    return re.findall(r"\s*\S+|\s+$", text)


def _cut(pcm: bytes) -> Iterator[bytes]:
    position = count = 0
    while position < len(pcm):
        size = _CHUNKS[count % len(_CHUNKS)]
        yield pcm[position : position + size]
        position, count = position + size, count + 1
