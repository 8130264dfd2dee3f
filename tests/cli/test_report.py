"""`daemon.py report`: an archive that holds what is needed, and neither a secret nor a word."""

from __future__ import annotations

import io
import json
import os
import resource
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.api import answer_schemas
from rtaudio_daemon.cli.main import main
from rtaudio_daemon.cli.report import command, machine, running
from rtaudio_daemon.cli.report.configuration import places
from rtaudio_daemon.errors import RTAudioError

ROOT = Path(__file__).parent.parent.parent
CONFIG = """
realtime:
  profile: azure
  host_name: planted-host.openai.azure.com
  deployment: planted-deployment
  api_key: !secret api_key
  session: {instructions: You are planted-butler., voice: planted-voice}
personas:
  planted persona: {instructions: Be planted-kind.}
audio:
  input: {device: planted microphone}
  output: {device: 'wav:planted.wav'}
tools:
  room: planted room
  own:
    - name: planted_tool
      description: planted description
      http: {url: 'http://planted.local/x', headers: {X-Planted: !secret nas}}
  mcp:
    plantedserver: {url: 'http://planted.local/mcp', headers: {Authorization: planted-header}}
home_assistant: {url: 'http://planted.local:8123', token: planted-token}
mqtt: {host: planted.local, username: planted-user, password: planted-password, name: planted}
http: {port: 1, token: planted-token-of-the-api, allowed_hosts: planted.local}
hooks:
  - {on: wake, when: {word: planted}, run: [/bin/true, planted-argument]}
logger: {logs: {rtaudio_daemon.planted: debug}}
"""


def content(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def made(tmp_path: Path, text: str) -> dict[str, str]:
    path, file = tmp_path / "planted.yaml", tmp_path / "report.zip"
    path.write_text(text)
    (tmp_path / "secrets.yaml").write_text("api_key: planted-key\nnas: planted-nas\n")
    assert main(["report", "-c", str(path), "-o", str(file)]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return content(file)


def test_a_report_without_a_daemon_holds_no_planted_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = made(tmp_path, CONFIG)
    assert "without the state of a daemon: no daemon answers at" in capsys.readouterr().err
    expected = {"report.txt", "versions.json", "configuration.json", "checks.json"}
    assert expected <= set(found) <= expected | {"log.json"}
    assert [name for name, text in found.items() if "planted" in text.lower()] == []
    assert str(tmp_path) not in "".join(found.values())
    described = json.loads(found["configuration.json"])
    assert described["usable"]
    assert described["settings"]["realtime"]["profile"] == "azure"
    assert described["settings"]["realtime"]["api_key"] == "**"
    checks = {each["check"]: each for each in json.loads(found["checks.json"])}
    assert "Python" in checks["python"]["what"]
    assert "what" not in checks["port"]


def test_a_wrong_configuration_is_described_by_its_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "http:\n  port: planted\nplanted: 1\ntools:\n  mcp: {planted: {urrl: planted}}\n"
    found = made(tmp_path, text)
    assert "`daemon.py check` says why" in capsys.readouterr().err
    assert [name for name, text in found.items() if "planted" in text.lower()] == []
    assert json.loads(found["configuration.json"]) == {
        "usable": False,
        "problems": [
            {"line": 2, "option": "http.port"},
            {"line": 3, "option": "…"},
            {"line": 5, "option": "tools.mcp.….…"},
        ],
    }


def test_places_of_odd_sentences() -> None:
    assert places(["there is no file /home/planted/c.yaml", "", "a b.yaml:7: audio.echo: x"]) == [
        {"line": 0, "option": ""},
        {"line": 0, "option": ""},
        {"line": 7, "option": "audio.echo"},
    ]
    assert places(["c.yaml:3: tools.own[0].http.url: x"]) == [
        {"line": 3, "option": "tools.own[0].http.url"}
    ]


def test_a_report_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tmp_path / "no" / "report.zip", tmp_path):
        assert main(["report", "-o", str(file)]) == 1
        assert f"{file}: cannot be written: " in (said := capsys.readouterr().err)
        assert "name another by -o" in said
    assert list(tmp_path.iterdir()) == []


def test_a_report_can_go_to_the_standard_output(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["report", "-c", str(tmp_path / "missing.yaml"), "-o", "-"]) == 0
    written, said = capfdbinary.readouterr()
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        assert archive.testzip() is None
        assert "report.txt" in archive.namelist()
    assert b"look before you send it" in said


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most[1]))
    try:
        with pytest.raises(RTAudioError, match="cannot be written: File too large"):
            command._write(tmp_path / "report.zip", bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert list(tmp_path.iterdir()) == []


def test_an_installed_program_is_named_as_it_was_called(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("- nonsense")
    called = (
        "import sys; sys.argv[0] = 'rtaudio-daemon'; "
        "from rtaudio_daemon.cli.main import main; sys.exit(main(['report', '-c', 'wrong.yaml']))"
    )
    command = [sys.executable, "-c", called]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RTAUDIO_SCRIPT_RUN": ""}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "`rtaudio-daemon check` says why" in ran.stderr


@pytest.mark.parametrize("now", [0, 1 << 33])
def test_a_clock_that_is_wrong_can_be_reported(now: int) -> None:
    written = command.packed({"report.txt": "words"}, now)
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        assert archive.testzip() is None
        assert archive.read("report.txt") == b"words"


def test_an_older_report_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.zip").write_text("older")
    assert main(["report", "-o", str(tmp_path / "report.zip")]) == 1
    assert "File exists" in capsys.readouterr().err
    assert (tmp_path / "report.zip").read_text() == "older"


ENTRY = {
    "__REALTIME_TIMESTAMP": "1790000000000000",
    "PRIORITY": "4",
    "MESSAGE": "planted: said to planted",
    "RTAUDIO_LOGGER": "rtaudio_daemon.daemon.log",
    "RTAUDIO_DEVICE": "planted",
    "CODE_FUNC": "_write",
    "CODE_LINE": "12",
    "CODE_FILE": "/home/planted/log.py",
}


def test_of_an_entry_of_the_journal_only_the_place_stays() -> None:
    assert machine.log_place(ENTRY) == {
        "time": "2026-09-21T14:13:20.000Z",
        "priority": 4,
        "module": "rtaudio_daemon.daemon.log",
        "function": "_write",
        "line": 12,
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"RTAUDIO_LOGGER": "planted"}, {"module": "another", "function": "", "priority": 4}),
        ({"PRIORITY": "planted", "CODE_LINE": "1e9"}, {"priority": None, "line": None}),
        ({"CODE_FUNC": "planted planted"}, {"function": ""}),
        ({"EXIT_STATUS": "78", "RTAUDIO_LOGGER": None}, {"exit_status": 78}),
    ],
)
def test_an_odd_entry_of_the_journal_keeps_no_word(
    changed: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = machine.log_place({**ENTRY, **changed})
    assert found is not None
    assert {name: found[name] for name in expected} == expected
    assert "planted" not in json.dumps(found)


@pytest.mark.real_time
async def test_the_journal_is_asked_and_what_is_odd_in_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps(ENTRY), "planted {", "[]", json.dumps({**ENTRY, "CODE_LINE": "13"})]
    (tmp_path / "entries").write_text("\n".join(lines))
    fake = tmp_path / "journalctl"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --user ] || exec /bin/cat {tmp_path}/entries\n')
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [each["line"] for each in await machine.log_places()] == [12, 13]
    fake.unlink()
    assert await machine.log_places() == []


