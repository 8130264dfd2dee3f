"""The doctor names the cause, whatever is wrong, and says what to do."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import SAMPLE_RATE
from rtaudio_daemon.cli.doctor import echo_check, examination, machine, service, sound_devices
from rtaudio_daemon.cli.doctor.finding import Finding
from rtaudio_daemon.optional_packages import how_to_install
from rtaudio_daemon.simulator.fault_injection import fault_from
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.cli.test_main import finished, line_with, started
from tests.harness import samples, speech
from tests.sound_server import SoundServer, sound_server

__all__ = ["sound_server"]
KEY = "the-right-key-of-this-simulator"


def configuration(folder: Path, host_name: str, **options: str) -> str:
    """A configuration for a service at `host_name`; returns its path."""
    path = folder / "config.yaml"
    realtime = {"profile": "azure", "host_name": host_name, "deployment": "gpt-realtime"}
    realtime |= {"api_key": KEY, **options}
    lines = ["realtime:", *(f"  {name}: '{value}'" for name, value in realtime.items())]
    lines += ["audio: {input: {device: none}, output: {device: none}}", "http: {port: 0}"]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return str(path)


async def verdict(path: str) -> tuple[dict[str, Finding], int]:
    """What is found about the service, by name, and the exit status."""
    findings = [each async for each in service.check_service(config.load(path).realtime)]
    status = examination.exit_status(findings)
    for finding in findings:
        assert finding.remedy or finding.verdict == "pass", "whatever is wrong has a remedy"
        assert KEY not in examination.line(finding)
    return {finding.name: finding for finding in findings}, status


async def test_a_service_that_works_is_found_well_with_its_latency(tmp_path: Path) -> None:
    async with Simulator(api_key=KEY) as simulator:
        found, status = await verdict(configuration(tmp_path, simulator.url))
    assert status == 0
    assert [found[name].verdict for name in ("dns", "tcp", "handshake", "session settings")] == [
        "pass", "pass", "pass", "pass",
    ]  # fmt: skip
    assert "first sound after" in found["answer"].what


@pytest.mark.parametrize(
    ("status", "words", "remedy", "exit_status"),
    [
        (401, "HTTP 401", "realtime.api_key", 77),
        (403, "HTTP 403", "network rules", 77),
        (404, "DeploymentNotFound", "realtime.deployment", 1),
        (429, "HTTP 429", "quota", 1),
        (503, "ServiceUnavailable", "try again later", 1),
    ],
)
async def test_a_refused_handshake_names_its_cause(
    tmp_path: Path, status: int, words: str, remedy: str, exit_status: int
) -> None:
    async with Simulator(api_key=KEY) as simulator:
        simulator.faults.arm(fault_from({"fault": "refuse", "status": status, "times": 0}))
        found, exit_code = await verdict(configuration(tmp_path, simulator.url))
    assert found["handshake"].verdict == "fail"
    assert words in found["handshake"].what
    assert remedy in found["handshake"].remedy
    assert exit_code == exit_status


async def test_a_wrong_key_ends_with_77(tmp_path: Path) -> None:
    async with Simulator(api_key="another key") as simulator:
        found, status = await verdict(configuration(tmp_path, simulator.url))
    assert "401" in found["handshake"].what
    assert status == 77


async def test_a_dead_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        found, status = await verdict(configuration(tmp_path, f"ws://127.0.0.1:{port}"))
    assert f"port {port}" in found["tcp"].what
    assert (found["tcp"].verdict, status) == ("fail", 1)
    assert "handshake" not in found, "what rests on it is not tried"


async def test_a_host_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found, status = await verdict(configuration(tmp_path, "ws://resource.invalid"))
    assert (found["dns"].verdict, status) == ("fail", 1)
    assert "realtime.host_name" in found["dns"].remedy


async def test_a_proxy_is_named_instead_of_the_network_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    found, status = await verdict(configuration(tmp_path, "wss://resource.invalid"))
    assert (found["proxy"].verdict, status) == ("pass", 1)
    assert "dns" not in found
    assert "the proxy 127.0.0.1:9" in found["handshake"].what
    assert "secret" not in str(found)


@pytest.mark.real_time
async def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    async with Simulator(api_key=KEY, tls=tmp_path) as simulator:
        found, status = await verdict(configuration(tmp_path, simulator.url))
    assert (found["tls"].verdict, status) == ("fail", 1)
    assert "not trusted" in found["tls"].what


@pytest.mark.real_time
async def test_a_service_without_tls_is_named(tmp_path: Path) -> None:
    async with Simulator(api_key=KEY) as simulator:
        host = simulator.url.replace("ws://", "wss://")
        found, status = await verdict(configuration(tmp_path, host))
    assert (found["tls"].verdict, status) == ("fail", 1)
    assert "ws://" in found["tls"].remedy


@asynccontextmanager
async def strange_service(
    say: Callable[[web.WebSocketResponse], AsyncIterator[None]],
) -> AsyncIterator[str]:
    """A service that takes the connection, and then does as `say` does."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        async for _ in say(line):
            pass
        return line

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def silent(line: web.WebSocketResponse) -> AsyncIterator[None]:
    async for _ in line:
        yield


