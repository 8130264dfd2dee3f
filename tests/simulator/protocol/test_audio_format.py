"""TLS, compression, the telephone's formats, and idle timeouts."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.simulator.protocol.audio_format import AudioFormat, Decoder, Encoder
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.server.simulator import Simulator
from rtaudio_daemon.simulator.server.tls import server_context
from tests.simulator.caller import PATHS, Caller, call, loud, quiet


async def test_tls_with_a_certificate_of_its_own(tmp_path: Path, dialect: Dialect) -> None:
    async with Simulator(tls=tmp_path) as simulator, aiohttp.ClientSession() as http:
        assert simulator.url.startswith("wss://127.0.0.1:")
        assert simulator.certificate is not None
        trusting = ssl.create_default_context(cafile=simulator.certificate)
        async with http.ws_connect(simulator.url + PATHS[dialect], ssl=trusting) as socket:
            assert (await socket.receive_json())["type"] == "session.created"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.ws_connect(simulator.url + PATHS[dialect])
    made = simulator.certificate.read_bytes()
    assert server_context(tmp_path, "127.0.0.1")[1].read_bytes() == made  # kept, not made anew
    (key,) = tmp_path.glob("*.key")
    assert key.stat().st_mode & 0o077 == 0


def test_without_openssl_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt install openssl"):
        server_context(tmp_path / "certificates", "localhost")


async def test_compression_and_the_subprotocol_are_offered(
    simulator: Simulator, dialect: Dialect
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            simulator.url + PATHS[dialect], compress=15, protocols=("realtime",)
        ) as socket,
    ):
        assert socket.compress
        assert socket.protocol == "realtime"
        assert (await socket.receive_json())["type"] == "session.created"


@pytest.mark.parametrize(
    ("kind", "codes", "samples"),
    [
        ("g711_ulaw", b"\xff\x00\x80\x7f", [0, -32124, 32124, 0]),
        ("g711_alaw", b"\xd5\x55\xaa\x2a", [8, -8, 32256, -32256]),
    ],
)
def test_the_tables_are_those_of_g711(kind: AudioFormat, codes: bytes, samples: list[int]) -> None:
    for code, sample in zip(codes, samples, strict=True):
        pcm = Decoder(kind).pcm(bytes([code]) * 800)
        middle = np.frombuffer(pcm, dtype="<i2")[600:1200]
        assert abs(int(np.median(middle)) - sample) <= 1


@pytest.mark.parametrize("kind", ["g711_ulaw", "g711_alaw"])
def test_sound_survives_the_telephone(kind: AudioFormat) -> None:
    wave = (np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000) * 8000).astype("<i2")
    codes = Encoder(kind).encoded(wave.tobytes())
    assert len(codes) == pytest.approx(8000, abs=200)
    back = np.frombuffer(Decoder(kind).pcm(codes), dtype="<i2")[4000:16_000]
    spectrum = np.abs(np.fft.rfft(back * np.hanning(len(back))))
    assert np.argmax(spectrum) * 24_000 / len(back) == pytest.approx(440, abs=3)
    assert spectrum.max() ** 2 > 0.3 * np.sum(spectrum**2)


async def test_a_session_can_speak_like_a_telephone(caller: Caller) -> None:
    session: dict[str, Any] = {
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "turn_detection": None,
    }
    if caller.dialect == "ga":
        format_ = {"type": "audio/pcmu"}
        audio_in = {"format": format_, "turn_detection": None}
        session = {"type": "realtime", "audio": {"input": audio_in, "output": {"format": format_}}}
    await caller.send("session.update", session=session)
    await caller.until("session.updated")
    audio = base64.b64encode(b"\x20" * 8001).decode()  # an odd number of bytes is fine here
    await caller.send("input_audio_buffer.append", audio=audio)
    await caller.send("input_audio_buffer.commit")
    await caller.until("input_audio_buffer.committed")
    assert len(caller.session.heard) == pytest.approx(48_000, rel=0.05)
    await caller.send("response.create")
    response = (await caller.until("response.done"))["response"]
    said_ms = sum(item.audio_ms for item in caller.session.items if item.data["role"] != "user")
    assert len(caller.sound()) == pytest.approx(said_ms * 8, rel=0.1)
    assert (response.get("output_audio_format") or response["audio"]["output"]["format"]) in (
        "g711_ulaw",
        {"type": "audio/pcmu"},
    )


async def test_somebody_who_says_nothing_is_asked_again(simulator: Simulator) -> None:
    async with call(simulator, "ga") as caller:
        await caller.configure(
            turn_detection={"type": "server_vad", "idle_timeout_ms": 5000},
            transcription={"model": "whisper-1"},
        )
        await caller.speak(loud(640) + quiet(480))
        await caller.until("response.done")
        caller.events.clear()
        await caller.until("response.done")
        kinds = [kind for kind in caller.kinds() if "transcription" not in kind]
        assert kinds[:5] == [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.created",
            "conversation.item.done",
            "response.created",
        ]
        kind = "conversation.item.input_audio_transcription.completed"
        completed = (caller.of(kind)[1:] or [await caller.until(kind)])[-1]
        assert completed["transcript"] == ""
        assert completed["usage"] == {"type": "duration", "seconds": 0.0}


async def test_somebody_who_speaks_is_not_asked_again(simulator: Simulator) -> None:
    async with call(simulator, "ga") as caller:
        await caller.configure(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})
        await caller.write("hello")
        await caller.send("response.create")
        await caller.until("response.done")
        await caller.speak(loud(640))
        with pytest.raises(TimeoutError):
            await caller.until("input_audio_buffer.timeout_triggered")
