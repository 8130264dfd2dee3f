"""A session that is always there, or on its way back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.outputs import Report, SpeakerCommand
from rtaudio_daemon.dialogue.settings import DialogueSettings
from rtaudio_daemon.errors import HandshakeError, NotConnectedError, ServiceError
from rtaudio_daemon.notifications import ConnectionChanged, ConnectionState
from rtaudio_daemon.protocol.codec import Json
from rtaudio_daemon.protocol.endpoint import endpoint
from rtaudio_daemon.protocol.events import Message
from rtaudio_daemon.realtime.driver import ConversationDriver
from rtaudio_daemon.realtime.driver_listener import DriverListener
from rtaudio_daemon.realtime.options import Counters, WebsocketOptions
from rtaudio_daemon.realtime.outbox import MOST_MESSAGES
from rtaudio_daemon.realtime.reconnect import ReconnectingSession
from rtaudio_daemon.realtime.session_factory import SessionFactory
from tests.realtime.service import EXPIRES_AT, Call, Service
from tests.strict import assert_valid_client_events

OPEN, CONNECTING = ConnectionState.OPEN, ConnectionState.CONNECTING


class Client(DriverListener):
    """The least that a client is: a session, its driver, and notes of all that was reported."""

    def __init__(self, sessions: SessionFactory) -> None:
        self.events: list[Json] = []
        self.readied: list[Json] = []
        self.changes: list[ConnectionChanged] = []
        self.failures: list[ServiceError] = []
        self.changed = asyncio.Condition()
        settings = DialogueSettings(playback="assumed", outage_s=sessions.options.outage_buffer)
        self._driver = ConversationDriver(Conversation(settings), self)
        self._session = ReconnectingSession(sessions, self._driver)
        self._driver.use_session(self._session)
        self.run, self.stop = self._session.run, self._session.stop
        self.send, self.send_audio = self._driver.send, self._driver.append_audio

    @property
    def ready(self) -> bool:
        return self._driver.connected

    @property
    def counters(self) -> Counters:
        return self._driver.counters

    def command_speaker(self, command: SpeakerCommand) -> None:
        raise AssertionError(command)

    def notify(self, notification: Report) -> None:
        pass

    def received(self, message: Message) -> None:
        if self._session.current is not None and message is self._session.current.answer:
            self._note(self.readied, message.raw)
        self._note(self.events, message.raw)

    def connection_changed(self, change: ConnectionChanged) -> None:
        self._note(self.changes, change)

    def attempt_failed(self, error: ServiceError) -> None:
        self._note(self.failures, error)

    def quiet(self) -> bool:
        return True

    def _note(self, notes: list[Any], what: Any) -> None:
        notes.append(what)
        self._tasks = [asyncio.ensure_future(self._wake())]

    async def _wake(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class Recorder:
    """A session and everything it told."""

    def __init__(self, service: Service, **options: Any) -> None:
        place = options.pop("endpoint", None) or service.endpoint()
        settings = {"voice": "alloy", "turn_detection": {"type": "server_vad"}}
        sessions = SessionFactory(place, settings, WebsocketOptions(**options), chance=lambda: 0.5)
        self.session = Client(sessions)
        self.events, self.readied = self.session.events, self.session.readied
        self.changes, self.failures = self.session.changes, self.session.failures
        self._changed = self.session.changed

    async def until(self, notes: list[Any], count: int) -> Any:
        async with self._changed:
            await self._changed.wait_for(lambda: len(notes) >= count)
        return notes[count - 1]

    def states(self) -> list[str]:
        return [change.state.value for change in self.changes]


@asynccontextmanager
async def running(service: Service, **options: Any) -> AsyncIterator[Recorder]:
    recorder = Recorder(service, **options)
    task = asyncio.create_task(recorder.session.run())
    try:
        yield recorder
    finally:
        await recorder.session.stop()
        await asyncio.wait([task])


def now() -> float:
    return asyncio.get_running_loop().time()


# --------------------------------------------------------------- beginning


async def test_a_session_is_greeted_configured_and_then_ready(service: Service) -> None:
    async with running(service) as recorder:
        ready = await recorder.until(recorder.readied, 1)
        call = await service.call()
        assert ready["type"] == "session.updated"
        assert [event["type"] for event in recorder.events] == [
            "session.created",
            "session.updated",
        ]
        assert_valid_client_events(service.dialect, call.received)
        assert [message["type"] for message in call.received] == ["session.update"]
        opened = recorder.changes[-1]
        assert (opened.state, opened.session_id) == (OPEN, "sess_1")
        assert (opened.expires_at, opened.reason) == (EXPIRES_AT, None)
    assert recorder.states() == ["connecting", "open", "closing", "closed"]


async def test_a_service_that_refuses_our_settings_is_ready_and_says_why(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(call: Call, message: Json) -> bool:
        error = {"code": "unknown_parameter", "message": "Unknown parameter: 'session.type'."}
        await call.send({"type": "error", "error": {**error, "event_id": message["event_id"]}})
        return True

    service.on_message = refuse
    async with running(service) as recorder:
        ready = await recorder.until(recorder.readied, 1)
        assert ready["type"] == "error"
        assert recorder.events[-1] is ready
        assert "Unknown parameter: 'session.type'." in (recorder.changes[-1].reason or "")
        assert "realtime.profile" in (recorder.changes[-1].reason or "")
        assert recorder.session.ready
    assert caplog.messages[0].startswith("the service refused our settings")


async def test_an_error_about_something_else_does_not_make_ready(service: Service) -> None:
    async def stray(call: Call, message: Json) -> bool:
        await call.send({"type": "error", "error": {"message": "x", "event_id": "other"}})
        await call.send({"type": "rate_limits.updated", "rate_limits": []})
        return False

    service.on_message = stray
    async with running(service) as recorder:
        assert (await recorder.until(recorder.readied, 1))["type"] == "session.updated"
        assert [event["type"] for event in recorder.events] == [
            "session.created",
            "error",
            "rate_limits.updated",
            "session.updated",
        ]


async def test_an_error_instead_of_a_greeting_is_a_failure(service: Service) -> None:
    service.greets = False
    async with running(service) as recorder:
        call = await service.call()
        error = {"type": "invalid_request_error", "code": "beta_api_shape_disabled", "message": "m"}
        await call.send({"type": "error", "error": error})
        failure = await recorder.until(recorder.failures, 1)
        assert (failure.code, failure.type) == ("beta_api_shape_disabled", "invalid_request_error")
        assert recorder.events[-1]["error"] == error


@pytest.mark.parametrize(("greets", "missing"), [(False, "created"), (True, "updated")])
async def test_a_service_that_does_not_play_its_part_is_left_after_ten_seconds(
    service: Service, greets: bool, missing: str
) -> None:
    service.greets, service.answers = greets, False
    start = now()
    async with running(service) as recorder:
        failure = await recorder.until(recorder.failures, 1)
        assert str(failure) == f"the service sent no session.{missing} within 10 s"
        assert now() - start == pytest.approx(10)
        assert not recorder.session.ready


async def test_a_service_that_hangs_up_while_greeting_is_tried_again(service: Service) -> None:
    service.answers = False
    async with running(service) as recorder:
        await (await service.call()).hang_up(1011, "oops")
        failure = await recorder.until(recorder.failures, 1)
        assert str(failure) == "the service closed the connection (1011: oops)"
        service.answers = True
        await recorder.until(recorder.readied, 1)


async def test_a_greeting_in_the_other_dialect_is_worth_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Service("preview") as service:
        place = endpoint("azure", host_name=service.host_name, deployment="d")
        async with running(service, endpoint=place) as recorder:
            await recorder.until(recorder.readied, 1)
    assert "speaks the preview dialect" in caplog.messages[0]
    assert "set realtime.profile azure-preview" in caplog.messages[0]


async def test_an_unknown_service_is_spoken_to_as_it_speaks(service: Service) -> None:
    place = endpoint("compatible", url=service.host_name)
    async with running(service, endpoint=place) as recorder:
        await recorder.until(recorder.readied, 1)
        recorder.session.send({"type": "response.create", "response": {"modalities": ["text"]}})
        call = await service.call()
        await call.until("response.create")
        assert_valid_client_events(service.dialect, call.received)


# ------------------------------------------------------------- reconnecting


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4000])
async def test_every_close_that_is_not_ours_is_followed_by_a_new_session(
    service: Service, code: int
) -> None:
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        await asyncio.sleep(60)
        gone = now()
        await (await service.call()).hang_up(code, "bye")
        await recorder.until(recorder.readied, 2)
        pause = 0 if code == 1001 else 0.5  # a session that came to its end is followed at once
        assert now() - gone == pytest.approx(pause)
        lost = recorder.changes[2]
        assert (lost.state, lost.session_id, lost.retry_in_s) == (CONNECTING, None, pause)
        assert recorder.changes[3].gap_ms == pytest.approx(pause * 1000)
        assert lost.reason == f"the service closed the connection ({code}: bye)"
        assert recorder.changes[3].session_id == "sess_2"
        assert recorder.changes[3].reconnects == recorder.session.counters.reconnects == 1
        assert [message["type"] for message in service.calls[1].received] == ["session.update"]


async def test_a_service_that_is_away_is_asked_less_and_less_often(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "rtaudio_daemon")
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        await asyncio.sleep(60)
        await service.stop()
        await recorder.until(recorder.failures, 9)
        await service.start()
        await recorder.until(recorder.readied, 2)
        pauses = [change.retry_in_s for change in recorder.changes if change.retry_in_s]
        assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", *["DEBUG"] * 8, "INFO"]


async def test_a_session_that_dies_young_does_not_make_the_pause_short_again(
    service: Service,
) -> None:
    async with running(service) as recorder:
        for number in range(1, 4):
            await recorder.until(recorder.readied, number)
            await (await service.call(number)).hang_up()
        await recorder.until(recorder.failures, 3)
        assert [c.retry_in_s for c in recorder.changes if c.retry_in_s] == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (401, {}, 60),
        (400, {}, 60),
        (403, {}, 60),
        (404, {}, 60),
        (308, {}, 0.5),
        (429, {}, 0.5),
        (429, {"Retry-After": "12"}, 12),
        (503, {"Retry-After": "0"}, 0.5),
        (429, {"Retry-After": "999999"}, 3600),
        (500, {}, 0.5),
    ],
)
async def test_a_refusal_is_followed_by_the_right_pause(
    service: Service, status: int, headers: dict[str, str], pause: float
) -> None:
    service.refusals.append((status, headers, ""))
    start = now()
    async with running(service) as recorder:
        failure = await recorder.until(recorder.failures, 1)
        assert isinstance(failure, HandshakeError)
        await recorder.until(recorder.readied, 1)
        assert now() - start == pytest.approx(pause)


async def test_reconnecting_can_be_limited_or_forbidden(service: Service) -> None:
    await service.stop()
    for options, attempts in (
        ({"max_reconnect_attempts": 2}, 3),
        ({"should_reconnect": False}, 1),
        ({"should_reconnect": lambda reason: "cannot reach" not in reason}, 1),
    ):
        recorder = Recorder(service, reconnect_interval=2.0, **options)
        start = now()
        with pytest.raises(ServiceError, match="cannot reach"):
            await recorder.session.run()
        assert len(recorder.failures) == attempts
        assert now() - start == pytest.approx({3: 6, 1: 0}[attempts])
        assert recorder.states()[-1] == "closed"
        assert recorder.changes[-1].reason == str(recorder.failures[-1])


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="heartbeat_interval"):
        WebsocketOptions.of({"hearbeat": 3})
    assert WebsocketOptions.of(None) == WebsocketOptions.of({})
    assert WebsocketOptions.of(WebsocketOptions(connect_resend=True)).connect_resend


# ------------------------------------------------------------------ sending


async def test_messages_and_sound_arrive_in_order(service: Service) -> None:
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        recorder.session.send_audio(bytes(960))
        recorder.session.send({"type": "input_audio_buffer.commit"})
        recorder.session.send_audio(bytes(480))
        call = await service.call()
        await call.until("input_audio_buffer.append", 2)
        assert [message["type"] for message in call.received[1:]] == [
            "input_audio_buffer.append",
            "input_audio_buffer.commit",
            "input_audio_buffer.append",
        ]
        assert_valid_client_events(service.dialect, call.received)
        counters = recorder.session.counters
        assert (counters.frames_up, counters.bytes_up, counters.dropped) == (2, 1440, 0)


async def test_without_a_session_sound_is_dropped_and_words_are_refused(service: Service) -> None:
    recorder = Recorder(service)
    recorder.session.send_audio(bytes(2))
    assert recorder.session.counters.dropped == 1
    with pytest.raises(NotConnectedError, match=r"response\.create"):
        recorder.session.send({"type": "response.create"})


async def test_words_can_be_kept_for_the_next_session(service: Service) -> None:
    async with running(service, connect_resend=True) as recorder:
        recorder.session.send({"type": "response.create"})
        for _ in range(63):
            recorder.session.send({"type": "input_audio_buffer.clear"})
        with pytest.raises(NotConnectedError):
            recorder.session.send({"type": "input_audio_buffer.clear"})
        call = await service.call()
        await call.until("input_audio_buffer.clear", 63)
        assert [message["type"] for message in call.received[:2]] == [
            "session.update",
            "response.create",
        ]


async def test_a_stuck_network_costs_sound_but_no_words(service: Service) -> None:
    hearing = asyncio.Event()

    async def deaf(call: Call, message: Json) -> bool:
        if message["type"] != "session.update":
            await hearing.wait()
        return False

    service.on_message = deaf
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        for number in range(12_000):
            recorder.session.send_audio(bytes(4800))
            if number % 10 == 0:
                await asyncio.sleep(0)
        recorder.session.send({"type": "response.create"})
        counters = recorder.session.counters
        assert counters.dropped > 5000
        hearing.set()
        call = await service.call()
        await call.until("response.create")
        after = recorder.session.counters
        assert after.dropped == counters.dropped
        assert after.frames_up + after.dropped == 12_000


async def test_too_many_words_for_a_stuck_network_are_refused(service: Service) -> None:
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        for _ in range(MOST_MESSAGES):
            recorder.session.send({"type": "input_audio_buffer.clear"})
        with pytest.raises(NotConnectedError, match="stuck"):
            recorder.session.send({"type": "input_audio_buffer.clear"})


async def test_a_heartbeat_of_ones_own_is_sent_beside_the_ping(service: Service) -> None:
    for message in ('{"type":"beat"}', {"type": "beat"}):
        options = {"heartbeat_message": message, "heartbeat_interval": 5.0}
        async with running(service, **options) as recorder:
            await recorder.until(recorder.readied, 1)
            call = service.calls[-1]
            start = now()
            await call.until("beat", 3)
            assert now() - start == pytest.approx(15)


# ---------------------------------------------------------------- listening


async def test_malformed_messages_are_counted_skipped_and_told_once(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "rtaudio_daemon")
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        call = await service.call()
        for raw in ("{", "[]", '{"type":"something.new"}'):
            await call.socket.send_str(raw)
        assert (await recorder.until(recorder.events, 3))["type"] == "something.new"
        counters = recorder.session.counters
        assert (counters.malformed, counters.unknown) == (2, 1)
        assert recorder.session.ready
    skipped = [r.levelname for r in caplog.records if "malformed" in r.getMessage()]
    assert skipped == ["WARNING", "DEBUG"]


async def test_a_message_that_hurts_while_it_is_handled_is_malformed_and_ends_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, mistakes: list[logging.LogRecord]
) -> None:
    def stumble(_self: Client, message: Message) -> None:
        if message.name == "hurts":
            raise RecursionError("as deep as that")
        received(_self, message)

    received = Client.received
    monkeypatch.setattr(Client, "received", stumble)
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        call = await service.call()
        for name in ("hurts", "hurts", "helps"):
            await call.send({"type": name})
        assert (await recorder.until(recorder.events, 3))["type"] == "helps"
        assert recorder.session.counters.malformed == 2
        assert recorder.session.ready
    (record,) = mistakes
    assert record.levelno == logging.ERROR
    assert record.exc_info
    mistakes.clear()


async def test_what_the_service_says_of_our_settings_is_cut_before_anybody_sees_it(
    service: Service,
) -> None:
    async def refuse(call: Call, message: Json) -> bool:
        error = {"code": "x", "message": "no\n\x1b" + "\ud800" * 10**6}
        await call.send({"type": "error", "error": error})
        return True

    service.on_message = refuse
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        reason = str(recorder.changes[-1].reason)
        assert reason.startswith(r"the service refused our settings: no \x1b")
        assert len(reason.encode()) < 400


async def test_malformed_messages_do_not_disturb_the_greeting(service: Service) -> None:
    async def mumble(call: Call, message: Json) -> bool:
        await call.socket.send_str("}")
        return False

    service.on_message = mumble
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        assert recorder.session.counters.malformed == 1


async def test_a_session_that_tells_nothing_of_itself_is_a_session(service: Service) -> None:
    service.greets = service.answers = False
    async with running(service) as recorder:
        call = await service.call()
        await call.send({"type": "session.created"})
        await call.until("session.update")
        await call.send({"type": "session.updated", "session": "?"})
        await recorder.until(recorder.readied, 1)
        assert recorder.changes[-1].session_id is None


# ------------------------------------------------------------------- ending


async def test_stopping_says_goodbye_and_ends_the_run(service: Service) -> None:
    recorder = Recorder(service)
    task = asyncio.create_task(recorder.session.run())
    await recorder.until(recorder.readied, 1)
    await recorder.session.stop()
    await task
    call = await service.call()
    await call.over.wait()
    assert call.socket.close_code == 1000
    assert not recorder.session.ready
    await recorder.session.stop()
    assert recorder.states() == ["connecting", "open", "closing", "closed"]


async def test_cancelling_the_run_closes_and_stays_cancelled(service: Service) -> None:
    recorder = Recorder(service)
    task = asyncio.create_task(recorder.session.run())
    await recorder.until(recorder.readied, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await (await service.call()).over.wait()
    assert recorder.states()[-2:] == ["closing", "closed"]


async def test_a_session_runs_only_once_at_a_time(service: Service) -> None:
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        with pytest.raises(RuntimeError):
            await recorder.session.run()
        assert recorder.session.ready


async def test_everything_that_is_sent_is_json(service: Service) -> None:
    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        with pytest.raises(ValueError):
            recorder.session.send({"type": "x", "n": float("inf")})
        call = await service.call()
        assert json.dumps(call.received)


async def test_messages_that_come_all_at_once_leave_others_their_turn(service: Service) -> None:
    most = 0

    async def others(notes: list[Json]) -> None:
        nonlocal most
        while True:
            before = len(notes)
            await asyncio.sleep(0)
            most = max(most, len(notes) - before)

    async with running(service) as recorder:
        await recorder.until(recorder.readied, 1)
        watching = asyncio.create_task(others(recorder.events))
        call = await service.call()
        for _ in range(1000):
            await call.send({"type": "nobody.knows"})
        await recorder.until(recorder.events, 1000)
        watching.cancel()
    assert 1 <= most <= 16
