"""The unheard rest of the answer that was interrupted last, which may be played after all."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from ..notifications import AudioPart, Transcript
from .cut_words import heard_words
from .sound_parts import BYTES_PER_MS, CHIME, REST, SOUND, Stopped

_KEPT_S = 30.0


@dataclass(slots=True)
class RestPart:
    """The rest of one part: its sound and its words."""

    part: AudioPart
    pcm: bytes
    words: str
    rest_of: str
    """The id of the answer."""
    again_ms: float
    """How much of it was heard already, and fades in."""


@dataclass(slots=True)
class _Beginning:
    """The words of an item that were heard before its rest."""

    item_id: str
    words: str = ""
    lacks_some: bool = False  # some sound of the item is not kept


@dataclass(slots=True)
class _Cut:
    pcm: bytes
    heard_ms: float
    received_ms: float
    missed_ms: float  # duration of the sound that arrived later and is not in `pcm`
    words: str
    earlier: _Beginning  # what was heard before, if this is cut from a rest itself

    @property
    def again_ms(self) -> float:
        """Return how much of `pcm` was heard already."""
        return len(self.pcm) / BYTES_PER_MS - (self.received_ms - self.heard_ms)

    @property
    def parted_words(self) -> tuple[str, str]:
        """Return the words before `pcm`, with the space behind them, and the words in it."""
        generated_ms = self.received_ms + self.missed_ms
        heard = heard_words(self.words, self.heard_ms, generated_ms).removesuffix(" …")
        kept = heard_words(self.words, self.received_ms, generated_ms)
        left = kept[len(heard) :].strip()
        if left in ("", "…"):
            return kept, ""
        return kept[: kept.index(left, len(heard))], left


class KeptRest:
    """Keeps the rest of one interrupted answer for half a minute. Times are in seconds."""

    def __init__(self) -> None:
        self.by_speech = False
        """Whether speech interrupted it, which may turn out to be nobody's."""
        self._turns: set[str] = set()  # items of turns since then that may have no words
        self._parts: dict[AudioPart, _Cut] = {}
        self._beginnings: dict[str, _Beginning] = {}  # of the rests that were taken last, by item
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
            if not sound.pcm or heard.part.item_id in (CHIME, SOUND):
                continue
            item_id = heard.part.item_id
            parts[heard.part] = _Cut(
                bytes(sound.pcm),
                heard.heard_ms,
                sound.received_ms,
                sound.missed_ms,
                stopped.words.get(heard.part, ""),
                self._beginnings.get(item_id, _Beginning(item_id)),
            )
        if parts:
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

    def take(self, *, undone: bool) -> list[RestPart]:
        """Return what to play, and keep it no longer.

        `undone`: nobody interrupted the answer, so that the words continue the same item.
        """
        parts, self._parts, self._beginnings = self._parts, {}, {}
        response_id = f"{REST}_{next(self._numbers)}"
        taken = []
        for number, (whose, cut) in enumerate(parts.items(), 1):
            part = AudioPart(response_id, f"{response_id}_{number}", 0)
            before, left = cut.parted_words
            if undone:
                self._beginnings[part.item_id] = _Beginning(
                    cut.earlier.item_id,
                    cut.earlier.words + before,
                    cut.earlier.lacks_some or cut.missed_ms > 0,
                )
            taken.append(RestPart(part, cut.pcm, left, whose.response_id, cut.again_ms))
        return taken

    def whole(self, said: Transcript) -> Transcript:
        """Return `said`, or for the rest of an undone interruption the whole of what was heard."""
        before = self._beginnings.get(said.item_id)
        if before is None:
            return said
        cut = said.cut or before.lacks_some
        return Transcript(said.role, before.words + said.text, said.final, before.item_id, cut)
