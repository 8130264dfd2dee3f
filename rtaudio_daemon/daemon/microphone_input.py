"""Passes the microphone's sound through the gate, or past it while a button is held.

Decides what is sent to the service, and reports it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from ..audio.devices.protocols import Microphone
from ..audio.processing.audibility import Recording
from ..audio.processing.echo import Echo
from ..audio.processing.enhancement import Enhancement
from ..audio.processing.format import BYTES_PER_MS, FRAME_BYTES, SILENCE_DBFS, Frame, dbfs
from ..audio.processing.gate import NOTHING, Gate, GateResult
from ..dialogue.inputs import (
    ButtonPressed,
    ButtonReleased,
    LocalSpeechStarted,
    LocalSpeechStopped,
    MicrophoneClosed,
    SpeechAborted,
)
from ..dialogue.turns import LEAST_TURN_S
from ..notifications import DeviceState, Notification, UplinkChanged, WakeWordHeard
from ..realtime.driver import ConversationDriver

_LOG = logging.getLogger(__name__)
_STOPPABLE_MS = 1_500.0  # after playback ends: a stop word that began during it may end then
_STOP_REST_MS = 400.0  # how much of the word may follow its detection
_AGAIN_MS = 2_500.0  # how long the stop word may be repeated
_SPEECH = 0.1  # probability from which a frame may be the user's voice, for latencies
_PAUSE_MS = 150  # pause in speech after which an answer may come soon,
_LONG_PAUSE_MS = 300  # and if the service waits for longer
_PIECE_BYTES = 3 * FRAME_BYTES  # sent at once during speech: every message costs CPU time
_LEAST_BYTES = int(LEAST_TURN_S * 1000) * BYTES_PER_MS


class HearingListener(Protocol):
    """Is notified of what the microphone hears."""

    def publish(self, notification: Notification) -> None:
        """Publish a notification."""

    def button_pressed(self) -> None:
        """Note that the push-to-talk button is pressed."""

    def speech_started(self) -> None:
        """Note that the gate hears somebody, whether there is a session or not."""

    def speech_stopped(self) -> None:
        """Note that the gate no longer hears anybody."""

    def speech_expected(self) -> None:
        """Note that somebody may have begun to speak; the gate will decide in a moment."""

    def speech_changed(self, goes_on: bool) -> None:
        """Note whether somebody speaks without a pause; called before the other methods."""

    def speech_overheard(self) -> None:
        """Note that somebody speaks, but not to us."""

    @property
    def sounds(self) -> bool:
        """Whether an answer, a sound file or a timer is heard, which a stop word may end."""

    def stop_heard(self, word: str) -> None:
        """Note that somebody said the word that stops what is heard."""

    def persona_called(self, persona: str) -> None:
        """Note that a wake word of this persona was heard; what follows has not been sent."""

    def echo_changed(self, echo: Echo) -> None:
        """Note that the loudspeaker's echo is handled differently from now on."""

    def speech_suspected(self, suspected: bool) -> None:
        """Note that somebody may be speaking over an answer, or is not after all."""


