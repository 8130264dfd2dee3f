"""One direction of an audio process: a stream of PortAudio, and what is said about it.

A pump opens its stream anew when another length of frames is wanted: short while somebody speaks
or is answered, long (`LONG_MS`) while the house is quiet, as every frame wakes two threads here and
one in the sound server. A loudspeaker's stream is closed for that, which nobody hears, as it plays
nothing; a microphone's next stream is opened beside the one there is, and both are told of for a
while, so that the daemon can join them without losing a sample.

Standard library only: the audio process loads nothing else.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from array import array
from collections import deque
from functools import partial
from itertools import product
from typing import Any

from ..errors import DeviceError
from .child_line import ChildLine
from .child_protocol import (
    Kind,
    Progress,
    StreamFacts,
    json_body,
    part_body,
    split_part,
    volume_of,
    yes,
)
from .device_names import DeviceInfo, Direction
from .playback import Moment, PlaybackQueue

RATES = (24_000, 48_000, 44_100, 16_000)
LONG_MS = 200
INT16 = 8  # paInt16
_BUSY = -9985  # paDeviceUnavailable
_TRY_ANOTHER = (-9997, -9998)  # paInvalidSampleRate, paInvalidChannelCount
_PROGRESS_S, _PROGRESS_AT_REST_S = 0.1, 0.39
_QUIET = 200  # softer samples than that are sent several frames at once, to wake the daemon less
_OVERLAP_S = 0.5  # for how long both streams of a microphone are told of
_OVERLAPS_MORE = 3  # for a stream that begins slowly
_TRY_AGAIN_S = 1.0
_UNDERFLOW = 4  # paOutputUnderflow
_SILENT_BLOCKS = 4  # of a new stream: until its buffer is full, a late block is lost
_STUTTERS, _STUTTERS_S = 3, 60.0  # so many late blocks in so long: the buffer becomes longer
_LONGER_MS = 40


class Pump(ABC):
    """One direction. The callback runs in PortAudio's thread: it copies bytes and counts."""

    direction: Direction

    def __init__(self, line: ChildLine) -> None:
        self._line = line
        self._stream: Any = None
        self._rate, self._channels = RATES[0], 1
        self._short_ms = 0
        self._closely = True
        self._pace_changed = threading.Event()

    def open(self, audio: Any, info: DeviceInfo, frame_ms: int) -> StreamFacts:
        """Open the stream at the first rate and channel count the device takes."""
        audio.get_device_info_by_index(info.index)
        self._short_ms = frame_ms
        for channels, rate in product(self._channel_counts, RATES):
            self._channels, self._rate = channels, rate
            try:
                self._stream = self._opened(audio, info, frame_ms, self._begin(frame_ms))
            except OSError as error:
                if error.errno in _TRY_ANOTHER:
                    continue
                raise DeviceError(f"{info.name!r} does not open: {_remedy(error)}") from error
            self._stream.start_stream()
            latency = int(self._latency_s(self._stream) * self._rate)
            return StreamFacts(info.name, self._rate, self._channels, latency)
        raise DeviceError(
            f"{info.name!r} opens neither with one channel nor with two at 24000, 48000, 44100 or "
            "16000 Hz; use the sound server's default device (PipeWire, PulseAudio), which converts"
        )

    def attend(self, closely: bool) -> None:
        """Short frames from soon on, or long ones."""
        self._closely = closely
        self._pace_changed.set()

    def follow(self, audio: Any, info: DeviceInfo) -> None:
        """Open the stream anew whenever `attend` asks for it (in PortAudio's thread, for ever)."""
        frame_ms = self._short_ms
        while True:
            self._pace_changed.wait()
            self._pace_changed.clear()
            wanted_ms = self._short_ms if self._closely else LONG_MS
            try:
                if wanted_ms != frame_ms and self._reopen(audio, info, wanted_ms):
                    frame_ms = wanted_ms
            except OSError as error:
                reason = f"{info.name!r} does not open again: {_remedy(error)}"
                self._line.tell(Kind.FAILED, reason.encode())

    def _opened(self, audio: Any, info: DeviceInfo, frame_ms: int, callback: Any) -> Any:
        stream = audio.open(
            rate=self._rate,
            channels=self._channels,
            format=INT16,
            frames_per_buffer=self._rate * frame_ms // 1000,
            stream_callback=callback,
            start=False,
            **{self.direction: True, f"{self.direction}_device_index": info.index},
        )
        self._begun(stream)
        return stream

    @abstractmethod
    def told(self, kind: Kind, body: bytes) -> None:
        """Carry out what the daemon says."""

    @abstractmethod
    def report(self) -> None:
        """Tell the daemon what is new that the callback has not told (in the main thread)."""

    @property
    def _channel_counts(self) -> tuple[int, ...]:
        """How many channels to ask for, in this order."""
        return 1, 2

    @abstractmethod
    def _begin(self, frame_ms: int) -> Any:
        """Make ready for a stream with frames of this length; its callback.

        PortAudio calls it for every block: it copies and counts, and never raises.
        """

    @abstractmethod
    def _begun(self, stream: Any) -> None:
        """This stream is open and will be started."""

    @abstractmethod
    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        """Go on with frames of this length; False if that is not possible now.

        Raises OSError when no stream is open any more.
        """

    @abstractmethod
    def _latency_s(self, stream: Any) -> float:
        """The latency of the open stream, in seconds."""