async def test_a_service_that_stalls_is_named(tmp_path: Path) -> None:
    async with strange_service(silent) as url:
        found, status = await verdict(configuration(tmp_path, url))
    assert (found["handshake"].verdict, status) == ("fail", 1)
    assert "session.created" in found["handshake"].what
    assert "says nothing" in found["handshake"].remedy


async def test_a_service_of_another_dialect_is_named(tmp_path: Path) -> None:
    async def preview(line: web.WebSocketResponse) -> AsyncIterator[None]:
        session = {"id": "sess_1", "object": "realtime.session", "modalities": ["audio", "text"]}
        await line.send_json({"type": "session.created", "event_id": "e1", "session": session})
        async for message in line:
            error = {
                "type": "invalid_request_error",
                "code": "unknown_parameter",
                "message": "Unknown parameter: 'session.type'.",
                "param": "session.type",
                "event_id": json.loads(message.data).get("event_id"),
            }
            await line.send_json({"type": "error", "event_id": "e2", "error": error})
            yield

    async with strange_service(preview) as url:
        found, status = await verdict(configuration(tmp_path, url))
    assert (found["session settings"].verdict, status) == ("fail", 1)
    assert "session.type" in found["session settings"].what
    assert "realtime.profile" in found["session settings"].remedy


async def test_an_answer_that_fails_is_named(tmp_path: Path) -> None:
    async with Simulator(api_key=KEY) as simulator:
        fault = {"fault": "fail", "status": "failed", "code": "insufficient_quota", "times": 0}
        simulator.faults.arm(fault_from(fault))
        found, status = await verdict(configuration(tmp_path, simulator.url))
    assert (found["answer"].verdict, status) == ("fail", 1)


async def test_a_wrong_configuration_ends_with_78_and_every_line_of_it(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("realtime:\n  profil: azure\nhttp:\n  port: loud\n")
    findings, status = await examination.run(str(path))
    assert status == 78
    assert len([each for each in findings if each.name == "configuration"]) == 2


def test_a_key_that_others_may_read_is_a_fault(tmp_path: Path) -> None:
    path = configuration(tmp_path, "ws://127.0.0.1")
    assert machine._permissions(path).verdict == "pass"
    (tmp_path / "secrets.yaml").write_text("a: b\n")
    (tmp_path / "secrets.yaml").chmod(0o644)
    assert "chmod 600" in machine._permissions(path).remedy


def test_a_taken_port_is_told_from_our_own_daemon() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        http = replace(config.Http(), port=taken.getsockname()[1])
        taken.close()
        assert machine._port(http).verdict == "pass"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        taken.settimeout(5)
        http = replace(config.Http(), port=taken.getsockname()[1])
        found = machine._port(http)
    assert found.verdict == "fail"
    assert "http.port" in found.remedy


def test_an_address_that_is_not_ours_is_named() -> None:
    found = machine._port(replace(config.Http(), host="192.0.2.1"))
    assert "correct http.host" in found.remedy
    found = machine._port(replace(config.Http(), host="nobody.invalid"))
    assert "no host of this name" in found.what
    assert "correct http.host" in found.remedy


def test_a_sound_server_that_nobody_can_watch_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/run/pulse")
    (tmp_path / "pactl").write_text("#!/bin/sh\n")
    (tmp_path / "pactl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pactl" not in {each.name for each in machine._sound_server()}
    (tmp_path / "pactl").unlink()
    found = {each.name: each for each in machine._sound_server()}
    assert found["pactl"].verdict == "warn"
    assert "moves the microphone" in found["pactl"].what
    assert found["pactl"].remedy == "sudo apt install pulseaudio-utils"


def test_setup_brings_what_watches_the_sound_server() -> None:
    setup = (Path(__file__).parents[3] / "script/setup").read_text()
    always = setup.partition("--dev ]")[0]
    assert "pulseaudio-utils" in always.partition("packages=(")[2]


def test_a_clock_that_was_never_set_is_named() -> None:
    found = machine._clock(12_345.0)
    assert found.verdict == "fail"
    assert "1970" in found.what


# ------------------------------------------------------------------------- sound


def recording(path: Path, pcm: bytes) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)
    return f"wav:{path}"


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("pcm", "verdict", "words"),
    [
        (speech("weather"), "pass", "hears the room at"),
        (bytes(5 * 48_000), "fail", "digital silence"),
        (b"\xff\x7f\x01\x80" * 60_000, "warn", "overdriven"),
        (b"\x04\x00\xfc\xff" * 60_000, "warn", "very quiet"),
    ],
    ids=["speech", "silence", "clipping", "quiet"],
)
async def test_the_microphone_is_judged_by_what_it_delivers(
    tmp_path: Path, pcm: bytes, verdict: str, words: str
) -> None:
    audio = config.Audio()
    device = recording(tmp_path / "said.wav", pcm)
    audio = replace(audio, input=replace(audio.input, device=device))
    found = {each.name: each async for each in sound_devices.check_sound(audio)}
    assert found["microphone"].verdict == verdict
    assert words in found["microphone"].what


