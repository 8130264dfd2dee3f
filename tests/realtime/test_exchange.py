"""A session with other settings that takes over from the one in use, or fails to."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.inputs import (
    ButtonPressed,
    ButtonReleased,
    LocalSpeechStarted,
    LocalSpeechStopped,
)
from rtaudio_daemon.errors import ServiceError
from rtaudio_daemon.notifications import ConnectionChanged
from rtaudio_daemon.protocol.codec import Dialect, Json
from rtaudio_daemon.realtime.driver import ConversationDriver
from rtaudio_daemon.realtime.reconnect import ReconnectingSession
from rtaudio_daemon.realtime.session_factory import SessionFactory
from tests.realtime.service import Call, Service
from tests.realtime.test_driver import Deaf
from tests.waiting import until

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
DETECTION: Json = {"type": "server_vad", "silence_duration_ms": 600}
OTHER: Json = {"voice": "echo", "instructions": "You are Jarvis."}
FIRST, SECOND = b"\x01\x01" * 4800, b"\x02\x02" * 4800


class Stage(Deaf):
    """A driver with a session that has spoken, and what came of its exchanges."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.busy = False
        self.outcomes: list[ServiceError | None] = []
        self.states: list[str] = []
        self.driver = ConversationDriver(Conversation(), self)

    def quiet(self) -> bool:
        return not self.busy

    def connection_changed(self, change: ConnectionChanged) -> None:
        self.states.append(change.state.value)

    def exchange(self, *, at_once: bool = True, **settings: object) -> None:
        self.driver.exchange_session(settings or OTHER, self.outcomes.append, at_once=at_once)

    def ask(self, *pieces: bytes) -> None:
        """Somebody says this, and is done."""
        self.driver.handle(LocalSpeechStarted())
        for piece in pieces:
            self.driver.append_audio(piece)
        self.driver.handle(LocalSpeechStopped())

    async def outcome(self) -> ServiceError | None:
        await until(lambda: self.outcomes)
        return self.outcomes[-1]


@asynccontextmanager
async def speaking(dialect: Dialect = "ga", *, spoken: bool = True) -> AsyncIterator[Stage]:
    async with Service(dialect) as service:
        stage = Stage(service)
        settings: Json = {"voice": "alloy", "turn_detection": DETECTION}
        session = ReconnectingSession(SessionFactory(service.endpoint(), settings), stage.driver)
        stage.driver.use_session(session)
        run = asyncio.create_task(session.run())
        await until(lambda: stage.driver.connected)
        current = session.current
        assert current is not None
        current.has_spoken = spoken
        try:
            yield stage
        finally:
            await session.stop()
            await run
            stage.driver.close()


def voice(message: Json) -> str:
    session = message["session"]
    return str(session["audio"]["output"]["voice"] if "audio" in session else session["voice"])


def heard(call: Call) -> bytes:
    appended = [each for each in call.received if each["type"] == "input_audio_buffer.append"]
    return b"".join(base64.b64decode(each["audio"]) for each in appended)


@both_dialects
async def test_what_is_said_at_once_is_heard_by_the_other_voice_alone(dialect: Dialect) -> None:
    async with speaking(dialect) as stage:
        stage.exchange()
        stage.ask(FIRST, SECOND)
        assert await stage.outcome() is None
        first, second = stage.service.calls
        await second.until("input_audio_buffer.append")
        assert (heard(first), heard(second)) == (b"", FIRST + SECOND)
        assert voice(await second.until("session.update")) == "echo"
        assert stage.states[-2:] == ["renewing", "open"]
        stage.driver.append_audio(FIRST)
        await second.until("input_audio_buffer.append", 2)
        assert heard(second) == FIRST + SECOND + FIRST
        await first.over.wait()


async def test_what_was_begun_before_the_word_is_heard_with_what_follows_it() -> None:
    async with speaking() as stage:
        stage.driver.append_audio(FIRST)
        stage.exchange()
        stage.ask(SECOND)
        assert await stage.outcome() is None
        second = await stage.service.call(2)
        await second.until("input_audio_buffer.append")
        assert heard(second) == FIRST + SECOND


