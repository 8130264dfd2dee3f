"""The pitfalls that clients of this API are known to fall into, each with its name.

Those of sound (truncation as it was heard, playback to the end, echo, resampling) are the daemon's
and stand with its conversation, gate and loudspeaker; what the wire can do about them is here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from pathlib import Path

import pytest

from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.inputs import (
    AnswerRequested,
    Input,
    LocalSpeechStarted,
    SessionOpened,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    CancelResponse,
    CreateResponse,
    DeleteItem,
    Output,
    StopPlayback,
    TruncateItem,
)
from rtaudio_daemon.notifications import AudioPart, Heard, PlaybackStarted, PlaybackStopped
from rtaudio_daemon.protocol.codec import Json, encode
from rtaudio_daemon.protocol.error_codes import Severity, severity_of
from rtaudio_daemon.protocol.events import (
    AudioDelta,
    AudioDone,
    Event,
    ResponseCreated,
    ResponseDone,
    ServiceErrorReported,
    SpeechStarted,
)
from rtaudio_daemon.simulator.model.behaviour import Quirks
from tests.realtime.service import Call, Service
from tests.realtime.user import SETTINGS, sentence, talking

in_every_dialect = pytest.mark.parametrize("kind", ["ga", "preview", "voice-live"])
PART = AudioPart("resp_1", "item_1", 0)
WEATHER: Json = {
    "type": "function",
    "name": "weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {}},
}


def created(response_id: str) -> Event:
    return ResponseCreated(response_id, None, "conv_1")


def done(response_id: str) -> Event:
    return ResponseDone(response_id, "completed", "", None, (), {})


def conversation() -> Conversation:
    """One whose session is open."""
    mind = Conversation()
    mind.handle(SessionOpened(), 0)
    return mind


def answered(heard_ms: int, received_ms: int, *, ended: bool = True) -> list[Output]:
    """What the daemon sends about an answer that was interrupted."""
    mind = conversation()
    mind.handle(created("resp_1"), 0)
    mind.handle(AudioDelta(PART, bytes(48 * received_ms)), 0)
    if ended:
        mind.handle(AudioDone(PART), 0)
        mind.handle(done("resp_1"), 0)
    mind.handle(PlaybackStarted(), 0)
    mind.handle(SpeechStarted("item_2"), 1)
    steps = mind.handle(PlaybackStopped((Heard(PART, heard_ms),)), 1)
    return [step for step in steps if isinstance(step, TruncateItem | DeleteItem | CancelResponse)]


def asked(mind: Conversation, event: Input, now: float = 0.0) -> list[str]:
    """The answers that are asked for after this, by the ids of the requests."""
    steps = mind.handle(event, now)
    return [step.event_id for step in steps if isinstance(step, CreateResponse)]


# ------------------------------------------------------------- truncation (1-3)


def test_pitfall_1_a_truncation_never_reaches_beyond_what_was_received() -> None:
    assert answered(5000, 1000, ended=False) == [TruncateItem("item_1", 0, 1000)]
    error = {"code": "invalid_value", "message": "Audio content of 900ms is already shorter than"}
    assert severity_of(error) is Severity.BENIGN


def test_pitfall_2_a_truncation_is_never_negative() -> None:
    assert answered(-11, 1000) == [DeleteItem("item_1")]


def test_pitfall_3_what_was_not_heard_at_all_is_deleted_and_not_truncated() -> None:
    assert answered(0, 1000) == [DeleteItem("item_1")]
    words = "Only model output audio messages can be truncated"
    assert severity_of({"code": None, "message": words}) is Severity.BENIGN


# ------------------------------------------------------------- cancelling (4-7)


@in_every_dialect
async def test_pitfall_4_cancelling_when_nothing_is_active_is_harmless(kind: str) -> None:
    async with talking(kind) as talk:
        talk.client.cancel_response()
        await talk.until(lambda: talk.named("error"))
        (event,) = talk.named("error")
        assert severity_of(event["error"]) is Severity.BENIGN
        await talk.turn(sentence(500))
        assert len(talk.named("response.done")) == 1


def test_pitfall_5_a_service_that_interrupts_by_itself_is_not_told_to_cancel_as_well() -> None:
    mind = conversation()
    mind.handle(created("resp_1"), 0)
    mind.handle(AudioDelta(PART, bytes(4800)), 0)
    mind.handle(PlaybackStarted(), 0)
    steps = mind.handle(SpeechStarted("item_2"), 1)
    assert any(isinstance(step, StopPlayback) for step in steps)
    assert not any(isinstance(step, CancelResponse) for step in steps)


async def test_pitfall_5_a_cancellation_names_the_answer_it_means() -> None:
    async with talking(pacing="realtime") as talk:
        talk.client.create_response()
        await talk.until(lambda: talk.client.status.value == "speaking")
        talk.client.cancel_response()
        await talk.until(lambda: talk.named("response.done"))
        (cancel,) = [m for m in talk.session.received if m["type"] == "response.cancel"]
        assert cancel["response_id"] == talk.named("response.created")[0]["response"]["id"]


def test_pitfall_6_a_second_answer_is_asked_for_when_the_first_is_done() -> None:
    mind = conversation()
    (first,) = asked(mind, AnswerRequested())
    assert asked(mind, AnswerRequested()) == []
    assert asked(mind, created("resp_1")) == []
    (second,) = asked(mind, done("resp_1"))
    assert first != second


def test_pitfall_6_a_refused_request_is_repeated_after_the_answer_that_stood_in_its_way() -> None:
    mind = conversation()
    (first,) = asked(mind, AnswerRequested())
    code = "conversation_already_has_active_response"
    words = "Conversation already has an active response in progress: resp_9."
    refusal = ServiceErrorReported(code, "", words, first, Severity.BENIGN)
    assert asked(mind, refusal) == []
    assert asked(mind, done("resp_9")) == [first]


def test_pitfall_6_a_request_that_nothing_comes_of_does_not_block_the_next_one_for_ever() -> None:
    mind = conversation()
    asked(mind, AnswerRequested())
    assert asked(mind, AnswerRequested(), 10) == []
    assert len(asked(mind, TimePassed(), 16)) == 1


@in_every_dialect
async def test_pitfall_7_late_sound_of_an_interrupted_answer_is_dropped(kind: str) -> None:
    async with talking(kind, pacing="realtime", late_deltas=3) as talk:
        sounds: list[Json] = []
        talk.client.on("response.audio.delta", sounds.append)
        talk.client.create_response()
        await talk.until(lambda: len(sounds) > 2)
        talk.client.cancel_response()
        before = len(sounds)
        await talk.until(lambda: talk.named("response.done"))
        assert len(sounds) == before
        assert talk.client.counters.late == 3


# ----------------------------------------------------------------- status (8)


async def test_pitfall_8_generation_that_is_done_is_not_playback_that_is_finished() -> None:
    async with talking() as talk:
        await talk.say(sentence(500))
        await talk.pause()
        await talk.until(lambda: talk.named("response.done"))
        assert talk.client.status.value == "speaking"
        talk.client.set_model_speak_done()
        assert talk.client.status.value == "idle"


# ---------------------------------------------------------- reconnection (9-13)


async def test_pitfall_9_a_clean_close_at_expiry_is_not_the_end() -> None:
    async with talking() as talk:
        await asyncio.sleep(20)
        talk.simulator.fault("expire")
        await talk.until(lambda: len(talk.simulator.sessions) == 2 and talk.client.is_initialized)
        assert "1001" in str(talk.changes[-2].reason)
        assert talk.changes[-1].gap_ms == 0


@in_every_dialect
async def test_pitfalls_10_and_11_history_is_told_as_text_and_answers_stay_spoken(
    kind: str,
) -> None:
    async with talking(kind) as talk:
        await talk.turn(sentence(800))
        await asyncio.sleep(15)
        talk.simulator.fault("drop")
        await talk.until(lambda: len(talk.simulator.sessions) == 2 and talk.client.is_initialized)
        told = [m["item"] for m in talk.session.received if m["type"] == "conversation.item.create"]
        assistant = next(item for item in told if item["role"] == "assistant")
        expected = "output_text" if kind == "ga" else "text"
        assert assistant["content"][0]["type"] == expected
        update = talk.session.received[0]["session"]
        kinds = update["output_modalities"] if kind == "ga" else update["modalities"]
        assert "audio" in kinds
        await talk.turn(sentence(800, seed=2))
        assert talk.named("error") == []


@in_every_dialect
async def test_pitfall_12_a_voice_that_was_heard_is_left_out_of_later_updates(kind: str) -> None:
    async with talking(kind) as talk:
        await talk.turn(sentence(500))
        talk.client.update_session({"voice": "ash", "instructions": "Be brief."})
        talk.client.update_session({"voice": "ash"})
        await asyncio.sleep(1)
        updates = [m for m in talk.session.received if m["type"] == "session.update"]
        assert len(updates) == 2
        assert "ash" not in json.dumps(updates)
        assert talk.session.settings.instructions == "Be brief."
        assert talk.named("error") == []
        talk.simulator.fault("drop")
        await talk.until(lambda: len(talk.simulator.sessions) == 2 and talk.client.is_initialized)
        assert "ash" in str(talk.session.settings.voice), "the next session has it"


@pytest.mark.parametrize(("speaks", "wants"), [("ga", "azure-preview"), ("preview", "azure (")])
async def test_pitfall_13_the_wrong_dialect_is_told_with_its_remedy(
    speaks: str, wants: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An endpoint that greets as it should and then refuses our spelling."""
    wrong = "session.type" if speaks == "ga" else "session.modalities"

    async def refuse(call: Call, message: Json) -> bool:
        words = f"Unknown parameter: '{wrong}'."
        await call.send({"type": "error", "error": {"code": "unknown_parameter", "message": words}})
        return True

    async with Service("ga" if speaks == "ga" else "preview") as service:
        service.on_message = refuse
        from rtaudio_daemon import AzureRealTimeAudio

        client = AzureRealTimeAudio.for_endpoint(service.endpoint())
        reasons: list[str | None] = []
        client.on("connection", lambda change: reasons.append(change.reason))
        async with client:
            assert wrong in str(reasons[-1])
            assert f"set realtime.profile {wants}" in str(reasons[-1])


