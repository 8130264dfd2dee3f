"""Builds the parts from the configuration, keeps them alive, and takes them down in order."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

from . import config
from .api.server import ApiServer
from .assistant import Assistant
from .audio.devices import open_microphone, open_speaker
from .audio.gate import Gate
from .audio.interface import Microphone, OnChange, OnHappening, Speaker
from .audio.vad_engines import open_engine
from .conversation import Conversation
from .emitter import Emitter
from .errors import ConfigError
from .events import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    DeviceState,
    ErrorReported,
    MuteChanged,
    News,
    StatusChanged,
)
from .realtime.client import AzureRealTimeAudio
from .realtime.profiles import Endpoint, endpoint
from .realtime.shapes import session_settings
from .simulator.server import Simulator

_LOG = logging.getLogger(__name__)


class OpenMicrophone(Protocol):
    """How a microphone is made from its name in the configuration."""

    def __call__(self, device: str, *, on_change: OnChange) -> Microphone:
        """Open it."""


class OpenSpeaker(Protocol):
    """How a loudspeaker is made from its name in the configuration."""

    def __call__(
        self, device: str, *, on_happening: OnHappening, on_change: OnChange, volume: float
    ) -> Speaker:
        """Open it."""


class App:
    """The daemon. After `on_ready` was called, `address` and `assistant` are there to use."""

    def __init__(
        self,
        settings: config.Config,
        *,
        microphone: OpenMicrophone = open_microphone,
        speaker: OpenSpeaker = open_speaker,
    ) -> None:
        self._settings = settings
        self._open_microphone = microphone
        self._open_speaker = speaker
        self.news = Emitter()
        self.address = ""
        self.assistant: Assistant
        self.client: AzureRealTimeAudio
        self.simulator: Simulator | None = None

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stop` is set.

        Raises ConfigError or DeviceError when a part cannot be built, RTAudioError when the port
        is taken, and an exception group when a part broke while running.
        """
        async with AsyncExitStack() as parts:
            where = await self._service(parts)
            self.client = self._client(where)
            self.assistant = self._assistant(where)
            microphone, speaker = self._devices()
            self.assistant.join(microphone, speaker, volume=self._settings.audio.output.volume)
            api = ApiServer(self._settings.http, self.assistant, boot=secrets.token_hex(4))
            self.news.on("news", _log)
            self.news.on("news", api.publish)
            self.address = await parts.enter_async_context(api.listening())
            _LOG.info("listening at %s", self.address)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(speaker.run(), name="speaker"),
                    group.create_task(microphone.run(), name="microphone"),
                    group.create_task(self.assistant.run(), name="assistant"),
                    group.create_task(self.client.run(), name="session"),
                ]
                on_ready()
                await stop.wait()
                api.events.shut_down()
                for task in tasks:
                    task.cancel()

    async def _service(self, parts: AsyncExitStack) -> Endpoint:
        """Where the service is; the built-in one is started."""
        settings = self._settings.realtime
        host_name = settings.host_name
        if settings.profile == "simulator" and not host_name:
            voice = settings.simulator.voice
            self.simulator = await parts.enter_async_context(Simulator(voice=voice))
            host_name = self.simulator.url
        try:
            return endpoint(
                settings.profile,
                host_name=host_name,
                deployment=settings.deployment,
                api_version=settings.api_version,
                url=settings.url,
                api_key=settings.api_key,
                auth=settings.auth,
            )
        except ValueError as error:
            raise ConfigError([f"realtime: {error}"]) from error

    def _client(self, where: Endpoint) -> AzureRealTimeAudio:
        return AzureRealTimeAudio.for_endpoint(
            where, session_config=session_settings(self._settings.realtime.session)
        )

    def _assistant(self, where: Endpoint) -> Assistant:
        detection = self._settings.realtime.session.turn_detection
        conversation = Conversation(
            service_interrupts=where.profile.service_interrupts and detection.interrupt_response,
            service_truncates=where.profile.service_truncates,
            service_replies=detection.type != "none",
        )
        gate = self._settings.audio.gate
        return Assistant(
            conversation=conversation,
            client=self.client,
            gate=Gate(gate, open_engine(gate.engine)),
            news=self.news,
            profile=self._settings.realtime.profile,
        )

    def _devices(self) -> tuple[Microphone, Speaker]:
        audio = self._settings.audio
        changed = self.assistant.device_changed
        microphone = self._open_microphone(audio.input.device, on_change=changed)
        speaker = self._open_speaker(
            audio.output.device,
            on_happening=self.assistant.handle,
            on_change=changed,
            volume=audio.output.volume,
        )
        return microphone, speaker


def _log(news: News) -> None:
    """One line per change of state that a person may want to find in the log."""
    match news:
        case StatusChanged(status=status):
            _LOG.info("%s", status)
        case ConnectionChanged(state=ConnectionState.OPEN, session_id=session_id):
            _LOG.info("the session is open: %s", session_id)
        case ConnectionChanged(state=state, reason=reason) if reason:
            _LOG.debug("the connection is %s: %s", state, reason)
        case DeviceChanged(direction, DeviceState.OK, device):
            _LOG.info("%s: %s", direction, device)
        case MuteChanged(muted=muted):
            _LOG.info("muted" if muted else "unmuted")
        case ErrorReported(source, code, message):
            _LOG.warning("%s: %s (%s)", source, message, code)
        case _:
            pass
