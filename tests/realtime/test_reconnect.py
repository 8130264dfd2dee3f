"""What the sessions that follow one another report to their listener, and in which order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from rtaudio_daemon.errors import ServiceError
from rtaudio_daemon.notifications import ConnectionChanged
from rtaudio_daemon.protocol.events import Message
from rtaudio_daemon.realtime.options import SessionPolicy, WebsocketOptions
from rtaudio_daemon.realtime.reconnect import ReconnectingSession
from rtaudio_daemon.realtime.session import Session
from rtaudio_daemon.realtime.session_factory import SessionFactory
from rtaudio_daemon.realtime.session_listener import SessionListener
from rtaudio_daemon.realtime.session_need import Recess
from rtaudio_daemon.realtime.usage import Prices
from tests.realtime.service import Call, Service
from tests.realtime.user import sentence, talking


class Notebook(SessionListener):
    """Writes down what is reported, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.is_quiet = True
        self.is_stale = False
        self.why: Recess | None = None

    def session_opened(self, session: Session, *, renewed: bool) -> None:
        self.lines.append("renewed" if renewed else "opened")
        session.send({"type": "conversation.item.create", "item": {"type": "message"}})

    def session_lost(self, reason: str) -> None:
        self.lines.append(f"lost: {reason}")

    def received(self, message: Message) -> None:
        self.lines.append(message.name)

    def connection_changed(self, change: ConnectionChanged) -> None:
        self.lines.append(f"-> {change.state.value}")

    def attempt_failed(self, error: ServiceError) -> None:
        self.lines.append("failed")

    def recess(self) -> Recess | None:
        return self.why

    def quiet(self) -> bool:
        return self.is_quiet

    def stale(self) -> bool:
        return self.is_stale

    def exchangeable(self) -> bool:
        return self.is_quiet

    def exchange_failed(self, error: ServiceError) -> None:
        self.lines.append(f"not exchanged: {error}")

    def take(self) -> list[str]:
        """What was written since it was last asked."""
        lines, self.lines = self.lines, []
        return lines


@asynccontextmanager
async def running(
    service: Service, listener: Notebook
) -> AsyncIterator[tuple[ReconnectingSession, SessionFactory]]:
    sessions = SessionFactory(
        service.endpoint(),
        {"voice": "alloy"},
        WebsocketOptions(),
        chance=lambda: 0.5,
        wall_clock=time.time,
    )
    session = ReconnectingSession(sessions, listener)
    run = asyncio.create_task(session.run())
    await service.call()
    await asyncio.sleep(1)
    try:
        yield session, sessions
    finally:
        await session.stop()
        await run


async def test_a_first_session_reports_its_greeting_as_it_comes(service: Service) -> None:
    listener = Notebook()
    async with running(service, listener) as (session, _):
        assert listener.take() == [
            "-> connecting",
            "session.created",
            "opened",
            "-> open",
            "session.updated",
        ]
        assert session.current is not None
        assert session.state.is_up
    assert listener.take() == ["lost: closed by us", "-> closing", "-> closed"]
    assert session.current is None
    assert not session.state.is_up


async def test_a_session_that_ends_is_lost_before_the_next_one_is_opened(service: Service) -> None:
    listener = Notebook()
    async with running(service, listener):
        listener.take()
        await (await service.call()).hang_up(1011, "oops")
        await (await service.call(2)).until("conversation.item.create")
        await asyncio.sleep(1)
        assert listener.take() == [
            "lost: the service closed the connection (1011: oops)",
            "failed",
            "-> connecting",
            "session.created",
            "opened",
            "-> open",
            "session.updated",
        ]


async def test_a_renewal_reports_nothing_of_the_next_session_before_it_is_in_use(
    service: Service,
) -> None:
    listener = Notebook()
    async with running(service, listener) as (session, sessions):
        former = session.current
        listener.take()
        listener.is_quiet = False
        await asyncio.sleep(27.9 * 60)
        second = await service.call(2)
        await second.send({"type": "rate_limits.updated", "rate_limits": []})
        await asyncio.sleep(1)
        assert listener.take() == ["-> renewing"]
        assert session.current is former
        sessions.settings = {"voice": "ash"}
        listener.is_quiet = True
        await second.until("conversation.item.create")
        await asyncio.sleep(1)
        assert listener.take() == [
            "renewed",
            "-> open",
            "session.created",
            "session.updated",
            "session.updated",  # the answer to the voice that it had missed
        ]
        sent = [message["type"] for message in second.received]
        assert sent == ["session.update", "session.update", "conversation.item.create"]
        assert session.counters.renewals == 1
        await former_says(service.calls[0])
        assert listener.take() == []


async def former_says(call: Call) -> None:
    """What the former session says is not heard any more (it may not even be there)."""
    if not call.over.is_set():
        await call.send({"type": "rate_limits.updated", "rate_limits": []})
    await asyncio.sleep(1)


async def test_the_session_that_stands_ready_is_opened_at_once_when_the_other_is_lost(
    service: Service,
) -> None:
    listener = Notebook()
    async with running(service, listener) as (session, _):
        listener.is_quiet = False
        await asyncio.sleep(27.9 * 60)
        await service.call(2)
        listener.take()
        await service.calls[0].hang_up(1001, "too old")
        await asyncio.sleep(1)
        assert listener.take() == [
            "lost: the service closed the connection (1001: too old)",
            "opened",
            "-> open",
            "session.created",
            "session.updated",
        ]
        assert session.counters.renewals == 1
        assert len(service.calls) == 2


async def test_another_listener_takes_over_with_the_session_in_use(service: Service) -> None:
    first, second = Notebook(), Notebook()
    async with running(service, first) as (session, _):
        first.take()
        session.listener = second
        await (await service.call()).send({"type": "rate_limits.updated", "rate_limits": []})
        await asyncio.sleep(1)
        assert second.take() == ["rate_limits.updated"]
        second.why = Recess("no money")
        await asyncio.sleep(1)
        assert second.take() == ["lost: no session is needed", "-> closed"]
        assert not session.asleep
        second.why = Recess()
        session.wake()
        await asyncio.sleep(1)
        assert session.asleep
        second.why = None
        session.wake()
        await service.call(2)
        await asyncio.sleep(1)
        assert second.take()[-3:] == ["opened", "-> open", "session.updated"]
    assert first.take() == []


async def test_while_the_money_is_spent_nothing_is_reported_over_and_over() -> None:
    evening = datetime(2026, 11, 22, 22, 0).timestamp()
    policy = SessionPolicy("on_speech", prices=Prices(text_output=1e6), daily_limit=0.5)
    async with talking(policy=policy, wall_clock=lambda: evening) as talk:
        await talk.turn(sentence(1000))
        await talk.until(lambda: talk.states[-1] == "closed", 5)
        reported = len(talk.changes)
        await talk.say(sentence(1000))
        assert len(talk.changes) == reported
        assert not talk.client.asleep
