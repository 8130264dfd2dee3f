"""AzureRealTimeAudio: the forerunner's class, in Python."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon import (
    DEFAULT_SESSION_CONFIG,
    AzureRealTimeAudio,
    HandshakeError,
    ModelStatus,
    NotConnectedError,
    ServiceError,
)
from rtaudio_daemon.notifications import ConnectionState
from rtaudio_daemon.protocol.codec import Json, flat_session
from tests.realtime.service import Call, Service
from tests.strict import assert_valid_client_events

PCM = bytes(range(240)) * 4


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AzureRealTimeAudio]:
    version = "v1" if service.dialect == "ga" else "2025-04-01-preview"
    client = AzureRealTimeAudio(
        host_name=service.host_name, deployment="d", api_version=version, api_key="secret-key"
    )
    yield client
    await client.close()


class Heard:
    """Everything a client emits under some names, in order."""

    def __init__(self, client: AzureRealTimeAudio, *names: str) -> None:
        self.notes: list[tuple[Any, ...]] = []
        self._client = client
        for name in names:
            client.on(name, lambda *args, name=name: self.notes.append((name, *args)))

    def names(self) -> list[str]:
        return [note[0] for note in self.notes]


async def next_event(client: AzureRealTimeAudio, name: str) -> Json:
    waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
    client.once(name, waiting.set_result)
    return await waiting


async def told(client: AzureRealTimeAudio, call: Call, *events: Json) -> None:
    """The service sends these events, and the client has heard the last of them."""
    last = asyncio.create_task(next_event(client, "rate_limits.updated"))
    await asyncio.sleep(0)
    for event in events:
        await call.send(event)
    await call.send({"type": "rate_limits.updated", "rate_limits": []})
    await last


# --------------------------------------------------------------- beginning


async def test_nothing_is_connected_before_it_is_asked_for(
    service: Service, client: AzureRealTimeAudio
) -> None:
    assert client.state is ConnectionState.CLOSED
    assert not client.is_initialized
    assert client.session is None
    assert service.attempts == 0


async def test_connecting_returns_when_the_session_has_our_settings(
    service: Service, client: AzureRealTimeAudio
) -> None:
    heard = Heard(client, "session.created", "init", "session.updated")
    await client.connect()
    assert client.is_initialized
    assert client.state is ConnectionState.OPEN
    assert client.session is not None
    assert client.session.id == "sess_1"
    assert heard.names() == ["session.created", "init", "session.updated"]
    assert heard.notes[1][1] == heard.notes[2][1]
    call = await service.call()
    assert call.headers["api-key"] == "secret-key"
    assert "secret-key" not in call.path
    assert_valid_client_events(service.dialect, call.received)
    session = flat_session(call.received[0]["session"])
    assert session["turn_detection"]["threshold"] == 0.4
    assert session["turn_detection"]["silence_duration_ms"] == 600
    assert session["input_audio_transcription"] == {"model": "whisper-1"}
    await client.connect()
    assert service.attempts == 1
    await client.close()
    assert client.state.value == "closed"
    assert not client.is_initialized
    await call.over.wait()


async def test_settings_are_laid_over_the_default(service: Service) -> None:
    client = AzureRealTimeAudio(
        host_name=service.host_name,
        deployment="d",
        session_config={"voice": "ash", "turn_detection": None},
    )
    assert client.session_config == {
        **DEFAULT_SESSION_CONFIG,
        "voice": "ash",
        "turn_detection": None,
    }


async def test_settings_for_an_endpoint_are_taken_as_they_are(service: Service) -> None:
    client = AzureRealTimeAudio.for_endpoint(service.endpoint(), session_config={"voice": "ash"})
    assert client.session_config == {"voice": "ash"}
    default = AzureRealTimeAudio.for_endpoint(service.endpoint())
    assert default.session_config == dict(DEFAULT_SESSION_CONFIG)


def test_options_that_cannot_work_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="api_key: missing"):
        AzureRealTimeAudio(host_name="res.openai.azure.com", deployment="d")
    with pytest.raises(ValueError, match="unknown"):
        AzureRealTimeAudio(
            host_name="ws://localhost:1", deployment="d", websocket_options={"retries": 3}
        )


async def test_a_client_is_a_context_manager_and_shares_an_http_session(service: Service) -> None:
    async with (
        aiohttp.ClientSession() as shared,
        AzureRealTimeAudio.for_endpoint(
            service.endpoint(),
            http_session=shared,
            websocket_options={"protocols": "realtime"},
        ) as client,
    ):
        assert client.is_initialized
        call = await service.call()
        assert call.socket.ws_protocol == "realtime"
    await call.over.wait()
    assert client.state is ConnectionState.CLOSED


async def test_a_refusal_that_only_a_person_can_mend_is_raised_at_once(
    service: Service, client: AzureRealTimeAudio
) -> None:
    service.refusals.append((401, {}, '{"error":{"code":"401","message":"Access denied"}}'))
    with pytest.raises(HandshakeError, match="Access denied"):
        await client.connect()
    assert client.state is ConnectionState.CLOSED
    assert service.attempts == 1
    await client.connect()
    assert client.is_initialized


async def test_a_refusal_that_passes_is_waited_for(
    service: Service, client: AzureRealTimeAudio
) -> None:
    service.refusals.append((429, {"Retry-After": "3"}, ""))
    await client.connect()
    assert service.attempts == 2


async def test_a_service_that_is_not_there_is_an_error_in_the_end(
    service: Service, client: AzureRealTimeAudio
) -> None:
    await service.stop()
    start = asyncio.get_running_loop().time()
    with pytest.raises(ServiceError, match="no session within 5 s: cannot reach"):
        await client.connect(timeout_s=5)
    assert asyncio.get_running_loop().time() - start == pytest.approx(5)
    assert client.state is ConnectionState.CLOSED


async def test_connecting_ends_with_the_attempts_that_are_allowed(service: Service) -> None:
    await service.stop()
    client = AzureRealTimeAudio.for_endpoint(
        service.endpoint(), websocket_options={"max_reconnect_attempts": 0}
    )
    for _ in range(2):
        with pytest.raises(ServiceError, match="cannot reach"):
            await client.connect()


async def test_connecting_can_be_cancelled(service: Service, client: AzureRealTimeAudio) -> None:
    service.greets = False
    connecting = asyncio.create_task(client.connect())
    await service.call()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert client.state is ConnectionState.CLOSED


async def test_a_run_of_the_callers_own_can_be_waited_for_and_ends_with_close(
    service: Service, client: AzureRealTimeAudio
) -> None:
    async with asyncio.TaskGroup() as group:
        run = group.create_task(client.run())
        await asyncio.sleep(0)
        await client.connect()
        await client.close()
    assert run.done()
    assert service.attempts == 1


async def test_closing_while_somebody_connects_wakes_them(
    service: Service, client: AzureRealTimeAudio
) -> None:
    service.greets = False
    connecting = asyncio.create_task(client.connect())
    await service.call()
    await client.close()
    with pytest.raises(ServiceError, match="closed"):
        await connecting


# ---------------------------------------------------------------- listening


@pytest.mark.parametrize("name", ["response.audio.delta", "response.output_audio.delta"])
async def test_events_are_heard_under_both_their_names(
    service: Service, client: AzureRealTimeAudio, name: str
) -> None:
    heard: list[Json] = []
    remove = client.on(name, heard.append)
    await client.connect()
    call = await service.call()
    wire = f"response.{'output_' if service.dialect == 'ga' else ''}audio.delta"
    await told(client, call, {"type": wire, "delta": "AAAA"})
    assert [(event["type"], event["delta"]) for event in heard] == [
        ("response.audio.delta", "AAAA")
    ]
    remove()
    await told(client, call, {"type": wire, "delta": "BBBB"})
    client.on(name, heard.append)
    client.off(name, heard.append)
    client.once(name, heard.append)
    client.off_all()
    await told(client, call, {"type": wire, "delta": "CCCC"})
    assert len(heard) == 1


async def test_errors_and_unknown_events_are_passed_on(
    service: Service, client: AzureRealTimeAudio
) -> None:
    heard = Heard(client, "error", "warning")
    await client.connect()
    await told(
        client,
        await service.call(),
        {"type": "error", "error": {"code": "c", "message": "m"}},
        {"type": "warning", "warning": {}},
    )
    assert heard.names() == ["error", "warning"]
    assert client.counters.unknown == 1
    assert client.is_initialized


async def test_the_status_changes_before_the_event_that_changes_it(
    service: Service, client: AzureRealTimeAudio
) -> None:
    heard = Heard(
        client, "status_changed", "input_audio_buffer.speech_started", "response.audio.delta"
    )
    await client.connect()
    call = await service.call()
    await told(
        client,
        call,
        {"type": "input_audio_buffer.speech_started"},
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "input_audio_buffer.speech_stopped"},
        {"type": "response.audio.delta", "response_id": "r", "delta": "AAAA"},
        {"type": "response.done", "response": {"id": "r"}},
    )
    assert heard.names() == [
        "status_changed",
        "input_audio_buffer.speech_started",
        "status_changed",
        "status_changed",
        "response.audio.delta",
    ]
    assert heard.notes[0][1:] == (ModelStatus.LISTENING, ModelStatus.IDLE)
    assert heard.notes[3][1:] == (ModelStatus.SPEAKING, ModelStatus.THINKING)
    client.set_model_speak_done()
    assert client.status is ModelStatus.IDLE
    assert heard.notes[-1][1:] == (ModelStatus.IDLE, ModelStatus.SPEAKING)


async def test_the_status_can_be_set_and_tells_only_changes(client: AzureRealTimeAudio) -> None:
    heard = Heard(client, "status_changed")
    client.status = ModelStatus.THINKING
    client.status = "thinking"
    assert heard.notes == [("status_changed", ModelStatus.THINKING, ModelStatus.IDLE)]
    with pytest.raises(ValueError):
        client.status = "bored"


async def test_a_lost_connection_ends_idle_and_comes_back_with_the_same_settings(
    service: Service, client: AzureRealTimeAudio
) -> None:
    heard = Heard(client, "init", "connection")
    await client.connect()
    client.update_session({"instructions": "Be a lamp."})
    client.status = ModelStatus.SPEAKING
    (await service.call()).cut()
    again = await service.call(2)
    await again.until("session.update")
    assert client.status is ModelStatus.IDLE
    assert again.received[0]["session"]["instructions"] == "Be a lamp."
    await next_event(client, "session.updated")
    assert heard.names().count("init") == 2
    states = [note[1].state.value for note in heard.notes if note[0] == "connection"]
    assert states == ["connecting", "open", "connecting", "open"]
    assert client.counters.reconnects == 1


# ------------------------------------------------------------------- saying


async def test_every_method_sends_what_the_official_types_allow(
    service: Service, client: AzureRealTimeAudio
) -> None:
    await client.connect()
    client.append_audio(PCM)
    client.commit_audio()
    client.clear_audio_buffer()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    client.create_conversation_item(item)
    client.create_conversation_item(item, "root")
    client.delete_item("item_1")
    client.truncate_item("item_2", 0, 1500)
    client.create_response()
    client.create_response(
        {"conversation": "none", "modalities": ["text"], "instructions": "Whisper."}
    )
    client.cancel_response()
    client.cancel_response("resp_1")
    client.update_session({"instructions": "Be brief."})
    client.send({"type": "conversation.item.retrieve", "item_id": "item_3"})
    call = await service.call()
    await call.until("conversation.item.retrieve")
    assert_valid_client_events(service.dialect, call.received)
    assert [message["type"] for message in call.received[1:]] == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.truncate",
        "response.create",
        "response.create",
        "response.cancel",
        "response.cancel",
        "session.update",
        "conversation.item.retrieve",
    ]
    assert base64.b64decode(call.received[1]["audio"]) == PCM
    assert call.received[5]["previous_item_id"] == "root"
    assert call.received[7]["audio_end_ms"] == 1500
    assert "response_id" not in call.received[10]
    assert call.received[11]["response_id"] == "resp_1"


async def test_cancelling_names_the_answer_under_way(
    service: Service, client: AzureRealTimeAudio
) -> None:
    await client.connect()
    call = await service.call()
    await told(client, call, {"type": "response.created", "response": {"id": "resp_9"}})
    client.cancel_response()
    assert (await call.until("response.cancel"))["response_id"] == "resp_9"


async def test_half_a_sample_waits_for_its_other_half(
    service: Service, client: AzureRealTimeAudio
) -> None:
    await client.connect()
    client.append_audio(PCM[:1])
    client.append_audio(PCM[1:324])
    client.append_audio(base64.b64encode(PCM[324:325]).decode())
    client.append_audio(memoryview(PCM)[325:])
    call = await service.call()
    await call.until("input_audio_buffer.append", 2)
    pieces = [base64.b64decode(message["audio"]) for message in call.received[1:]]
    assert b"".join(pieces) == PCM
    assert all(len(piece) % 2 == 0 for piece in pieces)


async def test_clearing_forgets_half_a_sample(service: Service, client: AzureRealTimeAudio) -> None:
    await client.connect()
    client.append_audio(b"\x01")
    client.clear_audio_buffer()
    client.append_audio(b"\x02\x03")
    call = await service.call()
    assert (await call.until("input_audio_buffer.append"))["audio"] == "AgM="


async def test_telephone_sound_has_one_byte_per_sample(service: Service) -> None:
    settings = {"input_audio_format": "g711_ulaw"}
    async with AzureRealTimeAudio.for_endpoint(
        service.endpoint(), session_config=settings
    ) as client:
        client.append_audio(b"\x01")
        call = await service.call()
        assert (await call.until("input_audio_buffer.append"))["audio"] == "AQ=="


async def test_what_is_not_base64_is_refused(client: AzureRealTimeAudio) -> None:
    with pytest.raises(ValueError):
        client.append_audio("no base64!")


async def test_without_a_session_sound_is_counted_and_words_are_refused(
    client: AzureRealTimeAudio,
) -> None:
    client.append_audio(PCM)
    assert client.counters.dropped == 1
    for say in (client.commit_audio, client.clear_audio_buffer, client.create_response):
        with pytest.raises(NotConnectedError):
            say()


async def test_settings_changed_without_a_session_wait_for_it(
    service: Service, client: AzureRealTimeAudio
) -> None:
    client.update_session({"voice": "ash", "extra": {"tracing": "auto"}})
    client.update_session({"extra": {"include": None}})
    await client.connect()
    session = (await service.call()).received[0]["session"]
    assert flat_session(session)["voice"] == "ash"
    assert (session["tracing"], session["include"]) == ("auto", None)


async def test_turn_detection_may_be_changed_in_part(
    service: Service, client: AzureRealTimeAudio
) -> None:
    await client.connect()
    client.update_session({"turn_detection": {"threshold": 0.9}})
    client.update_session({"turn_detection": {"type": "semantic_vad"}})
    client.update_session({"turn_detection": None})
    call = await service.call()
    await call.until("session.update", 4)
    assert_valid_client_events(service.dialect, call.received)
    part, other, off = (flat_session(message["session"]) for message in call.received[1:])
    assert part["turn_detection"]["threshold"] == 0.9
    assert part["turn_detection"]["silence_duration_ms"] == 600
    assert "voice" not in part
    assert "threshold" not in other["turn_detection"]
    assert off["turn_detection"] is None