def test_an_entry_without_its_time_or_of_somebody_else_is_left_out() -> None:
    assert machine.log_place({**ENTRY, "__REALTIME_TIMESTAMP": ["x"]}) is None
    others = {name: ENTRY[name] for name in ("__REALTIME_TIMESTAMP", "MESSAGE")}
    assert machine.log_place(others) is None


def planted(schema: Mapping[str, Any]) -> Any:
    """A document of this schema with a word everywhere, also where there is to be none."""
    if "properties" in schema:
        named = {name: planted(each) for name, each in schema["properties"].items()}
        return {**named, "planted": "planted", "more": {"planted": ["planted"]}}
    return [planted(schema["items"]), "planted"] if "items" in schema else "planted"


def test_no_word_of_a_status_stays() -> None:
    found = running.status(planted(answer_schemas.STATUS))
    assert "planted" not in json.dumps(found)
    assert found["timers"][0]["name"] == "text of 7 characters"
    assert running.status({"muted": True, "volume": 0.5, "status": "speaking"}) == {
        "status": "speaking",
        "muted": True,
        "volume": 0.5,
    }


def test_events_of_a_daemon_of_another_version_are_refused() -> None:
    with pytest.raises(RTAudioError, match="of another version: it is no list of events"):
        running.events({"format": 2, "events": []})


def test_a_broken_report_is_not_played_and_says_where_it_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "report.zip"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("events.json", '{"format": 1, "events": [{"t": -1}]}')
    command = [sys.executable, "daemon.py", "simulate", "--port", "0", "--replay", str(broken)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (78, "")
    assert ran.stderr == (
        f"{broken}: events.json: events[0].t: expected seconds that never go back\n"
    )


def test_a_sample_stays_only_with_labels_that_are_ours() -> None:
    text = (
        "# HELP rtaudio_volume 0 to 1\n"
        "rtaudio_volume 1.0\n"
        'rtaudio_status{status="idle"} 1.0\n'
        'rtaudio_turn_latency_seconds_bucket{le="0.05",stage="endpoint"} 0.0\n'
        'rtaudio_turn_latency_seconds_bucket{le="+Inf",stage="endpoint"} 2.0\n'
        'rtaudio_tool_seconds_count{outcome="done",tool="planted"} 1.0\n'
        'rtaudio_status{status="Planted House"} 1.0\n'
        "rtaudio_volume NaN\n"
        "rtaudio_volume 1e400\n"
        "python_info 1.0\n"
    )
    assert running.metrics(text) == (
        "rtaudio_volume 1.0\n"
        'rtaudio_status{status="idle"} 1.0\n'
        'rtaudio_turn_latency_seconds_bucket{le="0.05",stage="endpoint"} 0.0\n'
        'rtaudio_turn_latency_seconds_bucket{le="+Inf",stage="endpoint"} 2.0\n'
    )
