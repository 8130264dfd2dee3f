"""What the documents show of outputs is what comes out."""

from __future__ import annotations

import ast
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtaudio_daemon.audio.worker.device_lookup import DeviceInfo
from rtaudio_daemon.cli.local_commands import device_lines
from rtaudio_daemon.cli.main import main
from rtaudio_daemon.language import words
from rtaudio_daemon.status_words import State, line
from tests.documents import ROOT, Block, blocks
from tests.test_language import PACKAGE, texts
from tests.test_status_words import WELL

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def shown(command: str) -> str:
    """The block of a document that shows this command and what it prints."""
    (block,) = (each for each in blocks("console") if each.text.startswith(f"$ {command}\n"))
    return block.text


def test_a_dry_run_of_the_installation_prints_what_is_shown() -> None:
    command = "script/install --system --dry-run"
    done = subprocess.run(
        ["bash", *command.split()],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = shown(command).partition("\n")[2]
    assert always(done.stdout) == always(expected)


def test_the_list_of_devices_is_shown_as_it_is_printed() -> None:
    (block,) = (each for each in blocks("") if each.text.startswith("Microphones ("))
    *expected, more = block.text.splitlines()
    all_rates = (24000, 48000, 44100, 16000)
    found = [
        DeviceInfo(name, "input", name == "default", 32, number, rates=rates)
        for number, (name, rates) in enumerate(
            [
                ("pulse", all_rates),
                ("va_mic", all_rates),
                ("va_speaker", ()),
                ("default", all_rates),
            ]
        )
    ]
    assert list(device_lines(found))[:-1] == expected
    assert more == "…"


def test_the_files_of_a_report_are_named_where_it_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, file = tmp_path / "config.yaml", tmp_path / "report.zip"
    path.write_text("http: {port: 1}")
    assert main(["report", "-c", str(path), "-o", str(file)]) == 0
    assert str(file) in capsys.readouterr().out
    with zipfile.ZipFile(file) as archive:
        written, explained = set(archive.namelist()), archive.read("report.txt").decode()
    listed = set(re.findall(r"^  (\S+\.(?:json|txt))  ", explained, re.M))
    (missing,) = re.findall(r"^Files are left out .*: (.*)\.$", explained, re.M)
    assert written == (listed - set(missing.split(", "))) | {"report.txt"}
    section = OPERATIONS.partition("## Send a report")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+\.(?:json|txt))`", section)) == listed | {"report.txt"}


def always(text: str) -> list[str]:
    """The lines that are printed whether a service is installed here or not."""
    return [each for each in text.splitlines() if "/etc/rtaudio-daemon" not in each]


def test_the_way_to_a_first_configuration_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RTAUDIO_CONFIG", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (block,) = (each for each in blocks("console") if each.text.startswith("$ rtaudio-daemon\n"))
    printed = ""
    for command in block.commands:
        main(command.split()[1:])
        said = capsys.readouterr()
        printed += f"$ {command}\n{said.out}{said.err}".replace("daemon.py", "rtaudio-daemon")
    assert printed == block.text


def test_the_doctor_prints_the_lines_that_are_shown() -> None:
    found = list(findings())
    assert len(found) > 20
    folders = [PACKAGE / each for each in ("cli", "audio", "realtime", "tools", "mqtt")]
    said = [
        pieces
        for folder in folders
        for path in folder.rglob("*.py")
        for pieces in texts(ast.parse(path.read_text()))
    ]
    for block, what in found:
        assert any(
            0.4 * len(what) < len("".join(pieces)) <= len(what)
            and re.search(".*?".join(map(re.escape, pieces)), what)
            for pieces in said
        ), f"{block}: nothing prints {what!r}"


def findings() -> Iterator[tuple[Block, str]]:
    """What is so by a finding that a document shows, and what to do about it."""
    for block in blocks("console", ""):
        whole = re.sub(r"\n {6}(?!->| )", " ", block.text)
        for what in re.findall(r"^(?:(?:ok  |WARN|FAIL)  [^:\n]+:|      ->) (.*)$", whole, re.M):
            yield block, re.sub(r"Access denied.*\[…\] ", "", what)  # said by the service


def test_the_status_of_the_service_is_shown_in_the_words_of_today() -> None:
    (status,) = re.findall(r'^ +Status: "(.*)"$', shown("systemctl status rtaudio-daemon"), re.M)
    assert status.startswith(f"{line(WELL, words())}; session sess_")


def test_the_table_of_operations_names_every_state() -> None:
    table = OPERATIONS.partition("| the status begins with |")[2].partition("\n\n")[0]
    first = "".join(re.findall(r"^\| (.*?) \|", table, re.M))
    named = set(re.findall(r"`(.*?)`", first))
    unseen = {State.GONE, State.UNKNOWN}  # what systemd and a daemon never say of themselves
    assert named == {words()[f"state.{each}"] for each in set(State) - unseen}
