"""Where a user's files are, also for a user without a home, as in a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.simulator.server.simulator import Simulator
from rtaudio_daemon.user_folders import locked, state_folder, user_folder

NOBODY = 4_000_000


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with neither a home nor an entry in /etc/passwd."""
    monkeypatch.setattr(os, "getuid", lambda: NOBODY)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"XDG_CACHE_HOME": "/srv/cache"}, "/srv/cache/rtaudio-daemon"),
        ({"XDG_CACHE_HOME": "relative"}, f"{Path.home()}/.cache/rtaudio-daemon"),
        ({}, f"{Path.home()}/.cache/rtaudio-daemon"),
    ],
)
def test_the_environment_names_the_place_or_the_home(
    environment: dict[str, str], place: str
) -> None:
    assert str(user_folder("XDG_CACHE_HOME", ".cache", environment)) == place


@pytest.mark.usefixtures("nobody")
def test_a_user_without_a_home_has_no_folder() -> None:
    assert user_folder("XDG_CACHE_HOME", ".cache") is None
    assert state_folder({}) is None


@pytest.mark.usefixtures("nobody")
def test_a_simulator_that_needs_a_home_for_its_certificate_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="has no home for the certificate; set XDG_CACHE_HOME"):
        Simulator(tls=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Simulator(tls=True)


def test_a_folder_is_one_daemon_s_until_that_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "rtaudio-daemon"
    with locked(folder) as first, locked(folder) as second:
        assert (first, second) == (True, False)
    with locked(folder) as again:
        assert again
    (tmp_path / "file").touch()
    with locked(tmp_path / "file" / "below") as nobodys:
        assert nobodys
