"""A loudspeaker in its process: it plays what the daemon sends, and reports its progress.

Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import deque
from typing import Any

from ...device_codes import DeviceCode
from ...errors import DeviceError
from .device_lookup import DeviceInfo, Direction
from .frame_bundle import LONG_MS
from .link import WorkerLink
from .messages import (
    Kind,
    Progress,
    failure_body,
    json_body,
    number_of,
    part_body,
    split_part,
    yes,
)
from .playback_queue import Moment, PlaybackQueue
from .stream import RATES, WorkerStream
from .writer import Writer

# Progress is a sign of life, and the last known position if the device is lost while playing.
_PROGRESS_S, _PROGRESS_AT_REST_S = 0.1, 0.39
_SILENT_BLOCKS = 4  # at the start of a stream: until its buffer is full, a late block is lost
_SETTLING_BLOCKS = 25  # after reopening a stream: late blocks say little about the machine
_WAITING_MS, _LONGER_MS = 40, 80  # fill of the device's buffer when the next block is written
_STUTTERS, _STUTTERS_S = 3, 60.0  # late blocks within this time: use the fuller buffer
_LONGER_S = 600.0  # how long to use it after the last of them
_ALERT_S = 0.5  # after a volume change: speech over an answer lowers it, then stops playback
_PLAYED_MS = 40  # sound reported as played at once; as much is in the device's buffer


class OutputStream(WorkerStream):
    """A loudspeaker: it plays what the daemon sends, and reports its progress."""

    direction: Direction = "output"

    def __init__(self, link: WorkerLink, writer: type[Writer] = Writer) -> None:
        super().__init__(link)
        self._new_writer = writer
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._queue: PlaybackQueue[int] = PlaybackQueue(RATES[0])
        self._last_id = 0
        self._resting = False  # sound pushed now waits until the frames are short again
        self._waiting_ms = _WAITING_MS
        self._silent_blocks = 0  # blocks of silence until the queue is read
        self._settling_blocks = 0  # blocks until a late one counts as a stutter
        self._late_blocks = 0
        self._late_at: deque[float] = deque(maxlen=_STUTTERS)
        self._longer_until = 0.0
        self._alert_until = 0.0
        self._reported_at = 0.0
        self._stopping = False
        self._tapped = False
        self._silent_frames = RATES[0]
        self._position: int | None = None
        self._played = b""  # since the last report

    def receive(self, kind: Kind, body: bytes) -> None:
        """Handle a message of the daemon."""
        if kind is Kind.STOP:
            self._report_moments()
            with self._lock:
                self._stopping = True
                heard = self._queue.stop()
                progress = self._progress(heard)
            self._link.send(Kind.STOPPED, json_body(progress))
            self._stopping = False
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
                self._queue.set_volume(number_of(body))
                self._alert_until = time.monotonic() + _ALERT_S
            elif kind is Kind.OVERLAY:
                self._queue.overlay(body)
                self._wake_up()
            elif kind is Kind.TAP:
                self._tapped = True
            elif kind is Kind.ATTEND:
                self.attend(yes(body) or self._busy)

    def report(self) -> None:
        """Report when playback began or ended, in the main thread, after `WorkerLink.wake`."""
        self._report_moments()

    @property
    def _progress_due(self) -> bool:
        pause = _PROGRESS_AT_REST_S if self._resting else _PROGRESS_S
        return time.monotonic() - self._reported_at >= pause

    @property
    def _busy(self) -> bool:
        return self._queue.busy or self._queue.overlaid

    def _wake_up(self) -> None:
        """Get ready to play, even if the daemon asked for long frames."""
        if not self._closely:
            self.attend(True)

    def _report_moments(self) -> None:
        with self._lock:
            moments = self._queue.moments()
            progress = self._progress(self._queue.positions())
        for moment in moments:
            if moment is Moment.STARTED:
                self._link.send(Kind.STARTED)
            else:
                self._link.send(Kind.FINISHED, json_body(progress))

    def _progress(self, heard: list[tuple[int, int]]) -> Progress:
        queue = self._queue
        underruns = queue.underruns + self._late_blocks
        return Progress(self._last_id, tuple(heard), underruns, queue.dropped_frames)

    def _opened(self, audio: Any, info: DeviceInfo, frame_ms: int) -> Any:
        stream = self._new_stream(audio, info, frame_ms)
        self._position, self._played = None, b""
        self._silent_blocks = _SILENT_BLOCKS
        self._waiting_ms = self._needed_ms
        delay = self._rate * self._waiting_ms // 1000
        with self._lock:
            if self._queue.rate == self._rate:
                self._queue.delay_frames = delay
            else:
                self._queue = PlaybackQueue(self._rate, delay)
        return stream

    def _start(self, stream: Any, frame_ms: int) -> None:
        step = self._rate * frame_ms // 1000
        waiting = max(step if self._resting else 0, self._queue.delay_frames)
        self._writer = self._new_writer(
            stream, self._rate, step, waiting, self._next_block, self._failed
        )
        self._writer.start()

    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        with self._lock:
            resting = frame_ms == LONG_MS
            if self._busy and not self._resting:
                return False
            self._resting = True
        if self._writer is not None:
            self._writer.end()
        self._settling_blocks = _SETTLING_BLOCKS
        self._link.send(Kind.REOPENING)
        stream = self._opened(audio, info, frame_ms)
        self._resting = resting
        self._start(stream, frame_ms)
        return True

    @property
    def _brief_ms(self) -> int:
        return 2 * self._short_ms

    @property
    def _needed_ms(self) -> int:
        """Return how much the buffer of the next stream must hold."""
        return _LONGER_MS if time.monotonic() < self._longer_until else _WAITING_MS

    @property
    def _block_ms(self) -> int:
        """Return how much to write at once: little if playback may have to begin or end."""
        if self._resting:
            return self.long_ms
        if self._queue.plays_on(self._brief_ms) and time.monotonic() >= self._alert_until:
            return self._brief_ms
        return self._short_ms

    def _latency_s(self, stream: Any) -> float:
        return self._waiting_ms / 1000

    def _next_block(self, late: bool) -> tuple[bytes, int]:
        if self._position is None:
            # The system clock covers the time without a stream, whose length nobody counts.
            self._position = int(time.monotonic() * self._rate)
        with self._lock:
            if late and self._queue.busy and not self._withholding:
                self._note_late_block()
            frames = self._rate * self._block_ms // 1000
            sound = self._sound(frames * 2)
            if self._queue.eventful:
                self._link.wake()
            self._position += frames
            news = self._played_news(sound) if self._tapped else []
            if self._progress_due and (news or not self._played):
                news += self._progress_news()
        if news:
            self._link.send_soon(*news)
        return (_both(sound) if self._channels == 2 else sound), frames

    def _failed(self, error: Exception) -> None:
        what = f"the device takes no sound any more: {error}"
        failure = DeviceError(what, code=DeviceCode.LOST)
        self._link.send_soon((Kind.FAILED, failure_body(failure)))

    def _played_news(self, sound: bytes) -> list[tuple[Kind, bytes]]:
        self._silent_frames = 0 if sound.strip(b"\0") else self._silent_frames + len(sound) // 2
        self._played = self._played + sound if self._silent_frames < self._rate else b""
        frames = len(self._played) // 2
        if frames < self._rate * _PLAYED_MS // 1000:
            return []
        begin = (self._position or 0) - frames
        played, self._played = self._played, b""
        return [(Kind.PLAYED, part_body(begin & 0xFFFFFFFF, played))]

    def _progress_news(self) -> list[tuple[Kind, bytes]]:
        if self._stopping:  # report first what was cut off
            return []
        self._reported_at = time.monotonic()
        return [(Kind.PROGRESS, json_body(self._progress(self._queue.positions())))]

    def _sound(self, n_bytes: int) -> bytes:
        self._settling_blocks = max(0, self._settling_blocks - 1)
        if self._withholding:
            self._silent_blocks = max(0, self._silent_blocks - 1)
            return bytes(n_bytes)
        return self._queue.read(n_bytes)

    @property
    def _withholding(self) -> bool:
        """Whether queued sound is withheld because the stream is long, or new."""
        return self._resting or self._silent_blocks > 0

    def _note_late_block(self) -> None:
        self._late_blocks += 1
        if self._settling_blocks:
            return
        now = time.monotonic()
        self._late_at.append(now)
        stutters = len(self._late_at) == _STUTTERS and now - self._late_at[0] < _STUTTERS_S
        if stutters or now < self._longer_until:
            self._longer_until = now + _LONGER_S  # applies to the next stream


def _both(sound: bytes) -> bytes:
    mono = array("h", sound)
    stereo = array("h", bytes(2 * len(sound)))
    stereo[::2] = stereo[1::2] = mono
    return stereo.tobytes()
