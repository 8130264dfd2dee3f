"""Which way to make other programs softer there is, by what `pactl` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtaudio_daemon.audio.devices.ducking_ways import Found, WayName, find_way
from rtaudio_daemon.audio.devices.lowered_volumes import GoneError, LoweredVolumes

pytestmark = pytest.mark.real_time
PIPEWIRE = "Server Name: PulseAudio (on PipeWire 1.4.2)"
PULSE = "Server Name: pulseaudio"
ROLES = (
    '[{"name": "a", "properties": {"device.intended_roles": "[ \\"voice-assistant-active\\" ]"}}]'
)


def fake(folder: Path, patch: pytest.MonkeyPatch, **answers: str) -> None:
    """A pactl that answers to the last word of a request."""
    lines = [f"{word}) cat <<'END'\n{answer}\nEND\n;;" for word, answer in answers.items()]
    script = "#!/bin/sh\nfor last; do :; done\ncase $last in\n{}\n*) exit 1;;\nesac\n"
    (folder / "pactl").write_text(script.format("\n".join(lines)))
    (folder / "pacat").write_text("#!/bin/sh\n")
    for name in ("pactl", "pacat"):
        (folder / name).chmod(0o755)
    patch.setenv("PATH", f"{folder}:/usr/bin:/bin")


async def test_without_its_programs_it_says_which_package_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await find_way(keeps=True)
    assert found.name == "none"
    assert found.note == "needs pactl and pacat; run: sudo apt install pulseaudio-utils"


async def test_without_a_sound_server_there_is_nothing_to_make_softer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch)
    found = await find_way(keeps=True)
    assert found.name == "none"
    assert "no sound server answers" in found.note
    assert "set audio.duck: off" in found.note


@pytest.mark.parametrize(
    ("answers", "way"),
    [
        ({"info": PULSE, "modules": "3\tmodule-null-sink\t"}, "module"),
        ({"info": PIPEWIRE, "sinks": ROLES}, "roles"),
        ({"info": PIPEWIRE, "sinks": '[{"name": "a", "properties": {}}]'}, "volumes"),
    ],
)
async def test_each_sound_server_has_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], way: WayName
) -> None:
    fake(tmp_path, monkeypatch, **answers)
    assert await find_way(keeps=True) == Found(way)


async def test_a_module_for_others_is_named_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = "4\tmodule-role-ducking\ttrigger_roles=phone"
    fake(tmp_path, monkeypatch, info=PULSE, modules=modules)
    found = await find_way(keeps=True)
    assert found.name == "volumes"
    assert "add voice-assistant-active to its trigger_roles" in found.note
    mine = "4\tmodule-role-ducking\ttrigger_roles=phone,voice-assistant-active"
    fake(tmp_path, monkeypatch, info=PULSE, modules=mine)
    assert await find_way(keeps=True) == Found("module")


async def test_volumes_are_changed_only_where_they_can_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, info=PIPEWIRE, sinks="[]")
    found = await find_way(keeps=False)
    assert found.name == "none"
    assert "set XDG_STATE_HOME" in found.note


@pytest.mark.parametrize("said", ["5", "null", '{"index": 1}', "[" * 10_000, "no"])
async def test_streams_that_are_listed_as_nonsense_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    fake(tmp_path, monkeypatch, **{"sink-inputs": said})
    with pytest.raises(GoneError, match="does not list its streams"):
        await LoweredVolumes(tmp_path / "lowered.json").lower(0.5)
