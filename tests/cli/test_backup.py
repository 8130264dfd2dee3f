"""`daemon.py backup` and `restore`: what is kept survives a machine, and nothing else comes in."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from rtaudio_daemon.cli import backup
from rtaudio_daemon.cli.main import main
from rtaudio_daemon.errors import RTAudioError
from rtaudio_daemon.user_folders import locked

KEPT = {"timers.json": "[1]", "notes.json": "{}", "actions.jsonl": "{}\n", "clips/a1.wav": "RIFF"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    (folder / "clips").mkdir(parents=True)
    for name, content in KEPT.items():
        (folder / name).write_text(content)
    (folder / "daemon.lock").touch()
    (folder / "lowered_volumes.json").write_text("{}")
    (tmp_path / "key").write_text("the key")
    (folder / "linked.json").symlink_to(folder / "notes.json")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_kept_comes_back(state: Path, tmp_path: Path) -> None:
    (state / "linked.json").unlink()
    file = tmp_path / "kept.zip"
    assert main(["backup", str(file), "--state", str(state)]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(zipfile.ZipFile(file).namelist()) == set(KEPT)
    new = tmp_path / "new"
    new.mkdir()
    (new / "notes.json").write_text("other")
    (new / "muted").touch()
    assert main(["restore", "-c", "any.yaml", str(file), "--state", str(new)]) == 0
    assert content(new) == {**KEPT, "muted": "", "daemon.lock": ""}


def test_a_link_in_the_folder_leads_nowhere(state: Path, tmp_path: Path) -> None:
    with pytest.raises(RTAudioError, match="a link"):
        backup.back_up(state, tmp_path / "kept.zip")
    assert not (tmp_path / "kept.zip").exists()


def test_a_running_daemon_is_backed_up_and_not_restored(state: Path, tmp_path: Path) -> None:
    (state / "linked.json").unlink()
    file = tmp_path / "kept.zip"
    with locked(state) as alone:
        assert alone
        assert backup.back_up(state, file) == len(KEPT)
        (state / "notes.json").write_text("newer")
        with pytest.raises(RTAudioError, match="stop it first"):
            backup.restore(file, state)
    assert (state / "notes.json").read_text() == "newer"


def test_an_older_backup_is_not_overwritten(state: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.zip").write_text("older")
    with pytest.raises(RTAudioError, match="cannot be written: File exists"):
        backup.back_up(state, tmp_path / "kept.zip")


def test_nothing_to_back_up_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RTAudioError, match="--state /var/lib/rtaudio-daemon"):
        backup.back_up(tmp_path / "nothing", tmp_path / "kept.zip")


@pytest.mark.parametrize(
    "name",
    ["../key", "/etc/passwd", "a/../../key", "a/b/c", ".hidden", "daemon.lock", "", "a\\b", "a/"],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str, state: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "hostile.zip", content(state)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notes.json", "changed")
        archive.writestr(zipfile.ZipInfo(name), "changed")
    with pytest.raises(RTAudioError, match="is no backup"):
        backup.restore(file, state)
    assert content(state) == before
    assert (tmp_path / "key").read_text() == "the key"


def test_a_link_in_the_archive_is_refused(state: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("notes.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RTAudioError, match="no plain file"):
        backup.restore(tmp_path / "hostile.zip", state)


def test_a_folder_that_is_a_link_is_not_written_through(state: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "kept.zip", "w") as archive:
        archive.writestr("elsewhere/key", "changed")
    (state / "elsewhere").symlink_to(tmp_path)
    with pytest.raises(RTAudioError, match="is a link"):
        backup.restore(tmp_path / "kept.zip", state)
    assert (tmp_path / "key").read_text() == "the key"


def test_what_unpacks_to_too_much_is_refused(state: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.json", bytes((1 << 25) + 1))
    with pytest.raises(RTAudioError, match="too large"):
        backup.restore(tmp_path / "hostile.zip", state)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_may_unpack_without_bounds_is_refused(
    packing: int, state: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w", packing) as archive:
        archive.writestr("notes.json", "changed")
    with pytest.raises(RTAudioError, match="is packed in a way that backups are not"):
        backup.restore(tmp_path / "hostile.zip", state)


def test_too_many_files_are_refused(state: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w") as archive:
        for number in range(backup.MOST_FILES + 1):
            archive.writestr(f"{number}.json", "")
    with pytest.raises(RTAudioError, match="one too many"):
        backup.restore(tmp_path / "hostile.zip", state)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", bytes(100)])
def test_what_is_no_archive_is_refused(damage: bytes, state: Path, tmp_path: Path) -> None:
    (tmp_path / "hostile.zip").write_bytes(damage)
    with pytest.raises(RTAudioError, match="no backup"):
        backup.restore(tmp_path / "hostile.zip", state)
