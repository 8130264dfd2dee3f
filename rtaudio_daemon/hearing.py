"""The way up: from the microphone through the gate, or past it while a button is held.

What leaves the house is decided here, and told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from .audio.format import BYTES_PER_MS, SILENCE_DBFS, Frame, dbfs
from .audio.gate import Gate, GateResult
from .audio.interface import Microphone
from .errors import NotConnectedError
from .events import (
    ButtonPressed,
    ButtonReleased,
    DeviceState,
    Happening,
    News,
    SpeechAborted,
    SpeechStarted,
    SpeechStopped,
    UplinkChanged,
    WakeWordHeard,
)
from .push_to_talk import PushToTalk
from .realtime.client import AzureRealTimeAudio

_SPEECH = 0.5  # the certainty from which a frame counts as the user's voice, for latencies


class Hearing:
    """Hears one microphone and gives what may leave the house to one client.

    `handle` is told what happens and `publish` what is news; `on_voice` when the user's voice was
    heard; `on_suspicion` when somebody may be speaking over an answer, or is not after all;
    `on_nobody` when a button was pressed and the session that it waits for does not come.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        handle: Callable[[Happening], None],
        publish: Callable[[News], None],
        on_voice: Callable[[float], None],
        on_suspicion: Callable[[bool], None],
        on_nobody: Callable[[], None],
    ) -> None:
        self.gate = gate
        self.connected = False
        """Whether there is a session."""
        self.trailing_ms = 0
        """The silence that the service needs to hear to end a turn."""
        self.frames = self.openings = 0
        """Frames heard, and turns that the gate let through, since the start."""
        self.last_frame_at: float | None = None
        """When the newest frame of the microphone was taken, by the clock of the loop."""
        self.uplink = UplinkChanged(False, 0)
        """What was told last of sound that leaves the house."""
        self.microphone: Microphone | None = None
        self.button = PushToTalk(on_timeout=lambda: self.release(answer=True), on_nobody=on_nobody)
        self._client: AzureRealTimeAudio
        self._former_bytes = 0
        self._handle = handle
        self._publish = publish
        self._on_voice = on_voice
        self._on_suspicion = on_suspicion
        self._suspicious = False
        self._paused = True  # no frame came since the microphone was opened
        self._ours_until = 0.0  # a short sound of our own is heard
        self._last_frame = Frame(b"")

    @property
    def level_dbfs(self) -> float:
        """How loud the newest frame is."""
        return dbfs(self._last_frame.pcm) if self._last_frame.pcm else SILENCE_DBFS

    @property
    def uplink_bytes(self) -> int:
        """How much sound has left the house since the start."""
        return self._former_bytes + self._client.uplink_bytes

    def use_microphone(self, microphone: Microphone) -> None:
        """Hear this one from the next `run` on."""
        self.microphone, self.last_frame_at = microphone, None
        self._pause()
        if self.gate.muted:
            microphone.pause(True)

    def use_client(self, client: AzureRealTimeAudio) -> None:
        """Give the sound to this one."""
        if hasattr(self, "_client"):
            self._former_bytes += self._client.uplink_bytes
        self._client = client

    async def run(self) -> None:
        """Pass the microphone's sound on until cancelled."""
        assert self.microphone is not None
        async for frame in self.microphone:
            self._hear(frame)

    def mute(self, muted: bool) -> None:
        """Close the microphone or open it again; muting forgets what is being said."""
        if muted:
            self.release(answer=False)
            self.abort()
        self.gate.mute(muted)
        self.last_frame_at = None
        self._pause()
        if self.microphone is not None:
            self.microphone.pause(muted)
        self.tell_uplink()

    def microphone_changed(self, state: DeviceState, *, goes_on: bool = False) -> bool:
        """Another stream of sound begins, or there is none; what was being said is forgotten then.

        `goes_on`: it is the same stream, which is deaf now, or hears again. True if something was
        said while the button is held: its turn is given up.
        """
        if not goes_on:
            self._pause()
        if state is DeviceState.OK:
            return False
        if self.button.held:
            self.release(answer=False)
            return True
        if self.button.waiting:
            self._reset_gate()  # a turn that was said to its end goes on waiting for its session
        else:
            self.abort()
        return False

    def ignore(self, ms: float) -> None:
        """A sound of our own is heard for the next `ms`."""
        self._ours_until = max(self._ours_until, asyncio.get_running_loop().time() + ms / 1000)
        if not self._paused:
            self.gate.ignore(ms)

    def press(self) -> None:
        """The button is held: everything is sent, until `release`."""
        self._reset_gate()
        self.speech_noticed()
        self.button.press(self._client, connected=self.connected)
        self._handle(ButtonPressed())
        self.tell_uplink()

    def release(self, *, answer: bool) -> None:
        """The button is let go, by whoever it may be; the turn is answered or forgotten."""
        if self.button.busy:
            if self.button.release() and answer:
                self._handle(ButtonReleased())
                self.gate.attend()
            else:
                self.abort()
                answer = False
            if not (answer and self.button.waiting):
                self.button.restore()
        self.tell_uplink()

    def abort(self) -> None:
        """Forget the turn that is being spoken, here and in the service's buffer."""
        self._reset_gate()
        self.tell_uplink()
        with suppress(NotConnectedError):
            self._client.clear_audio_buffer()
        self._handle(SpeechAborted())

    def turn_ended(self) -> None:
        """The service says that the turn is over."""
        if self.gate.unproven:
            self.abort()
        self.gate.end_turn()
        self.tell_uplink()

    def speech_noticed(self) -> None:
        """Somebody speaks, as far as anybody knows: the microphone is not deaf."""
        if self.microphone is not None:
            self.microphone.speech_noticed()

    def tell_uplink(self) -> None:
        """Say whether sound is leaving the house, if that has changed."""
        is_open = self.connected and (self.gate.open or self.button.held)
        if is_open != self.uplink.open:
            self.uplink = UplinkChanged(is_open, self.uplink_bytes)
            self._publish(self.uplink)

    def _hear(self, frame: Frame) -> None:
        self._last_frame = frame
        self.last_frame_at = now = asyncio.get_running_loop().time()
        self.frames += 1
        if self._paused:
            # Frames are no clock as long as none come. Later they are a better one than ours, as
            # they come in bursts.
            self._paused = False
            self.gate.ignore((self._ours_until - now) * 1000)
        if self.button.held:
            self.button.send(self.gate.bypass(frame.pcm))
            return
        result = self.gate.feed(frame.pcm)
        self._tell_suspicion()
        if result.woken:
            self._publish(WakeWordHeard(result.woken))
        if result.started or result.overheard or result.woken or not self.gate.listens:
            self.speech_noticed()  # where nobody is listened to, nobody is missed
        if result.started:
            self.openings += 1
            self._handle(SpeechStarted("local"))
        if self.gate.open and result.probability >= _SPEECH:
            self._on_voice(now)
        self.tell_uplink()
        self._send(result)
        if result.stopped:
            self._handle(SpeechStopped("local"))
        if result.aborted:
            self.abort()

    def _tell_suspicion(self) -> None:
        if self.gate.suspicious != self._suspicious:
            self._suspicious = self.gate.suspicious
            self._on_suspicion(self._suspicious)

    def _send(self, result: GateResult) -> None:
        if result.pcm_to_send and self.button.waiting:
            self.button.send(result.pcm_to_send)  # so that it comes after what was said with it
        elif result.pcm_to_send:
            self._client.append_audio(result.pcm_to_send)
        if result.cut and self.trailing_ms and self.connected:
            # The service waits for silence that the gate will not let through any more.
            self._client.append_audio(bytes(self.trailing_ms * BYTES_PER_MS))

    def _pause(self) -> None:
        self._paused = True
        self._last_frame = Frame(b"")
        self.gate.pause()

    def _reset_gate(self) -> None:
        muted = self.gate.muted
        self.gate.mute(True)
        self.gate.mute(muted)
        self._tell_suspicion()  # no frame may come that would do so
