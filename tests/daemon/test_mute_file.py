"""A muted microphone is still muted after a restart."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from rtaudio_daemon.daemon.mute_file import MuteFile
from rtaudio_daemon.notifications import MuteChanged, VolumeChanged
from tests.harness import Harness, speech


async def test_muting_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with Harness(tmp_path, state=state) as harness:
        assert (await harness.status())["muted"] is False
        await harness.post("/api/mute")
    said = [(200, speech("hello"))]
    async with Harness(tmp_path, said, state=state) as harness:
        status = await harness.status()
        assert status["muted"] is True
        assert status["microphone"]["level_dbfs"] <= -90, "it is not opened"
        assert harness.named("uplink") == []
        await harness.post("/api/unmute")
        await harness.turns(1)
    async with Harness(tmp_path, state=state) as harness:
        assert (await harness.status())["muted"] is False


def test_what_cannot_be_kept_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    kept = MuteFile(tmp_path / "file" / "muted")
    with caplog.at_level(logging.WARNING):
        kept.notice(VolumeChanged(0.5))
        assert caplog.records == []
        kept.notice(MuteChanged(True))
    assert "cannot keep over a restart" in caplog.text
    assert kept.muted() is False


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    kept = MuteFile(tmp_path / "state" / "muted")
    kept.notice(MuteChanged(True))
    assert os.stat(tmp_path / "state").st_mode & 0o077 == 0
    assert kept.muted() is True
    kept.notice(MuteChanged(False))
    kept.notice(MuteChanged(False))
    assert kept.muted() is False
