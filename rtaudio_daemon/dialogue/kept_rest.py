"""The unheard rest of the answer that was interrupted last, which may be played after all."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from ..notifications import AudioPart
from .cut_words import heard_words
from .sound_parts import BYTES_PER_MS, CHIME, REST, SOUND, Stopped

_KEPT_S = 30.0


@dataclass(slots=True)
class RestPart:
    """The rest of one part: its sound and its words."""

    part: AudioPart
    pcm: bytes
    words: str


@dataclass(slots=True)
class _Cut:
    pcm: bytes
    heard_ms: float
    received_ms: float
    missed_ms: float  # duration of the sound that arrived later and is not in `pcm`
    words: str = ""

    @property
    def words_left(self) -> str:
        """Return the words in `pcm`."""
        generated_ms = self.received_ms + self.missed_ms
        heard = heard_words(self.words, self.heard_ms, generated_ms).removesuffix(" …")
        kept = heard_words(self.words, self.received_ms, generated_ms)
        left = kept[len(heard) :].strip()
        return left if left != "…" else ""


class KeptRest:
    """Keeps the rest of one interrupted answer for half a minute. Times are in seconds."""

    def __init__(self) -> None:
        self.by_speech = False
        """Whether speech interrupted it, which may turn out to be nobody's."""
        self._turns: set[str] = set()  # items of turns since then that may have no words
        self._parts: dict[AudioPart, _Cut] = {}
        self._until = 0.0
        self._numbers = count(1)

    @property
    def deadline(self) -> float | None:
        """When the rest is forgotten."""
        return self._until if self._parts else None

    @property
    def seconds(self) -> float:
        """How long it takes to play the rest."""
        return sum(len(cut.pcm) for cut in self._parts.values()) / BYTES_PER_MS / 1000

    def keep(self, stopped: Stopped, now: float) -> None:
        """Keep the unheard rest of what was stopped, replacing what was kept before."""
        parts: dict[AudioPart, _Cut] = {}
        for heard in stopped.heard:
            sound = stopped.sounds[heard.part]
            if sound.pcm is None or heard.part.item_id in (CHIME, SOUND):
                continue
            words = stopped.words.get(heard.part, "")
            parts[heard.part] = _Cut(
                bytes(sound.pcm), heard.heard_ms, sound.received_ms, sound.missed_ms, words
            )
        if any(cut.pcm for cut in parts.values()):
            self._parts, self._turns, self._until = parts, set(), now + _KEPT_S
            self.by_speech = stopped.by_speech

    def committed(self, item_id: str) -> None:
        """Note that the service made an item of a turn: the interrupting one, or a later one."""
        if self.by_speech and self._parts:
            self._turns.add(item_id)

    @property
    def unexplained(self) -> bool:
        """Whether a rest is kept and nobody is known to have interrupted it."""
        return self.by_speech and bool(self._parts) and not self._turns

    def wordless(self, item_id: str) -> bool:
        """Note that a turn has no words; return whether it may be the one that interrupted."""
        found = self.by_speech and bool(self._parts) and item_id in self._turns
        self._turns.discard(item_id)
        return found

    def words(self, part: AudioPart, words: str) -> None:
        """Note all words of this part, which may arrive only now."""
        if part in self._parts:
            self._parts[part].words = words

    def missed(self, part: AudioPart, size: int) -> None:
        """Note that `size` more bytes of this part arrived and are not kept."""
        if part in self._parts:
            self._parts[part].missed_ms += size / BYTES_PER_MS

    def expire(self, now: float) -> None:
        """Forget the rest if it is too old."""
        if now >= self._until:
            self._parts = {}

    def take(self) -> list[RestPart]:
        """Return what to play, and keep it no longer."""
        parts, self._parts = self._parts, {}
        response_id = f"{REST}_{next(self._numbers)}"
        return [
            RestPart(
                AudioPart(response_id, f"{response_id}_{number}", 0),
                cut.pcm,
                cut.words_left,
            )
            for number, cut in enumerate(parts.values(), 1)
            if cut.pcm
        ]
