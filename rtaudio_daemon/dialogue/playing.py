"""Sound in the loudspeaker's hands, or assumed to be there."""

from __future__ import annotations

from dataclasses import dataclass

from ..notifications import AudioPart, Heard, Interruption, PlaybackStopped
from .outputs import EndPlay, Play, SpeakerCommand, StopPlayback

BYTES_PER_MS = 48


@dataclass(slots=True)
class Sound:
    """A part that was handed to the loudspeaker."""

    in_session: bool
    """Whether the session in use has an item that can be truncated."""
    received_ms: float = 0.0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """How far playing came when it stopped.

    `heard` lists what was not played whole, of the parts in `sounds`. `asked_at`: when we asked
    for it; None if the loudspeaker stopped by itself.
    """

    sounds: dict[AudioPart, Sound]
    heard: tuple[Heard, ...]
    asked_at: float | None

    def interruption(self, now: float, silent_in_ms: int) -> Interruption:
        """What to report of it, `now` being the time of the report."""
        asked_at = now if self.asked_at is None else self.asked_at
        latency_ms = round((now - asked_at) * 1000) + silent_in_ms
        first = self.heard[0] if self.heard else None
        if first is None:
            return Interruption(None, 0, latency_ms)
        return Interruption(first.part.item_id, first.heard_ms, latency_ms)


class Playing:
    """What is queued and what sounds.

    `assumed`: nobody reports playback. Sound is heard from its first piece on, until `finished`.
    """

    def __init__(self, *, assumed: bool) -> None:
        self.playing = False
        """Whether something is heard."""
        self._assumed = assumed
        self._sounds: dict[AudioPart, Sound] = {}
        self._stopping: tuple[float, frozenset[AudioPart]] | None = None

    @property
    def queued(self) -> bool:
        """Whether the loudspeaker has sound that is not played to its end."""
        return bool(self._sounds)

    def received(self, part: AudioPart, audio: bytes, *, in_session: bool) -> list[SpeakerCommand]:
        """A piece of an answer that somebody wants to hear."""
        if self._assumed:
            self.playing = True
            return []
        sound = self._sounds.setdefault(part, Sound(in_session))
        sound.received_ms += len(audio) / BYTES_PER_MS
        return [Play(part, audio)]

    def ended(self, part: AudioPart) -> list[SpeakerCommand]:
        """No more sound comes for this part."""
        sound = self._sounds.get(part)
        if sound is None or sound.ended:
            return []
        sound.ended = True
        return [EndPlay(part)]

    def answer_ended(self, response_id: str) -> list[SpeakerCommand]:
        """No more sound comes for this answer."""
        parts = [part for part in self._sounds if part.response_id == response_id]
        return [command for part in parts for command in self.ended(part)]

    def session_gone(self) -> list[SpeakerCommand]:
        """No more sound comes at all; what is there is played, and is in no session any more."""
        self.playing = self.playing and not self._assumed
        for sound in self._sounds.values():
            sound.in_session = False
        return [command for part in list(self._sounds) for command in self.ended(part)]

    def started(self) -> None:
        """The first sample leaves the loudspeaker."""
        self.playing = bool(self._sounds)

    def finished(self) -> None:
        """The last sample of all that was queued has left the loudspeaker."""
        self.playing = False
        self._sounds = {part: sound for part, sound in self._sounds.items() if not sound.ended}

    def stop(self, now: float) -> list[SpeakerCommand]:
        """End everything that sounds or waits to."""
        if self._assumed:
            self.playing = False
        if not self._sounds or self._stopping is not None:
            return []
        self._stopping = (now, frozenset(self._sounds))
        return [StopPlayback()]

    def stopped(self, event: PlaybackStopped) -> Stopped:
        """The loudspeaker has stopped, because we asked or because it is gone."""
        self.playing = False
        asked_at, parts = self._stopping or (None, frozenset(self._sounds))
        self._stopping = None
        sounds = {part: self._sounds.pop(part) for part in list(self._sounds) if part in parts}
        heard = tuple(each for each in event.heard if each.part in sounds)
        return Stopped(sounds, heard, asked_at)