@pytest.mark.parametrize(
    ("hertz", "words"),
    [
        (0, "a constant offset at -20 dBFS"),
        (50, "mains hum of 50 Hz at -20 dBFS"),
        (60, "mains hum of 60 Hz at -20 dBFS"),
    ],
)
def test_an_offset_and_a_hum_of_the_microphone_are_named(hertz: int, words: str) -> None:
    said = samples(speech("weather"))[: 2 * SAMPLE_RATE]
    assert list(sound_devices._unclean(said.astype("<i2").tobytes())) == []
    assert list(sound_devices._unclean(b"")) == []
    hum = 3277 * np.cos(2 * np.pi * hertz * np.arange(len(said)) / SAMPLE_RATE)
    (found,) = sound_devices._unclean((said / 2 + hum).astype("<i2").tobytes())
    assert (found.name, found.verdict) == ("interference", "warn")
    assert words in found.what


@pytest.mark.sound
async def test_channels_that_cancel_each_other_are_named(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    voice = np.resize(samples(speech("weather")), 12 * SAMPLE_RATE).astype("<i2")
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.column_stack([voice, -voice]).tobytes())
    sound_server.say(tmp_path / "stereo.wav")
    audio = replace(config.Audio(), input=config.Input("va_mic"))
    found = {each.name: each async for each in sound_devices.check_sound(audio)}
    assert found["channels"].verdict == "warn"
    assert found["channels"].remedy == "set audio.input.channel: right"


@pytest.mark.real_time
async def test_a_microphone_file_that_is_missing_is_named(tmp_path: Path) -> None:
    audio = config.Audio()
    audio = replace(audio, input=replace(audio.input, device=f"wav:{tmp_path}/no.wav"))
    found = {each.name: each async for each in sound_devices.check_sound(audio)}
    assert found["microphone"].verdict == "fail"


def test_a_tone_is_found_with_its_delay() -> None:
    silence = os.urandom(2 * 100).ljust(120 * 48, b"\0")
    found = sound_devices._heard_tone("USB", 0.0, silence + sound_devices._pcm())
    assert found.verdict == "pass"
    assert "120 ms later" in found.what
    missing = sound_devices._heard_tone("USB", 0.0, bytes(1500 * 48))
    assert missing.verdict == "warn"


@pytest.mark.real_time
@pytest.mark.parametrize("stage", ["", "ok    portaudio", "ok    tcp"])
async def test_ctrl_c_ends_it_at_once_in_one_line(tmp_path: Path, stage: str) -> None:
    async with strange_service(silent) as url:
        path = configuration(tmp_path, url)
        async with started("doctor", "-c", path) as process:
            await line_with(process, stage)
            process.send_signal(signal.SIGINT)
            output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 130
    words = output.decode()
    assert words.endswith("interrupted\n")
    assert "Traceback" not in words


@pytest.mark.real_time
async def test_ctrl_c_while_it_is_still_being_loaded_is_no_traceback_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "voluptuous.py").write_text(
        "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with started("doctor") as process:
        await line_with(process, "loading")
        process.send_signal(signal.SIGINT)
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, output.decode()) == (130, "\ninterrupted\n")


