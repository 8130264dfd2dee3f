"""Files that must be whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtaudio_daemon.config.file_writing import write_whole


def test_a_file_is_replaced_for_its_owner_only_and_nothing_is_left_beside_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "not" / "there yet" / "timers.json"
    write_whole(path, "first")
    write_whole(path, b"second \xff")
    assert path.read_bytes() == b"second \xff"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError):
        write_whole(path, "words")
    assert list(tmp_path.iterdir()) == [path]