async def test_settings_that_the_service_uses_differently_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Service("ga") as service:
        service.answers = False
        from rtaudio_daemon import AzureRealTimeAudio

        client = AzureRealTimeAudio.for_endpoint(
            service.endpoint(), session_config={**SETTINGS, "voice": "ash"}
        )
        reasons: list[str | None] = []
        client.on("connection", lambda change: reasons.append(change.reason))
        connecting = asyncio.create_task(client.connect())
        call = await service.call()
        await call.until("session.update")
        await call.send({"type": "session.updated", "session": service.session(1)})
        await connecting
        assert "voice is 'alloy' instead of 'ash'" in str(reasons[-1])
        assert "transcription is None instead of 'whisper-1'" in str(reasons[-1])
        await client.close()


# ------------------------------------------------------------ sound up (14-18)


@in_every_dialect
async def test_pitfall_14_a_commit_of_nothing_is_harmless(kind: str) -> None:
    async with talking(kind) as talk:
        talk.client.commit_audio()
        await talk.until(lambda: talk.named("error"))
        assert severity_of(talk.named("error")[0]["error"]) is Severity.BENIGN


def test_pitfall_15_the_microphone_is_deaf_to_the_answer_in_half_duplex() -> None:
    import numpy as np

    from rtaudio_daemon import config
    from rtaudio_daemon.audio.processing.gate import Gate

    class Sure:
        def probability(self, _pcm: bytes) -> float:
            return 0.6  # the assistant's own voice, faint in the microphone

    gate = Gate(config.Gate(), Sure())
    gate.playing = True
    frame = np.full(480, 500, "<i2").tobytes()
    assert not any(gate.feed(frame).pcm_to_send for _ in range(100))