async def test_a_session_that_has_not_spoken_takes_another_voice_itself() -> None:
    async with speaking(spoken=False) as stage:
        stage.exchange()
        assert stage.outcomes == [None]
        stage.ask(FIRST)
        call = stage.service.calls[0]
        assert voice(await call.until("session.update", 2)) == "echo"
        await call.until("input_audio_buffer.append")
        assert len(stage.service.calls) == 1


async def test_settings_but_a_voice_are_changed_in_the_session_in_use() -> None:
    async with speaking() as stage:
        stage.exchange(instructions="Be brief.")
        assert stage.outcomes == [None]
        update = await stage.service.calls[0].until("session.update", 2)
        assert update["session"]["instructions"] == "Be brief."


async def test_turn_detection_that_would_be_reset_in_the_middle_of_a_turn_begins_anew() -> None:
    async with speaking() as stage:
        stage.driver.append_audio(FIRST)
        stage.exchange(turn_detection={**DETECTION, "silence_duration_ms": 300})
        stage.ask(SECOND)
        assert await stage.outcome() is None
        await stage.service.calls[1].until("input_audio_buffer.append")
        assert heard(stage.service.calls[1]) == FIRST + SECOND


@pytest.mark.parametrize("why", ["no session", "no such voice", "no greeting"])
async def test_if_no_session_comes_the_one_in_use_hears_what_was_held_back(why: str) -> None:
    async def refuse(call: Call, message: Json) -> bool:
        if call.number == 1 or message["type"] != "session.update":
            return False
        error = {"type": "invalid_request_error", "message": "Invalid voice", "code": "x"}
        error["event_id"] = message["event_id"]
        await call.send({"type": "error", "error": error})
        return True

    async with speaking() as stage:
        match why:
            case "no session":
                stage.service.refusals.append((503, {}, "{}"))
            case "no such voice":
                stage.service.on_message = refuse
            case _:
                stage.service.greets = False
        stage.exchange()
        stage.ask(FIRST)
        error = await stage.outcome()
        words = {"no session": "503", "no such voice": "Invalid voice", "no greeting": "within 5 s"}
        assert words[why] in str(error)
        first = stage.service.calls[0]
        await first.until("input_audio_buffer.append")
        assert heard(first) == FIRST
        assert stage.states[-1] == "open"
        assert not first.over.is_set()
        stage.driver.append_audio(SECOND)
        await first.until("input_audio_buffer.append", 2)
        assert len(stage.outcomes) == 1


async def test_without_haste_it_takes_over_in_a_quiet_moment() -> None:
    async with speaking() as stage:
        stage.busy = True
        stage.exchange(at_once=False)
        await stage.service.call(2)
        stage.driver.append_audio(FIRST)
        await stage.service.calls[0].until("input_audio_buffer.append")
        await asyncio.sleep(20)
        assert stage.outcomes == []
        stage.busy = False
        assert await stage.outcome() is None


async def test_what_waits_for_a_quiet_moment_is_hurried_by_the_word() -> None:
    async with speaking() as stage:
        stage.busy = True
        stage.exchange(at_once=False)
        await stage.service.call(2)
        await asyncio.sleep(1)
        stage.driver.hold_back()
        stage.ask(FIRST)
        assert await stage.outcome() is None
        await stage.service.calls[1].until("input_audio_buffer.append")
        assert heard(stage.service.calls[0]) == b""


async def test_a_session_that_ends_while_it_waits_leaves_the_one_in_use() -> None:
    async with speaking() as stage:
        stage.busy = True
        stage.exchange(at_once=False)
        second = await stage.service.call(2)
        await second.until("session.update")
        await asyncio.sleep(1)
        await second.hang_up(1011, "oops")
        assert "oops" in str(await stage.outcome())
        assert stage.driver.connected


