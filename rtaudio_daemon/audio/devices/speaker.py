"""A real loudspeaker, whose audio process keeps the playback queue."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from ...errors import DeviceError
from ...notifications import (
    AudioPart,
    DeviceChanged,
    DeviceCode,
    DeviceState,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
)
from ..processing.format import BYTES_PER_MS, FRAME_MS, SAMPLE_RATE, Resampler
from ..worker.messages import (
    Kind,
    Progress,
    StreamFacts,
    number_body,
    part_body,
    progress_of,
    split_part,
    yes_body,
)
from ..worker.playback_queue import FADE_MS
from .device_report import ReportedDevice
from .protocols import PlayedListener, SpeakerListener
from .wav_devices import SilentSpeaker
from .worker_supervisor import WorkerSupervisor


@dataclass(slots=True)
class _Sent:
    """A part that is being sent to the process, resampled as one stream."""

    number: int
    part: AudioPart
    resampler: Resampler
    heard_frames: int = 0


class PortAudioSpeaker(ReportedDevice):
    """The loudspeaker that `device` names: `default` or (part of) a name.

    If the device is lost while it plays, `PlaybackStopped` reports the last known position; what
    is to be played meanwhile is rejected at once. On a machine without any loudspeaker, `default`
    is silent (state `none`) until there is one. With `fallback`, the system's default is used
    while the device is lost.
    """

    def __init__(
        self,
        device: str,
        listener: SpeakerListener,
        *,
        volume: float = 1.0,
        fallback: bool = False,
    ) -> None:
        super().__init__("speaker", device, listener)
        self._listener = listener
        self._volume = volume
        self._silent = SilentSpeaker(listener)
        self._rate = SAMPLE_RATE
        self._latency_ms = 0.0
        self._overlaid_until = 0.0
        self._open: dict[AudioPart, _Sent] = {}  # parts that may still grow
        self._sent: dict[int, _Sent] = {}  # parts not known to be played whole, by number
        self._refused: deque[AudioPart] = deque(maxlen=16)
        self._newest = 0
        self._playing = False
        self._stops: deque[int] = deque()  # the newest part at each stop not yet confirmed
        self._totals = self._before = (0, 0)  # underruns, dropped ms: in total, former processes
        self._tap: PlayedListener | None = None
        self._played_at_rate = Resampler(SAMPLE_RATE, SAMPLE_RATE)
        self._played_to: int | None = None  # position in frames
        self._closely = True
        self.process = WorkerSupervisor("output", device, self, fallback=fallback)

    @property
    def underruns(self) -> int:
        """How often sound arrived too late and left a gap in a part."""
        return self._totals[0]

    @property
    def dropped_ms(self) -> int:
        """How many ms of sound were dropped because more than ten minutes were queued."""
        return self._totals[1]

    async def run(self) -> None:
        """Keep the device alive until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._silent.pass_time(), name="silent speaker")
            await self.process.run()

    def play(self, part: AudioPart, pcm: bytes) -> None:
        """Append `pcm` to what is played, or report that it cannot be played."""
        if self.state is DeviceState.NONE:
            self._silent.play(part, pcm)
            return
        if part in self._refused:
            return
        if self.state is not DeviceState.OK:
            self._refuse(part)
            return
        sent = self._open.get(part)
        if sent is None:
            self._newest += 1
            sent = _Sent(self._newest, part, Resampler(SAMPLE_RATE, self._rate))
            self._open[part] = self._sent[self._newest] = sent
        self.process.send(Kind.PUSH, part_body(sent.number, sent.resampler.feed(pcm)))

    def end(self, part: AudioPart) -> None:
        """Note that no more sound arrives for `part`."""
        if self.state is DeviceState.NONE:
            self._silent.end(part)
        sent = self._open.pop(part, None)
        if sent is not None:
            self.process.send(Kind.PUSH, part_body(sent.number, sent.resampler.flush()))
            self.process.send(Kind.END, part_body(sent.number))

    def stop(self) -> None:
        """Fall silent now; `PlaybackStopped` follows."""
        if self.state is DeviceState.NONE:
            self._silent.stop()
            return
        self._open.clear()
        if self.state is DeviceState.OK and self.process.send(Kind.STOP):
            self._stops.append(self._newest)
        else:
            self._answer(PlaybackStopped())

    def set_volume(self, level: float) -> None:
        """Play at `level` (0 to 1)."""
        self._volume = level
        self.process.send(Kind.VOLUME, number_body(level))

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Get ready to play at once, or minimize the cost."""
        self._closely, self.process.busy = closely, closely or taken
        self.process.send(Kind.ATTEND, yes_body(closely))

    def overlay(self, pcm: bytes) -> float:
        """Mix a short sound into whatever is played; return in how many ms it has been heard."""
        if self.state is not DeviceState.OK:
            return 0.0
        resampler = Resampler(SAMPLE_RATE, self._rate)
        if not self.process.send(Kind.OVERLAY, resampler.feed(pcm) + resampler.flush()):
            return 0.0
        now = asyncio.get_running_loop().time()
        begins = max(now, self._overlaid_until)
        self._overlaid_until = begins + len(pcm) / BYTES_PER_MS / 1000
        return (self._overlaid_until - now) * 1000 + FRAME_MS + self._latency_ms

    def tap(self, listener: PlayedListener) -> None:
        """Pass what is played to `listener`."""
        self._tap = listener
        self._silent.tap(listener)
        self.process.send(Kind.TAP)

    # -------------------------------------------------- reports of the process

    def stream_opened(self, facts: StreamFacts) -> None:
        """Note that there is a new stream."""
        self._played_at_rate = Resampler(facts.rate, SAMPLE_RATE)
        self._played_to = None
        if self._tap is not None:
            self.process.send(Kind.TAP)
        self.process.send(Kind.ATTEND, yes_body(self._closely))
        self._rate = facts.rate
        self._latency_ms = facts.latency_frames * 1000 / facts.rate
        self._overlaid_until = 0.0
        self._before = self._totals
        if self.state is DeviceState.NONE and self._silent.busy:
            self._silent.stop()
        self.process.send(Kind.VOLUME, number_body(self._volume))
        self._report_open(facts.device, self.process.note)

    def message(self, kind: Kind, body: bytes) -> None:
        """Handle a report of the process about what it plays."""
        if kind is Kind.PLAYED:
            self._pass_on(*split_part(body))
        elif kind is Kind.PROGRESS:
            self._take_note(progress_of(body))
        elif kind is Kind.STARTED:
            self._playing = True
            self._listener.playback_changed(PlaybackStarted())
        elif kind is Kind.FINISHED:
            self._playing = False
            self._take_note(progress_of(body))
            self._listener.playback_changed(PlaybackFinished())
        elif kind is Kind.STOPPED:
            silent_in_ms = FADE_MS + round(self._latency_ms) if self._playing else 0
            self._playing = False
            progress = progress_of(body)
            self._take_note(progress)
            newest = self._stops.popleft()
            cut = [number for number in self._sent if number <= newest]
            heard = [self._heard(self._sent.pop(number)) for number in cut]
            self._listener.playback_changed(PlaybackStopped(tuple(heard), silent_in_ms))

    def stream_lost(self, error: DeviceError, is_new: bool) -> None:
        """Note that the device does not work, and report what was not played."""
        cut = self._sent
        answers = []
        for newest in self._stops:
            stopped = [cut.pop(number) for number in list(cut) if number <= newest]
            answers.append(PlaybackStopped(tuple(map(self._heard, stopped))))
        # Sound handed to the device may still have been heard when the device was lost.
        if cut or (self._playing and not answers):
            answers.append(PlaybackStopped(tuple(map(self._heard, cut.values())), lost=str(error)))
        self._playing = False
        self._refused.extend(self._open)
        self._open.clear()
        self._sent.clear()
        self._stops.clear()
        self._report_lost(error, is_new=is_new)
        for answer in answers:
            self._answer(answer)

    def stream_moved(self, where: str) -> None:
        """Note the new device of the default loudspeaker; the state stays, the reason names it."""
        self.reason = f"it plays on {where} now"
        self._listener.device_changed(
            DeviceChanged("speaker", self.state, self.device, self.reason, DeviceCode.MOVED)
        )

    # ---------------------------------------------------------------- playback

    def _pass_on(self, position: int, sound: bytes) -> None:
        skipped = 0 if self._played_to is None else (position - self._played_to) & 0xFFFFFFFF
        self._played_to = (position + len(sound) // 2) & 0xFFFFFFFF
        if self._tap is not None:
            pcm = self._played_at_rate.feed(sound)
            self._tap.played(pcm, skipped * SAMPLE_RATE // self._rate)

    def _take_note(self, progress: Progress) -> None:
        positions = dict(progress.heard)
        for number in [number for number in self._sent if number <= progress.last_id]:
            if number in positions:
                self._sent[number].heard_frames = positions[number]
            else:
                del self._sent[number]  # it was played whole
        dropped_ms = progress.dropped_frames * 1000 // self._rate
        self._totals = (self._before[0] + progress.underruns, self._before[1] + dropped_ms)

    def _heard(self, sent: _Sent) -> Heard:
        frames, rate = sent.heard_frames, self._rate
        return Heard(sent.part, frames * 1000 // rate, frames * SAMPLE_RATE // rate)

    def _refuse(self, part: AudioPart) -> None:
        self._refused.append(part)
        why = self.reason or "it is being opened"
        self._answer(PlaybackStopped((Heard(part, 0),), lost=why))

    def _answer(self, answer: PlaybackStopped) -> None:
        asyncio.get_running_loop().call_soon(self._listener.playback_changed, answer)
