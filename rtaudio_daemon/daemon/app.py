"""The daemon: builds its parts, keeps them alive, changes them on reload, takes them down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import config
from ..audio.devices.open import Devices
from ..config.profiles import PROFILES
from ..emitter import Emitter
from ..errors import ConfigError, RTAudioError
from ..notifications import DeviceChanged, DeviceState, ErrorReported, News
from ..realtime.usage import Ledger
from ..realtime.usage_file import UsageFile
from ..simulator.server.simulator import Simulator
from .assistant import Assistant
from .components import Part, Parts
from .controls import DaemonControls
from .health import Supervision
from .log import log_news
from .reload import RESTART, Change, differences

_LOG = logging.getLogger(__name__)
_REPORT_S = 2.0  # what is not applied by then is reported as pending
_DEVICES = {"microphone": "audio.input.device", "speaker": "audio.output.device"}


class App:
    """The daemon. After `on_ready` was called, `address`, and `assistant` can be used.

    `load` reads the configuration again, for `reload`. What is spent is kept in the file `usage`.
    """

    def __init__(
        self,
        settings: config.Config,
        *,
        load: Callable[[], config.Config] | None = None,
        devices: Devices | None = None,
        usage: Path | None = None,
    ) -> None:
        self._settings = settings
        self._load = load
        self._devices_here = devices
        self._ledger = Ledger()
        # What the built-in service charges is not money.
        real = not PROFILES[settings.realtime.profile].built_in
        self._usage = UsageFile(usage, self._ledger) if usage is not None and real else None
        self._reloaded = asyncio.Event()
        self._settled = asyncio.Event()
        self._device_told = asyncio.Event()
        self._devices: dict[str, DeviceChanged] = {}  # the newest word of each
        self._parts: Parts
        self._supervision: Supervision
        self.news = Emitter()

    @property
    def address(self) -> str:
        """Where the window is, as in http://127.0.0.1:8770."""
        return self._parts.address

    @property
    def assistant(self) -> Assistant:
        """Who runs the conversation."""
        return self._parts.assistant

    @property
    def controls(self) -> DaemonControls:
        """What other programs may do with the daemon, and see of it."""
        return self._parts.controls

    @property
    def simulator(self) -> Simulator | None:
        """The built-in service, when it is used."""
        return self._parts.simulator

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stop` is set.

        Raises ConfigError or DeviceError when a part cannot be built, RTAudioError when the port
        is taken, and an exception group when a part broke while running.
        """
        failure: RTAudioError | None = None
        async with asyncio.TaskGroup() as group:
            self._parts = parts = Parts(
                self._settings,
                self.news,
                group,
                devices=self._devices_here,
                ledger=self._ledger,
            )
            parts.controls.reloader = self
            self.news.on("notification", log_news)
            self.news.on("notification", self._notice)
            self._supervision = Supervision(parts, self.news)
            try:
                if self._usage is not None:
                    await self._usage.load()
                await parts.open()
                async with AsyncExitStack() as tasks:
                    if self._usage is not None:
                        await tasks.enter_async_context(_running(group, self._usage.run(), "usage"))
                    for name, work in (
                        ("reload", self._keep_up()),
                        ("supervision", self._supervision.run()),
                    ):
                        await tasks.enter_async_context(_running(group, work, name))
                    self._supervision.ready()
                    on_ready()
                    await stop.wait()
                    self._supervision.stopping()
                    parts.window.events.shut_down()
            except RTAudioError as error:
                failure = error
            finally:
                await parts.close()
        if failure is not None:
            raise failure

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again and change what is different, between turns.

        Returns `changed`, one entry per option with its part and `state`: applied, pending (until
        the turn that is under way is over), failed (with `reason`; the part goes on as it was), or
        restart (of the daemon, is needed). Raises ConfigError when the configuration is wrong;
        then everything goes on as it was. `warnings` tells of doubtful settings, of a new device
        that is not found, and of what is not as asked for.
        """
        self._supervision.reloading()
        try:
            if self._load is None:
                raise ConfigError(["this daemon was started without a configuration file"])
            applied = {part.name: part.applied for part in self._parts.table}
            applied[RESTART] = self._settings
            settings, found = await asyncio.to_thread(_load, self._load, applied)
        except ConfigError as error:
            self._failed(f"not reloaded, the configuration is wrong: {error}")
            self._supervision.ready(f"reload failed: {error.problems[0]}")
            raise
        try:
            return await self._change_to(settings, self._newly_wanted(settings, applied, found))
        finally:
            self._supervision.ready()

    def _newly_wanted(
        self, settings: config.Config, compared: Mapping[str, config.Config], found: list[Change]
    ) -> list[Change]:
        """Give every part what differs for it; what differs at all, in the order of the parts.

        A part that has got other settings since it was `compared` is compared once more.
        """
        for part in self._parts.table:
            if part.applied is compared[part.name]:
                part.want(settings, [each for each in found if each.part == part.name])
            else:
                part.want(settings, differences({part.name: part.applied}, settings))
        self._settings = settings
        pending = [each for part in self._parts.table for each in part.pending]
        return pending + [each for each in found if each.part == RESTART]

    async def _change_to(self, settings: config.Config, found: list[Change]) -> dict[str, Any]:
        for warning in settings.warnings:
            _LOG.warning("%s", warning)
        self._settled.clear()
        self._reloaded.set()
        exchanged = _DEVICES.keys() & {each.part for each in found}
        if self._parts.assistant.hearing.gate.muted:
            exchanged -= {"microphone"}  # it is not tried before it is wanted
        try:
            async with asyncio.timeout(_REPORT_S):
                await self._settled.wait()
                while not exchanged <= self._devices.keys():
                    self._device_told.clear()
                    await self._device_told.wait()
        except TimeoutError:
            pass
        await self._parts.look_for_canceller()
        report = [{**asdict(each), **self._outcome(each.part)} for each in found]
        for each in report:
            _LOG.info("reload: %(option)s: %(before)r is now %(after)r, %(state)s", each)
        if not found:
            _LOG.info("reload: nothing is different")
        told = [self._doubt(name) for name in _DEVICES if name in exchanged]
        return {
            "changed": report,
            "warnings": [*settings.warnings, *filter(None, told), *self._parts.sound.notes],
        }

    def _notice(self, news: News) -> None:
        if isinstance(news, DeviceChanged):
            self._devices[news.direction] = news
            self._device_told.set()

    def _doubt(self, name: str) -> str:
        """What is to be said of the device that this part uses now; empty if nothing is known."""
        newest = self._devices.get(name)
        if newest is None or not newest.reason or self._outcome(name)["state"] != "applied":
            return ""
        goes_on = "" if newest.state is DeviceState.OK else " (it is looked for until it is there)"
        return f"{_DEVICES[name]}: {newest.reason}{goes_on}"

    async def _keep_up(self) -> None:
        """Bring the parts into accord with the newest settings, whenever there are new ones."""
        while True:
            await self._reloaded.wait()
            self._reloaded.clear()
            for part in self._parts.table:
                if part.pending:
                    await self._bring_up(part)
            if not self._reloaded.is_set():
                self._settled.set()

    async def _bring_up(self, part: Part) -> None:
        settings = part.wanted
        try:
            await part.apply(settings)
        except RTAudioError as error:
            part.failure = str(error)
            self._failed(f"reload: {part.name} goes on as it was: {error}")
        else:
            part.runs_with(settings)
            self._devices.pop(part.name, None)  # that was the former one's
            _LOG.info("reload: %s has its new settings", part.name)

    def _outcome(self, name: str) -> dict[str, str]:
        for part in self._parts.table:
            if part.name == name:
                if not part.pending:
                    return {"state": "applied"}
                if part.failure:
                    return {"state": "failed", "reason": part.failure}
                return {"state": "pending"}
        return {"state": "restart"}

    def _failed(self, what: str) -> None:
        self.news.emit("notification", ErrorReported("config", "reload_failed", what))


def _load(
    load: Callable[[], config.Config], applied: Mapping[str, config.Config]
) -> tuple[config.Config, list[Change]]:
    """The configuration and what differs in it; for a thread of its own, as both take a while."""
    settings = load()
    return settings, differences(applied, settings)


@asynccontextmanager
async def _running(
    group: asyncio.TaskGroup, work: Coroutine[Any, Any, None], name: str
) -> AsyncIterator[None]:
    task = group.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