async def test_the_session_that_stands_ready_replaces_one_that_is_lost() -> None:
    async with speaking() as stage:
        stage.busy = True
        stage.exchange(at_once=False)
        second = await stage.service.call(2)
        await second.until("session.update")
        await asyncio.sleep(1)
        await stage.service.calls[0].hang_up(1011, "oops")
        assert await stage.outcome() is None
        await asyncio.sleep(5)
        assert len(stage.service.calls) == 2
        assert stage.driver.connected


async def test_a_session_that_is_lost_meanwhile_is_followed_by_one_with_those_settings() -> None:
    async with speaking() as stage:
        stage.service.greets = False
        stage.exchange()
        stage.ask(FIRST)
        await stage.service.call(2)
        stage.service.greets = True
        await stage.service.calls[0].hang_up(1011, "oops")
        assert await stage.outcome() is None
        third = await stage.service.call(3)
        await third.until("input_audio_buffer.append")
        assert heard(third) == FIRST
        assert voice(await third.until("session.update")) == "echo"
        assert stage.outcomes == [None]


async def test_a_third_voice_takes_the_place_of_the_second_before_that_has_come() -> None:
    async with speaking() as stage:
        stage.exchange()
        stage.exchange(voice="ash")
        stage.ask(FIRST)
        await until(lambda: len(stage.outcomes) == 2)
        assert stage.outcomes == [None, None]
        last = stage.service.calls[-1]
        await last.until("input_audio_buffer.append")
        assert voice(await last.until("session.update")) == "ash"
        assert heard(last) == FIRST
        assert heard(stage.service.calls[0]) == b""


async def test_who_presses_a_button_meanwhile_is_heard_by_the_session_in_use() -> None:
    async with speaking() as stage:
        stage.service.greets = False
        stage.exchange()
        stage.driver.append_audio(FIRST)
        stage.driver.handle(ButtonPressed())
        stage.driver.append_audio(SECOND)
        stage.driver.handle(ButtonReleased())
        first = stage.service.calls[0]
        await first.until("response.create")
        assert heard(first) == SECOND


async def test_a_client_that_closes_reports_no_exchange() -> None:
    async with speaking() as stage:
        stage.service.greets = False
        stage.exchange()
        await stage.service.call(2)
    assert stage.outcomes == []


async def hears_turns(call: Call, message: Json) -> bool:
    """What is heard is a turn at once, as by a service that knows when somebody is done."""
    if message["type"] == "input_audio_buffer.append":
        item = f"item_{call.number}_{len(call.received)}"
        await call.send({"type": "input_audio_buffer.committed", "item_id": item})
    return False


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_becomes_of_the_sessions_everything_that_is_said_is_heard_once(
    seed: int,
) -> None:
    chance = random.Random(seed)
    async with speaking() as stage:
        service, session = stage.service, stage.driver.session
        service.on_message = hears_turns
        said = b""
        for number in range(1, 25):
            service.refusals.clear()
            if chance.random() < 0.3:
                service.refusals.append((503, {}, "{}"))
            if chance.random() < 0.5:
                voice = chance.choice(["alloy", "echo", "ash"])
                stage.exchange(voice=voice, at_once=chance.random() < 0.8)
            await asyncio.sleep(chance.choice([0, 0, 0.01, 3]))
            piece = number.to_bytes(2, "little") * 4800
            said += piece
            stage.ask(piece)
            await asyncio.sleep(chance.choice([0.01, 0.5, 10]))
            if session.current is not None:
                session.current.has_spoken = True
        service.refusals.clear()
        await asyncio.sleep(60)
        pieces = [pcm for call in service.calls for pcm in heard_in_pieces(call)]
        assert sorted(pieces) == sorted(said[at : at + 9600] for at in range(0, len(said), 9600))
        assert stage.driver.conversation.holds_back is False
        assert stage.driver.conversation.deadline is None
        assert len(service.calls) >= 2


def heard_in_pieces(call: Call) -> list[bytes]:
    pcm = heard(call)
    return [pcm[at : at + 9600] for at in range(0, len(pcm), 9600)]