@pytest.mark.real_time
async def test_the_command_prints_lines_for_people_or_json(tmp_path: Path) -> None:
    async with Simulator(api_key="another key") as simulator:
        path = configuration(tmp_path, simulator.url)
        status, output = await finished("doctor", "-c", path)
        assert status == 77
        assert "FAIL  handshake: " in output
        assert "      -> check realtime.api_key" in output
        status, output = await finished("doctor", "-c", path, "--json")
        rows = json.loads(output)
    assert status == 77
    assert "PortAudio V19" in {row["name"]: row["what"] for row in rows}["portaudio"]
    assert {row["name"]: row["verdict"] for row in rows}["handshake"] == "fail"
    assert KEY not in output


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("off", "headphones"),
        ("half_duplex", "clear speech"),
        ("auto", "cancels"),
        ("cancel", "cancels it"),
    ],
)
async def test_what_is_done_about_the_echo_is_said(mode: str, said: str) -> None:
    (finding,) = [each async for each in echo_check.check_echo(replace(config.Audio(), echo=mode))]
    assert finding.verdict == "pass"
    assert said in finding.what


async def test_where_the_echo_could_be_cancelled_it_is_said_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(echo_check, "installed", lambda _module: False)
    (finding,) = [each async for each in echo_check.check_echo(config.Audio())]
    assert finding.verdict == "pass"
    assert "People interrupt more easily" in finding.what
    assert how_to_install("livekit.rtc") in finding.what
    chosen = replace(config.Audio(), echo="half_duplex")
    (finding,) = [each async for each in echo_check.check_echo(chosen)]
    assert finding.what == "half duplex: only clear speech interrupts an answer"


async def test_without_a_loudspeaker_there_is_no_echo() -> None:
    audio = replace(config.Audio(), output=config.Output(device="none"))
    assert [each async for each in echo_check.check_echo(audio)] == []


@pytest.mark.sound
async def test_names_of_devices_are_looked_up_without_a_sound(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    recording = sound_server.record(tmp_path / "played.raw")

    async def found(audio: config.Audio) -> dict[str, Finding]:
        return {each.name: each async for each in sound_devices.check_sound(audio)}

    wrong = config.Audio(input=config.Input("va_mik"), output=config.Output("va_speeker"))
    for noun, name, option in (
        ("microphone", "va_mic", "audio.input.device"),
        ("loudspeaker", "va_speaker", "audio.output.device"),
    ):
        finding = (await found(wrong))[noun]
        assert finding.verdict == "fail"
        assert f"did you mean {name!r}" in finding.what
        assert f"correct {option}" in finding.remedy
    replaced = config.Audio(
        input=config.Input("va_mik", fallback="default"),
        output=config.Output("va_speeker", fallback="default"),
    )
    assert "the default is used meanwhile" in (await found(replaced))["loudspeaker"].what
    names = [
        each async for each in sound_devices.check_sound(replaced) if each.name == "microphone"
    ]
    assert "did you mean 'va_mic'" in names[0].what
    assert "digital silence" in names[1].what, "it listened to the default"
    right = replace(wrong, output=config.Output("va_speaker"))
    assert (await found(right))["loudspeaker"].verdict == "pass"
    closed = (await found(replace(wrong, output=config.Output("va_mic"))))["loudspeaker"]
    if sound_server.refuses_unknown:
        assert (closed.verdict, "does not open now" in closed.what) == ("warn", True)
    else:
        assert closed.verdict == "pass"
    assert not any(recording.stop())


@pytest.mark.sound
async def test_a_tone_for_a_loudspeaker_that_does_not_open_says_why(
    sound_server: SoundServer,
) -> None:
    audio = replace(config.Audio(), output=config.Output(device="va_mic"))
    found = {each.name: each async for each in sound_devices.check_sound(audio, tone=True)}
    assert found["loudspeaker"].verdict == "fail"
    assert "va_mic cannot be opened: " in found["loudspeaker"].what


@pytest.mark.sound
async def test_a_canceller_of_the_sound_server_is_found_or_how_to_make_one_is_said(
    sound_server: SoundServer,
) -> None:
    audio = replace(config.Audio(), echo="system")

    async def found() -> Finding:
        (finding,) = [each async for each in echo_check.check_echo(audio)]
        return finding

    before = await found()
    assert before.verdict == "warn"
    assert "the default microphone, mic_in.monitor, cancels no echo" in before.what
    for command in re.findall(r"`pactl ([^`]+)`", before.remedy):
        sound_server.ask(*command.split())
    assert (await found()).verdict == "pass", "what was advised helped"
    audio = replace(audio, output=config.Output(device="Jabra"))
    assert "'Jabra'" in (await found()).what
    sound_server.kill()
    audio = replace(audio, output=config.Output())
    assert "no sound server" in (await found()).what
