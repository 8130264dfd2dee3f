"""What a microphone and a loudspeaker are, whatever the device behind them."""

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
    """Whoever uses a device; called in the event loop."""

    def device_changed(self, change: DeviceChanged) -> None:
        """The state of the device changed, or there is a new reason for it."""


class SpeakerListener(DeviceListener, Protocol):
    """Whoever uses a loudspeaker; called in the event loop."""

    def playback_changed(self, change: PlaybackEvent) -> None:
        """Playing began, ended or was stopped."""


class PlayedListener(Protocol):
    """Whoever needs the sound that a loudspeaker plays."""

    def played(self, pcm: bytes, skipped: int) -> None:
        """`pcm` goes to the device now, after `skipped` samples of silence that are left out."""


class Device(Protocol):
    """What a microphone and a loudspeaker have in common."""

    @property
    def device(self) -> str:
        """The device in use; while there is none, the configured name."""

    @property
    def state(self) -> DeviceState:
        """How it stands with the device."""

    @property
    def reason(self) -> str | None:
        """Why it does not work, by the newest try, or what else people should know of it."""

    async def run(self) -> None:
        """Keep the device alive; returns only by cancellation. A lost device is not an error."""

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Be quick, and let every frame come at once; or be cheap.

        `taken`: somebody has the floor, so stay with the device in use (who is quick does too).
        """


class Microphone(Device, Protocol):
    """A source of frames, made for a `DeviceListener` that hears of every change of `state`."""

    @property
    def dropped(self) -> int:
        """Frames lost because nobody took them in time."""

    def pause(self, paused: bool) -> None:
        """Close the device and forget what was not taken yet, or open it again.

        While it is closed no frame comes and nothing listens; `state` stays as it was.
        """

    def speech_noticed(self) -> None:
        """Somebody speaks: this microphone is certainly not deaf."""

    def spare(self, softer_dbfs: float | None, *, pairs: bool) -> None:
        """Frames that are softer may come up to 100 ms late, with the next; None: none may.

        `pairs`: others may come two at once, 20 ms late.
        """

    def __aiter__(self) -> AsyncIterator[Frame]:
        """The frames as they come, for one reader; never ends."""

    async def give_to(self, taker: Callable[[Frame], None]) -> None:
        """Give every frame to `taker` at once, as the one reader; never ends.

        What `taker` raises ends `run`.
        """


class Speaker(Device, Protocol):
    """A place to play sound, made for a `SpeakerListener`.

    No method blocks or raises; all may be called before `run()` and while the device is lost.
    """

    @property
    def underruns(self) -> int:
        """How often sound came too late and left a hole in a part."""

    @property
    def dropped_ms(self) -> int:
        """Sound dropped because more than ten minutes waited to be played."""

    def play(self, part: AudioPart, pcm: bytes) -> None:
        """Append `pcm` to what is played.

        If the part cannot be played (any more) because the device is lost, it is answered once
        by `PlaybackStopped` with how much of it was heard and why (`lost`), and the rest of it is
        dropped.
        """

    def end(self, part: AudioPart) -> None:
        """No more sound will come for `part`."""

    def stop(self) -> None:
        """Be silent now; always answered by one `PlaybackStopped` soon after this call."""

    def set_volume(self, level: float) -> None:
        """Play at `level` (0 to 1) of the amplitude from now on."""

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Something will be played soon: be ready. Or nothing will: be cheap.

        What is played in spite of that is played, a little later. `taken`: as for any device.
        """

    def overlay(self, pcm: bytes) -> float:
        """Mix a short sound into whatever is played, at once; nothing is reported of it.

        Neither the volume nor `stop` touches it. Returns how many ms it takes until its last
        sample is heard; 0 when nobody will hear it.
        """

    def tap(self, listener: PlayedListener) -> None:
        """From now on hand all sound to `listener` as it goes to the device.

        It is heard later, by the buffer of the device.
        """
