"""The clocks of this machine."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rtaudio_daemon.tools.timers.clocks import Clocks, boot_id, local_zone


@pytest.mark.parametrize("name", ["Europe/Berlin", ":Europe/Berlin"])
def test_the_environment_names_the_zone(name: str) -> None:
    assert str(local_zone({"TZ": name})) == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Nowhere/Else", "../../etc/passwd", "x" * 500, "Europe"])
def test_a_zone_that_there_is_not_is_utc(name: str) -> None:
    assert local_zone({"TZ": name}) is UTC


@pytest.mark.parametrize(
    ("name", "winter", "summer"),
    [("CET-1CEST,M3.5.0,M10.5.0/3", 1, 2), ("<+03>-3", 3, 3), ("UTC0", 0, 0), ("EST5", -5, -5)],
)
def test_the_environment_may_give_the_rule_of_a_zone(name: str, winter: int, summer: int) -> None:
    zone = local_zone({"TZ": name})
    offsets = [datetime(2026, month, 1, 12, tzinfo=zone).utcoffset() for month in (1, 7)]
    assert offsets == [timedelta(hours=winter), timedelta(hours=summer)]


def test_the_environment_may_name_the_file_of_a_zone() -> None:
    path = Path("/usr/share/zoneinfo/Asia/Tokyo")
    if not path.exists():
        pytest.skip("needs the package tzdata")
    for name in (str(path), f":{path}"):
        assert str(local_zone({"TZ": name})) == "Asia/Tokyo"
    assert local_zone({"TZ": "/etc/passwd"}) is UTC
    assert local_zone({"TZ": "/no/such/file"}) is UTC


def test_the_zone_of_the_machine_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    zones = Path("/usr/share/zoneinfo")
    if not (zones / "Asia/Tokyo").exists():
        pytest.skip("needs the package tzdata")
    path = tmp_path / "localtime"
    assert local_zone({}, path) is UTC
    for name in ("Asia/Tokyo", "America/New_York"):
        os.symlink(zones / name, tmp_path / "new")
        os.replace(tmp_path / "new", path)
        assert str(local_zone({}, path)) == name
        assert local_zone({}, path) is local_zone({}, path)
    path.unlink()
    path.write_text("no zone")
    assert local_zone({}, path) is UTC


def test_a_boot_has_a_name(tmp_path: Path) -> None:
    assert boot_id() == boot_id()
    assert boot_id(tmp_path / "missing") == ""


async def test_the_elapsed_clock_goes_on_with_the_loop() -> None:
    clocks = Clocks(lambda: 5.0)
    before = clocks.now()
    await asyncio.sleep(100)
    after = clocks.now()
    assert after.wall == 5.0
    assert after.elapsed - before.elapsed == pytest.approx(100, abs=0.1)
