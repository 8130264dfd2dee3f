"""One sound that the loudspeaker has, and how much was played when it stopped."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from ..notifications import AudioPart, Heard, Interruption, Transcript
from .cut_words import heard_words
from .outputs import DeleteItem, ServiceCommand, TruncateItem

BYTES_PER_MS = 48
CHIME = "rtaudio_chime"
"""Stands for the item of a short sound before an answer."""
SOUND = "rtaudio_sound"
"""Stands for the item of a sound file."""
REST = "rtaudio_rest"
"""Stands for the item of the rest of an interrupted answer; a number follows."""
_OURS = (CHIME, SOUND, REST)
_FADE_BYTES = 10 * BYTES_PER_MS  # length of the loudspeaker's fade-out when it is stopped


@dataclass(slots=True)
class Sound:
    """A part that was handed to the loudspeaker."""

    in_session: bool
    """Whether the session in use has an item that can be truncated."""
    received_ms: float = 0.0
    missed_ms: float = 0.0
    """Duration of the sound that arrived after the interruption."""
    heard_ms: int | None = None
    """How much was played; None: all of it, or it is still playing."""
    ended: bool = False
    pcm: bytearray | None = None
    """All sound so far, or after a stop the rest, so that it may resume. None: not kept."""
    begins_at: int = 0
    """Where the sound last given to the loudspeaker begins in the part, in bytes."""

    def place(self, heard: Heard) -> int:
        """Return where playback stopped, in bytes from the beginning of the part."""
        samples = heard.samples if heard.samples >= 0 else heard.heard_ms * BYTES_PER_MS // 2
        return self.begins_at + 2 * samples

    def rest(self, heard: Heard | None) -> bytes:
        """Return what to play after a pause; it overlaps the fade-out and fades in."""
        assert self.pcm is not None
        place = self.begins_at if heard is None else self.place(heard)
        if place > self.begins_at:
            self.begins_at = max(0, place - _FADE_BYTES)
        rest = bytes(self.pcm[self.begins_at :])
        return faded_in(rest) if place else rest

    def cut(self, heard: Heard) -> Heard:
        """End the part here; return how much was heard in total, not only since a pause."""
        if self.begins_at:
            self.heard_ms = self.place(heard) // BYTES_PER_MS
        else:
            self.heard_ms = heard.heard_ms
        if self.pcm is not None:
            self.pcm = bytearray(self.rest(heard))
        return Heard(heard.part, self.heard_ms)

    def transcript(self, part: AudioPart, words: str) -> list[Transcript]:
        """Return the words as far as they were heard, if any were."""
        if self.heard_ms is None:
            return [Transcript("assistant", words, True, part.item_id)]
        generated_ms = self.received_ms + self.missed_ms
        words = heard_words(words, self.heard_ms, generated_ms) if self.heard_ms > 0 else ""
        if not words:
            return []
        cut = self.heard_ms < int(generated_ms) or not self.ended
        return [Transcript("assistant", words, True, part.item_id, cut)]


@dataclass(frozen=True, slots=True)
class Stopped:
    """How far playback had come when it stopped.

    `heard` lists those of the parts in `sounds` that were not played whole. `asked_at`: when we
    asked for the stop; None if the loudspeaker stopped by itself. `transcripts`: the words heard.
    """

    sounds: dict[AudioPart, Sound]
    heard: tuple[Heard, ...]
    asked_at: float | None
    transcripts: list[Transcript]
    at: float
    """When the stop was reported."""
    words: dict[AudioPart, str]
    """The words of each part, as far as they are known already."""
    by_speech: bool = False
    """Whether speech caused it, which may turn out to be nobody's."""

    def interruption(self, silent_in_ms: int) -> Interruption:
        """Return the report of the interruption."""
        asked_at = self.at if self.asked_at is None else self.asked_at
        latency_ms = round((self.at - asked_at) * 1000) + silent_in_ms
        heard = (each for each in self.heard if not each.part.item_id.startswith(_OURS))
        first = next(heard, None)
        if first is None:
            return Interruption(None, 0, latency_ms)
        return Interruption(first.part.item_id, first.heard_ms, latency_ms)

    def corrections(self) -> list[ServiceCommand]:
        """Return the commands that make the model forget what was not heard of its items."""
        commands: list[ServiceCommand] = []
        for part, heard_ms in ((each.part, each.heard_ms) for each in self.heard):
            sound, received_ms = self.sounds[part], int(self.sounds[part].received_ms)
            if sound.in_session and heard_ms <= 0:
                commands.append(DeleteItem(part.item_id))
            elif sound.in_session and (heard_ms < received_ms or not sound.ended):
                end_ms = min(heard_ms, received_ms)
                commands.append(TruncateItem(part.item_id, part.content_index, end_ms))
        return commands

    @property
    def heard_ms(self) -> dict[str, float]:
        """How many ms of each answer were heard, by its id."""
        found: dict[str, float] = {}
        for part, sound in self.sounds.items():
            heard = sound.received_ms if sound.heard_ms is None else sound.heard_ms
            if part.item_id != CHIME:
                found[part.response_id] = found.get(part.response_id, 0.0) + heard
        return found

    @property
    def answers(self) -> dict[str, str]:
        """How much was heard of each answer, by its id: "whole", "cut" or "unheard"."""
        answers: dict[str, str] = {}
        for response_id in dict.fromkeys(part.response_id for part in self.sounds):
            heard = [each.heard_ms for each in self.heard if each.part.response_id == response_id]
            answers[response_id] = "whole" if not heard else "cut" if any(heard) else "unheard"
        return answers


def faded_in(pcm: bytes) -> bytes:
    """Return the sound with its first 10 ms rising as evenly as the loudspeaker's fade falls."""
    fade = min(len(pcm) & ~1, _FADE_BYTES)
    samples = array("h", pcm[:fade])
    rising = [sample * (at + 1) // len(samples) for at, sample in enumerate(samples)]
    return array("h", rising).tobytes() + pcm[fade:]
