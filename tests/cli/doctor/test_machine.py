"""The doctor's look at the machine, where the user has no name, as in a container."""

from __future__ import annotations

import os

import pytest

from rtaudio_daemon.cli.doctor import machine

NOBODY = 4_000_000


@pytest.mark.parametrize("socket", [True, False])
def test_a_user_without_a_name_is_a_number(
    socket: bool, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: NOBODY)
    monkeypatch.setattr(os, "getgroups", lambda: [NOBODY])
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", "here" if socket else "")
    findings = machine._sound_server()
    assert findings[0].name == "sound server"
    if socket:
        assert f"the services of {NOBODY}" in findings[-1].what
