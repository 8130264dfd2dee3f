"""An option is changed, and nothing else of somebody's file."""

from __future__ import annotations

import os
import stat
from difflib import ndiff
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config import edit
from rtaudio_daemon.errors import ConfigError

ECHO, THRESHOLD = ("audio", "echo"), ("audio", "gate", "threshold")
SHIPPED = Path(config.__file__).parents[2] / "config.yaml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("audio: {}\n", "audio: {gate: {threshold: 0.6}}\n"),
        ("", "audio:\n  gate:\n    threshold: 0.6\n"),
        ("# mine\n", "# mine\naudio:\n  gate:\n    threshold: 0.6\n"),
        ("audio:\n", "audio:\n  gate:\n    threshold: 0.6\n"),
        ("audio:  # none\nhttp: {port: 1}", None),
        ("audio:\n  gate:\n    # how sure\n    threshold: 0.5  # or more\n", None),
        ("audio:\n    gate:\n        duck: true   # soft\n        # the end\nhttp:\n", None),
        ("audio:\n  gate: {duck: true}  # soft\n", None),
        ("audio: {gate: }\n", None),
        ("audio:\n  gate: null\n  echo: auto\n", None),
        ("audio:\n  gate:\n    threshold:\n    duck: true\n", None),
        ("audio:\r\n  echo: auto\r\nhttp:\r\n  port: 0\r\n", None),
        ("\ufeffaudio: {echo: auto}\n", None),
        ('audio: {gate: {"threshold": 0.5}}\n', None),
        (
            "realtime:\n  session:\n    instructions: |\n      Be\n      kind.\n\n# end\n",
            None,
        ),
        ("audio:\n  gate:\n    threshold: 0.5\n  echo: auto", None),
        ("x: &x {duck: true}\n", "refused"),
    ],
)
def test_any_way_of_writing_it_is_edited_and_reads_as_intended(
    before: str, after: str | None
) -> None:
    edited = edit.edited(before, "config.yaml", {THRESHOLD: 0.6})
    if after == "refused":
        with pytest.raises(ConfigError, match="x"):
            config.parse(edited)
        return
    assert after is None or edited == after
    assert config.parse(edited.removeprefix("\ufeff")).audio.gate.threshold == 0.6
    gone = [line for line in ndiff(before.splitlines(), edited.splitlines()) if line[0] == "-"]
    assert len(gone) <= 1, "at most one line is another one"
    for comment in (part for part in before.splitlines() if "#" in part):
        assert comment[comment.index("#") :] in edited


def test_the_shipped_file_keeps_everything_but_the_values() -> None:
    before = SHIPPED.read_text()
    edited = edit.edited(before, "config.yaml", {THRESHOLD: 0.6, ECHO: "off"})
    changed = [line for line in ndiff(before.splitlines(), edited.splitlines()) if line[0] in "+-"]
    assert changed == [
        "-     threshold: 0.5",
        "+     threshold: 0.6",
        "-   echo: auto",
        '+   echo: "off"',
    ]
    assert config.parse(edited).audio.echo == "off"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("audio:\n  echo: !env_var ECHO auto\n", "config.yaml:2: audio.echo: it comes from !env"),
        ("audio: !include audio.yaml\n", "config.yaml:1: audio.echo: it comes from !include"),
        ("a: &a auto\naudio:\n  echo: *a\n", "config.yaml:3: audio.echo: it comes from an alias"),
        ("audio:\n  echo: [auto]\n", "config.yaml:2: audio.echo: expected a single value"),
        ("- audio\n", "config.yaml:1: audio.echo: expected a group"),
    ],
)
def test_what_does_not_stand_in_this_file_is_not_touched(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        edit.edited(text, "config.yaml", {ECHO: "off"})
    assert str(refusal.value).startswith(why)


def test_the_file_is_replaced_with_its_mode_and_what_it_was_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    (tmp_path / "secrets.yaml").write_text("token: 0123456789abcdef0123456789abcdef\n")
    text = "http:\n  token: !secret token\naudio:\n  echo: auto  # mine\n"
    file.write_text(text)
    file.chmod(0o640)
    if os.getuid() == 0:
        os.chown(file, 1234, 4321)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    was = file.stat()
    first = edit.write(str(link), {ECHO: "half_duplex"})
    second = edit.write(str(file), {ECHO: "off"})
    assert link.is_symlink()
    assert first.read_text() == text
    assert second.read_text() == text.replace("auto", '"half_duplex"')
    assert file.read_text() == text.replace("auto", '"off"')
    for one in (file, first, second):
        now = one.stat()
        assert stat.S_IMODE(now.st_mode) == 0o640
        assert (now.st_uid, now.st_gid) == (was.st_uid, was.st_gid)
    assert {each.name for each in tmp_path.iterdir()} == {
        "config.yaml", "config.yaml.bak", "config.yaml.bak2", "link.yaml", "secrets.yaml",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "values", "why"),
    [
        ("audio:\n  echo: auto\n", {ECHO: "loud"}, "audio.echo: expected"),
        ("audio:\n  echo: auto\n", {THRESHOLD: 7}, "audio.gate.threshold: expected"),
        ("audio: {echo: aut}\n", {ECHO: "off"}, "audio.echo: expected"),
        (
            "audio: &a\n  gate: &g\n    threshold: 0.5\n  <<: {echo: &e auto}\n",
            {("logger", "default"): "debug", ("audio", "gate", "threshold"): "0.6x"},
            "audio.gate.threshold: expected",
        ),
    ],
)
def test_what_would_be_wrong_afterwards_changes_nothing(
    tmp_path: Path, text: str, values: dict[tuple[str, ...], edit.Value], why: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=why):
        edit.write(str(file), values)
    assert file.read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["config.yaml"]


def test_an_edit_that_would_change_more_than_it_should_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = "audio:\n  gate:\n    threshold: &sure 0.5\n    barge_in_threshold: *sure\n"
    file.write_text(text)
    with pytest.raises(ConfigError):
        edit.write(str(file), {THRESHOLD: 0.6})
    assert file.read_text() == text


def test_a_file_that_cannot_be_written_is_named_and_stays(tmp_path: Path) -> None:
    file = tmp_path / ("long" * 62 + ".yaml")  # there is no room for a longer name
    file.write_text("audio: {echo: auto}\n")
    with pytest.raises(ConfigError, match=r"longlong\S+: cannot be written: File name too long"):
        edit.write(str(file), {ECHO: "off"})
    assert file.read_text() == "audio: {echo: auto}\n"
