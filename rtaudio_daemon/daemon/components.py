"""The parts of the daemon as an ordered table: built at the start, exchanged at a reload.

A part brings itself into accord with the settings it is given, at a reload between turns. A
service in use goes on until the new one has a session; a device is exchanged at once, and looked
for where it is missing, as its plug may come later.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .. import config
from ..api.server import ApiServer
from ..audio.devices.open import Devices
from ..audio.devices.system_aec import no_canceller
from ..audio.engines.cancellers import open_echo
from ..audio.engines.enhancers import open_enhancement
from ..audio.engines.vad_engines import open_engine
from ..audio.engines.wake_word_engines import open_attention
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
from ..tools.tool import PatientSource, ToolSource
from . import announcer, identity
from .assistant import Assistant
from .broker import Broker
from .controls import DaemonControls
from .event_record import EventRecord, LogPlaces
from .hooks import Hooks
from .log import set_levels
from .other_sound import OtherSound
from .personas import Personas
from .reload import Change, differences
from .reminder_clips import CLIPS_FOLDER, ReminderClips
from .ringing import Ringing
from .service import Trial, dialogue_settings, new_sessions, service_at, trailing_ms
from .tool_box import ToolBox
from .tool_sources import open_sources
from .wake_words import attention_for

if TYPE_CHECKING:
    from ..simulator.server.simulator import Simulator

_LOG = logging.getLogger(__name__)


@dataclass
class Component:
    """`apply` brings the part into accord with settings; `applied` are those it runs with."""

    name: str
    apply: Callable[[config.Config], Awaitable[None]]
    applied: config.Config
    wanted: config.Config
    """The newest settings."""
    pending: tuple[Change, ...] = ()
    """What of this part is not as in `wanted`."""
    failure: str = ""
    """Why the newest settings could not be applied."""

    def want(self, settings: config.Config, pending: Sequence[Change]) -> None:
        """These are the newest settings; `pending` is what differs in them from `applied`."""
        self.wanted, self.pending = settings, tuple(pending)

    def runs_with(self, settings: config.Config) -> None:
        """The part has these settings now, which may not be the newest any more."""
        self.applied, self.failure = settings, ""
        if settings is self.wanted:
            self.pending = ()
        else:
            self.pending = tuple(differences({self.name: settings}, self.wanted))


class Components:
    """All parts, built by `open` and taken down in reverse order by `close`.

    Their tasks live in `group`: one that breaks ends the daemon. What cannot be built raises
    RTAudioError.
    """

    def __init__(
        self,
        settings: config.Config,
        notifications: Emitter,
        group: asyncio.TaskGroup,
        *,
        devices: Devices | None = None,
        timers: TimerKeeper,
        notes: NoteStore,
        state: Path | None = None,
        ledger: UsageMeter | None = None,
    ) -> None:
        self._notifications = notifications
        self._group = group
        self._devices = devices or Devices()
        self._settings = settings
        self._usage_meter = ledger or UsageMeter()
        self._lives: dict[str, AsyncExitStack] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sources: dict[ToolSource, asyncio.Task[None]] = {}
        self._status = asyncio.Event()
        self._opened = asyncio.Event()  # a device, which may be another than before
        self._boot = secrets.token_hex(4)
        self._engine = open_engine(settings.audio.gate.engine)
        self._echo = open_echo(settings.audio.echo, settings.audio.gate.engine)
        self._enhancement = open_enhancement(settings.audio.input)
        self._attention = open_attention(settings.audio.listen, settings.audio.wake, ())
        self._ducking_note: str | None = None
        self._where: Endpoint
        self.http_api: ApiServer
        self.simulator: Simulator | None = None
        self.address = ""
        self.assistant = Assistant(
            gate=Gate(settings.audio.gate, self._engine.engine, self._echo, self._attention),
            notifications=notifications,
            profile=settings.realtime.profile,
            sound=self.sound,
            usage=self._usage_meter,
        )
        self.controls = DaemonControls(self.assistant, timers)
        self._record = self.controls.event_record = EventRecord(asyncio.get_running_loop().time)
        self._log_places = LogPlaces(self._record)
        self.tool_box = ToolBox(self.assistant, self.controls)
        self.assistant.calls = self.controls.tool_box = self.tool_box
        self.personas = self.assistant.personas = self.controls.personas = Personas(
            self.assistant,
            lambda: self._component("personas").wanted,
            self.tool_box.dressed,
            self._adjust_to_persona,
            settings.realtime.persona,
        )
        self.hooks = self.controls.hooks = Hooks(
            group, lambda: self.assistant.driver.session.asleep
        )
        self._timers = timers
        self.clips = ReminderClips(timers, self.assistant, state / CLIPS_FOLDER if state else None)
        self.assistant.recorder = self.clips
        self.ringing = Ringing(timers, self.assistant, self.controls, self.clips)
        self._notes = self.controls.note_store = notes
        self._broker = self.controls.broker = Broker(self.controls, notifications)
        self._name(settings)
        self.assistant.alerts = self.controls.ringing = self.ringing
        self._other_sound = OtherSound(self.assistant, timers, state, self)
        self.assistant.other_sound = self.controls.other_sound = self._other_sound
        self.table = tuple(
            Component(name, apply, settings, settings)
            for name, apply in (
                ("log", self._apply_log),
                # Early, to hear of what happens at the start.
                ("hooks", self._apply_hooks),
                # Before the service, whose first session is given them.
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
                # Last: what takes its sound and its faults must exist.
                ("microphone", self._apply_microphone),
            )
        )

    async def open(self) -> None:
        """Build everything."""
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
        self._lives["gate"] = AsyncExitStack()
        await self._lives["gate"].enter_async_context(
            self._running(self._watch_canceller(), "canceller watch")
        )
        await self._lives["gate"].enter_async_context(
            self._running(self.assistant.audible_texts.run(), "audible texts")
        )
        # Only now there is somebody to hear and to play what the service says.
        await self._lives["service"].enter_async_context(
            self._running(self.assistant.driver.session.run(), "session")
        )

    async def close(self) -> None:
        """Take everything down."""
        await asyncio.gather(
            self.hooks.close(), self.tool_box.close(), self.controls.sound_player.close()
        )
        for component in reversed(self.table):
            if life := self._lives.pop(component.name, None):
                await life.aclose()
        self.assistant.close()
        logging.getLogger().removeHandler(self._log_places)

    def ended(self) -> list[str]:
        """The tasks that should live and do not."""
        return [task.get_name() for task in self._tasks if task.done()]

    # ------------------------------------------------------------------ sound

    @property
    def sound(self) -> SoundChanged:
        """How sound is judged, in effect."""
        engine, echo, attention = self._engine, self._echo, self._attention
        found = (
            engine.note,
            echo.note,
            *attention.notes,
            self._enhancement.note,
            self._ducking_note,
        )
        notes = tuple(note for note in found if note)
        return SoundChanged(echo.mode, engine.name, attention.listen, notes)

    async def _apply_volume(self, settings: config.Config) -> None:
        self.controls.set_volume(settings.audio.output.volume)

    async def _apply_earcons(self, settings: config.Config) -> None:
        chime = b""
        try:
            chime = await own_chime(settings.audio.earcons.chime)
        except WrongValueError as error:
            if "http_api" in self._lives:
                raise
            _LOG.warning("audio.earcons.chime: %s; two notes are played instead", error)
        self.assistant.use_earcons(settings.audio.earcons, chime)

    async def _apply_sounds(self, settings: config.Config) -> None:
        self.controls.sound_player.settings = settings.audio.play

    async def _apply_timers(self, settings: config.Config) -> None:
        self.ringing.volume = self.clips.volume = settings.tools.timers.volume
        self.clips.language = settings.realtime.session.transcription.language
        if "timers" not in self._lives:
            await self._timers.load()
            life = self._lives["timers"] = AsyncExitStack()
            await life.enter_async_context(self._running(self.ringing.run(), "ringing"))
            await life.enter_async_context(self._running(self._timers.run(), "timers"))
            await life.enter_async_context(self._running(self.clips.run(), "reminder clips"))

    async def _apply_ducking(self, settings: config.Config) -> None:
        life = await self._take_over("ducking", AsyncExitStack())
        self._other_sound.adjust(settings.audio)
        self.ducking_changed()
        await life.enter_async_context(self._running(self._other_sound.run(), "ducking"))

    def ducking_changed(self) -> None:
        """Other programs are made softer in another way, or cannot be."""
        self._ducking_note = self._other_sound.note
        self.assistant.sound_changed(self.sound)

    async def _apply_tools(self, settings: config.Config) -> None:
        """Offer these tools from now on; a source that stays as it was goes on."""
        box, former = self.tool_box, self._sources
        sources = await open_sources(
            settings, box, self._timers, self._notes, self._broker, tuple(former)
        )
        async with AsyncExitStack() as opening:
            new = {each: self._started(each) for each in sources if each not in former}
            opening.push_async_callback(self._end, new.values())
            await self._between_turns()
            box.use(sources, settings)
            if "service" in self._lives:
                box.offer()
            opening.pop_all()
        self._sources = {each: new.get(each) or former[each] for each in sources}
        if "tools" not in self._lives:
            life = self._lives["tools"] = AsyncExitStack()
            life.push_async_callback(lambda: self._end(self._sources.values()))
        await self._end([task for each, task in former.items() if each not in self._sources])

    def _started(self, source: ToolSource) -> asyncio.Task[None]:
        task = self._group.create_task(_lasting(source), name=source.name)
        self._tasks.add(task)
        return task

    async def _end(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """End tasks of sources, all at once."""
        ending = list(tasks)
        self._tasks.difference_update(ending)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def try_sources_again(self) -> None:
        """Let what waits for something outside try at once: somebody may have mended it."""
        self._broker.try_again()
        for source in self._sources:
            if isinstance(source, PatientSource):
                source.try_again()

    async def _apply_speaker(self, settings: config.Config) -> None:
        speaker = self._devices.open_speaker(settings.audio.output, self.assistant)
        await self._between_turns()
        self.assistant.use_speaker(speaker)
        life = await self._take_over("speaker", AsyncExitStack())
        await life.enter_async_context(self._running(speaker.run(), "speaker"))

    async def _apply_microphone(self, settings: config.Config) -> None:
        microphone = self._devices.open_microphone(settings.audio.input, self.assistant)
        await self._between_turns()
        self.assistant.use_microphone(microphone)
        life = await self._take_over("microphone", AsyncExitStack())
        await life.enter_async_context(self._running(microphone.run(), "microphone"))
        await life.enter_async_context(self._running(self.assistant.run(), "assistant"))

    async def _apply_gate(self, settings: config.Config) -> None:
        applied = self._component("gate").applied.audio
        engine, echo, attention = self._engine, self._echo, self._attention
        another_engine = settings.audio.gate.engine != applied.gate.engine
        if another_engine:
            engine = open_engine(settings.audio.gate.engine)
        if another_engine or settings.audio.echo != applied.echo:
            echo = open_echo(settings.audio.echo, settings.audio.gate.engine)
        enhancement = self._enhancement
        if _enhancing(settings.audio.input) != _enhancing(applied.input):
            enhancement = open_enhancement(settings.audio.input)
        begins = "gate" not in self._lives
        if begins or (settings.audio.listen, settings.audio.wake) != (applied.listen, applied.wake):
            attention = await attention_for(settings.audio, begins=begins)
        await self._between_turns()
        self._engine, self._echo, self._attention = engine, echo, attention
        self._enhancement = enhancement
        self._adjust(settings)
        await self.look_for_canceller()

    async def _watch_canceller(self) -> None:
        """A sound server that was started again may have lost its canceller."""
        while True:
            await self._opened.wait()
            self._opened.clear()
            await self.look_for_canceller()

    async def look_for_canceller(self) -> None:
        """Note whether the devices in use cancel echo, where that is taken for granted."""
        echo = self._echo
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
        gate = settings.audio.gate
        self.assistant.adjust(
            replace(gate, hangover_ms=max(gate.hangover_ms, trailing)),
            self._engine.engine,
            self._echo,
            self._attention,
            dialogue_settings(settings, profile),
            trailing_ms=trailing,
        )
        self.assistant.microphone_input.enhance(self._enhancement)
        self.tool_box.adjust(settings)
        self.assistant.sound_changed(self.sound)

    # ---------------------------------------------------------------- service

    async def _apply_service(self, settings: config.Config) -> None:
        """A new session beside the one in use, which goes on until the new one is ready."""
        driver, policy = self.assistant.driver, SessionPolicy.of(settings.realtime)
        async with AsyncExitStack() as opening:
            where, simulator = await service_at(settings.realtime, opening)
            sessions = new_sessions(where, self.personas.coming(settings))
            sessions.settings = self.tool_box.dressed(sessions.settings)
            sessions.wire = self._record
            if "service" in self._lives:
                trial = Trial(give_up=driver.connected)
                session = ReconnectingSession(sessions, trial)
                await opening.enter_async_context(self._running(session.run(), "session"))
                await trial.passed()
                await self._between_turns()
                self.assistant.use_session(session, policy, trial.newest)
            else:  # `open` runs it
                self.assistant.use_session(ReconnectingSession(sessions, driver), policy)
            self.simulator, self._where = simulator, where
            self._adjust(settings)
            self._component("session").applied = settings
            life = opening.pop_all()
        await self._take_over("service", life)

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
        """Another broker; the former one is left first, as it knows us by the same name."""
        if former := self._lives.pop("mqtt", None):
            self._broker.leave(settings)
            await former.aclose()
        self._name(settings)
        life = self._lives["mqtt"] = AsyncExitStack()
        if bridge := self._broker.use(settings, self.tool_box.ready):
            life.callback(self._notifications.on("notification", bridge.notice))
            await life.enter_async_context(self._running(bridge.run(), "mqtt"))
        if bool(self._component("mqtt").applied.mqtt.host) != bool(settings.mqtt.host):
            await self._apply_tools(settings)  # one of them is for other daemons
        await self._announce_again(settings)

    def _name(self, settings: config.Config) -> None:
        self.controls.daemon = {
            "id": identity.identity(settings),
            "name": identity.name(settings),
        }

    async def _apply_http_api(self, settings: config.Config) -> None:
        if "http_api" not in self._lives:
            await self._open_http_api(settings.http)
            return
        # The new one may want the same port, so the old one closes first.
        await self._between_turns()
        self.http_api.events.shut_down()
        await self._lives.pop("http_api").aclose()
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
        """What is announced may be otherwise."""
        if "announcement" in self._lives:
            await self._apply_announcement(settings)

    async def _apply_announcement(self, settings: config.Config) -> None:
        if former := self._lives.pop("announcement", None):
            await former.aclose()
        life = self._lives["announcement"] = AsyncExitStack()
        if announcer.wanted(settings):
            port = urlsplit(self.address).port or settings.http.port
            work = announcer.Announcer(settings, port).run()
            await life.enter_async_context(self._running(work, "announcement"))

    async def _open_http_api(self, settings: config.Http) -> None:
        http_api = ApiServer(settings, self.controls, boot=self._boot)
        async with AsyncExitStack() as opening:
            self.address = await opening.enter_async_context(http_api.listening())
            opening.callback(self._notifications.on("notification", http_api.publish))
            self.http_api, self._lives["http_api"] = http_api, opening.pop_all()
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
        """Wait until nobody has the floor; what follows without an await is between turns."""
        while not self.assistant.idle:
            self._status.clear()
            await self._status.wait()

    async def _take_over(self, name: str, life: AsyncExitStack) -> AsyncExitStack:
        """`life` is what part `name` lives on from now on; the former one ends."""
        former, self._lives[name] = self._lives.get(name), life
        if former is not None:
            await former.aclose()
        return life

    @asynccontextmanager
    async def _running(self, work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
        """A task that lives as long as the context; if it breaks, the daemon ends."""
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)
            task.cancel()
            await asyncio.wait([task])


async def _lasting(source: ToolSource) -> None:
    """Keep in touch with what is outside, where there is anything."""
    await source.run()
    await asyncio.Event().wait()


def _enhancing(microphone: config.Input) -> tuple[float, str, str]:
    return microphone.gain_db, microphone.auto_gain, microphone.noise_suppression
