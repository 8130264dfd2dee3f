"""Connects the conversation with the microphone and the loudspeaker.

Sound takes the direct path: microphone → gate → session, session → loudspeaker. Events are passed
to the conversation, and its decisions are carried out here. Notifications go to the emitter as the
event `notification`.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from .. import config
from ..audio.devices.protocols import Microphone, PlaybackEvent, Speaker
from ..audio.processing.clips import at_volume
from ..audio.processing.earcons import earcon
from ..audio.processing.echo import Echo
from ..audio.processing.gate import Gate
from ..audio.processing.vad import Engine
from ..audio.processing.wake_word import Attention
from ..dialogue.conversation import Conversation
from ..dialogue.inputs import Input, InterruptRequested, SettingsChanged
from ..dialogue.outputs import (
    AnswerGivenUp,
    CallsRequested,
    EndPlay,
    ListenWithoutWakeWord,
    Play,
    QuestionClosed,
    Report,
    SpeakerCommand,
    StopPlayback,
)
from ..dialogue.own_words import OwnWords
from ..dialogue.settings import DialogueSettings
from ..emitter import Emitter
from ..errors import ServiceError
from ..notifications import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    DeviceState,
    ErrorReported,
    ModelStatus,
    Notification,
    PlaybackStarted,
    SoundChanged,
    SpeechNoticed,
    StatusChanged,
    TextSaid,
    WakeWordHeard,
)
from ..protocol.events import Message, TextDone, UserTranscript
from ..realtime.driver import ConversationDriver
from ..realtime.options import SessionPolicy
from ..realtime.reconnect import ReconnectingSession
from ..realtime.usage import UsageMeter
from .audible_texts import AudibleTexts
from .device_tracker import DeviceTracker
from .earcon_player import EarconPlayer
from .listeners import (
    AlertListener,
    CallsListener,
    PersonaListener,
    QuestionListener,
    Recorder,
    Watcher,
)
from .microphone_input import MicrophoneInput
from .power_saving import PowerSaving

_LOG = logging.getLogger(__name__)
_DUCKED = 0.25  # relative volume while it is uncertain whether somebody speaks over an answer
_ROOM_MS = 200  # how long room and microphone buffer hold a short sound after its end
_WAKING_MS = 130  # additional time while the devices are not quick yet


class Assistant:
    """Connects one session, one gate and one pair of devices; the `use_…` methods replace them."""

    def __init__(
        self,
        *,
        gate: Gate,
        notifications: Emitter,
        profile: str,
        sound: SoundChanged,
        usage: UsageMeter,
    ) -> None:
        self.conversation = Conversation()
        """The state machine of the conversation."""
        self.driver = ConversationDriver(self.conversation, self, usage=usage)
        """Handles inputs, and has the session."""
        self.microphone_input = MicrophoneInput(gate, self.driver, self)
        """The path from the microphone, with the gate."""
        self.audible_texts = AudibleTexts(self.microphone_input.recording, self)
        """Publishes the receipts of texts, and whether the microphone heard them."""
        self.devices = DeviceTracker()
        """The state of the microphone and the loudspeaker."""
        self.speaker: Speaker | None = None
        """The loudspeaker, once there is one."""
        self.connection = ConnectionChanged(ConnectionState.CLOSED, profile)
        """The last reported state of the connection to the service."""
        self.last_error: str | None = None
        """Why the connection was last lost or refused; None: it never was."""
        self.status = StatusChanged(ModelStatus.IDLE, ModelStatus.IDLE)
        """The status, and the one before."""
        self.since = time.time()
        """When the status changed, in seconds since 1970."""
        self.calls: CallsListener | None = None
        """Answers function calls; None: they are given up after a while."""
        self.alerts: AlertListener | None = None
        """Rings; None: nothing does."""
        self.questions: QuestionListener | None = None
        """The source of questions; None: there is none."""
        self.other_sound: Watcher | None = None
        """Lowers other programs; None: nothing does."""
        self.personas: PersonaListener | None = None
        """Decides who answers; None: there are no personas."""
        self.recorder: Recorder | None = None
        """Records speech that is not played."""
        self.sound = sound
        """The processing of sound in effect."""
        self._notifications = notifications
        self._own_words = OwnWords()
        self._power_saving = PowerSaving()
        self._own_chime = b""
        self._volume = 1.0
        self._ducks = self._ducked = False
        self._earcon_player = EarconPlayer(config.Earcons(), self)

    # ------------------------------------------------------------ exchangeable parts

    def use_speaker(self, speaker: Speaker) -> None:
        """Play on this loudspeaker, which was created for this assistant."""
        self.speaker = speaker
        speaker.tap(self.microphone_input)
        self._power_saving.use("speaker", speaker)
        self.devices.exchanged("speaker")
        self._set_loudness()

    def use_earcons(self, settings: config.Earcons, chime: bytes = b"") -> None:
        """Play these short sounds from now on, and this `chime` (pcm) if it is not empty."""
        self._earcon_player.settings = settings
        self._own_chime = chime

    def use_microphone(self, microphone: Microphone) -> None:
        """Hear this microphone, created for this assistant, from the next `run` on."""
        self._power_saving.use("microphone", microphone)
        self.devices.exchanged("microphone")
        self.microphone_input.use_microphone(microphone)

    def use_session(
        self,
        session: ReconnectingSession,
        policy: SessionPolicy,
        connection: ConnectionChanged | None = None,
    ) -> None:
        """Use this service; `connection` is its state if it is running already."""
        self.driver.use_session(session, policy)
        if connection is not None:
            self.connection = replace(connection, state=ConnectionState.CLOSED)
            self.connection_changed(connection)

    async def run(self) -> None:
        """Process the microphone's sound until cancelled."""
        self._power_saving.status_changed(self.status.status)
        await self.microphone_input.run()

    def close(self) -> None:
        """Cancel all timers."""
        self._power_saving.close()
        self._earcon_player.close()
        self.driver.close()

    @property
    def idle(self) -> bool:
        """Whether nobody speaks and no answer is awaited: the time for changes."""
        return self.status.status is ModelStatus.IDLE

    def adjust(
        self,
        gate: config.Gate,
        engine: Engine,
        echo: Echo,
        attention: Attention,
        dialogue: DialogueSettings,
        *,
        trailing_ms: int,
    ) -> None:
        """Apply these settings. Between turns only (`idle`).

        `trailing_ms`: how much silence the service needs to end a turn.
        """
        self.microphone_input.trailing_ms, self._ducks = trailing_ms, gate.duck
        local_turns = dialogue.local_turns
        self.microphone_input.gate.adjust(gate, engine, echo, attention, local_turns=local_turns)
        self.driver.handle(SettingsChanged(dialogue))

    # --------------------------------------------------- for the controls

    @property
    def speaks_now(self) -> bool:
        """Whether there is a session that is idle and will not be needed soon."""
        return self.driver.connected and self.quiet() and self.conversation.quiet

    @property
    def session_may_come(self) -> bool:
        """Whether a session can be expected soon."""
        change = self.connection
        connecting = change.state is ConnectionState.CONNECTING and change.reason is None
        return connecting or self.driver.session.asleep

    @property
    def volume(self) -> float:
        """The volume of everything that is played, from 0 to 1."""
        return self._volume

    @volume.setter
    def volume(self, level: float) -> None:
        self._volume = self._earcon_player.volume = level
        self._set_loudness()

    def handle(self, event: Input) -> None:
        """Pass an input to the conversation."""
        self.driver.handle(event)

    def publish(self, notification: Notification) -> None:
        """Publish a notification, and play the short sound for it."""
        if isinstance(notification, StatusChanged):
            self.status, self.since = notification, time.time()
            self._power_saving.status_changed(notification.status)
            self.microphone_input.gate.in_conversation = not self.idle
        elif isinstance(notification, WakeWordHeard):
            self._power_saving.stir()
        self._notifications.emit("notification", notification)
        self._earcon_player.note(notification)
        if self.calls is not None:
            self.calls.note(notification)
        if isinstance(notification, StatusChanged) and self.alerts is not None:
            self.alerts.floor_changed()
        elif isinstance(notification, WakeWordHeard) or (
            isinstance(notification, SpeechNoticed) and notification.phase == "started"
        ):
            self._somebody_there()

    # ------------------------------------------------------ what the devices report

    def playback_changed(self, change: PlaybackEvent) -> None:
        """Note that playback began, ended or was stopped."""
        self.microphone_input.gate.playing = isinstance(change, PlaybackStarted)
        self.driver.handle(change)

    def device_changed(self, change: DeviceChanged) -> None:
        """Note that the state of a device changed."""
        goes_on = self.devices.changed(change)
        microphone = change.direction == "microphone"
        given_up = microphone and self.microphone_input.microphone_changed(
            change.state, goes_on=goes_on
        )
        if change.state is DeviceState.OK and not goes_on:
            self.microphone_input.gate.forget_echo()
        if not goes_on:
            self.audible_texts.forget()
        self.publish(change)
        if given_up:
            words = f"not heard: the microphone is {change.state} ({change.reason})"
            self.publish(ErrorReported("conversation", "not_heard", words))

    @property
    def expects_echo(self) -> bool:
        """Whether a missing echo is meaningful: nothing removes it before it gets here."""
        return self.microphone_input.gate.echo.mode in ("cancel", "half_duplex")

    def loudspeaker_unheard(self, why: str | None) -> None:
        """Note that the loudspeaker seems to be off; None: it is heard again."""
        self.publish(self.devices.loudspeaker_unheard(why))

    def sound_changed(self, change: SoundChanged) -> None:
        """Note that the processing of sound may have changed."""
        if change != self.sound:
            self.sound = change
            self.publish(change)

    # ------------------------------------------------------- what the gate reports

    def echo_changed(self, echo: Echo) -> None:
        """Note that the gate handles the echo differently; `echo.note` says why."""
        notes = (*self.sound.notes, *filter(None, [echo.note]))
        self.sound_changed(replace(self.sound, echo=echo.mode, notes=notes))

    @property
    def sounds(self) -> bool:
        """Whether an answer, a sound file or a timer is heard, which a stop word may end."""
        rings = self.alerts is not None and self.alerts.rings
        return self.microphone_input.gate.playing or rings

    def stop_heard(self, word: str) -> None:
        """Fall silent, as if somebody had asked for it by hand."""
        _LOG.info("stopped by the word %s", word)
        self._somebody_there()
        self.microphone_input.abort()
        self.handle(InterruptRequested())

    def persona_called(self, persona: str) -> None:
        """Note that a wake word of this persona was heard; what follows has not been sent."""
        if self.personas is not None:
            self.personas.called(persona)

    def button_pressed(self) -> None:
        """Note that the push-to-talk button is pressed."""
        self._earcon_player.button_pressed()
        if self.calls is not None:
            self.calls.button_pressed()
        self._somebody_there()

    def speech_started(self) -> None:
        """Note that our own gate hears somebody."""
        self._earcon_player.speech_started()
        self._somebody_there()

    def speech_stopped(self) -> None:
        """Note that our own gate no longer hears anybody."""
        self._earcon_player.speech_stopped()

    def speech_expected(self) -> None:
        """Get ready: our own gate may soon hear somebody, and a short word ends before that."""
        self._power_saving.speech_expected()

    def speech_changed(self, goes_on: bool) -> None:
        """Note whether our own gate hears somebody speak without a pause."""
        self._power_saving.speech_changed(goes_on)

    def speech_overheard(self) -> None:
        """Note that our own gate hears somebody who does not speak to us."""
        self._somebody_there(addressed=False)

    def speech_suspected(self, suspected: bool) -> None:
        """Note that somebody may be speaking over an answer, or is not after all."""
        self._ducked = suspected
        self._set_loudness()

    @property
    def earcon_loudness(self) -> float:
        """The loudness of short sounds within an answer, 0 to 1, before the volume."""
        return self._earcon_player.settings.volume

    @property
    def chime(self) -> bytes:
        """The sound before an announcement."""
        loudness = self.earcon_loudness
        if self._own_chime:
            return at_volume(self._own_chime, loudness)
        return earcon("announcement", loudness)

    def play_working(self) -> None:
        """Play the sound for somebody who waits for a tool."""
        self._earcon_player.working()

    # ---------------------------------------------------- for the short sounds

    @property
    def user_speaks(self) -> bool:
        """Whether somebody speaks, as far as the service or anything here knows."""
        listening = self.status.status is ModelStatus.LISTENING
        return listening or self.conversation.held or self.microphone_input.gate.hears

    @property
    def plays_on(self) -> bool:
        """Whether an answer that paused for nobody continues."""
        return self.conversation.plays_on

    @property
    def user_may_speak(self) -> bool:
        """Whether somebody may have begun to speak, which is not certain yet."""
        return self.microphone_input.gate.doubts

    def play_earcon(self, pcm: bytes) -> None:
        """Play a short sound that everything else, including the gate, ignores."""
        self._overlay(pcm)

    def play_measured(self, pcm: bytes) -> bool:
        """Play a sound to measure its echo; return whether it is audible."""
        return self._overlay(pcm)

    def play_alert(self, pcm: bytes) -> bool:
        """Play a sound that any speech may stop; return whether it is audible."""
        self.microphone_input.gate.overhear()
        return self._overlay(pcm)

    def _overlay(self, pcm: bytes) -> bool:
        if self.speaker is None:
            return False
        after_ms = _ROOM_MS if self._power_saving.stir() else _ROOM_MS + _WAKING_MS
        heard_after_ms = self.speaker.overlay(pcm)
        if heard_after_ms:
            self.microphone_input.ignore(heard_after_ms + after_ms)
        return heard_after_ms > 0

    # ----------------------------------------------------- what the driver reports

    def command_speaker(self, command: SpeakerCommand) -> None:
        """Pass this command to the loudspeaker."""
        speaker = self.speaker
        assert speaker is not None
        match command:
            case Play(part, pcm):
                if self.conversation.owes_receipt:
                    self.microphone_input.recording.begin()
                speaker.play(part, pcm)
            case EndPlay(part):
                speaker.end(part)
            case StopPlayback():
                speaker.stop()

    def notify(self, notification: Report) -> None:
        """Handle something that people or programs may want to know."""
        if isinstance(notification, SpeechNoticed):
            self._note_beginning(notification)
        match notification:
            case TextSaid(said, "said") if self._is_mute:
                self.publish(TextSaid(said, "not_played"))
            case TextSaid():
                self.audible_texts.add(notification)
            case AnswerGivenUp(code, reason):
                self.publish(ErrorReported("conversation", code, reason))
            case SpeechNoticed("started", "service"):
                self.microphone_input.speech_noticed()
                self.publish(notification)
            case SpeechNoticed("stopped", "service"):
                self.microphone_input.turn_ended()
                self.publish(notification)
            case ListenWithoutWakeWord(on):
                self.microphone_input.listen_without_wake_word(on)
            case QuestionClosed():
                if self.questions is not None:
                    self.questions.closed(notification)
            case CallsRequested():
                if self.calls is not None:
                    self.calls.run(notification)
            case _:
                self.publish(notification)

    def received(self, message: Message) -> None:
        """Handle a message of the service after the conversation has."""
        if self.recorder is not None:
            self.recorder.received(message.event)
        if self.calls is not None:
            self.calls.received(message)
        match message.event:
            case TextDone(text=words, spoken=True):
                self._own_words.said(words)
            case UserTranscript(text=words) if self._own_words.came_back(words):
                self.microphone_input.words_came_back()

    def connection_changed(self, change: ConnectionChanged) -> None:
        """Note that the state of the connection changed, or that there is a reason to report."""
        self.connection = change
        if change.reason is not None:
            self.last_error = change.reason
        self.publish(change)
        self.microphone_input.report_uplink()

    def attempt_failed(self, error: ServiceError) -> None:
        """Do nothing: the change of the connection reports it."""

    def quiet(self) -> bool:
        """Return whether nobody speaks or holds a button: a session may be exchanged."""
        return self.idle and not (self.conversation.held or self.conversation.button_waits)

    def _note_beginning(self, speech: SpeechNoticed) -> None:
        """Note the beginning of a turn, which the service or our gate hears first."""
        if speech.phase == "started" and self.status.status is not ModelStatus.LISTENING:
            self._own_words.turn_began(over_answer=self.microphone_input.gate.playing)

    def _somebody_there(self, *, addressed: bool = True) -> None:
        if self.alerts is not None:
            self.alerts.somebody_there(addressed=addressed)
        if self.other_sound is not None and addressed:
            self.other_sound.look()

    @property
    def _is_mute(self) -> bool:
        """Whether there is no loudspeaker, so that playback is inaudible."""
        return self.devices.speaker(self.speaker).state is DeviceState.NONE

    def _set_loudness(self) -> None:
        if self.speaker is not None:
            ducked = self._ducks and self._ducked
            self.speaker.set_volume(self._volume * (_DUCKED if ducked else 1.0))
