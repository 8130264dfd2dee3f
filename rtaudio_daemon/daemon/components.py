"""The parts of the daemon as an ordered table: built at the start, replaced by a reload.

A part adapts itself to the settings it is given, on a reload between turns. A service in use
continues until the new one has a session. A device is replaced at once; if it is missing, it is
searched for, because it may be plugged in later.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .. import config
from ..api.server import ApiServer
from ..audio.devices.open import Devices
from ..audio.devices.system_aec import no_canceller
from ..audio.files.chimes import own_chime
from ..audio.processing.gate import Gate
from ..emitter import Emitter
from ..errors import RTAudioError, WrongValueError
from ..notifications import (
    DeviceChanged,
    DeviceState,
    Notification,
    SoundChanged,
    StatusChanged,
)
from ..protocol.endpoint import Endpoint
from ..realtime.options import SessionPolicy
from ..realtime.reconnect import ReconnectingSession
from ..realtime.usage import UsageMeter
from ..tools.sources.notes import NoteStore
from ..tools.timers.keeper import TimerKeeper
from . import announcer, identity
from .assistant import Assistant
from .broker import Broker
from .component import Component
from .controls import DaemonControls
from .event_record import EventRecord, LogPlaces
from .hearing import Hearing
from .hooks import Hooks
from .lifetimes import Lifetimes
from .log import set_levels
from .other_sound import OtherSound
from .personas import Personas
from .reminder_clips import CLIPS_FOLDER, ReminderClips
from .ringing import Ringing
from .running_sources import RunningSources
from .service import Trial, dialogue_settings, new_sessions, service_at, trailing_ms
from .tool_box import ToolBox
from .tool_sources import open_sources

if TYPE_CHECKING:
    from ..simulator.server.simulator import Simulator

_LOG = logging.getLogger(__name__)


class Components:
    """All parts, built by `open` and closed in reverse order by `close`.

    Their tasks run in `group`: if one fails, the daemon ends. Raises RTAudioError if a part
    cannot be built.
    """

    def __init__(
        self,
        settings: config.Config,
        notifications: Emitter,
        group: asyncio.TaskGroup,
        *,
        devices: Devices | None,
        timers: TimerKeeper,
        notes: NoteStore,
        state: Path | None,
        ledger: UsageMeter,
    ) -> None:
        self._notifications = notifications
        self._devices = devices or Devices()
        self._settings = settings
        self._lifetimes = Lifetimes(group)
        self._sources = RunningSources(self._lifetimes)
        self._status = asyncio.Event()
        self._opened = asyncio.Event()  # a device was opened, perhaps not the same as before
        self._boot = secrets.token_hex(4)
        self._hearing = Hearing.of(settings.audio)
        self._ducking_note: str | None = None
        self._where: Endpoint
        self.http_api: ApiServer
        self.simulator: Simulator | None = None
        self.address = ""
        self.assistant = Assistant(
            gate=Gate(
                settings.audio.gate,
                self._hearing.engine.engine,
                self._hearing.echo,
                self._hearing.attention,
            ),
            notifications=notifications,
            profile=settings.realtime.profile,
            sound=self.sound,
            usage=ledger,
        )
        self.controls = DaemonControls(self.assistant, timers)
        self._record = EventRecord(asyncio.get_running_loop().time)
        self._log_places = LogPlaces(self._record)
        self.tool_box = ToolBox(self.assistant, self.controls)
        self.personas = Personas(
            self.assistant,
            lambda: self._component("personas").wanted,
            self.tool_box.with_tools,
            self._adjust_to_persona,
            settings.realtime.persona,
        )
        self.hooks = Hooks(group, lambda: self.assistant.driver.session.asleep)
        self._timers, self._notes = timers, notes
        self.clips = ReminderClips(timers, self.assistant, state / CLIPS_FOLDER if state else None)
        self.ringing = Ringing(timers, self.assistant, self.controls, self.clips)
        self._broker = Broker(self.controls, notifications)
        self._other_sound = OtherSound(self.assistant, timers, state, self)
        self._join()
        self._name(settings)
        self.table = self._table(settings)

    def _join(self) -> None:
        """Connect the assistant and the controls with the parts that they need."""
        assistant, controls = self.assistant, self.controls
        assistant.calls = controls.tool_box = self.tool_box
        assistant.personas = controls.personas = self.personas
        assistant.alerts = controls.ringing = self.ringing
        assistant.other_sound = controls.other_sound = self._other_sound
        assistant.recorder = self.clips
        controls.hooks, controls.broker = self.hooks, self._broker
        controls.note_store, controls.event_record = self._notes, self._record

    async def open(self) -> None:
        """Build all parts."""
        logging.getLogger().addHandler(self._log_places)
        self._notifications.on("notification", self._record.notice)
        self._notifications.on("notification", self._notice)
        self._notifications.on("notification", self.controls.note)
        self._notifications.on("notification", self.controls.said_texts.note)
        self._notifications.on("notification", self.hooks.notice)
        self._notifications.on("notification", self._other_sound.notice)
        self._notifications.on("notification", self.controls.sound_player.note)
        for component in self.table:
            await component.apply(self._settings)
        self._lifetimes.begin("gate")
        self._lifetimes.run("gate", self._watch_canceller(), "canceller watch")
        self._lifetimes.run("gate", self.assistant.audible_texts.run(), "audible texts")
        # Only now can the service's messages be heard and played.
        self._lifetimes.run("service", self.assistant.driver.session.run(), "session")

    async def close(self) -> None:
        """Close all parts."""
        await asyncio.gather(
            self.hooks.close(), self.tool_box.close(), self.controls.sound_player.close()
        )
        for component in reversed(self.table):
            await self._lifetimes.end(component.name)
        self.assistant.close()
        logging.getLogger().removeHandler(self._log_places)

    def ended(self) -> list[str]:
        """The tasks that should run and do not."""
        return self._lifetimes.ended()

    def _table(self, settings: config.Config) -> tuple[Component, ...]:
        """Return all parts, in the order in which they are built."""
        return tuple(
            Component(name, apply, settings, settings)
            for name, apply in (
                ("log", self._apply_log),
                # Early, to be notified of what happens at the start.
                ("hooks", self._apply_hooks),
                # Before the service, whose first session needs them.
                ("tools", self._apply_tools),
                ("service", self._apply_service),
                ("budget", self._apply_budget),
                ("speaker", self._apply_speaker),
                ("volume", self._apply_volume),
                ("earcons", self._apply_earcons),
                ("sounds", self._apply_sounds),
                ("timers", self._apply_timers),
                ("mqtt", self._apply_mqtt),
                ("ducking", self._apply_ducking),
                ("http_api", self._apply_http_api),
                ("access", self._apply_access),
                ("announcement", self._apply_announcement),
                ("session", self._apply_session),
                ("personas", self._apply_personas),
                ("gate", self._apply_gate),
                # Last, because the receivers of its sound and its errors must exist.
                ("microphone", self._apply_microphone),
            )
        )

    # ------------------------------------------------------------------ sound

    @property
    def sound(self) -> SoundChanged:
        """Return the processing of sound in effect."""
        return self._hearing.sound(self._ducking_note)

    async def _apply_volume(self, settings: config.Config) -> None:
        self.controls.set_volume(settings.audio.output.volume)

    async def _apply_earcons(self, settings: config.Config) -> None:
        chime = b""
        try:
            chime = await own_chime(settings.audio.earcons.chime)
        except WrongValueError as error:
            if "http_api" in self._lifetimes:
                raise
            _LOG.warning("audio.earcons.chime: %s; two notes are played instead", error)
        self.assistant.use_earcons(settings.audio.earcons, chime)

    async def _apply_sounds(self, settings: config.Config) -> None:
        self.controls.sound_player.settings = settings.audio.play

    async def _apply_timers(self, settings: config.Config) -> None:
        self.ringing.volume = self.clips.volume = settings.tools.timers.volume
        self.clips.language = settings.realtime.session.transcription.language
        if "timers" not in self._lifetimes:
            await self._timers.load()
            self._lifetimes.begin("timers")
            self._lifetimes.run("timers", self.ringing.run(), "ringing")
            self._lifetimes.run("timers", self._timers.run(), "timers")
            self._lifetimes.run("timers", self.clips.run(), "reminder clips")

    async def _apply_ducking(self, settings: config.Config) -> None:
        await self._lifetimes.take_over("ducking")
        self._other_sound.adjust(settings.audio)
        self.ducking_changed()
        self._lifetimes.run("ducking", self._other_sound.run(), "ducking")

    def ducking_changed(self) -> None:
        """Publish that other programs are lowered in another way, or cannot be."""
        self._ducking_note = self._other_sound.note
        self.assistant.sound_changed(self.sound)

    async def _apply_tools(self, settings: config.Config) -> None:
        """Offer these tools from now on; an unchanged source continues."""
        box = self.tool_box
        sources = await open_sources(
            settings, box, self._timers, self._notes, self._broker, self._sources.sources
        )
        async with self._sources.exchanged(sources):
            await self._between_turns()
            box.use(sources, settings)
            if "service" in self._lifetimes:
                box.offer()
        if "tools" not in self._lifetimes:
            self._lifetimes.begin("tools").push_async_callback(self._sources.close)

    def try_sources_again(self) -> None:
        """Let sources that wait before a retry try at once: the problem may be resolved."""
        self._broker.try_again()
        self._sources.try_again()

    async def _apply_speaker(self, settings: config.Config) -> None:
        speaker = self._devices.open_speaker(settings.audio.output, self.assistant)
        await self._between_turns()
        self.assistant.use_speaker(speaker)
        await self._lifetimes.take_over("speaker")
        self._lifetimes.run("speaker", speaker.run(), "speaker")

    async def _apply_microphone(self, settings: config.Config) -> None:
        microphone = self._devices.open_microphone(settings.audio.input, self.assistant)
        await self._between_turns()
        self.assistant.use_microphone(microphone)
        await self._lifetimes.take_over("microphone")
        self._lifetimes.run("microphone", microphone.run(), "microphone")
        self._lifetimes.run("microphone", self.assistant.run(), "assistant")

    async def _apply_gate(self, settings: config.Config) -> None:
        applied = self._component("gate").applied.audio
        hearing = await self._hearing.adjusted(
            settings.audio, applied, begins="gate" not in self._lifetimes
        )
        await self._between_turns()
        self._hearing = hearing
        self._adjust(settings)
        await self.look_for_canceller()

    async def _watch_canceller(self) -> None:
        """Check again when a device opens: a restarted sound server may have lost its canceller."""
        while True:
            await self._opened.wait()
            self._opened.clear()
            await self.look_for_canceller()

    async def look_for_canceller(self) -> None:
        """Check whether the devices in use cancel echo, if that is assumed."""
        echo = self._hearing.echo
        if echo.mode == "system":
            microphone, speaker = (
                self._component("microphone").applied,
                self._component("speaker").applied,
            )
            note = await no_canceller(microphone.audio.input.device, speaker.audio.output.device)
            if note is not None and note != echo.note:
                _LOG.warning("%s", note)
            echo.note = note
            self.assistant.sound_changed(self.sound)

    def _adjust_to_persona(self) -> None:
        self._adjust(self._component("session").applied)

    def _adjust(self, settings: config.Config) -> None:
        settings = self.personas.answering(settings)
        profile, detection = self._where.profile, settings.realtime.session.turn_detection
        trailing = trailing_ms(detection)
        gate, hearing = settings.audio.gate, self._hearing
        self.assistant.adjust(
            replace(gate, hangover_ms=max(gate.hangover_ms, trailing)),
            hearing.engine.engine,
            hearing.echo,
            hearing.attention,
            dialogue_settings(settings, profile),
            trailing_ms=trailing,
        )
        self.assistant.microphone_input.enhance(hearing.enhancement)
        self.tool_box.adjust(settings)
        self.assistant.sound_changed(self.sound)

    # ---------------------------------------------------------------- service

    async def _apply_service(self, settings: config.Config) -> None:
        """Open a new session beside the one in use, which continues until the new one is ready."""
        driver, policy = self.assistant.driver, SessionPolicy.of(settings.realtime)
        async with AsyncExitStack() as opening:
            where, simulator = await service_at(settings.realtime, opening)
            sessions = new_sessions(where, self.personas.coming(settings))
            sessions.settings = self.tool_box.with_tools(sessions.settings)
            sessions.wire = self._record
            if "service" in self._lifetimes:
                trial = Trial(give_up=driver.connected)
                session = ReconnectingSession(sessions, trial)
                await opening.enter_async_context(self._lifetimes.running(session.run(), "session"))
                await trial.passed()
                await self._between_turns()
                self.assistant.use_session(session, policy, trial.newest)
            else:  # `open` runs it
                self.assistant.use_session(ReconnectingSession(sessions, driver), policy)
            self.simulator, self._where = simulator, where
            self._adjust(settings)
            self._component("session").applied = settings
            life = opening.pop_all()
        await self._lifetimes.take_over("service", life)

    async def _apply_budget(self, settings: config.Config) -> None:
        policy = SessionPolicy.of(settings.realtime)
        self.assistant.driver.adjust_budget(policy.prices, policy.daily_limit)
        self._broker.show(settings)

    async def _apply_session(self, settings: config.Config) -> None:
        changed = self.personas.difference(settings)
        await self._between_turns()
        if changed:
            self.assistant.driver.update_session(changed)
        self._adjust(settings)

    async def _apply_personas(self, settings: config.Config) -> None:
        await self._between_turns()
        self.personas.refresh()
        self._broker.show(settings)

    # ----------------------------------------------------------------- others

    async def _apply_log(self, settings: config.Config) -> None:
        set_levels(settings.logger)

    async def _apply_hooks(self, settings: config.Config) -> None:
        await self.hooks.use(settings.hooks)

    async def _apply_mqtt(self, settings: config.Config) -> None:
        """Use another broker; leave the former first, because it knows us by the same name."""
        if "mqtt" in self._lifetimes:
            self._broker.leave(settings)
            await self._lifetimes.end("mqtt")
        self._name(settings)
        life = self._lifetimes.begin("mqtt")
        if bridge := self._broker.use(settings, self.tool_box.ready):
            life.callback(self._notifications.on("notification", bridge.notice))
            self._lifetimes.run("mqtt", bridge.run(), "mqtt")
        if bool(self._component("mqtt").applied.mqtt.host) != bool(settings.mqtt.host):
            await self._apply_tools(settings)  # one tool addresses other daemons
        await self._announce_again(settings)

    def _name(self, settings: config.Config) -> None:
        self.controls.daemon = {
            "id": identity.identity(settings),
            "name": identity.name(settings),
        }

    async def _apply_http_api(self, settings: config.Config) -> None:
        if "http_api" not in self._lifetimes:
            await self._open_http_api(settings.http)
            return
        # The new server may want the same port, so the old one closes first.
        await self._between_turns()
        self.http_api.events.shut_down()
        await self._lifetimes.end("http_api")
        try:
            await self._open_http_api(settings.http)
        except RTAudioError:
            former = self._component("http_api").applied.http
            await self._open_http_api(replace(settings.http, host=former.host, port=former.port))
            raise
        await self._announce_again(settings)

    async def _apply_access(self, settings: config.Config) -> None:
        self.http_api.adjust(settings.http)
        self.hooks.publish_transcripts = settings.http.publish_transcripts
        await self._announce_again(settings)

    async def _announce_again(self, settings: config.Config) -> None:
        """Announce again, because the contents may have changed."""
        if "announcement" in self._lifetimes:
            await self._apply_announcement(settings)

    async def _apply_announcement(self, settings: config.Config) -> None:
        await self._lifetimes.take_over("announcement")
        if announcer.wanted(settings):
            port = urlsplit(self.address).port or settings.http.port
            work = announcer.Announcer(settings, port).run()
            self._lifetimes.run("announcement", work, "announcement")

    async def _open_http_api(self, settings: config.Http) -> None:
        http_api = ApiServer(settings, self.controls, boot=self._boot)
        async with AsyncExitStack() as opening:
            self.address = await opening.enter_async_context(http_api.listening())
            opening.callback(self._notifications.on("notification", http_api.publish))
            self.http_api = http_api
            self._lifetimes.begin("http_api", opening.pop_all())
        _LOG.info("listening at %s", self.address)

    # ---------------------------------------------------------------- handing over

    def _component(self, name: str) -> Component:
        return next(component for component in self.table if component.name == name)

    def _notice(self, notification: Notification) -> None:
        if isinstance(notification, StatusChanged):
            self._status.set()
        elif isinstance(notification, DeviceChanged) and notification.state is DeviceState.OK:
            self._opened.set()

    async def _between_turns(self) -> None:
        """Wait until nobody speaks or awaits an answer, which stays so until the next await."""
        while not self.assistant.idle:
            self._status.clear()
            await self._status.wait()
