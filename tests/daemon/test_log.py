"""The log: levels, fields for the journal, and secrets that never show."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon import config
from rtaudio_daemon.daemon import log
from rtaudio_daemon.daemon.log_handlers import DescriptorHandler
from rtaudio_daemon.notifications import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    DeviceState,
    ErrorReported,
    Interruption,
    ModelStatus,
    MuteChanged,
    Notification,
    StatusChanged,
)
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.cli.test_main import finished, line_with, started

KEY = "Zk41-canary-key-that-must-not-be-seen"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[tuple[log.JournalHandler, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "journal"))
        listening.settimeout(5)
        handler = log.JournalHandler(str(tmp_path / "journal"))
        yield handler, listening
        handler.close()


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    yield
    log.set_levels(config.Logger())
    root.setLevel(before)


def entry(data: bytes) -> dict[str, str]:
    """An entry as the journal reads it."""
    found = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + size], rest[9 + size :]
        found[name.decode()] = value.decode()
        data = rest
    return found


def record(message: str, **extra: object) -> logging.LogRecord:
    found = logging.LogRecord(
        "rtaudio_daemon.daemon.app", logging.INFO, "a.py", 7, message, (), None
    )
    found.__dict__.update(extra)
    return found


def test_an_entry_of_the_journal_has_fields(
    journal: tuple[log.JournalHandler, socket.socket],
) -> None:
    handler, listening = journal
    handler.emit(record("speaking", rtaudio_status="speaking", rtaudio_session=None))
    found = entry(listening.recv(65536))
    assert found["MESSAGE"] == "speaking"
    assert found["RTAUDIO_STATUS"] == "speaking"
    assert found["PRIORITY"] == "6"
    assert found["RTAUDIO_LOGGER"] == "rtaudio_daemon.daemon.app"
    assert "RTAUDIO_SESSION" not in found


def test_text_of_several_lines_and_too_long_text_arrive(
    journal: tuple[log.JournalHandler, socket.socket],
) -> None:
    handler, listening = journal
    handler.emit(record("one\ntwo"))
    assert entry(listening.recv(65536))["MESSAGE"] == "one\ntwo"
    handler.emit(record("x" * 500_000))
    assert len(entry(listening.recv(65536))["MESSAGE"]) == 48 * 1024


def test_a_service_can_neither_forge_an_entry_nor_rule_the_terminal(
    journal: tuple[log.JournalHandler, socket.socket],
) -> None:
    said = "no\r\n2026-11-28 ERROR all is lost \x1b[31m\u202e\x85\ud800"
    shown = r"no\r" "\n" r"2026-11-28 ERROR all is lost \x1b[31m\u202e\x85\ud800"
    handler, listening = journal
    handler.emit(record(said))
    assert entry(listening.recv(65536))["MESSAGE"] == shown
    reading, writing = os.pipe()
    plain = DescriptorHandler(writing)
    plain.setFormatter(log.RedactingFormatter("%(message)s"))
    plain.emit(record(said))
    plain.close()
    assert os.read(reading, 65536).decode() == shown.replace("\n", "\n  ") + "\n"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("level", "priority"),
    [("DEBUG", "7"), ("INFO", "6"), ("WARNING", "4"), ("ERROR", "3"), ("CRITICAL", "2")],
)
def test_levels_become_priorities(level: str, priority: str) -> None:
    made = logging.LogRecord("x", getattr(logging, level), "a.py", 1, "m", (), None)
    assert entry(log._entry(made, "m"))["PRIORITY"] == priority


def test_levels_are_set_by_module_and_taken_back() -> None:
    log.set_levels(config.Logger(default="warning", logs={"rtaudio_daemon.audio": "debug"}))
    assert logging.getLogger().level == logging.WARNING
    assert logging.getLogger("rtaudio_daemon.audio.devices.microphone").isEnabledFor(logging.DEBUG)
    log.set_levels(config.Logger(default="info"))
    assert not logging.getLogger("rtaudio_daemon.audio.devices.microphone").isEnabledFor(
        logging.DEBUG
    )


@pytest.mark.parametrize(
    ("notification", "level", "words", "fields"),
    [
        (
            StatusChanged(ModelStatus.SPEAKING, ModelStatus.THINKING),
            "INFO",
            "speaking",
            {"rtaudio_status": "speaking", "rtaudio_previous": "thinking"},
        ),
        (
            ConnectionChanged(ConnectionState.OPEN, "azure", session_id="sess_1"),
            "INFO",
            "the session is open: sess_1",
            {"rtaudio_session": "sess_1", "rtaudio_profile": "azure"},
        ),
        (
            ConnectionChanged(ConnectionState.CONNECTING, "azure", reason="no network"),
            "DEBUG",
            "the connection is connecting: no network",
            {"rtaudio_connection": "connecting"},
        ),
        (
            DeviceChanged("microphone", DeviceState.OK, "USB"),
            "INFO",
            "microphone: USB",
            {"rtaudio_device": "USB"},
        ),
        (
            DeviceChanged("microphone", DeviceState.DEAF, "USB", "it delivers digital silence"),
            "WARNING",
            "microphone: USB is deaf: it delivers digital silence",
            {"rtaudio_device": "USB"},
        ),
        (MuteChanged(True), "INFO", "muted", {"rtaudio_muted": 1}),
        (Interruption("item_1", 700, 12), "DEBUG", "interrupted after 700 ms", {}),
        (
            ErrorReported("service", "server_error", "it is ill"),
            "WARNING",
            "service: it is ill (server_error)",
            {"rtaudio_error": "server_error"},
        ),
    ],
)
def test_a_notification_is_logged_in_one_line(
    notification: Notification,
    level: str,
    words: str,
    fields: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("DEBUG"):
        log.log_notification(notification)
    (found,) = caplog.records
    assert (found.levelname, found.getMessage()) == (level, words)
    for name, value in fields.items():
        assert getattr(found, name) == value


# ------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "text",
    [
        f"api-key: {KEY}",
        f"{{'api-key': '{KEY}'}}",
        f"Authorization: Bearer {KEY}",
        f"wss://x/y?api-key={KEY}&model=m",
        f'{{"token": "{KEY}"}}',
        "sk-proj-abcdefghijklmnopqrstuvwxyz",
    ],
)
def test_what_looks_like_a_key_is_hidden_even_if_nobody_told_of_it(text: str) -> None:
    shown = log.Redaction()(text)
    assert KEY not in shown
    assert "abcdefghij" not in shown
    assert "**" in shown


@settings(max_examples=50)
@given(st.text(min_size=4, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_secret_that_is_known_never_shows(secret: str, before: str, after: str) -> None:
    redaction = log.Redaction()
    redaction._secrets = {secret}
    shown = redaction(before + secret + after)
    assert secret not in shown or secret in redaction("**") or "*" in secret


def test_ordinary_lines_stay_as_they_are() -> None:
    line = "the session is open: sess_1; tokens: 17; token bucket: full; 12 s"
    assert log.Redaction()(line) == line


def test_every_secret_of_the_configuration_is_known() -> None:
    plain = config.Config()
    redaction = log.Redaction()
    redaction.add(replace(plain, realtime=replace(plain.realtime, api_key=config.Secret(KEY))))
    assert redaction(f"what about {KEY}?") == "what about **?"


def test_a_traceback_is_redacted_too(
    journal: tuple[log.JournalHandler, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log.redaction, "_secrets", {KEY})
    handler, listening = journal
    try:
        raise ValueError(f"bad header {KEY}")
    except ValueError:
        made = record("it broke", rtaudio_error=KEY)
        made.exc_info = sys.exc_info()
        handler.emit(made)
    found = entry(listening.recv(65536))
    assert "ValueError: bad header **" in found["MESSAGE"]
    assert KEY not in str(found)


CONFIG = """
realtime: {{profile: azure, host_name: "{url}", deployment: d, api_key: !secret api_key}}
audio:
  input: {{device: none}}
  output: {{device: none}}
