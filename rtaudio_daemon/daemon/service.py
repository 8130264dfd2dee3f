"""The configured service: its endpoint, its sessions, and the settings of the dialogue."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal

from .. import config
from ..config.profiles import PROFILES, Profile
from ..dialogue.settings import DialogueSettings
from ..errors import ConfigError, ServiceError
from ..notifications import ConnectionChanged, ConnectionState
from ..protocol.endpoint import Endpoint, endpoint
from ..protocol.session_format import session_settings
from ..realtime.client import AzureRealTimeAudio
from ..realtime.options import SessionPolicy, WebsocketOptions
from ..realtime.session_factory import SessionFactory
from ..realtime.session_listener import IdleListener
from .tool_box import CALL_ROUNDS_MOST, CALLS_PATIENCE_S

if TYPE_CHECKING:
    from ..simulator.server.simulator import Simulator

# How long semantic_vad waits at most, by eagerness, for somebody to continue.
_SENSE_MS = {"low": 8_500, "medium": 4_500, "high": 2_500, "auto": 4_500}
_SLACK_MS = 300
_PROVE_S = 20.0  # how long a new service may take to open a session


def trailing_ms(detection: config.TurnDetection) -> int:
    """Return how much silence the service needs at most to end a turn, in ms."""
    if detection.type == "semantic_vad":
        return _SENSE_MS.get(detection.eagerness, _SENSE_MS["auto"])
    return 0 if detection.type == "none" else detection.silence_duration_ms + _SLACK_MS


def dialogue_settings(settings: config.Config, profile: Profile) -> DialogueSettings:
    """Return the settings of the dialogue with a service of this profile."""
    realtime, gate = settings.realtime, settings.audio.gate
    detection = realtime.session.turn_detection
    local_turns = detection.type == "none"
    if detection.interrupt_response and not local_turns:
        interruption: Literal["service", "us", "nobody"] = "service"
    else:
        interruption = "us" if gate.barge_in else "nobody"
    return DialogueSettings(
        resume=gate.resumes,
        replies=not local_turns,
        interruption=interruption,
        service_cancels=profile.service_interrupts and not gate.resumes,
        truncation="service" if profile.service_truncates else "us",
        local_turns=local_turns,
        barge_in=gate.barge_in,
        outage_s=realtime.outage_buffer_s,
        calls_patience_s=CALLS_PATIENCE_S,
        call_rounds_most=CALL_ROUNDS_MOST,
    )


def new_client(where: Endpoint, settings: config.Realtime) -> AzureRealTimeAudio:
    """Return a client with these settings that attempts to connect once."""
    return AzureRealTimeAudio.for_endpoint(
        where,
        session_config=session_settings(settings.session),
        policy=SessionPolicy.of(settings),
        websocket_options=_options(settings, attempts=0),
    )


def new_sessions(where: Endpoint, settings: config.Config) -> SessionFactory:
    """Return a factory of sessions with these settings, which retry for ever."""
    session = session_settings(settings.realtime.session, resumes=settings.audio.gate.resumes)
    return SessionFactory(where, session, _options(settings.realtime))


def _options(settings: config.Realtime, attempts: int | None = None) -> WebsocketOptions:
    return WebsocketOptions(outage_buffer=settings.outage_buffer_s, max_reconnect_attempts=attempts)


async def service_at(
    settings: config.Realtime, life: AsyncExitStack
) -> tuple[Endpoint, Simulator | None]:
    """Return the endpoint of the service; start the built-in one. Raises ConfigError."""
    simulator, host_name = None, settings.host_name
    if PROFILES[settings.profile].built_in and not host_name:
        from ..simulator.server.simulator import Simulator  # uses memory, and is rarely needed

        voice: Any = settings.simulator.voice
        scenario = settings.simulator.scenario or None
        built_in = Simulator(voice=None if voice == "auto" else voice, scenario=scenario)
        simulator = await life.enter_async_context(built_in)
        host_name = simulator.url
    try:
        where = endpoint(
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
    return where, simulator


class Trial(IdleListener):
    """Tests whether a service opens a session; `give_up` when the first attempt fails."""

    def __init__(self, *, give_up: bool) -> None:
        self.newest: ConnectionChanged | None = None
        self._give_up = give_up
        self._over = asyncio.Event()

    async def passed(self) -> None:
        """Wait for the session. Raises ServiceError if it fails and another service is in use.

        Without another one, nothing is lost by using the new one in any case.
        """
        try:
            async with asyncio.timeout(_PROVE_S):
                await self._over.wait()
        except TimeoutError:
            pass
        change = self.newest
        if self._give_up and (change is None or change.state is not ConnectionState.OPEN):
            why = change.reason if change and change.reason else "no session in time"
            raise ServiceError(why)

    def connection_changed(self, change: ConnectionChanged) -> None:
        """Note that the state of the connection has changed."""
        self.newest = change
        if change.state is ConnectionState.OPEN or change.reason:
            self._over.set()