async def test_pitfall_16_muting_leaves_no_speech_open_in_the_service() -> None:
    async with talking() as talk:
        await talk.say(sentence(800))
        await talk.until(lambda: talk.named("input_audio_buffer.speech_started"))
        talk.client.clear_audio_buffer()
        await asyncio.sleep(5)
        assert not talk.session._buffer.speaking
        assert talk.named("input_audio_buffer.committed") == []
        await talk.turn(sentence(500, seed=2))
        assert len(talk.named("response.done")) == 1


async def test_pitfall_17_an_odd_byte_waits_for_its_other_half() -> None:
    async with talking() as talk:
        said = sentence(1500)
        for at in range(0, len(said), 1323):  # 44.1 kHz x 15 ms, the classic
            talk.client.append_audio(said[at : at + 1323])
            await asyncio.sleep(0.015)
        await talk.pause()
        await talk.until(lambda: talk.named("response.done"))
        assert said in talk.session.heard
        assert talk.named("error") == []


@in_every_dialect
async def test_pitfall_18_the_format_is_always_named(kind: str) -> None:
    message = encode(
        {"type": "session.update", "session": {"input_audio_format": "pcm16"}},
        "ga" if kind == "ga" else "preview",
    )
    assert '"rate":24000' in message or '"input_audio_format":"pcm16"' in message