http: {{port: 0}}
logger:
  default: debug
"""


@pytest.mark.real_time
@pytest.mark.parametrize("right", [True, False], ids=["the right key", "a wrong key"])
async def test_the_key_is_nowhere_in_the_log_of_a_daemon_that_tells_everything(
    tmp_path: Path, right: bool
) -> None:
    """All modules at debug level: connecting, talking, refused, reloading well and badly, down."""
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text(f"api_key: {KEY}\n")
    secrets.chmod(0o600)
    path = tmp_path / "config.yaml"
    async with Simulator(api_key=KEY if right else "another-key-entirely") as simulator:
        text = CONFIG.format(url=simulator.url)
        path.write_text(text)
        async with started("-c", str(path)) as process:
            said = [await line_with(process, r"listening at http")]
            address = said[0].rpartition(" ")[2]
            said.append(await line_with(process, "session is open" if right else "401"))
            await finished("say", "hello", "--url", address)
            for changed in (text + "  logs: {aiohttp: debug}\n", text + f"  x: {KEY}\n"):
                path.write_text(changed)
                process.send_signal(signal.SIGHUP)
                said.append(await line_with(process, r"reload|not reloaded"))
            secrets.write_text(f"api_key: {KEY}-and-more\n")
            path.write_text(text)
            _, reported = await finished("reload", "--url", address)
            process.send_signal(signal.SIGTERM)
            output, _ = await process.communicate()
        everything = "\n".join([*said, reported, output.decode()])
    assert KEY not in everything
    assert process.returncode == 0
    assert re.search("reload", everything)


@pytest.mark.real_time
async def test_reload_reports_what_changed_and_fails_with_78(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = "audio:\n  input: {device: none}\n  output: {device: none, volume: 1.0}\n"
    text += "http: {port: 0}\n"
    path.write_text(text)
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).rpartition(" ")[2]
        path.write_text(text.replace("volume: 1.0", "volume: 0.5"))
        status, output = await finished("reload", "--url", address)
        assert (status, output.strip()) == (0, "audio.output.volume: 1.0 is now 0.5 (applied)")
        status, output = await finished("reload", "--json", "--url", address)
        assert json.loads(output) == {"changed": [], "warnings": []}
        long = f"realtime: {{session: {{instructions: {'Be brief. ' * 30}}}}}\n"
        path.write_text(text.replace("volume: 1.0", "volume: 0.5") + long)
        status, output = await finished("reload", "--url", address)
        brief = "realtime.session.instructions: is different now"
        assert (status, output.strip()) == (0, f"{brief} (applied)")
        assert (await line_with(process, "instructions")).endswith(f"reload: {brief}, applied")
        hooks = "hooks: [{on: status, run: [/bin/true]}]\n"
        path.write_text(text.replace("volume: 1.0", "volume: 0.5") + long + hooks)
        status, output = await finished("reload", "--url", address)
        assert (status, output.strip()) == (0, "hooks: is different now (applied)")
        path.write_text(text.replace("volume: 1.0", "volume: loud"))
        status, output = await finished("reload", "--url", address)
        assert status == 78
        assert f"{path}:3: audio.output.volume" in output


def test_a_key_that_is_hardly_one_does_not_eat_the_letters_of_words() -> None:
    hide = log.Redaction(("any", "test", "seven77", "eight888"))
    assert hide("any test of seven77 and eight888") == "any test of seven77 and **"
