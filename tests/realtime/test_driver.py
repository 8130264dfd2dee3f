"""The driver: what a button leaves of the settings of a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.inputs import ButtonPressed, ButtonReleased
from rtaudio_daemon.dialogue.outputs import Report, SpeakerCommand
from rtaudio_daemon.errors import ServiceError
from rtaudio_daemon.notifications import ConnectionChanged
from rtaudio_daemon.protocol.events import Message
from rtaudio_daemon.realtime.driver import ConversationDriver
from rtaudio_daemon.realtime.driver_listener import DriverListener
from rtaudio_daemon.realtime.reconnect import ReconnectingSession
from rtaudio_daemon.realtime.session_factory import SessionFactory

from .service import Service

SERVER_VAD: dict[str, Any] = {"type": "server_vad", "threshold": 0.5}
SEMANTIC_VAD: dict[str, Any] = {"type": "semantic_vad"}


class Deaf(DriverListener):
    """Takes everything in and does nothing."""

    def command_speaker(self, command: SpeakerCommand) -> None: ...
    def notify(self, notification: Report) -> None: ...
    def received(self, message: Message) -> None: ...
    def connection_changed(self, change: ConnectionChanged) -> None: ...
    def attempt_failed(self, error: ServiceError) -> None: ...
    def quiet(self) -> bool:
        return True


@asynccontextmanager
async def driving(detection: dict[str, Any]) -> AsyncIterator[ConversationDriver]:
    async with Service("ga") as service:
        driver = ConversationDriver(Conversation(), Deaf())
        driver.use_session(session_of(service, driver, detection))
        yield driver
        driver.close()


def session_of(
    service: Service, driver: ConversationDriver, detection: dict[str, Any]
) -> ReconnectingSession:
    sessions = SessionFactory(service.endpoint(), {"turn_detection": detection})
    return ReconnectingSession(sessions, driver)


@pytest.mark.parametrize(
    ("change", "afterwards"),
    [({"threshold": 0.9}, {**SERVER_VAD, "threshold": 0.9}), (SEMANTIC_VAD, SEMANTIC_VAD)],
)
async def test_turn_detection_that_is_changed_while_a_button_is_held_holds_from_its_release_on(
    change: dict[str, Any], afterwards: dict[str, Any]
) -> None:
    async with driving(SERVER_VAD) as driver:
        driver.handle(ButtonPressed())
        assert driver.settings["turn_detection"] is None
        driver.update_session({"turn_detection": change})
        assert driver.settings["turn_detection"] is None
        driver.handle(ButtonReleased(answer=False))
        assert driver.settings["turn_detection"] == afterwards


async def test_another_service_that_comes_while_a_button_is_held_keeps_its_own_turn_detection() -> (
    None
):
    async with driving(SERVER_VAD) as driver, Service("ga") as other:
        driver.handle(ButtonPressed())
        driver.use_session(session_of(other, driver, SEMANTIC_VAD))
        assert driver.settings["turn_detection"] is None
        driver.handle(ButtonReleased(answer=False))
        assert driver.settings["turn_detection"] == SEMANTIC_VAD