# -------------------------------------------------------------- answers (19-23)


@in_every_dialect
@pytest.mark.parametrize("with_error_event", [True, False])
async def test_pitfall_19_a_failed_answer_ends_thinking(kind: str, with_error_event: bool) -> None:
    async with talking(kind) as talk:
        talk.simulator.fault("fail", error_event=with_error_event)
        await talk.say(sentence(500))
        await talk.pause()
        await talk.until(lambda: talk.named("response.done"))
        assert talk.named("response.done")[0]["response"]["status"] == "failed"
        assert talk.client.status.value == "idle"


@pytest.mark.parametrize("mode", ["early", "late", "failed", "never"])
async def test_pitfall_20_no_answer_waits_for_the_words_of_the_user(mode: str) -> None:
    async with talking(transcription=mode) as talk:
        await talk.turn(sentence(800))
        await asyncio.sleep(10)
        assert talk.named("response.done")[0]["response"]["status"] == "completed"
        items = talk.client._conversation.history.retell(asyncio.get_running_loop().time())
        roles = [item["role"] for item in items]
        assert roles == (["user", "assistant"] if mode in ("early", "late") else ["assistant"])


@in_every_dialect
@pytest.mark.parametrize("interrupted", [False, True])
async def test_pitfall_21_a_tool_of_a_turn_that_was_interrupted_asks_for_no_answer(
    kind: str, interrupted: bool
) -> None:
    from rtaudio_daemon.simulator.model.reply import Call as ToolCall
    from rtaudio_daemon.simulator.model.reply import Reply, Turn

    def reply(turn: Turn) -> Reply:
        if turn.number > 1:
            return Reply("Sunny.")
        return Reply(calls=(ToolCall("weather", '{"day": 1}'), ToolCall("weather", '{"day": 2}')))

    settings = {**SETTINGS, "tools": [WEATHER]}
    async with talking(kind, reply=reply, settings=settings) as talk:
        calls: list[object] = []
        talk.client.on("function_calls", calls.extend)
        await talk.say(sentence(500))
        await talk.pause()
        await talk.until(lambda: len(calls) == 2)
        first, second = calls
        assert (first.name, first.arguments) == ("weather", '{"day": 1}')  # type: ignore[attr-defined]
        assert talk.client.status.value == "thinking"
        if interrupted:
            await talk.say(sentence(300, seed=2))
        talk.client.answer_function_call(second.call_id, "rain")  # type: ignore[attr-defined]
        talk.client.answer_function_call(first.call_id, "sun")  # type: ignore[attr-defined]
        talk.client.answer_function_call("nobody", "asked")
        await talk.pause()
        await talk.until(lambda: len(talk.named("response.done")) == 2)
        await asyncio.sleep(5)
        sent = [
            m.get("item", {}).get("output", m["type"])
            for m in talk.session.received
            if m["type"] in ("conversation.item.create", "response.create")
        ]
        assert sent == (["sun", "rain"] if interrupted else ["sun", "rain", "response.create"])
        assert len(talk.named("response.done")) == 2
        assert talk.named("error") == []


async def test_pitfall_22_sound_is_not_cut_off_by_the_end_of_generation() -> None:
    mind = conversation()
    mind.handle(created("resp_1"), 0)
    mind.handle(AudioDelta(PART, bytes(48_000)), 0)
    mind.handle(PlaybackStarted(), 0)
    mind.handle(AudioDone(PART), 0)
    steps = mind.handle(done("resp_1"), 0)
    assert not any(isinstance(step, StopPlayback) for step in steps)
    assert mind.status == "speaking"