class InputPump(Pump):
    """A microphone: what it hears goes to the daemon, numbered by stream."""

    direction: Direction = "input"

    def __init__(self, line: ChildLine, channel: str = "left") -> None:
        super().__init__(line)
        self._channel = channel
        self._number = 0
        self._shared = True
        self._heard_from = 0  # the number of the newest stream that delivers

    def told(self, kind: Kind, body: bytes) -> None:
        """Carry out what the daemon says."""
        if kind is Kind.ATTEND:
            self.attend(yes(body))

    def report(self) -> None:
        """A microphone's callback tells it all."""

    @property
    def _channel_counts(self) -> tuple[int, ...]:
        # Asked for one channel, PortAudio gives the left one of a device that has only two.
        return (1, 2) if self._channel == "left" else (2, 1)

    def _mono(self, sound: bytes) -> bytes:
        if self._channels == 1:
            return sound
        samples = array("h", sound)
        left, right = samples[::2], samples[1::2]
        if self._channel == "mix":
            return array("h", [(a + b) >> 1 for a, b in zip(left, right, strict=True)]).tobytes()
        return (right if self._channel == "right" else left).tobytes()

    def _begin(self, frame_ms: int) -> Any:
        return partial(self._callback, self._number, LONG_MS // frame_ms, [])

    def _begun(self, stream: Any) -> None:
        """A microphone has nothing more to prepare."""

    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        if not self._shared:
            return False
        self._number += 1
        stream = None
        try:
            stream = self._opened(audio, info, frame_ms, self._begin(frame_ms))
            stream.start_stream()
        except OSError:
            if stream is not None:
                stream.close()
            self._number -= 1
            if frame_ms == self._short_ms:  # it did open beside another: once it was cheap
                time.sleep(_TRY_AGAIN_S)
                self._pace_changed.set()
            else:
                self._shared = False  # a device that opens only once keeps the stream that it has
            return False
        time.sleep(_OVERLAP_S)
        for _ in range(_OVERLAPS_MORE):
            if self._heard_from == self._number:
                break
            time.sleep(_OVERLAP_S)
        self._stream.close()
        self._stream = stream
        self._line.tell(Kind.SWITCHED, part_body(self._number))
        return True

    def _latency_s(self, stream: Any) -> float:
        return float(stream.get_input_latency())

    def _callback(
        self, number: int, together: int, heard: list[bytes], data: bytes | None, *_: Any
    ) -> tuple[None, int]:
        try:
            if data:
                self._heard_from = max(number, self._heard_from)
                heard.append(data)
                if len(heard) >= together or self._closely or not _is_quiet(data):
                    sound = b"".join(heard)
                    heard.clear()
                    self._line.mention(Kind.SOUND, part_body(number, self._mono(sound)))
        except Exception:
            pass
        return None, 0  # paContinue


class OutputPump(Pump):
    """A loudspeaker: it plays what the daemon sends, and says how far that came."""

    direction: Direction = "output"

    def __init__(self, line: ChildLine) -> None:
        super().__init__(line)
        self._lock = threading.Lock()
        self._queue: PlaybackQueue[int] = PlaybackQueue(RATES[0])
        self._last_id = 0
        self._resting = False  # what is pushed waits until the frames are short again
        self._silent_blocks = 0  # to come before the queue is read
        self._late_blocks = 0
        self._late_at: deque[float] = deque(maxlen=_STUTTERS)
        self._told_at = 0.0
        self._tapped = False
        self._silent_frames = RATES[0]
        self._position: int | None = None

    def told(self, kind: Kind, body: bytes) -> None:
        """Carry out what the daemon says."""
        if kind is Kind.STOP:
            self._report_moments()
            with self._lock:
                heard = self._queue.stop()
                progress = self._progress(heard)
            self._line.tell(Kind.STOPPED, json_body(progress))
            return
        with self._lock:
            if kind is Kind.PUSH:
                part_id, pcm = split_part(body)
                self._last_id = max(part_id, self._last_id)
                self._queue.push(part_id, pcm)
                self._wake_up()
            elif kind is Kind.END:
                self._queue.end(split_part(body)[0])
            elif kind is Kind.VOLUME:
                self._queue.set_volume(volume_of(body))
            elif kind is Kind.OVERLAY:
                self._queue.overlay(body)
                self._wake_up()
            elif kind is Kind.TAP:
                self._tapped = True
            elif kind is Kind.ATTEND:
                self.attend(yes(body) or self._busy)

    def report(self) -> None:
        """Tell the daemon what is new, after the line was woken (in the main thread)."""
        self._report_moments()
        if not self._progress_due:
            return
        self._told_at = time.monotonic()
        with self._lock:
            progress = self._progress(self._queue.positions())
        self._line.tell(Kind.PROGRESS, json_body(progress))

    @property
    def _progress_due(self) -> bool:
        pause = _PROGRESS_AT_REST_S if self._resting else _PROGRESS_S
        return time.monotonic() - self._told_at >= pause

    @property
    def _busy(self) -> bool:
        return self._queue.busy or self._queue.overlaid

    def _wake_up(self) -> None:
        """Something is to be played, whatever the daemon said of quiet."""
        if not self._closely:
            self.attend(True)

    def _report_moments(self) -> None:
        with self._lock:
            moments = self._queue.moments()
            progress = self._progress(self._queue.positions())
        for moment in moments:
            if moment is Moment.STARTED:
                self._line.tell(Kind.STARTED)
            else:
                self._line.tell(Kind.FINISHED, json_body(progress))

    def _progress(self, heard: list[tuple[int, int]]) -> Progress:
        queue = self._queue
        underruns = queue.underruns + self._late_blocks
        return Progress(self._last_id, tuple(heard), underruns, queue.dropped_frames)

    def _begin(self, frame_ms: int) -> Any:
        return self._callback

    def _begun(self, stream: Any) -> None:
        delay = int(self._latency_s(stream) * self._rate)
        self._position = None
        self._silent_blocks = _SILENT_BLOCKS
        with self._lock:
            if self._queue.rate == self._rate:
                self._queue.delay_frames = delay
            else:
                self._queue = PlaybackQueue(self._rate, delay)

    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        with self._lock:
            resting = frame_ms == LONG_MS
            if self._busy and not self._resting:
                return False
            self._resting = True
        self._stream.close()
        self._line.tell(Kind.REOPENING)
        self._stream = self._opened(audio, info, frame_ms, self._begin(frame_ms))
        self._resting = resting
        self._stream.start_stream()
        return True

    def _latency_s(self, stream: Any) -> float:
        return float(stream.get_output_latency())

    def _callback(
        self, data: bytes | None, frames: int, _times: Any, flags: int
    ) -> tuple[bytes, int]:
        try:
            if self._position is None:
                # The machine's clock, as nobody counts how long there was no stream.
                self._position = int(time.monotonic() * self._rate)
            with self._lock:
                if flags & _UNDERFLOW and self._queue.busy and not self._withholding:
                    self._note_late_block()
                sound = self._next_block(frames * 2)
                news = self._queue.eventful
            self._silent_frames = 0 if sound.strip(b"\0") else self._silent_frames + frames
            if self._tapped and self._silent_frames < self._rate:
                self._line.mention(Kind.PLAYED, part_body(self._position & 0xFFFFFFFF, sound))
            self._position += frames
            if news or self._progress_due:
                self._line.wake()
            return (_both(sound) if self._channels == 2 else sound), 0  # paContinue
        except Exception:
            return bytes(frames * 2 * self._channels), 0

    def _next_block(self, n_bytes: int) -> bytes:
        if self._withholding:
            self._silent_blocks = max(0, self._silent_blocks - 1)
            return bytes(n_bytes)
        return self._queue.read(n_bytes)

    @property
    def _withholding(self) -> bool:
        """Whether what waits is not played yet, as the stream is long, or new."""
        return self._resting or self._silent_blocks > 0

    def _note_late_block(self) -> None:
        self._late_blocks += 1
        now = time.monotonic()
        self._late_at.append(now)
        if len(self._late_at) == _STUTTERS and now - self._late_at[0] < _STUTTERS_S:
            self._short_ms = max(self._short_ms, _LONGER_MS)  # from the next short frames on


def _is_quiet(pcm: bytes) -> bool:
    samples = array("h", pcm)
    return max(samples) < _QUIET and min(samples) > -_QUIET


def _remedy(error: OSError) -> str:
    """PortAudio's error with what can be done about it."""
    if error.errno == _BUSY:
        return f"{error}; another program uses it (`fuser -v /dev/snd/*` tells which)"
    return str(error)


def _both(sound: bytes) -> bytes:
    mono = array("h", sound)
    stereo = array("h", bytes(2 * len(sound)))
    stereo[::2] = stereo[1::2] = mono
    return stereo.tobytes()
