"""Sound that the loudspeaker has, or is assumed to have, and its words."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from ..notifications import AudioPart, Heard, PlaybackStopped, Transcript
from .outputs import EndPlay, Play, SpeakerCommand, StopPlayback
from .sound_parts import BYTES_PER_MS, CHIME, SOUND, Sound, Stopped

_REMEMBERED = 32  # parts that still lack their words or their sound
_KEPT_BYTES = 600_000 * BYTES_PER_MS  # per part; a longer part cannot resume after a pause


@dataclass(slots=True)
class Pause:
    """Playback has stopped, or is about to, and may resume."""

    asked_at: float
    parts: frozenset[AudioPart]
    """What the loudspeaker had at that time."""
    stopped: PlaybackStopped | None = None
    """Its report; None: not received yet."""
    stopped_at: float = 0.0
    verdict: Literal["go on", "stop"] | None = None
    """What to do once the report is there."""
    ends: frozenset[AudioPart] = frozenset()
    """Verdict "stop": the parts that do not resume; later parts are played then."""
    by_speech: bool = True
    """Verdict "stop": whether speech caused it."""


@dataclass(slots=True)
class _Stop:
    """A stop that we requested, or of the loudspeaker's own accord (`asked_at` is None)."""

    asked_at: float | None
    parts: frozenset[AudioPart]
    by_speech: bool = False


