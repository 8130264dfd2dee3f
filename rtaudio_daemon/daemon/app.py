"""The daemon: builds its components, runs them, changes them on reload, and closes them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import config
from ..audio.devices.open import Devices
from ..config.profiles import PROFILES
from ..emitter import Emitter
from ..errors import ConfigError, RTAudioError
from ..notifications import DeviceChanged, DeviceState, ErrorReported, Notification
from ..realtime.uplink_day import UplinkDay
from ..realtime.usage import UsageMeter
from ..realtime.usage_file import USAGE_FILE, UsageFile
from ..tools.actions import ACTIONS_FILE, Actions
from ..tools.sources.notes import NOTES_FILE, NoteStore
from ..tools.timers.clocks import Clocks, boot_id
from ..tools.timers.keeper import TimerKeeper
from ..tools.timers.store import TIMERS_FILE, TimerStore
from .assistant import Assistant
from .chosen_settings import ChosenSettings
from .component import Component
from .components import Components
from .controls import DaemonControls
from .health import HealthMonitor
from .lifetimes import Lifetimes
from .log import log_notification
from .mute_file import MUTE_FILE, MuteFile
from .reload import RESTART, Change, differences

if TYPE_CHECKING:
    from ..simulator.server.simulator import Simulator

_LOG = logging.getLogger(__name__)
_REPORT_S = 2.0  # changes not applied by then are reported as pending
_SHOWN_CHARACTERS = 200  # of a changed option; `tools.own` can fill pages
_DEVICES = {"microphone": "audio.input.device", "speaker": "audio.output.device"}


class App:
    """The daemon. Once `on_ready` was called, `address` and `assistant` are available.

    `load` reads the configuration again, for `reload`; `chosen` overlays settings chosen by the
    user. The folder `state` stores costs, timers, recent actions, notes, and whether the
    microphone is muted.
    """

    def __init__(
        self,
        settings: config.Config,
        *,
        load: Callable[[], config.Config] | None = None,
        devices: Devices | None = None,
        state: Path | None = None,
        chosen: ChosenSettings | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._load = load
        self._chosen = chosen
        self._devices_here = devices
        self._usage_meter = UsageMeter()
        # The built-in service costs no money.
        real = not PROFILES[settings.realtime.profile].built_in
        self._sent = UplinkDay()
        self._usage = (
            UsageFile(state / USAGE_FILE, self._usage_meter, self._sent) if state and real else None
        )
        self._wall_clock = wall_clock
        self._timers_path = state / TIMERS_FILE if state else None
        self._state = state
        self._mute_file = MuteFile(state / MUTE_FILE) if state else None
        self._actions = Actions(state / ACTIONS_FILE if state else None, wall_clock=wall_clock)
        self._notes = NoteStore(state / NOTES_FILE if state else None)
        self._started = asyncio.Event()
        self._reloaded = asyncio.Event()
        self._settled = asyncio.Event()
        self._device_reason = asyncio.Event()
        self._devices: dict[str, DeviceChanged] = {}  # the latest state of each
        self._components: Components
        self._health: HealthMonitor
        self.notifications = Emitter()

    @property
    def address(self) -> str:
        """The address of the HTTP API, such as http://127.0.0.1:8770."""
        return self._components.address

    @property
    def assistant(self) -> Assistant:
        """The assistant, which conducts the conversation."""
        return self._components.assistant

    @property
    def controls(self) -> DaemonControls:
        """What other programs can do with the daemon, and see of it."""
        return self._components.controls

    @property
    def simulator(self) -> Simulator | None:
        """The built-in service, if it is used."""
        return self._components.simulator

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stop` is set.

        Raises ConfigError or DeviceError if a part cannot be built, RTAudioError if the port is
        in use, and an exception group if a part fails while running.
        """
        failure: RTAudioError | None = None
        async with asyncio.TaskGroup() as group:
            self._components = components = Components(
                self._settings,
                self.notifications,
                group,
                devices=self._devices_here,
                ledger=self._usage_meter,
                timers=self._timer_keeper(),
                state=self._state,
                notes=self._notes,
            )
            self._join(components)
            self._health = HealthMonitor(components, self.notifications)
            try:
                if self._usage is not None:
                    await self._usage.load()
                await self._actions.load()
                await self._notes.load()
                await components.open()
                async with self._background(group):
                    self._health.ready()
                    self._started.set()
                    on_ready()
                    components.tool_box.ready.set()
                    await stop.wait()
                    self._health.stopping()
                    components.http_api.events.shut_down()
            except RTAudioError as error:
                failure = error
            finally:
                await components.close()
                await self._actions.close()
        if failure is not None:
            raise failure

    def _join(self, components: Components) -> None:
        """Connect the parts with the objects that live as long as the daemon."""
        components.controls.reloader = self
        components.controls.chosen_settings = self._chosen
        components.controls.action_log = self._actions
        components.controls.uplink_day = self._sent
        self.notifications.on("notification", log_notification)
        self.notifications.on("notification", self._notice)
        self.notifications.on("notification", self._actions.notice)
        if self._mute_file is not None:
            components.assistant.microphone_input.gate.mute(self._mute_file.muted())
            self.notifications.on("notification", self._mute_file.notice)

    @asynccontextmanager
    async def _background(self, group: asyncio.TaskGroup) -> AsyncIterator[None]:
        """Run the tasks beside the parts for the duration of the context."""
        lifetimes = Lifetimes(group)
        async with AsyncExitStack() as tasks:
            if self._usage is not None:
                await tasks.enter_async_context(lifetimes.running(self._usage.run(), "usage"))
            for name, work in (
                ("reload", self._keep_up()),
                ("supervision", self._health.run()),
                ("actions", self._actions.run()),
            ):
                await tasks.enter_async_context(lifetimes.running(work, name))
            yield

    def _timer_keeper(self) -> TimerKeeper:
        store = TimerStore(self._timers_path, boot_id())
        return TimerKeeper(store, Clocks(self._wall_clock).now)

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again and apply what has changed, between turns.

        Returns `changed`, with one entry per option that names its part and `state`: applied;
        pending (until the present turn is over); failed (with `reason`; the part continues as it
        was); or restart (of the daemon, is needed). Raises ConfigError if the configuration is
        invalid; then nothing changes. `warnings` lists doubtful settings, a new device that is not
        found, and settings that are not in effect.
        """
        await self._started.wait()
        self._health.reloading()
        try:
            if self._load is None:
                raise ConfigError(["this daemon was started without a configuration file"])
            applied = {component.name: component.applied for component in self._components.table}
            applied[RESTART] = self._settings
            settings, found = await asyncio.to_thread(_load, self._load, applied)
        except ConfigError as error:
            self._failed(f"not reloaded, the configuration is wrong: {error}")
            self._health.ready(f"reload failed: {error.problems[0]}")
            raise
        self._components.try_sources_again()
        try:
            return await self._change_to(settings, self._newly_wanted(settings, applied, found))
        finally:
            self._health.ready()

    def _newly_wanted(
        self, settings: config.Config, compared: Mapping[str, config.Config], found: list[Change]
    ) -> list[Change]:
        """Announce to every part what differs for it; return all differences, by part.

        A part that has got other settings since it was `compared` is compared again.
        """
        for component in self._components.table:
            if component.applied is compared[component.name]:
                component.want(settings, [each for each in found if each.part == component.name])
            else:
                component.want(settings, differences({component.name: component.applied}, settings))
        self._settings = settings
        pending = [each for component in self._components.table for each in component.pending]
        return pending + [each for each in found if each.part == RESTART]

    async def _change_to(self, settings: config.Config, found: list[Change]) -> dict[str, Any]:
        for warning in settings.warnings:
            _LOG.warning("%s", warning)
        self._settled.clear()
        self._reloaded.set()
        exchanged = _DEVICES.keys() & {each.part for each in found}
        if self._components.assistant.microphone_input.gate.muted:
            exchanged -= {"microphone"}  # it is not opened before it is needed
        try:
            async with asyncio.timeout(_REPORT_S):
                await self._settled.wait()
                while not exchanged <= self._devices.keys():
                    self._device_reason.clear()
                    await self._device_reason.wait()
        except TimeoutError:
            pass
        await self._components.look_for_canceller()
        report = [{**asdict(each), **self._outcome(each.part)} for each in found]
        for each in report:
            if len(repr((each["before"], each["after"]))) > _SHOWN_CHARACTERS:
                _LOG.info("reload: %(option)s: is different now, %(state)s", each)
            else:
                _LOG.info("reload: %(option)s: %(before)r is now %(after)r, %(state)s", each)
        if not found:
            _LOG.info("reload: nothing is different")
        doubts = [self._doubt(name) for name in _DEVICES if name in exchanged]
        return {
            "changed": report,
            "warnings": [*settings.warnings, *filter(None, doubts), *self._components.sound.notes],
        }

    def _notice(self, notification: Notification) -> None:
        if isinstance(notification, DeviceChanged):
            self._devices[notification.direction] = notification
            self._device_reason.set()

    def _doubt(self, name: str) -> str:
        """Return a warning about the device that this part uses now; "" if there is none."""
        newest = self._devices.get(name)
        if newest is None or not newest.reason or self._outcome(name)["state"] != "applied":
            return ""
        goes_on = "" if newest.state is DeviceState.OK else " (it is looked for until it is there)"
        return f"{_DEVICES[name]}: {newest.reason}{goes_on}"

    async def _keep_up(self) -> None:
        """Apply the newest settings to the parts, whenever there are new ones."""
        while True:
            await self._reloaded.wait()
            self._reloaded.clear()
            for component in self._components.table:
                if component.pending:
                    await self._bring_up(component)
            if not self._reloaded.is_set():
                self._settled.set()

    async def _bring_up(self, component: Component) -> None:
        settings = component.wanted
        try:
            await component.apply(settings)
        except RTAudioError as error:
            component.failure = str(error)
            self._failed(f"reload: {component.name} goes on as it was: {error}")
        else:
            component.runs_with(settings)
            self._devices.pop(component.name, None)  # it concerned the previous device
            _LOG.info("reload: %s has its new settings", component.name)

    def _outcome(self, name: str) -> dict[str, str]:
        for component in self._components.table:
            if component.name == name:
                if not component.pending:
                    return {"state": "applied"}
                if component.failure:
                    return {"state": "failed", "reason": component.failure}
                return {"state": "pending"}
        return {"state": "restart"}

    def _failed(self, what: str) -> None:
        self.notifications.emit("notification", ErrorReported("config", "reload_failed", what))


def _load(
    load: Callable[[], config.Config], applied: Mapping[str, config.Config]
) -> tuple[config.Config, list[Change]]:
    """Return configuration and differences; both take a while, so run this in a thread."""
    settings = load()
    return settings, differences(applied, settings)