@pytest.mark.parametrize("quirks", ["localai", "huggingface", "huggingface-old", "xai", "sglang"])
async def test_pitfall_23_a_compatible_server_with_its_habits_can_be_talked_to(
    quirks: Quirks,
) -> None:
    """Missing and repeated events, both spellings, odd orders, details as a string."""
    from rtaudio_daemon import AzureRealTimeAudio
    from rtaudio_daemon.protocol.endpoint import endpoint
    from rtaudio_daemon.simulator.server.simulator import Simulator
    from tests.realtime.user import Talk
    from tests.simulator.caller import EnergyHearing

    async with Simulator(voice_detector=EnergyHearing, voice="tone", quirks=quirks) as service:
        place = endpoint("compatible", url=f"{service.url}/v1/realtime?model=m")
        client = AzureRealTimeAudio.for_endpoint(place, session_config=SETTINGS)
        async with client:
            talk = Talk(service, client)
            for seed in (1, 2):
                await talk.turn(sentence(800, seed=seed))
            assert talk.statuses == ["listening", "thinking", "speaking", "idle"] * 2
            await asyncio.sleep(15)
            service.fault("drop")
            await talk.until(lambda: len(service.sessions) == 2 and client.is_initialized)
            told = [m for m in talk.session.received if m["type"] == "conversation.item.create"]
            assert [m["item"]["role"] for m in told].count("assistant") == 2


# ------------------------------------------------------------- the wire (24-31)


async def test_pitfall_24_a_frame_of_many_megabytes_is_read() -> None:
    async with Service("ga") as service:
        from rtaudio_daemon import AzureRealTimeAudio

        async with AzureRealTimeAudio.for_endpoint(service.endpoint()) as client:
            heard: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            client.on("response.audio.delta", heard.set_result)
            audio = base64.b64encode(bytes(12_000_000)).decode()
            call = await service.call()
            await call.send({"type": "response.output_audio.delta", "delta": audio})
            assert len((await heard)["delta"]) == 16_000_000


async def test_pitfall_25_a_slow_listener_is_told_in_tasks_and_blocks_nobody() -> None:
    async with talking() as talk:
        slow = asyncio.Event()

        async def listen(_event: Json) -> None:
            await asyncio.sleep(100)
            slow.set()

        talk.client.on("response.audio.delta", listen)
        await talk.turn(sentence(500))
        assert not slow.is_set()
        assert talk.states[-1] == "open"


def test_pitfall_26_a_cough_that_the_service_does_not_hear_ends_no_answer() -> None:
    mind = conversation()
    mind.handle(created("resp_1"), 0)
    steps = mind.handle(LocalSpeechStarted(), 0)
    assert not any(isinstance(step, StopPlayback | CancelResponse) for step in steps)


async def test_pitfall_27_nothing_of_the_old_session_is_named_in_the_next() -> None:
    async with talking() as talk:
        await talk.turn(sentence(800))
        await asyncio.sleep(15)
        old = [e["item"]["id"] for e in talk.named("conversation.item.created")]
        talk.simulator.fault("drop")
        await talk.until(lambda: len(talk.simulator.sessions) == 2 and talk.client.is_initialized)
        talk.client.cancel_response()
        await asyncio.sleep(1)
        sent = json.dumps(list(talk.session.received))
        assert old
        assert not any(item_id in sent for item_id in old)
        assert "resp_" not in sent


@in_every_dialect
async def test_pitfall_28_tools_are_flat(kind: str) -> None:
    async with talking(kind, settings={**SETTINGS, "tools": [WEATHER]}) as talk:
        assert talk.session.settings.tools == [WEATHER]
        assert talk.changes[-1].reason is None


