"""Voice Live, Entra ID, TLS and the public face of the client."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import rtaudio_daemon
from rtaudio_daemon import AzureRealTimeAudio, ServiceError
from rtaudio_daemon.config import parse
from rtaudio_daemon.config.profiles import AZURE_SCOPE
from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.optional_packages import how_to_install
from rtaudio_daemon.protocol.endpoint import endpoint, problems
from rtaudio_daemon.protocol.session_format import session_settings
from rtaudio_daemon.realtime import entra
from rtaudio_daemon.realtime.options import SessionPolicy, WebsocketOptions
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.realtime.service import Service
from tests.realtime.user import sentence, talking

ROOT = Path(__file__).parent.parent.parent

# --------------------------------------------------------------- Voice Live


def test_voice_live_has_an_address_of_its_own_and_a_newest_version() -> None:
    place = endpoint(
        "azure-voice-live",
        host_name="res.services.ai.azure.com",
        deployment="gpt-realtime",
        api_key="k",
    )
    expected = "wss://res.services.ai.azure.com/voice-live/realtime"
    assert place.url == f"{expected}?api-version=2026-07-15&model=gpt-realtime"
    dated = endpoint(
        "azure-voice-live", host_name="h", deployment="m", api_version="2025-10-01", api_key="k"
    )
    assert "api-version=2025-10-01" in dated.url
    assert place.headers() == {"api-key": "k"}


async def test_voice_live_takes_its_extras_from_the_configuration() -> None:
    settings = parse(
        """
        realtime:
          profile: azure-voice-live
          host_name: h
          deployment: m
          api_key: k
          session:
            echo_cancellation: server
            noise_reduction: azure_deep_noise_suppression
            turn_detection: {type: azure_semantic_vad}
            extra: {turn_detection: {remove_filler_words: true}}
        """.replace("\n        ", "\n")
    )
    async with talking("voice-live", settings=session_settings(settings.realtime.session)) as talk:
        update = talk.session.received[0]["session"]
        assert update["input_audio_echo_cancellation"] == {"type": "server_echo_cancellation"}
        assert update["input_audio_noise_reduction"]["type"] == "azure_deep_noise_suppression"
        assert update["turn_detection"]["type"] == "azure_semantic_vad"
        assert update["turn_detection"]["remove_filler_words"] is True
        assert update["turn_detection"]["silence_duration_ms"] == 500
        await talk.turn(sentence(800))
        assert talk.named("error") == []


# ----------------------------------------------------------------- Entra ID


async def test_a_token_is_fetched_before_each_connection() -> None:
    tokens = iter(["first", "second"])

    async def fetch() -> str:
        return next(tokens)

    async with Service("ga") as service:
        client = AzureRealTimeAudio.for_endpoint(
            service.endpoint(auth="entra", token=fetch), session_config={}
        )
        async with client:
            call = await service.call()
            assert call.headers["Authorization"] == "Bearer first"
            call.cut()
            again = await service.call(2)
            assert again.headers["Authorization"] == "Bearer second"
            assert "api-key" not in again.headers


async def test_tokens_come_from_azure_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Credential:
        def get_token(self, scope: str) -> SimpleNamespace:
            asked.append(scope)
            if len(asked) > 1:
                raise RuntimeError("no identity here\nand much more")
            return SimpleNamespace(token="t0ken")

    identity = ModuleType("azure.identity")
    identity.DefaultAzureCredential = Credential  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure.identity", identity)
    entra._credential.cache_clear()
    assert await entra.fetch_token(AZURE_SCOPE) == "t0ken"
    with pytest.raises(ServiceError, match="gave no token: no identity here ") as refused:
        await entra.fetch_token(AZURE_SCOPE)
    assert refused.value.code == entra.REFUSED
    entra._credential.cache_clear()


async def test_without_azure_identity_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    entra._credential.cache_clear()
    with pytest.raises(ServiceError, match=re.escape(how_to_install("azure.identity"))):
        await entra.fetch_token(AZURE_SCOPE)


def test_only_azure_takes_entra_tokens() -> None:
    assert problems("openai", deployment="m", auth="entra")[0][0] == "auth"
    assert problems("azure", host_name="h", deployment="m", auth="entra") == []


# ---------------------------------------------------------------------- TLS


@pytest.mark.real_time
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with Simulator(tls=tmp_path) as service:
        place = endpoint("azure", host_name=service.url, deployment="m", api_key="k")
        client = AzureRealTimeAudio.for_endpoint(place)
        with pytest.raises(ServiceError, match=r"certificate of .* is not trusted"):
            await client.connect(timeout_s=2)


# -------------------------------------------------------- mistakes at `check`


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("profile: azur", "did you mean azure?"),
        ("{profile: azure, host_name: h, api_key: k}", "realtime.deployment"),
        ("{profile: azure-voice-live, host_name: h, api_key: k}", "realtime.deployment"),
        ("{profile: azure-voice-live, deployment: m, api_key: k}", "realtime.host_name"),
        ("{profile: compatible, url: 'https://h/v1'}", "ws:// or wss://"),
        ("{profile: openai, deployment: m, auth: entra}", "entra is Azure's"),
        ("session: {turn_detection: {threshold: 1.5}}", "a number from 0 to 1"),
        ("session: {turn_detection: {type: azure_semantic_vad}}", "only azure-voice-live"),
        ("session: {echo_cancellation: server}", "only azure-voice-live"),
        ("session: {max_output_tokens: 5000}", "from 1 to 4096"),
        ("budget: {daily_limit: 2}", "needs realtime.budget.prices"),
        ("history: {turns: -1}", "from 0 to 200"),
        ("hold: sometimes", "always or on_speech"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_remedy(yaml: str, expected: str) -> None:
    text = f"realtime: {yaml}" if yaml.startswith("{") else f"realtime:\n  {yaml}"
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert any(expected in problem for problem in caught.value.problems), caught.value.problems
    assert all(problem.startswith("config.yaml:") for problem in caught.value.problems)


def test_the_policy_is_what_the_configuration_says() -> None:
    settings = parse(
        "realtime:\n  hold: on_speech\n  hold_idle_s: 30\n  history: {turns: 3}\n"
        "  budget: {daily_limit: 2, prices: {audio_output: 64}}\n"
    )
    policy = SessionPolicy.of(settings.realtime)
    assert (policy.hold, policy.idle_s, policy.history_turns) == ("on_speech", 30, 3)
    assert (policy.daily_limit, policy.prices.audio_output) == (2, 64)


# ------------------------------------------------------------ the public face

PUBLIC = {
    "adjust_budget(prices: 'Prices', daily_limit: 'float') -> 'None'",
    "answer_function_call(call_id: 'str', output: 'str') -> 'None'",
    "append_audio(audio: 'bytes | bytearray | memoryview | str') -> 'None'",
    "cancel_response(response_id: 'str | None' = None) -> 'None'",
    "clear_audio_buffer() -> 'None'",
    "close() -> 'None'",
    "commit_audio() -> 'None'",
    "connect(timeout_s: 'float' = 30.0) -> 'None'",
    "create_conversation_item(item: 'Mapping[str, Any]', previous_item_id: 'str | None' = None)"
    " -> 'None'",
    "create_response(config: 'Mapping[str, Any] | None' = None) -> 'None'",
    "delete_item(item_id: 'str') -> 'None'",
    "drop_answer() -> 'None'",
    "forget() -> 'None'",
    "off(event: 'str', listener: 'Listener | None' = None) -> 'None'",
    "off_all() -> 'None'",
    "on(event: 'str', listener: 'Listener') -> 'Callable[[], None]'",
    "once(event: 'str', listener: 'Listener') -> 'Callable[[], None]'",
    "run() -> 'None'",
    "send(event: 'Mapping[str, Any]') -> 'None'",
    "set_model_speak_done() -> 'None'",
    "truncate_item(item_id: 'str', content_index: 'int', audio_end_ms: 'int') -> 'None'",
    "update_session(config: 'Mapping[str, Any]') -> 'None'",
    "wake() -> 'None'",
}
FACTS = {
    "asleep", "counters", "holds_turn", "is_initialized", "session", "session_config", "state",
    "status", "uplink_bytes", "usage",
}  # fmt: skip


def test_the_public_methods_are_as_promised() -> None:
    methods, facts = set(), set()
    for name, member in inspect.getmembers(AzureRealTimeAudio):
        if name.startswith("_") or name == "for_endpoint":
            continue
        if isinstance(member, property):
            facts.add(name)
        elif callable(member):
            signature = (
                str(inspect.signature(member)).replace("(self, ", "(").replace("(self)", "()")
            )
            methods.add(f"{name}{signature}")
    assert methods == PUBLIC
    assert facts == FACTS


def test_the_constructor_takes_what_the_seed_took() -> None:
    parameters = inspect.signature(AzureRealTimeAudio.__init__).parameters
    assert list(parameters)[1:] == [
        "host_name",
        "deployment",
        "api_version",
        "api_key",
        "session_config",
        "websocket_options",
        "policy",
        "http_session",
    ]
    assert set(WebsocketOptions.__slots__) == {
        "reconnect_interval",
        "heartbeat_interval",
        "heartbeat_message",
        "max_reconnect_attempts",
        "should_reconnect",
        "protocols",
        "connect_resend",
        "outage_buffer",
        "compress",
    }


def test_the_package_offers_its_public_names() -> None:
    assert all(hasattr(rtaudio_daemon, name) for name in rtaudio_daemon.__all__)
    assert (Path(rtaudio_daemon.__file__).parent / "py.typed").exists()


@pytest.mark.real_time
async def test_the_example_holds_a_conversation() -> None:
    async with Simulator(voice="tone") as service:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "examples" / "talk.py"),
            str(ROOT / "rtaudio_daemon" / "recordings" / "hello.wav"),
            env={
                "AZURE_HOST": service.url,
                "AZURE_DEPLOYMENT": "gpt-realtime",
                "PATH": "/usr/bin",
                "PYTHONPATH": str(ROOT),
                "AZURE_KEY": "",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    assert b"bytes of answer" in output
