"""The queue of sound to be played, with the exact progress of playback.

The queue lives next to the sound: in the audio process for real devices, in the daemon for files.
Its only clock is the number of frames (samples) the device has asked for. A sample handed to the
device is heard `delay_frames` later, once the device's own buffer has been played. It cannot be
taken back, so everything handed out counts as heard when playback is stopped.

Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Hashable
from enum import Enum
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
FADE_MS = 10
_RAMP_MS = 50  # a change of the volume within one block would click
_OVERLAY_S = 2  # longer than any short sound


class Moment(Enum):
    """An audible event."""

    STARTED = "started"
    FINISHED = "finished"


class _Part:
    __slots__ = ("ended", "handed_frames", "odd", "waiting_bytes")

    def __init__(self) -> None:
        self.waiting_bytes = self.handed_frames = 0
        self.ended = False
        self.odd = b""


class PlaybackQueue(Generic[Key]):
    """Sound in named parts, first in first out, mono s16le at `rate`.

    Reading starts (again) when `pre_roll_ms` of sound wait or the first part has ended. Sound
    beyond `limit_s` seconds is dropped and counted. Not thread-safe.
    """

    def __init__(
        self, rate: int, delay_frames: int = 0, *, pre_roll_ms: int = 60, limit_s: int = 600
    ) -> None:
        self.underruns = 0
        self.dropped_frames = 0
        self.rate = rate
        self.delay_frames = delay_frames
        """The buffer of the device in frames; may be changed while nothing is played."""
        self._pre_roll_bytes = rate * pre_roll_ms // 1000 * 2
        self._limit_bytes = rate * limit_s * 2
        self._parts: dict[Key, _Part] = {}
        self._chunks: deque[tuple[Key, memoryview]] = deque()
        self._offset = 0  # bytes of the first chunk already handed out
        self._waiting_bytes = 0
        self._fading = b""
        self._buffering = True
        self._playing = False
        self._starts_at: int | None = None
        self._ends_at = 0
        self._handed = 0
        self._gain = self._volume = 1.0
        self._ramp_frames = 0  # until the gain equals the volume
        self._overlay = b""
        self._moments: list[Moment] = []

    @property
    def busy(self) -> bool:
        """Whether anything is queued, is being heard, or is still expected."""
        return self._playing or bool(self._parts)

    @property
    def overlaid(self) -> bool:
        """Whether an overlay waits to be mixed in."""
        return bool(self._overlay)

    @property
    def eventful(self) -> bool:
        """Whether `moments` would return anything."""
        return bool(self._moments)

    def plays_on(self, ms: int) -> bool:
        """Return whether playback has audibly begun and at least `ms` more are queued."""
        heard = self._playing and self._starts_at is None
        return heard and self._waiting_bytes >= self.rate * ms // 1000 * 2

    def push(self, key: Key, pcm: bytes) -> None:
        """Append sound to part `key` (a new part, if it is unknown)."""
        if not pcm:
            return
        part = self._parts.setdefault(key, _Part())
        pcm = part.odd + pcm
        room = max(0, self._limit_bytes - self._waiting_bytes)
        whole = len(pcm) & ~1
        part.odd = pcm[whole:]
        taken = min(whole, room)
        self.dropped_frames += (whole - taken) // 2
        if taken:
            self._chunks.append((key, memoryview(pcm)[:taken]))
            part.waiting_bytes += taken
            self._waiting_bytes += taken

    def end(self, key: Key) -> None:
        """Note that no more sound arrives for part `key`; an unknown part is no error."""
        part = self._parts.get(key)
        if part is not None:
            part.ended = True
            self._forget_if_whole(key, part)

    def read(self, n_bytes: int) -> bytes:
        """Return exactly `n_bytes` (even) for the device: sound, then silence if there is none."""
        self._notice_finish()
        if self._fading:
            sound, self._fading = self._fading[:n_bytes], self._fading[n_bytes:]
        else:
            sound = self._with_volume(self._take(n_bytes))
        self._handed += n_bytes // 2
        self._notice_start()
        return self._mixed(sound.ljust(n_bytes, b"\0"))

    def overlay(self, pcm: bytes) -> None:
        """Mix `pcm` (whole samples) into what is read next, or after an earlier overlay.

        It is not counted: it has no part, no moment and no position. Neither the volume nor `stop`
        affects it. Anything beyond two seconds is dropped.
        """
        self._overlay = (self._overlay + pcm)[: self.rate * _OVERLAY_S * 2]

    def stop(self, fade_ms: int = FADE_MS) -> list[tuple[Key, int]]:
        """Fade out and drop the rest; return the frames heard of each part not played whole.

        This ends everything that was played: moments not yet fetched are discarded.
        """
        if not self._buffering:
            fading = self._take_chunks(self.rate * fade_ms // 1000 * 2)
            self._fading = scaled(fading, self._gain, 0.0)
        heard = self.positions()
        self._parts.clear()
        self._chunks.clear()
        self._offset = self._waiting_bytes = 0
        self._buffering, self._playing, self._starts_at = True, False, None
        self._moments.clear()
        return heard

    def positions(self) -> list[tuple[Key, int]]:
        """Return the frames handed out so far of each part that is not whole, in playing order."""
        return [(key, part.handed_frames) for key, part in self._parts.items()]

    def moments(self) -> list[Moment]:
        """Return what has happened since the last call, in order."""
        moments, self._moments = self._moments, []
        return moments

    def set_volume(self, level: float) -> None:
        """Multiply what is played by `level` (0 to 1): evenly within 50 ms, at once in silence."""
        self._volume = min(1.0, max(0.0, level))
        self._ramp_frames = self.rate * _RAMP_MS // 1000
        if self._buffering:
            self._gain = self._volume

    def _take(self, n_bytes: int) -> bytes:
        if self._buffering and not self._may_start():
            return b""
        self._buffering = False
        sound = self._take_chunks(n_bytes)
        if sound and not self._playing:
            self._playing, self._starts_at = True, self._handed + self.delay_frames
        if sound:
            self._ends_at = self._handed + len(sound) // 2 + self.delay_frames
        if len(sound) < n_bytes:
            self._buffering = True
            self.underruns += bool(self._parts)
        return sound

    def _take_chunks(self, n_bytes: int) -> bytes:
        pieces: list[memoryview] = []
        wanted = n_bytes
        while wanted and self._chunks:
            key, chunk = self._chunks[0]
            piece = chunk[self._offset : self._offset + wanted]
            pieces.append(piece)
            wanted -= len(piece)
            self._offset += len(piece)
            if self._offset == len(chunk):
                self._chunks.popleft()
                self._offset = 0
            part = self._parts[key]
            part.waiting_bytes -= len(piece)
            part.handed_frames += len(piece) // 2
            self._forget_if_whole(key, part)
        self._waiting_bytes -= n_bytes - wanted
        return b"".join(pieces)

    def _may_start(self) -> bool:
        if not self._chunks:
            return False
        return self._waiting_bytes >= self._pre_roll_bytes or self._parts[self._chunks[0][0]].ended

    def _forget_if_whole(self, key: Key, part: _Part) -> None:
        if part.ended and not part.waiting_bytes:
            del self._parts[key]

    def _with_volume(self, sound: bytes) -> bytes:
        gain, volume = self._gain, self._volume
        if gain == volume:
            return sound if volume == 1.0 else scaled(sound, volume, volume)
        frames = min(len(sound) // 2, self._ramp_frames)
        self._gain = gain + (volume - gain) * frames / self._ramp_frames
        self._ramp_frames -= frames
        if not self._ramp_frames:
            self._gain = volume
        moving, rest = sound[: 2 * frames], sound[2 * frames :]
        return scaled(moving, gain, self._gain) + (scaled(rest, volume, volume) if rest else b"")

    def _mixed(self, sound: bytes) -> bytes:
        if not self._overlay:
            return sound
        over, self._overlay = self._overlay[: len(sound)], self._overlay[len(sound) :]
        pairs = zip(array("h", sound), array("h", over.ljust(len(sound), b"\0")), strict=True)
        return array("h", [max(-32768, min(32767, a + b)) for a, b in pairs]).tobytes()

    def _notice_start(self) -> None:
        if self._starts_at is not None and self._starts_at < self._handed:
            self._starts_at = None
            self._moments.append(Moment.STARTED)

    def _notice_finish(self) -> None:
        if self._playing and not self._parts and self._handed >= self._ends_at:
            self._playing = False
            self._moments.append(Moment.FINISHED)


def scaled(pcm: bytes, from_gain: float, to_gain: float) -> bytes:
    """Return `pcm` with a gain that changes evenly from `from_gain` to `to_gain` (0 to 1)."""
    samples = array("h", pcm)
    if not samples:
        return pcm
    if from_gain == to_gain:
        factor = int(to_gain * 32768)
        return array("h", [sample * factor >> 15 for sample in samples]).tobytes()
    step = (to_gain - from_gain) / len(samples)
    return array(
        "h", [int(sample * (from_gain + step * (i + 1))) for i, sample in enumerate(samples)]
    ).tobytes()
