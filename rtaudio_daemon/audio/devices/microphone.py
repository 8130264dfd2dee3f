"""A real microphone, read by an audio process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from ...backoff import backoff
from ...errors import DeviceError
from ...notifications import DeviceState
from ..processing.format import FRAME_BYTES, FRAME_MS, SAMPLE_RATE, Frame, Resampler
from ..processing.frame_clock import FrameClock
from ..worker.messages import Kind, StreamFacts, spare_body, split_part, yes_body
from .device_report import ReportedDevice
from .frame_queue import FrameQueue
from .protocols import DeviceListener
from .signal_check import SignalCheck
from .soft_level import SoftLevel
from .stream_join import StreamJoin
from .worker_supervisor import WorkerSupervisor

_FIRST_RENEWAL_S = 60.0  # reopening a stream loses some words if the microphone has recovered
_LAST_RENEWAL_S = 900.0
_JUDGED_BYTES = 25 * FRAME_BYTES  # per check, whose fixed cost is high


class PortAudioMicrophone(ReportedDevice):
    """The microphone that `device` names: `default` or (part of) a name.

    While it is lost, no frames arrive and it is searched for every few seconds. A machine without
    any microphone is not at fault: the state of `default` is then `none`. While it is deaf (its
    signal cannot come from a room), its frames still arrive, and the stream is reopened now and
    then. With `fallback`, the system's default is used while the device is lost.
    """

    def __init__(
        self,
        device: str,
        listener: DeviceListener,
        *,
        channel: str = "left",
        fallback: bool = False,
        signal_check: SignalCheck | None = None,
    ) -> None:
        super().__init__("microphone", device, listener)
        self._frames = FrameQueue()
        self._clock = FrameClock()
        self._buffer_s = 0.0  # how much sound the device buffers
        self._stream_join = StreamJoin(SAMPLE_RATE)
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE)
        self._sound = bytearray()
        self._overflows = 0
        self._unjudged = bytearray()  # sound not yet checked for deafness
        self._closely = True
        self._soft_level = SoftLevel()
        self._signal_check = signal_check or SignalCheck()
        self._renew_at = 0.0
        self._heard_again_at = float("-inf")
        self._renewals = backoff(_FIRST_RENEWAL_S, _LAST_RENEWAL_S)
        self.process = WorkerSupervisor("input", device, self, channel=channel, fallback=fallback)

    @property
    def dropped(self) -> int:
        """How often sound was lost because nobody took it in time, here or in its process."""
        return self._frames.dropped + self._overflows

    async def run(self) -> None:
        """Keep the device alive until cancelled."""
        await self.process.run()

    def pause(self, paused: bool) -> None:
        """Close the device, so that nothing listens, or reopen it."""
        self.process.pause(paused)
        self._frames.clear()
        self._signal_check.start_again()

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Minimize the delay (short frames), or the cost."""
        self._closely, self.process.busy = closely, closely or taken
        self.process.send(Kind.ATTEND, yes_body(closely))

    def speech_noticed(self) -> None:
        """Note that somebody speaks: this microphone is certainly not deaf."""
        self._signal_check.speech_noticed()

    def spare(self, softer_dbfs: float | None, *, pairs: bool) -> None:
        """Let soft frames arrive up to 100 ms late, and others in pairs."""
        below = self._soft_level.follow(softer_dbfs, pairs=pairs)
        if below is not None:
            self.process.send(Kind.SPARE, spare_body(below, pairs))

    def __aiter__(self) -> AsyncIterator[Frame]:
        """The frames, for one reader."""
        return self._frames.__aiter__()

    async def give_to(self, taker: Callable[[Frame], None]) -> None:
        """Pass every frame to `taker` at once, as the one reader, until cancelled."""
        await self._frames.give_to(taker)

    # -------------------------------------------------- reports of the process

    def stream_opened(self, facts: StreamFacts) -> None:
        """Note that there is a new stream."""
        self._clock = FrameClock()
        self._buffer_s = max(0.0, facts.latency_frames / facts.rate - FRAME_MS / 1000)
        self._stream_join = StreamJoin(facts.rate)
        self._resampler = Resampler(facts.rate, SAMPLE_RATE)
        self._sound.clear()
        self._unjudged.clear()
        self.process.send(Kind.ATTEND, yes_body(self._closely))
        self._soft_level.forget()
        if self.state is not DeviceState.DEAF:
            self._signal_check.start_again()
        elif self.device == facts.device:
            return  # whether it hears now is yet unknown
        self._report_open(facts.device, self.process.note)

    def message(self, kind: Kind, body: bytes) -> None:
        """Handle sound of the process, or its report about some."""
        if kind is Kind.SOUND:
            self._hear(self._stream_join.feed(*split_part(body)))
        elif kind is Kind.SWITCHED:
            self._hear(self._stream_join.switched(split_part(body)[0]))
        elif kind is Kind.OVERFLOWED:
            self._overflows += 1

    def stream_lost(self, error: DeviceError, is_new: bool) -> None:
        """Note that the device does not work."""
        self._report_lost(error, is_new=is_new)

    def stream_moved(self, where: str) -> None:
        """Do nothing: a microphone that the sound server moves is reopened instead."""

    # ------------------------------------------------------------------ frames

    def _hear(self, sound: bytes) -> None:
        self._sound += self._resampler.feed(sound)
        whole = len(self._sound) // FRAME_BYTES * FRAME_BYTES
        pcm = bytes(self._sound[:whole])
        del self._sound[:whole]
        self._unjudged += pcm
        if len(self._unjudged) >= _JUDGED_BYTES:
            self._watch(bytes(self._unjudged))
            self._unjudged.clear()
        now = asyncio.get_running_loop().time()
        for start in range(0, whole, FRAME_BYTES):
            heard_at = self._clock.heard_at(FRAME_MS / 1000, now) - self._buffer_s
            self._frames.put(Frame(pcm[start : start + FRAME_BYTES], heard_at))

    def _watch(self, pcm: bytes) -> None:
        found = self._signal_check.feed(pcm)
        deaf = self.state is DeviceState.DEAF
        if found is None:
            if deaf:
                self._heard_again_at = asyncio.get_running_loop().time()
                self._report_open(self.device, self.process.note)
            return
        now = asyncio.get_running_loop().time()
        if not deaf or found.reason != self.reason:
            self._report(DeviceState.DEAF, self.device, found.reason, found.code, is_new=True)
        if not deaf and now - self._heard_again_at > _LAST_RENEWAL_S:
            self._renew_at, self._renewals = now, backoff(_FIRST_RENEWAL_S, _LAST_RENEWAL_S)
        if now < self._renew_at:
            return  # a microphone that is silent between words recovers by itself
        self._renew_at = now + next(self._renewals)
        self.process.renew()