class Playing:
    """Tracks what is queued and what sounds.

    During a pause sound is kept here; it resumes where it stopped, or never (`resume`, `settle`).

    `assumed`: nobody reports playback. Sound counts as heard from its first piece until `finished`.
    The words of a sound are reported when it was played, as far as it was.
    """

    def __init__(self, *, assumed: bool) -> None:
        self.playing = False
        """Whether something is heard."""
        self._assumed = assumed
        self._sounds: dict[AudioPart, Sound] = {}
        self._over: dict[AudioPart, Sound] = {}  # sounds that lack their words
        self._words: dict[AudioPart, str] = {}  # words of sounds that are not over
        self._stops: deque[_Stop] = deque()  # requested and not yet reported
        self._pause: Pause | None = None
        self.pauses = False
        """Whether sound is kept, so that playback can pause."""

    def plays(self, response_id: str) -> bool:
        """Return whether sound of this answer is not yet played to its end."""
        return any(part.response_id == response_id for part in self._sounds)

    def chime(self, response_id: str, pcm: bytes) -> list[SpeakerCommand]:
        """Play a sound of our own before that of an answer."""
        if self._assumed:
            return []
        part = AudioPart(response_id, CHIME, 0)
        commands = self.received(part, pcm, in_session=False)
        return commands + self.ended(part)

    @property
    def queued(self) -> bool:
        """Whether the loudspeaker has sound that is not yet played to its end."""
        return bool(self._sounds)

    def received(self, part: AudioPart, audio: bytes, *, in_session: bool) -> list[SpeakerCommand]:
        """Play a piece of an answer that somebody wants to hear."""
        if self._assumed:
            self.playing = True
            return []
        sound = self._sounds.get(part)
        if sound is None:
            sound = self._sounds[part] = Sound(in_session)
            sound.pcm = bytearray() if self.pauses or self._pause is not None else None
            self._over.pop(part, None)
        if sound.pcm is not None and len(sound.pcm) + len(audio) > _KEPT_BYTES:
            if self._pause is not None:
                sound.missed_ms += len(audio) / BYTES_PER_MS
                return []
            sound.pcm = None
        sound.received_ms += len(audio) / BYTES_PER_MS
        if sound.pcm is not None:
            sound.pcm += audio
        return [] if self._pause is not None else [Play(part, audio)]

    def missed(self, part: AudioPart, size: int) -> None:
        """Note `size` bytes of a part that nobody wants to hear any more."""
        sound = self._sounds.get(part) or self._over.get(part)
        if sound is not None:
            sound.missed_ms += size / BYTES_PER_MS

    def words(self, part: AudioPart, words: str) -> list[Transcript]:
        """Note the words of a sound; return them, as far as heard, if the sound is over."""
        if self._assumed:
            return [Transcript("assistant", words, True, part.item_id)]
        if part in self._over and part not in self._sounds:
            return self._over.pop(part).transcript(part, words)
        self._words[part] = words
        while len(self._words) > _REMEMBERED:
            del self._words[next(iter(self._words))]
        return []

    def ended(self, part: AudioPart) -> list[SpeakerCommand]:
        """Note that no more sound arrives for this part."""
        sound = self._sounds.get(part)
        if sound is None or sound.ended:
            return []
        sound.ended = True
        return [] if self._pause is not None else [EndPlay(part)]

    def answer_ended(self, response_id: str) -> list[SpeakerCommand]:
        """Note that no more sound arrives for this answer."""
        self._forget_words(response_id)
        parts = [part for part in self._sounds if part.response_id == response_id]
        return [command for part in parts for command in self.ended(part)]

    def session_gone(self) -> list[SpeakerCommand]:
        """End all answers: their sound is played, and their items are in no session any more."""
        self.playing = self.playing and not self._assumed
        self._forget_words()
        for sound in self._sounds.values():
            sound.in_session = False
        answers = [part for part in self._sounds if part.item_id != SOUND]
        return [command for part in answers for command in self.ended(part)]

    def started(self) -> None:
        """Note that the first sample leaves the loudspeaker."""
        self.playing = bool(self._sounds)

    def finished(self) -> tuple[dict[str, float], list[Transcript]]:
        """Note that the last queued sample has left the loudspeaker.

        Returns how many ms of each answer were heard, by its id, and the words.
        """
        self.playing = False
        return self._played({part for part, sound in self._sounds.items() if sound.ended})

    def _played(self, parts: Collection[AudioPart]) -> tuple[dict[str, float], list[Transcript]]:
        heard_ms: dict[str, float] = {}
        words = []
        for part in [part for part in self._sounds if part in parts]:
            sound = self._sounds.pop(part)
            if part.item_id != CHIME:
                so_far = heard_ms.get(part.response_id, 0.0)
                heard_ms[part.response_id] = so_far + sound.received_ms
            words += self._is_over(part, sound)
        return heard_ms, words

    # ---------------------------------------------------------------- pauses

    @property
    def paused(self) -> bool:
        """Whether playback has stopped or will, and it is undecided whether it resumes."""
        return self._pause is not None and self._pause.verdict is None

    @property
    def may_pause(self) -> bool:
        """Whether something is heard, or about to resume, that could resume later."""
        if self._pause is not None:
            return self._pause.verdict == "go on"
        kept = all(sound.pcm is not None for sound in self._sounds.values())
        return self.playing and not self._stops and kept

    def pause(self, now: float) -> list[SpeakerCommand]:
        """Fall silent now; keep what is being played and what arrives."""
        if self._pause is not None:
            self._pause.verdict = None
            return []
        self._pause = Pause(now, frozenset(self._sounds))
        return [StopPlayback()]

    def hold(self, now: float) -> None:
        """Keep what arrives, as in a pause, while nothing is heard."""
        self._pause = Pause(now, frozenset(), PlaybackStopped(), now)

    def note_pause(
        self, event: PlaybackStopped, now: float
    ) -> tuple[dict[str, float], list[Transcript]] | None:
        """Note that the loudspeaker has stopped; None: not for a pause. Otherwise as `finished`."""
        pause = self._pause
        if pause is None:
            return None
        if pause.stopped is not None:
            return {}, []  # there was nothing to stop
        if event.lost is not None and pause.verdict != "stop":
            return None
        self.playing = False
        pause.stopped, pause.stopped_at = event, now
        return self._played(pause.parts - {each.part for each in event.heard})

    def resume(self) -> list[SpeakerCommand]:
        """Resume playback where it stopped: now, or as soon as it has stopped."""
        pause = self._pause
        assert pause is not None
        pause.verdict = "go on"
        if pause.stopped is None:
            return []
        self._pause = None
        return self._play_from({each.part: each for each in pause.stopped.heard})

    def settle(self, *, by_speech: bool = False) -> tuple[Stopped, PlaybackStopped] | None:
        """End a pause for good; return how far playback came, once the loudspeaker reported it."""
        pause = self._pause
        if pause is None:
            return None
        pause.verdict, pause.ends = "stop", frozenset(self._sounds)
        pause.by_speech = pause.by_speech and by_speech
        return self.settled()

    def settled(self) -> tuple[Stopped, PlaybackStopped] | None:
        """Return the result of an earlier `settle` once the report is there."""
        pause = self._pause
        if pause is None or pause.stopped is None:
            return None
        self._pause = None
        event = pause.stopped
        heard = (*event.heard, *self._unheard(pause.ends - pause.parts))
        stop = _Stop(pause.asked_at, pause.ends, pause.by_speech)
        return self._stopped(heard, stop, pause.stopped_at), event

    def _unheard(self, parts: Collection[AudioPart]) -> list[Heard]:
        return [Heard(part, 0, 0) for part in self._sounds if part in parts]

    def _play_from(self, cut: dict[AudioPart, Heard]) -> list[SpeakerCommand]:
        commands: list[SpeakerCommand] = []
        for part, sound in self._sounds.items():
            commands.append(Play(part, sound.rest(cut.get(part))))
            commands += [EndPlay(part)] if sound.ended else []
        return commands

    def play_later(self) -> list[SpeakerCommand]:
        """Play what arrived after the decision that playback does not resume."""
        return self._play_from({})

    @property
    def verdict(self) -> str | None:
        """What was decided about a pause before its report came."""
        return self._pause.verdict if self._pause is not None else None

    # ------------------------------------------------------------------ ends

    def stop(self, now: float, *, by_speech: bool = False) -> list[SpeakerCommand]:
        """End everything that sounds or is queued."""
        if self._assumed:
            self.playing = False
        for stop in self._stops:
            stop.by_speech = stop.by_speech and by_speech
        sounds = frozenset(self._sounds).difference(*(stop.parts for stop in self._stops))
        if not sounds or self._pause is not None:
            return []
        self._stops.append(_Stop(now, sounds, by_speech))
        return [StopPlayback()]

    def stopped(self, event: PlaybackStopped, now: float) -> Stopped:
        """Note that the loudspeaker has stopped, because we asked it to or because it is gone."""
        self.playing = False
        stop, heard = _Stop(None, frozenset(self._sounds)), event.heard
        if self._stops:
            stop = self._stops.popleft()
        if self._pause is not None:  # it disappeared before it could pause
            heard = (*heard, *self._unheard(stop.parts - self._pause.parts))
        self._pause = None
        return self._stopped(heard, stop, now)

    def _stopped(self, heard: Collection[Heard], stop: _Stop, now: float) -> Stopped:
        ending = [part for part in self._sounds if part in stop.parts]
        sounds = {part: self._sounds.pop(part) for part in ending}
        said = {part: self._words[part] for part in sounds if part in self._words}
        cut = tuple(sounds[each.part].cut(each) for each in heard if each.part in sounds)
        words = [words for part in sounds for words in self._is_over(part, sounds[part])]
        return Stopped(sounds, cut, stop.asked_at, words, now, said, stop.by_speech)

    def _is_over(self, part: AudioPart, sound: Sound) -> list[Transcript]:
        if part in self._words:
            return sound.transcript(part, self._words.pop(part))
        self._over[part] = sound
        while len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]
        return []

    def _forget_words(self, response_id: str | None = None) -> None:
        """Forget the words of an answer (None: of all) that never sounded."""
        for part in [part for part in self._words if part not in self._sounds]:
            if response_id in (None, part.response_id):
                del self._words[part]