async def test_pitfall_29_the_key_is_a_header_and_no_redirect_gets_it() -> None:
    async with Service("ga") as thief, Service("ga") as service:
        from rtaudio_daemon import AzureRealTimeAudio, HandshakeError

        service.refusals.append((307, {"Location": thief.host_name}, ""))
        client = AzureRealTimeAudio.for_endpoint(service.endpoint(api_key="sesame"))
        with pytest.raises(HandshakeError, match="not followed"):
            await client.connect()
        assert thief.attempts == 0
        await client.connect()
        call = await service.call()
        assert call.headers["api-key"] == "sesame"
        assert "Authorization" not in call.headers
        assert "sesame" not in call.path
        assert "OpenAI-Beta" not in call.headers
        await client.close()


async def test_pitfall_30_a_transcription_that_fails_does_not_cost_the_turn() -> None:
    async with talking(transcription="failed") as talk:
        await talk.turn(sentence(500))
        assert talk.named("response.done")[0]["response"]["status"] == "completed"


async def test_pitfall_31_reconnecting_sends_settings_and_history_again() -> None:
    async with talking() as talk:
        await talk.turn(sentence(800))
        await asyncio.sleep(15)
        talk.simulator.fault("drop")
        await talk.until(lambda: len(talk.simulator.sessions) == 2 and talk.client.is_initialized)
        await asyncio.sleep(1)
        kinds = [message["type"] for message in talk.session.received]
        assert kinds == ["session.update", *["conversation.item.create"] * 2]
        first, second = talk.simulator.sessions
        assert first.received[0]["session"] == second.received[0]["session"]


# --------------------------------------------------------------------- others


async def test_a_turn_that_is_never_answered_does_not_leave_the_client_thinking() -> None:
    async with Service("ga") as service:
        from rtaudio_daemon import AzureRealTimeAudio

        async with AzureRealTimeAudio.for_endpoint(service.endpoint()) as client:
            call = await service.call()
            await call.send({"type": "input_audio_buffer.speech_started"})
            await call.send({"type": "input_audio_buffer.speech_stopped"})
            await asyncio.sleep(1)
            assert client.status.value == "thinking"
            await asyncio.sleep(15)
            assert client.status.value == "idle"


async def test_with_push_to_talk_a_turn_is_not_thought_about_before_it_is_asked_for() -> None:
    async with talking() as talk:
        talk.client.update_session({"turn_detection": None})
        await talk.say(sentence(500))
        talk.client.commit_audio()
        await talk.until(lambda: talk.named("input_audio_buffer.committed"))
        assert talk.statuses == []
        talk.client.create_response()
        await talk.until(lambda: talk.named("response.done"))
        assert talk.statuses == ["thinking", "speaking"]
        assert talk.named("error") == []


def test_speech_to_text_sessions_get_no_settings_of_answers() -> None:
    session = {"type": "transcription", "turn_detection": {"type": "server_vad"}}
    wire = json.loads(encode({"type": "session.update", "session": session}, "ga"))["session"]
    detection = wire["audio"]["input"]["turn_detection"]
    assert wire["type"] == "transcription"
    assert set(detection) == {"type", "threshold", "prefix_padding_ms", "silence_duration_ms"}


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"code": "session_expired"}, Severity.RETRY),
        ({"code": None, "type": "server_error"}, Severity.RETRY),
        ({"code": "rate_limit_exceeded"}, Severity.RETRY),
        ({"code": "insufficient_quota"}, Severity.FATAL),
        ({"type": "insufficient_quota", "message": "x"}, Severity.FATAL),
        ({"code": "beta_api_shape_disabled"}, Severity.FATAL),
        ({"code": "unknown_parameter"}, Severity.CONFIGURATION),
        ({"message": "Unknown parameter: 'session.type'."}, Severity.CONFIGURATION),
        ({"code": "response_cancel_not_active"}, Severity.BENIGN),
        (
            {"message": "Conversation already has an active response in progress: resp_1."},
            Severity.BENIGN,
        ),
        ({"code": "session_limit_reached"}, Severity.RETRY),
        ({}, Severity.RETRY),
    ],
)
def test_an_error_is_judged_by_code_then_type_then_words(error: Json, fault: Severity) -> None:
    assert severity_of(error) is fault


def test_nothing_secret_is_in_the_log(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    from rtaudio_daemon.protocol.endpoint import endpoint

    place = endpoint("openai", deployment="m", api_key="sk-secret")
    assert "sk-secret" not in repr(place)
    assert "sk-secret" not in place.url