class MicrophoneInput:
    """Hears one microphone, and passes to `driver` what the service may hear."""

    def __init__(self, gate: Gate, driver: ConversationDriver, listener: HearingListener) -> None:
        self.gate = gate
        self.trailing_ms = 0
        """How many ms of silence the service needs to end a turn."""
        self.frames = self.openings = 0
        """Frames heard, and turns that the gate let through, since the start."""
        self.last_frame_at: float | None = None
        """When the last frame was taken from the microphone, on the clock of the loop."""
        self.uplink = UplinkChanged(False, 0)
        """The last report of whether sound is being sent."""
        self.recording = Recording()
        """What is played and heard, while audibility is being examined."""
        self.tap: asyncio.Queue[bytes] | None = None
        """A further reader of the unprocessed sound of the microphone."""
        self.withheld = False
        """Whether only `tap` gets the sound."""
        self.microphone: Microphone | None = None
        self._driver = driver
        self._conversation = driver.conversation
        self._listener = listener
        self._suspicious = self._speech = False
        self._paused = True  # no frame has arrived since the microphone was opened
        self._ours_until = 0.0  # until then a short sound of our own is heard
        self._last_frame = Frame(b"")
        self._said = 0  # bytes since the button was pressed
        self._stoppable_ms = self._rest_ms = 0.0
        self._to_send = b""  # speech to be sent with the next frames

    @property
    def level_dbfs(self) -> float:
        """The level of the newest frame after `audio.input.gain_db`, before other processing."""
        return dbfs(self._last_frame.pcm) if self._last_frame.pcm else SILENCE_DBFS

    @property
    def held(self) -> bool:
        """Whether a button is held."""
        return self._conversation.held

    @property
    def soft_dbfs(self) -> float | None:
        """The level below which sound is not urgent; None if all is urgent."""
        if self.held or self.tap is not None:
            return None
        soft_dbfs = self.gate.soft_dbfs
        return None if soft_dbfs is None else soft_dbfs - self.gate.enhancement.gain_db

    @property
    def spares_pairs(self) -> bool:
        """Whether frames may arrive in pairs."""
        return not self.held and self.tap is None and self.gate.spares_pairs

    def enhance(self, enhancement: Enhancement) -> None:
        """Enhance voices in this way from now on."""
        if enhancement.gain_db != self.gate.enhancement.gain_db:
            self.gate.forget_echo()  # its level has changed
        self.gate.enhancement = enhancement

    def use_microphone(self, microphone: Microphone) -> None:
        """Hear this microphone from the next `run` on."""
        self.microphone, self.last_frame_at = microphone, None
        self._pause()
        if self.gate.muted:
            microphone.pause(True)

    async def run(self) -> None:
        """Process the microphone's sound until cancelled."""
        assert self.microphone is not None
        await self.microphone.give_to(self._take)

    def mute(self, muted: bool) -> None:
        """Close the microphone or open it again; muting discards what is being said."""
        if muted:
            self.release(answer=False)
            self.abort()
            self._driver.handle(MicrophoneClosed("the microphone was muted"))
        self.gate.mute(muted)
        self.last_frame_at = None
        self._pause()
        if self.microphone is not None:
            self.microphone.pause(muted)
        self.report_uplink()

    def microphone_changed(self, state: DeviceState, *, goes_on: bool = False) -> bool:
        """Note that another stream of sound begins, or that there is none: discard the speech.

        `goes_on`: it is the same stream, which is deaf now, or hears again. Returns True if
        something was said while the button is held: that turn is given up.
        """
        if not goes_on:
            self._pause()
        if state is DeviceState.OK:
            return False
        if not goes_on:  # a microphone that seems deaf may still hear the answer
            self._driver.handle(MicrophoneClosed(f"the microphone is {state}"))
        if self.held:
            self.release(answer=False)
            return True
        if self._conversation.button_waits:
            self._reset_gate()  # a finished turn still waits for its session
        else:
            self.abort()
        return False

    def played(self, pcm: bytes, skipped: int) -> None:
        """Note that `pcm` goes to the loudspeaker now, after `skipped` samples of silence."""
        self.recording.played(pcm, skipped)
        self.gate.played(pcm, skipped)

    def ignore(self, ms: float) -> None:
        """Ignore the microphone for `ms`: a sound of our own is heard."""
        self._ours_until = max(self._ours_until, asyncio.get_running_loop().time() + ms / 1000)
        if not self._paused:
            self.gate.ignore(ms)

    def press(self) -> None:
        """Send everything until `release`: the button is pressed."""
        self._reset_gate()
        self.speech_noticed()
        if not self._conversation.button_waits:
            self._said = 0
        self._driver.handle(ButtonPressed())
        self._listener.button_pressed()
        self.report_uplink()

    def release(self, *, answer: bool) -> None:
        """Note that the button is released, by anybody; the turn is answered or forgotten."""
        if self.held or self._conversation.button_waits:
            answer = answer and self._said >= _LEAST_BYTES
            if not answer:
                self._reset_gate()
            self._driver.handle(ButtonReleased(answer))
            if answer:
                self.gate.attend()
        self.report_uplink()

    def listen_without_wake_word(self, on: bool) -> None:
        """Let speech do without a wake word for a while, or require one again at once."""
        if on:
            self.gate.attend()
        else:
            self.gate.need_wake_word()

    def abort(self, *, nobody: bool = False) -> None:
        """Discard the turn being spoken, here and in the service's buffer.

        `nobody`: nobody spoke it; an answer that it interrupted may continue.
        """
        self._reset_gate()
        self.report_uplink()
        self._driver.handle(SpeechAborted(nobody))

    def turn_ended(self) -> None:
        """Note that the service reports the end of the turn."""
        if self.gate.unproven:
            self.abort(nobody=not self.gate.called)
        self.gate.end_turn()
        self.report_uplink()

    def words_came_back(self) -> None:
        """Note that the words of an answer were taken for the user's."""
        note = self.gate.echo.note
        self.gate.echo.words_came_back()
        self._report_echo(note)

    def speech_noticed(self) -> None:
        """Note that somebody seems to speak: the microphone is not deaf."""
        if self.microphone is not None:
            self.microphone.speech_noticed()

    def report_uplink(self) -> None:
        """Report whether sound is being sent, if that has changed."""
        is_open = self._driver.connected and (self.gate.open or self.held)
        if is_open != self.uplink.open:
            self.uplink = UplinkChanged(is_open, self._driver.uplink_bytes)
            self._listener.publish(self.uplink)

    def _take(self, frame: Frame) -> None:
        self._hear(frame)
        if self.microphone is not None:
            self.microphone.spare(self.soft_dbfs, pairs=self.spares_pairs)

    def _hear(self, frame: Frame) -> None:
        if self.gate.enhancement.gain_db:
            frame = Frame(self.gate.enhancement.amplified(frame.pcm), frame.heard_at)
        self._last_frame = frame
        self.last_frame_at = now = asyncio.get_running_loop().time()
        self.frames += 1
        self.recording.heard(frame.pcm)
        if self.tap is not None:
            self.tap.put_nowait(frame.pcm)
        if self.withheld:
            return
        if self._paused:
            # Until the first frame arrives, frames cannot serve as a clock. Later they are a
            # better clock than ours, because they arrive in bursts.
            self._paused = False
            self.gate.ignore((self._ours_until - now) * 1000)
        if self.held:
            pcm = self.gate.bypass(frame.pcm)
            self._said += len(pcm)
            self._driver.append_audio(pcm)
            return
        note, expected = self.gate.echo.note, self.gate.expects_turn
        result = self.gate.feed(frame.pcm)
        if self._stopped(len(frame.pcm) / BYTES_PER_MS):
            return
        if result is NOTHING and not (self._suspicious or self._speech or self.uplink.open):
            return  # there is nothing new to report
        if self.gate.flows and self._speech and self.uplink.open and not result.woken:
            self._pass_on(result, frame, now)
            return  # the same
        if self.gate.expects_turn and not expected:
            self._listener.speech_expected()
        self._report_echo(note)
        self._report_suspicion()
        self._report_speech()
        self._report(result, frame, now)

    def _report(self, result: GateResult, frame: Frame, now: float) -> None:
        """Report the gate's results for a frame, and pass on what it lets through."""
        if result.woken:
            self._listener.publish(WakeWordHeard(result.woken.word, round(result.woken.score, 3)))
        if result.started or result.overheard or result.woken or not self.gate.listens:
            self.speech_noticed()  # while nobody is listened to, lack of speech is no symptom
        if result.overheard:
            self._listener.speech_overheard()
        if result.started:
            self.openings += 1
            self._listener.speech_started()
            self._driver.handle(LocalSpeechStarted())
        if result.woken and result.aborted:
            self.abort(nobody=not result.called)
        self.report_uplink()
        if result.woken:
            self._listener.persona_called(result.woken.persona)
        self._pass_on(result, frame, now)
        if result.stopped:
            self._driver.handle(LocalSpeechStopped())
            self._listener.speech_stopped()
        if result.aborted and not result.woken:
            self.abort(nobody=not result.called)

    def _stopped(self, ms: float) -> bool:
        """Return whether this frame belongs to the stop word, which gets no answer."""
        rests = self._rest_ms > 0
        if rests:
            self._rest_ms -= ms
            self._reset_gate()
        # Its beginning interrupts if speech does, and it may be repeated.
        before_ms = self._stoppable_ms
        self._stoppable_ms = before_ms - ms
        if self._listener.sounds:
            self._stoppable_ms = max(self._stoppable_ms, _STOPPABLE_MS)
        if self._stoppable_ms <= 0:
            return rests
        if before_ms <= 0:
            self.gate.attention.forget_stops()
        stop = self.gate.attention.stop(self.gate.without_echo)
        if stop is None:
            return rests
        self._rest_ms, self._stoppable_ms = _STOP_REST_MS, _AGAIN_MS
        self.gate.attention.forget_stops()
        self._listener.stop_heard(stop.word)
        return True

    def _report_echo(self, note_before: str | None) -> None:
        """Report if the gate now handles the echo differently."""
        if self.gate.echo.note != note_before:
            _LOG.warning("%s", self.gate.echo.note)
            self._listener.echo_changed(self.gate.echo)

    def _report_suspicion(self) -> None:
        if self.gate.suspicious != self._suspicious:
            self._suspicious = self.gate.suspicious
            self._listener.speech_suspected(self._suspicious)

    def _report_speech(self) -> None:
        pause_ms = min(max(_PAUSE_MS, self.trailing_ms // 3), _LONG_PAUSE_MS)
        goes_on = self.gate.hears and self.gate.pause_ms < pause_ms
        if goes_on != self._speech:
            self._speech = goes_on
            self._listener.speech_changed(goes_on)

    def _pass_on(self, result: GateResult, frame: Frame, now: float) -> None:
        self._send(result)
        if result.probability >= _SPEECH and not self._to_send:
            self._conversation.latency.voice(frame.heard_at or now, dbfs(frame.pcm))

    def _send(self, result: GateResult) -> None:
        self._to_send += result.pcm_to_send
        if self._to_send and (len(self._to_send) >= _PIECE_BYTES or not self.gate.flows):
            self._driver.append_audio(self._to_send)
            self._to_send = b""
        if result.cut and self.trailing_ms and self._driver.connected:
            # The service waits for silence that the gate no longer lets through.
            self._driver.append_audio(bytes(self.trailing_ms * BYTES_PER_MS))

    def _pause(self) -> None:
        self._paused = True
        self._last_frame = Frame(b"")
        self.recording.drop()
        self.gate.pause()

    def _reset_gate(self) -> None:
        self._to_send = b""
        muted = self.gate.muted
        self.gate.mute(True)
        self.gate.mute(muted)
        self._report_suspicion()  # there may be no frame to trigger that
        self._report_speech()
