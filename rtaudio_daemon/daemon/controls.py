"""Implements what other programs can do with the daemon, and the snapshot of its state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..audio.devices.open import described, list_devices
from ..audio.engines.taught_words import TaughtWords
from ..controls import (
    DUCKING_OFF,
    NO_PERSONA,
    ConnectionStatus,
    SayMode,
    Snapshot,
    TeachingStep,
    UplinkStatus,
    UsageStatus,
)
from ..dialogue.inputs import InterruptRequested, OfferedAnswer, SayRequested
from ..errors import (
    ConfigError,
    DeviceError,
    NotFoundError,
    NotNowError,
    RTAudioError,
)
from ..notifications import (
    MuteChanged,
    Notification,
    TextSaid,
    UplinkChanged,
    VolumeChanged,
    WakeWordYielded,
)
from ..realtime.uplink_day import UplinkDay
from ..tools.sources.notes import NoteStore
from ..tools.timers.keeper import TimerKeeper
from ..tools.timers.schedule import Wish
from ..tools.timers.timer import Kind
from ..version import VERSION
from .assistant import Assistant
from .broadcasts import broadcast
from .chosen_settings import ChosenSettings
from .controlled_parts import ActionLog, BrokerView, CallableTools, DuckingView, Reloader, Ringer
from .counts import counts_of
from .echo_measurement import EchoMeasurement
from .event_record import EventRecord
from .hooks import Hooks
from .personas import Personas
from .preconditions import Preconditions
from .questions import Questions
from .said_texts import SaidTexts
from .sound_player import SoundPlayer
from .word_teaching import DaemonSound, WordTeaching


class DaemonControls:
    """The `Controls` of a daemon whose conversation `assistant` conducts."""

    def __init__(self, assistant: Assistant, timers: TimerKeeper) -> None:
        self._assistant = assistant
        self._timers = timers
        self._preconditions = Preconditions(assistant)
        self._questions = Questions(assistant)
        self.uplink_day = UplinkDay()
        """What was sent to the service today."""
        self._echo_measurement = EchoMeasurement(assistant)
        self.word_teaching = WordTeaching(DaemonSound(assistant), TaughtWords())
        """Teaches wake words."""
        self.ringing: Ringer | None = None
        """Rings for timers, if anything does."""
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self.chosen_settings: ChosenSettings | None = None
        """The settings that people choose at run time, if these can be stored."""
        self.reloader: Reloader | None = None
        """Reloads the configuration, if anything does."""
        self.said_texts = SaidTexts()
        """The outcomes of texts that programs wanted to be said."""
        self.sound_player = SoundPlayer(assistant, self.said_texts)
        """Plays sound files."""
        self.note_store: NoteStore | None = None
        """The notes, if they can be stored."""
        self.tool_box: CallableTools | None = None
        """The tools, if there are any."""
        self.hooks: Hooks | None = None
        """The hooks, if there are any."""
        self.personas: Personas | None = None
        """Who answers, if there are personas."""
        self.other_sound: DuckingView | None = None
        """Lowers other programs, if anything does."""
        self.action_log: ActionLog | None = None
        """Records the calls of tools, if anything does."""
        self.event_record: EventRecord | None = None
        """Records events for reports, if anything does."""
        self.broker: BrokerView | None = None
        """The MQTT broker, if available."""
        self.daemon: Mapping[str, str] = {}
        """The id and the name of this daemon in its home."""

    # ------------------------------------------------------------- state

    @property
    def level_dbfs(self) -> float:
        """The level of the microphone's newest frame."""
        return round(self._assistant.microphone_input.level_dbfs, 1)

    def snapshot(self) -> Snapshot:
        """Return the present state."""
        assistant = self._assistant
        driver, microphone_input = assistant.driver, assistant.microphone_input
        status, muted = assistant.status, microphone_input.gate.muted
        return Snapshot(
            usage=UsageStatus(**driver.usage.summary(driver.day)),
            status=status.status,
            previous=status.previous,
            since=assistant.since,
            connection=self._connection(),
            microphone=assistant.devices.microphone(
                microphone_input.microphone, paused=muted, level_dbfs=self.level_dbfs
            ),
            speaker=assistant.devices.speaker(assistant.speaker),
            sound=assistant.sound,
            muted=muted,
            talking=microphone_input.held,
            volume=assistant.volume,
            uplink=self._uplink(),
            tools=self.tool_box.document() if self.tool_box else {},
            timers=self._timers.documents(),
            daemon=dict(self.daemon),
            mqtt=self.broker.document() if self.broker else {},
            chosen=dict(self.chosen_settings.chosen) if self.chosen_settings else {},
            ducking=self.other_sound.document() if self.other_sound else DUCKING_OFF,
            persona=self.personas.document() if self.personas else NO_PERSONA,
            wake_words=[asdict(each) for each in microphone_input.gate.attention.words],
            version=VERSION,
            uptime_s=round(self._clock() - self._started, 1),
        )

    def _connection(self) -> ConnectionStatus:
        connection = self._assistant.connection
        return ConnectionStatus(
            state=connection.state,
            profile=connection.profile,
            session_id=connection.session_id,
            expires_at=connection.expires_at,
            reconnects=connection.reconnects,
            renewals=connection.renewals,
            last_error=self._assistant.last_error,
            asleep=self._assistant.driver.session.asleep,
        )

    def note(self, notification: Notification) -> None:
        """Handle a notification."""
        if isinstance(notification, UplinkChanged):
            self._uplink()

    def _uplink(self) -> UplinkStatus:
        driver = self._assistant.driver
        self.uplink_day.note(driver.uplink_bytes, *driver.day_and_hour)
        hours = self.uplink_day.hours
        is_open = self._assistant.microphone_input.uplink.open
        return UplinkStatus(is_open, driver.uplink_bytes, sum(hours), hours)

    def counts(self) -> dict[str, float]:
        """Return counters since the start and gauges, by the names in `api.metrics.COUNTS`."""
        found = counts_of(self._assistant, self._timers)
        found["ducking"] = bool(self.other_sound and self.other_sound.document()["active"])
        if self.hooks is not None:
            found |= self.hooks.counts()
        if self.broker is not None:
            found |= self.broker.counts()
        return found

    def recorded_events(self) -> dict[str, Any]:
        """The events of the last hour; see `Controls.recorded_events`."""
        record = self.event_record or EventRecord(self._clock)
        return record.document()

    async def devices(self) -> list[dict[str, Any]]:
        """Return all microphones and loudspeakers, with names valid in the configuration."""
        try:
            return [described(each) for each in await list_devices()]
        except DeviceError as error:
            raise DeviceError(f"cannot list the devices: {error}", code=error.code) from error

    # ------------------------------------------------------------- actions

    def say(
        self,
        text: str,
        mode: SayMode,
        *,
        urgent: bool = False,
        remember: bool = False,
        said: str | None = None,
        chime: bool = False,
        listen: bool = False,
        instructions: str = "",
    ) -> str:
        """Let `text` be spoken or answered; see `Controls.say`."""
        if said is not None and self.said_texts.known(said):
            return said
        self._preconditions.need_voice(aloud=mode == "verbatim")
        said = self.said_texts.begin(said)
        wish = SayRequested(
            text, mode, urgent, remember, said, self._chime(chime), listen, instructions
        )
        self._assistant.handle(wish)
        return said

    async def broadcast(self, text: str) -> dict[str, Any]:
        """Let `text` be spoken everywhere; see `Controls.broadcast`."""
        if self.broker is None:
            raise NotNowError("there are no other daemons here")
        return await broadcast(text, self, self.broker)

    def _chime(self, wanted: bool) -> bytes:
        return self._assistant.chime if wanted else b""

    async def ask(
        self,
        question: str,
        answers: Sequence[Mapping[str, Any]],
        *,
        timeout_s: float,
        chime: bool,
    ) -> dict[str, Any]:
        """Ask people something, and wait for the answer; see `Controls.ask`."""
        if self._assistant.microphone_input.gate.muted:
            raise NotNowError("nothing was asked: the microphone is muted; unmute it first")
        self._assistant.devices.need_microphone()
        if self._assistant.conversation.asking:
            raise NotNowError("nothing was asked: another question is being asked; try again later")
        self._preconditions.need_voice(aloud=True)
        offered = tuple(
            OfferedAnswer(each["id"], tuple(each.get("sentences", ()))) for each in answers
        )
        closed = await self._questions.ask(
            question, offered, timeout_s=timeout_s, chime=self._chime(chime)
        )
        return {
            "outcome": closed.outcome,
            "text": closed.text,
            "id": closed.answer,
            "reason": closed.reason,
        }

    async def play(
        self, source: Mapping[str, str], *, urgent: bool = False, said: str | None = None
    ) -> str:
        """Play a sound file; see `Controls.play`."""
        return await self.sound_player.play(source, urgent=urgent, said=said)

    def wake_words(self) -> dict[str, Any]:
        """The wake words that were taught here; see `Controls.wake_words`."""
        return self.word_teaching.listed()

    async def teach_wake_word(self, name: str, step: TeachingStep) -> dict[str, Any]:
        """One step of teaching a wake word; see `Controls.teach_wake_word`."""
        return await self.word_teaching.take(name, step)

    def forget_wake_word(self, name: str) -> None:
        """Remove a wake word that was taught; see `Controls.forget_wake_word`."""
        self.word_teaching.forget(name)

    async def measure_echo(self) -> dict[str, Any]:
        """Measure the echo of the room; see `Controls.measure_echo`."""
        return await self._echo_measurement.measure()

    def test_sound(self) -> str:
        """Play the chime; see `Controls.test_sound`."""
        return self.sound_player.play_pcm(self._assistant.chime)

    async def said(self, said: str, limit_s: float) -> TextSaid | None:
        """What became of a text; see `Controls.said`."""
        return await self.said_texts.wait_for(said, limit_s)

    def listen(self, on: bool) -> None:
        """Push to talk begins or ends; see `Controls.listen`."""
        microphone_input = self._assistant.microphone_input
        if on == microphone_input.held:
            return
        if not on:
            microphone_input.release(answer=True)
            return
        rings = self.ringing is not None and self.ringing.silence()
        try:
            self._begin_to_listen()
        except RTAudioError:
            if not rings:  # otherwise the press has had its effect
                raise

    def attend(self) -> bool:
        """Listen to what is said next without a wake word; see `Controls.attend`."""
        gate = self._assistant.microphone_input.gate
        self._preconditions.need_hearing()
        if gate.listens:
            gate.attend()
        return gate.listens

    def _begin_to_listen(self) -> None:
        if not self._assistant.session_may_come:
            self._preconditions.need_connection("not listening")
        self._preconditions.need_hearing()
        self._assistant.microphone_input.press()

    def interrupt(self) -> None:
        """Fall silent now."""
        if self.ringing is not None:
            self.ringing.silence()
        microphone_input = self._assistant.microphone_input
        if not microphone_input.held:
            # Drop a turn that waits for a session, too.
            microphone_input.release(answer=False)
        self._assistant.handle(InterruptRequested())

    def mute(self, muted: bool) -> None:
        """Close the microphone or open it again; muting discards what is being said."""
        microphone_input = self._assistant.microphone_input
        if muted != microphone_input.gate.muted:
            microphone_input.mute(muted)
            self._assistant.publish(MuteChanged(muted))

    def yield_to(self, other: str, word: str) -> bool:
        """Leave the wake word that was just heard to another; see `Controls.yield_to`."""
        microphone_input = self._assistant.microphone_input
        conversation = self._assistant.conversation
        if microphone_input.held or conversation.button_waits or conversation.asking:
            return False
        microphone_input.listen_without_wake_word(False)
        microphone_input.abort()
        if self.personas is not None:
            self.personas.take_back()
        self._assistant.publish(WakeWordYielded(word, other))
        return True

    def choose_persona(self, name: str) -> None:
        """Let this persona answer; see `Controls.choose_persona`."""
        if self.personas is None:
            raise NotFoundError("there are no personas")
        self.personas.choose(name)

    def set_volume(self, level: float) -> None:
        """Play at `level` (0 to 1)."""
        changed = level != self._assistant.volume
        self._assistant.volume = level
        if changed:
            self._assistant.publish(VolumeChanged(level))

    def tools(self) -> dict[str, Any]:
        """What the model may call; see `Controls.tools`."""
        box = self.tool_box
        return {**box.document(), "list": box.listed()} if box else {}

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any], *, confirmed: bool
    ) -> dict[str, Any]:
        """Call a tool by hand; see `Controls.call_tool`."""
        if self.tool_box is None:
            raise NotNowError("there are no tools here")
        found = json.loads(
            await self.tool_box.call(name, json.dumps(arguments), confirmed=confirmed)
        )
        return dict(found)

    # ------------------------------------------------------------------ timers

    def timers(self) -> dict[str, Any]:
        """All timers, alarms and reminders, and those that were missed."""
        return {"timers": self._timers.documents(), "missed": self._timers.missed_documents()}

    async def set_timer(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Begin one; see `Controls.set_timer`."""
        kind = Kind(wish["kind"])
        asked = {key: value for key, value in wish.items() if key != "kind"}
        return self._timers.document(await self._timers.set(kind, Wish(**asked)))

    async def change_timer(self, which: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Change one; see `Controls.change_timer`."""
        return self._timers.document(await self._timers.change(which, Wish(**wish)))

    async def cancel_timer(self, which: str) -> dict[str, Any]:
        """Remove one; see `Controls.cancel_timer`."""
        return self._timers.document(await self._timers.cancel(which))

    async def dismiss(self) -> None:
        """Stop all ringing."""
        await self._timers.dismiss()

    async def snooze(self, seconds: float | None = None) -> None:
        """Let timers that ring, or were just dismissed, ring again later."""
        await self._timers.snooze(seconds)

    def notes(self) -> Sequence[Mapping[str, Any]]:
        """All notes; see `Controls.notes`."""
        return self.note_store.documents() if self.note_store else ()

    async def forget_note(self, note_id: str) -> None:
        """Remove a note for good; see `Controls.forget_note`."""
        if self.note_store is None:
            raise NotFoundError("there are no notes")
        await self.note_store.remove(note_id)

    def actions(self) -> Sequence[Mapping[str, Any]]:
        """What became of the last calls of tools; see `Controls.actions`."""
        return self.action_log.listed() if self.action_log else ()

    async def forget_actions(self) -> None:
        """Forget the last calls of tools; see `Controls.forget_actions`."""
        if self.action_log is not None:
            await self.action_log.clear()

    async def settings(self) -> list[dict[str, Any]]:
        """What can be chosen; see `Controls.settings`."""
        if self.chosen_settings is None:
            return []
        return await self.chosen_settings.listed(await self._known_devices())

    async def choose(self, values: Mapping[str, str | float]) -> None:
        """Choose settings; see `Controls.choose`."""
        if self.chosen_settings is None or self.reloader is None:
            raise NotNowError("nothing can be chosen: this daemon has no configuration file")
        await self.chosen_settings.choose(values, await self._known_devices(), self.reloader)

    async def choose_nothing(self) -> None:
        """Back to the configuration; see `Controls.choose_nothing`."""
        if self.chosen_settings is not None and self.reloader is not None:
            await self.chosen_settings.reset(self.reloader)

    async def _known_devices(self) -> list[dict[str, Any]]:
        try:
            return await self.devices()
        except DeviceError:
            return []

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again; return what changed. Raises ConfigError."""
        if self.reloader is None:
            raise ConfigError(["this daemon was started without a configuration file"])
        return await self.reloader.reload()
