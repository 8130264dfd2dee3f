"""The assistant introduces the rooms to each other.

Sound takes the short way: microphone → gate → client, client → speaker. What happens on the way is
told to the conversation, and what the conversation answers is carried out here. News goes to the
emitter, as the event `news`, for whoever listens.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from . import config
from .alertness import Alertness
from .audio.echo import Echo
from .audio.gate import Gate
from .audio.interface import Microphone, PlaybackHappening, Speaker
from .audio.vad import Engine
from .audio.wake_word import Attention
from .conversation import Conversation
from .cues import Cues
from .device_states import DeviceStates
from .emitter import Emitter
from .events import (
    CancelResponse,
    ClearAudio,
    Command,
    CommitAudio,
    ConnectionChanged,
    ConnectionState,
    CreateMessage,
    CreateResponse,
    DeleteItem,
    DeviceChanged,
    DeviceState,
    EndPlay,
    ErrorReported,
    Happening,
    ModelStatus,
    News,
    Play,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    SayRequested,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SoundChanged,
    SpeechStarted,
    SpeechStopped,
    StatusChanged,
    StopPlayback,
    TimePassed,
    TruncateItem,
    WakeWordHeard,
)
from .hearing import Hearing
from .interpreter import Interpreter
from .ledger import TurnLedger
from .push_to_talk import WAKE_S
from .realtime.client import AzureRealTimeAudio

_DUCKED = 0.25  # of the loudness, while it is not certain that somebody speaks over an answer
_ROOM_MS = 200  # how long the room and the microphone's buffer hold a short sound after its end
_WAKING_MS = 130  # how much later that is while the devices are not quick yet
_SAYS_MOST = 4  # what may wait for a session that is asleep
_LOG = logging.getLogger(__name__)


class Assistant:
    """Joins one client, one gate and one pair of devices; the `use_…` methods exchange them."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        gate: Gate,
        news: Emitter,
        profile: str,
        sound: SoundChanged,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._conversation = conversation
        self._client: AzureRealTimeAudio
        self._interpreter: Interpreter
        self._news = news
        self._wall_clock = wall_clock
        self._hearing = Hearing(
            gate,
            handle=self.handle,
            publish=self._tell,
            on_voice=lambda at: self._ledger.voice(at),
            on_suspicion=self._duck,
            on_nobody=self._nobody_listens,
        )
        self._speaker: Speaker | None = None
        self._inbox: deque[Happening] = deque()
        self._handling = False
        self._deadline: asyncio.TimerHandle | None = None
        self._alertness = Alertness()
        self._connection = ConnectionChanged(ConnectionState.CLOSED, profile)
        self._last_error: str | None = None
        self._status = StatusChanged(ModelStatus.IDLE, ModelStatus.IDLE)
        self._since = wall_clock()
        self._says: deque[SayRequested] = deque(maxlen=_SAYS_MOST)
        self._devices = DeviceStates()
        self._sound = sound
        self._volume = 1.0
        self._ducks = self._ducked = False
        self._cues = Cues(config.Earcons(), play=self._cue, speaking=lambda: self._user_speaks)
        self._ledger = TurnLedger()

    def use_speaker(self, speaker: Speaker) -> None:
        """Play on this loudspeaker, which was made for this assistant."""
        self._speaker = speaker
        speaker.tap(self._hearing.gate)
        self._alertness.use("speaker", speaker)
        self._devices.exchanged("speaker")
        self._set_loudness()

    def use_earcons(self, settings: config.Earcons) -> None:
        """Tell how it stands with these sounds from now on."""
        self._cues.settings = settings

    def use_microphone(self, microphone: Microphone) -> None:
        """Hear this microphone, made for this assistant, from the next `run` on."""
        self._alertness.use("microphone", microphone)
        self._devices.exchanged("microphone")
        self._hearing.use_microphone(microphone)

    def use_client(
        self, client: AzureRealTimeAudio, connection: ConnectionChanged | None = None
    ) -> None:
        """Talk to this service; `connection` is how it stands with it, if it is running already.

        What a former service knows of the conversation is lost, as after a lost connection.
        """
        if self._connected:
            self.handle(SessionLost("another service was chosen"))
        if hasattr(self, "_client"):
            self._client.off_all()
        self._client = client
        self._hearing.use_client(client)
        client.is_quiet = lambda: self.quiet
        client.on("connection", self._on_connection)
        self._interpreter = Interpreter(client, handle=self.handle, publish=self._publish)
        if connection is not None:
            self._connection = replace(connection, state=ConnectionState.CLOSED)
            self._on_connection(connection)

    async def run(self) -> None:
        """Pass the microphone's sound on until cancelled."""
        self._alertness.floor_is_free(self.idle)
        await self._hearing.run()

    def close(self) -> None:
        """Forget the deadlines that are being waited for."""
        self._alertness.close()
        self._cues.close()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @property
    def idle(self) -> bool:
        """Whether nobody has the floor: the moment to change things."""
        return self._status.status is ModelStatus.IDLE

    @property
    def last_frame_at(self) -> float | None:
        """When the newest frame of the microphone was taken, by the clock of the loop."""
        return self._hearing.last_frame_at

    @property
    def quiet(self) -> bool:
        """Whether nobody has the floor, or is about to have it: a session may be exchanged."""
        return self.idle and not self._hearing.button.busy and self._conversation.deadline is None

    def adjust(
        self,
        gate: config.Gate,
        engine: Engine,
        echo: Echo,
        attention: Attention,
        *,
        trailing_ms: int,
        service_interrupts: bool,
        service_truncates: bool,
        service_replies: bool,
        local_turns: bool,
        outage_s: float,
    ) -> None:
        """Go on with these settings. Between turns only (`idle`).

        `trailing_ms`: the silence that the service needs to hear to end a turn.
        `outage_s`: how long what is said is kept for a session to come.
        """
        self._hearing.trailing_ms, self._ducks = trailing_ms, gate.duck
        self._hearing.gate.adjust(gate, engine, echo, attention, local_turns=local_turns)
        self._conversation.adjust(
            service_interrupts=service_interrupts,
            service_truncates=service_truncates,
            service_replies=service_replies,
            local_turns=local_turns,
            barge_in=gate.barge_in,
            outage_s=outage_s,
        )

    def handle(self, happening: Happening) -> None:
        """Tell the conversation, and carry out what it answers, in order."""
        self._inbox.append(happening)
        if self._handling:
            return  # the call that is under way goes on with it
        self._handling = True
        try:
            now = asyncio.get_running_loop().time()
            while self._inbox:
                current = self._inbox.popleft()
                self._note(current)
                for step in self._conversation.handle(current, now):
                    self._carry_out(step)
                for turn in self._ledger.note(current, now):
                    self._publish(turn)
        finally:
            self._handling = False
        self._set_alarm()

    def playback_changed(self, change: PlaybackHappening) -> None:
        """Playing began, ended or was stopped."""
        self.handle(change)

    def device_changed(self, change: DeviceChanged) -> None:
        """A device came or went."""
        goes_on = self._devices.changed(change)
        microphone = change.direction == "microphone"
        given_up = microphone and self._hearing.microphone_changed(change.state, goes_on=goes_on)
        if change.state is DeviceState.OK and not goes_on:
            self._hearing.gate.forget_echo()
        self._publish(change)
        if given_up:
            words = f"not heard: the microphone is {change.state} ({change.reason})"
            self._tell(ErrorReported("conversation", "not_heard", words))

    def sound_changed(self, change: SoundChanged) -> None:
        """Sound may be judged otherwise from now on."""
        if change != self._sound:
            self._sound = change
            self._publish(change)

    # ------------------------------------------------- what the controls see and do

    @property
    def client(self) -> AzureRealTimeAudio:
        """The client of the service."""
        return self._client

    @property
    def connection(self) -> ConnectionChanged:
        """The connection to the service, as it was reported last."""
        return self._connection

    @property
    def last_error(self) -> str | None:
        """Why the connection was lost or refused last; None: it never was."""
        return self._last_error

    @property
    def conversation(self) -> Conversation:
        """Who has the floor."""
        return self._conversation

    @property
    def devices(self) -> DeviceStates:
        """The state of the microphone and the loudspeaker."""
        return self._devices

    @property
    def hearing(self) -> Hearing:
        """The way up, with the gate and the button."""
        return self._hearing

    @property
    def speaker(self) -> Speaker | None:
        """The loudspeaker, as soon as there is one."""
        return self._speaker

    @property
    def status(self) -> StatusChanged:
        """The status, and the one before."""
        return self._status

    @property
    def since(self) -> float:
        """When the status changed, in seconds since 1970."""
        return self._since

    @property
    def sound(self) -> SoundChanged:
        """How sound is judged, in effect."""
        return self._sound

    @property
    def session_may_come(self) -> bool:
        """Whether nothing speaks against there being a session soon."""
        change = self._connection
        connecting = change.state is ConnectionState.CONNECTING and change.reason is None
        return connecting or self._client.asleep

    @property
    def volume(self) -> float:
        """The loudness of everything that is played, from 0 to 1."""
        return self._volume

    @volume.setter
    def volume(self, level: float) -> None:
        self._volume = self._cues.volume = level
        self._set_loudness()

    def say_when_awake(self, wanted: SayRequested) -> None:
        """Wake the session that is asleep, and let this be said as soon as it is open."""
        self._says.append(wanted)
        self._client.wake()

    def publish(self, news: News) -> None:
        """Publish news, with the short sound that goes with it."""
        self._tell(news)

    def _set_loudness(self) -> None:
        if self._speaker is not None:
            ducked = self._ducks and self._ducked
            self._speaker.set_volume(self._volume * (_DUCKED if ducked else 1.0))

    def _duck(self, ducked: bool) -> None:
        self._ducked = ducked
        self._set_loudness()

    @property
    def _user_speaks(self) -> bool:
        """Whether somebody does, as far as anybody here or at the service knows."""
        listening = self._status.status is ModelStatus.LISTENING
        return listening or self._hearing.button.held or self._hearing.gate.hears

    def _cue(self, pcm: bytes) -> None:
        """Play a short sound that nobody else, the gate included, takes notice of."""
        if self._speaker is not None:
            after_ms = _ROOM_MS if self._alertness.stir() else _ROOM_MS + _WAKING_MS
            heard_after_ms = self._speaker.overlay(pcm)
            if heard_after_ms:
                self._hearing.ignore(heard_after_ms + after_ms)

    def _nobody_listens(self) -> None:
        """The button was pressed, and the session that it waits for does not come."""
        self._hearing.release(answer=False)
        why = self._connection.reason or "it took too long"
        words = f"not listening: there is no connection to the service ({why})"
        self._publish(ErrorReported("conversation", "not_connected", words))

    # ------------------------------------------------------- the way down

    def _on_connection(self, change: ConnectionChanged) -> None:
        was_connected, renewals = self._connected, self._connection.renewals
        self._connection = change
        self._hearing.connected = self._connected
        if was_connected and not self._connected:
            self._hearing.release(answer=False)
        if change.reason is not None:
            self._last_error = change.reason
        self._tell(change)
        if self._connected and not was_connected:
            button = self._hearing.button
            button.begin()
            self.handle(SessionOpened(heard=self._client.holds_turn))
            if not button.held:
                button.restore()
            while self._says:
                self.handle(self._says.popleft())
        elif was_connected and not self._connected:
            self.handle(SessionLost(change.reason or "the connection was closed"))
        elif self._connected and change.renewals != renewals:
            self.handle(SessionRenewed())
        elif self._says and change.reason is not None and not self._connected:
            self._says.clear()
            words = f"not said: {change.reason}"
            self._publish(ErrorReported("conversation", "not_said", words))
        if self._hearing.button.waiting and change.reason is not None and self._hopeless(change):
            self._nobody_listens()
        self._hearing.tell_uplink()

    @staticmethod
    def _hopeless(change: ConnectionChanged) -> bool:
        """Whether nobody who waits now will see the next attempt."""
        return change.state is ConnectionState.CLOSED or (change.retry_in_s or 0.0) > WAKE_S

    @property
    def _connected(self) -> bool:
        return self._connection.state.is_up

    # -------------------------------------------------------- carrying out

    def _note(self, happening: Happening) -> None:
        self._cues.note(happening)
        if isinstance(happening, PlaybackStarted):
            self._hearing.gate.playing = True
        elif isinstance(happening, PlaybackFinished | PlaybackStopped):
            self._hearing.gate.playing = False
        elif isinstance(happening, SpeechStarted) and happening.source == "service":
            self._hearing.speech_noticed()
        elif isinstance(happening, SpeechStopped) and happening.source == "service":
            self._hearing.turn_ended()

    def _carry_out(self, step: Command | News) -> None:
        speaker = self._speaker
        assert speaker is not None
        match step:
            case Play(part, pcm):
                speaker.play(part, pcm)
            case EndPlay(part):
                speaker.end(part)
            case StopPlayback():
                speaker.stop()
            case (
                CancelResponse()
                | TruncateItem()
                | DeleteItem()
                | CreateMessage()
                | CommitAudio()
                | ClearAudio()
                | CreateResponse()
            ):
                self._interpreter.tell(step)
            case _:
                self._tell(step)

    def _tell(self, news: News) -> None:
        """Publish what short sounds tell of too."""
        if isinstance(news, WakeWordHeard):
            self._alertness.stir()
        self._publish(news)
        self._cues.note(news)

    def _publish(self, news: News) -> None:
        if isinstance(news, StatusChanged):
            self._status, self._since = news, self._wall_clock()
            self._alertness.floor_is_free(self.idle)
            self._hearing.gate.floor_taken = not self.idle
        self._news.emit("news", news)

    def _set_alarm(self) -> None:
        deadline = self._conversation.deadline
        if deadline is None or (self._deadline and self._deadline.when() <= deadline):
            return  # an alarm that comes too early does no harm, and sets the next one
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_at(deadline, self._alarm)

    def _alarm(self) -> None:
        self._deadline = None
        self.handle(TimePassed())
