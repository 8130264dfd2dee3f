"""The interfaces of microphones and loudspeakers, whatever the device behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from ...notifications import (
    AudioPart,
    DeviceChanged,
    DeviceState,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
)
from ..processing.format import Frame

PlaybackEvent = PlaybackStarted | PlaybackFinished | PlaybackStopped


class DeviceListener(Protocol):
    """The user of a device; called in the event loop."""

    def device_changed(self, change: DeviceChanged) -> None:
        """The state of the device changed, or there is a new reason for it."""


class SpeakerListener(DeviceListener, Protocol):
    """The user of a loudspeaker; called in the event loop."""

    def playback_changed(self, change: PlaybackEvent) -> None:
        """Playback began, ended or was stopped."""


class PlayedListener(Protocol):
    """Takes the sound that a loudspeaker plays."""

    def played(self, pcm: bytes, skipped: int) -> None:
        """`pcm` goes to the device now, after `skipped` samples of silence that are omitted."""


class Device(Protocol):
    """What a microphone and a loudspeaker have in common."""

    @property
    def device(self) -> str:
        """The device in use; if there is none, the configured name."""

    @property
    def state(self) -> DeviceState:
        """The state of the device."""

    @property
    def reason(self) -> str | None:
        """Why it does not work, by the latest attempt, or what else people should know about it."""

    async def run(self) -> None:
        """Keep the device working until cancelled. A lost device is not an error."""

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Minimize the delay, so that every frame arrives at once; or minimize the cost.

        `taken`: somebody speaks, so keep the device in use (`closely` implies that).
        """


class Microphone(Device, Protocol):
    """A source of frames; its `DeviceListener` is notified of every change of `state`."""

    @property
    def dropped(self) -> int:
        """How many frames were lost because nobody took them in time."""

    def pause(self, paused: bool) -> None:
        """Close the device and discard what was not taken yet, or reopen it.

        While it is closed, no frame arrives and nothing listens; `state` does not change.
        """

    def speech_noticed(self) -> None:
        """Note that somebody speaks: this microphone is certainly not deaf."""

    def spare(self, softer_dbfs: float | None, *, pairs: bool) -> None:
        """Let softer frames arrive up to 100 ms late, with the next one; None: none may be late.

        `pairs`: other frames may arrive in pairs, 20 ms late.
        """

    def __aiter__(self) -> AsyncIterator[Frame]:
        """Yield the frames as they arrive, for one reader; never ends."""

    async def give_to(self, taker: Callable[[Frame], None]) -> None:
        """Pass every frame to `taker` at once, as the one reader; never ends.

        Exceptions of `taker` end `run`.
        """


class Speaker(Device, Protocol):
    """A sink for sound that reports to a `SpeakerListener`.

    No method blocks or raises; all may be called before `run()` and while the device is lost.
    """

    @property
    def underruns(self) -> int:
        """How often sound arrived too late and left a gap in a part."""

    @property
    def dropped_ms(self) -> int:
        """How many ms of sound were dropped because more than ten minutes were queued."""

    def play(self, part: AudioPart, pcm: bytes) -> None:
        """Append `pcm` to what is played.

        If the part cannot be played (any more) because the device is lost, the listener gets one
        `PlaybackStopped` that says how much of it was heard and why (`lost`); the rest of the part
        is dropped.
        """

    def end(self, part: AudioPart) -> None:
        """Note that no more sound arrives for `part`."""

    def stop(self) -> None:
        """Fall silent now; one `PlaybackStopped` always follows soon after this call."""

    def set_volume(self, level: float) -> None:
        """Play at `level` (0 to 1) of the amplitude from now on."""

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Get ready because something will be played soon, or else minimize the cost.

        What is played in spite of that begins a little later. `taken`: as for any device.
        """

    def overlay(self, pcm: bytes) -> float:
        """Mix a short sound into whatever is played, at once; nothing is reported about it.

        Neither the volume nor `stop` affects it. Returns in how many ms its last sample will have
        been heard; 0 if nobody will hear it.
        """

    def tap(self, listener: PlayedListener) -> None:
        """Pass all sound to `listener` from now on as it goes to the device.

        It is heard later, by the length of the device's buffer.
        """
