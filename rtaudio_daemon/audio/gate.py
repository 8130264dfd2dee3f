"""Which sound may leave the house: speech, with a little before and after it.

While an answer is heard the gate is half duplex: nothing leaves until speech has been heard with
more certainty and for longer than usual, because the microphone also hears the answer. What was
held back is then sent first, so that no word is lost.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..config import Gate as Settings
from .format import BYTES_PER_MS
from .vad import Engine, TurnSegmenter

ECHO_TAIL_MS = 300  # how long a room still holds the answer after its last sample
_HYSTERESIS = 0.15  # speech that has begun goes on at a lower threshold
_BARGE_IN_SLACK = 5 / 3  # three frames of five are enough


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one frame led to: sound to send now (may be more than the frame), speech events."""

    pcm_to_send: bytes
    started: bool
    stopped: bool
    probability: float


class Gate:
    """Feed it every frame of the microphone, in order.

    With the engine `always` everything is sent and no speech is reported: the service finds it.
    (With `barge_in` off, even then nothing is sent while an answer is heard.)
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._always = settings.engine == "always"
        self._usual = TurnSegmenter(
            settings.start_ms, settings.start_window_ms, settings.hangover_ms
        )
        self._barge_in = TurnSegmenter(
            settings.barge_in_ms, settings.barge_in_ms * _BARGE_IN_SLACK, settings.hangover_ms
        )
        self._open = False
        self._muted = False
        self._playing = False
        self._tail_ms = 0.0
        self._closed_by_playback = False
        self._speech = False
        self._held: deque[bytes] = deque()
        self._held_bytes = 0

    def adjust(self, settings: Settings, engine: Engine) -> None:
        """Go on with other settings; what was heard so far is kept."""
        self._settings = settings
        self._engine = engine
        self._always = settings.engine == "always"
        self._usual = TurnSegmenter(
            settings.start_ms, settings.start_window_ms, settings.hangover_ms
        )
        self._barge_in = TurnSegmenter(
            settings.barge_in_ms, settings.barge_in_ms * _BARGE_IN_SLACK, settings.hangover_ms
        )
        self._usual.speaking = self._open

    @property
    def open(self) -> bool:
        """Whether sound is leaving the house right now."""
        if self._always:
            return not self._muted and not (self._guarded and not self._settings.barge_in)
        return self._open

    @property
    def muted(self) -> bool:
        """Whether everything is dropped."""
        return self._muted

    @property
    def playing(self) -> bool:
        """Whether an answer is heard (told by the caller)."""
        return self._playing

    @playing.setter
    def playing(self, playing: bool) -> None:
        if playing and not self._playing and self._open:
            # What goes on being said over the answer must prove itself anew; it loses nothing.
            self._close()
            self._closed_by_playback = True
        if self._playing and not playing:
            self._tail_ms = ECHO_TAIL_MS
        self._playing = playing

    def mute(self, muted: bool) -> bool:
        """Drop everything, or no longer. True if that cut off a turn (then it is aborted)."""
        aborted = muted and self._open
        self._muted = muted
        self._close()
        self._forget()
        self._closed_by_playback = False
        return aborted

    def end_turn(self) -> bool:
        """The service says the turn is over: close, unless somebody speaks this very moment.

        True if the gate closed by this; the next result does not report `stopped` for it.
        """
        if not self._open or self._speech:
            return False
        self._close()
        return True

    def feed(self, pcm: bytes) -> GateResult:
        """Judge one frame of pcm and say what to send."""
        ms = len(pcm) / BYTES_PER_MS
        probability = self._engine.probability(pcm)
        guarded = self._guarded
        self._tail_ms = max(0.0, self._tail_ms - ms)
        if self._muted:
            return GateResult(b"", False, False, probability)
        if self._always:
            blocked = guarded and not self._settings.barge_in
            return GateResult(b"" if blocked else pcm, False, False, probability)
        stopped, self._closed_by_playback = self._closed_by_playback, False
        if self._open:
            return self._feed_open(pcm, ms, probability)
        started = self._listen(ms, probability, guarded=guarded)
        self._hold(pcm)
        if started:
            self._open = True
            pcm = b"".join(self._held)
            self._forget()
        return GateResult(pcm if started else b"", started, stopped, probability)

    @property
    def _guarded(self) -> bool:
        return self._playing or self._tail_ms > 0

    def _feed_open(self, pcm: bytes, ms: float, probability: float) -> GateResult:
        self._speech = probability >= self._settings.threshold - _HYSTERESIS
        stopped = self._usual.feed(self._speech, ms) == "stopped"
        if stopped:
            self._close()
        return GateResult(pcm, False, stopped, probability)

    def _listen(self, ms: float, probability: float, *, guarded: bool) -> bool:
        if not guarded:
            self._barge_in.reset()
            self._speech = probability >= self._settings.threshold
            return self._usual.feed(self._speech, ms) == "started"
        self._usual.reset()
        self._speech = probability >= self._settings.barge_in_threshold
        if not self._settings.barge_in:
            return False
        if self._barge_in.feed(self._speech, ms) != "started":
            return False
        self._usual.speaking = True  # from here on, an ordinary turn
        return True

    def _hold(self, pcm: bytes) -> None:
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        limit = self._settings.pre_roll_ms * BYTES_PER_MS + len(pcm)
        while self._held_bytes > limit:
            self._held_bytes -= len(self._held.popleft())

    def _forget(self) -> None:
        self._held.clear()
        self._held_bytes = 0

    def _close(self) -> None:
        self._open = self._speech = False
        self._usual.reset()
        self._barge_in.reset()
