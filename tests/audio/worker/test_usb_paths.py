"""Sound devices by the place where they are plugged in."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtaudio_daemon.audio.worker.device_lookup import DeviceInfo, find_device
from rtaudio_daemon.audio.worker.usb_paths import place_of, places
from rtaudio_daemon.errors import DeviceError


def plug_in(sysfs: Path, card: int, device: str) -> None:
    """A card as the kernel shows it: class/sound/cardN is a link into the tree of devices."""
    real = sysfs / "devices" / device / "sound" / f"card{card}"
    real.mkdir(parents=True)
    (real / "device").symlink_to(sysfs / "devices" / device)
    (sysfs / "class" / "sound").mkdir(parents=True, exist_ok=True)
    (sysfs / "class" / "sound" / f"card{card}").symlink_to(real)


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    plug_in(tmp_path, 0, "platform/soc/3f902000.hdmi")
    plug_in(tmp_path, 1, "platform/soc/usb1/1-1/1-1.3/1-1.3:1.0")
    plug_in(tmp_path, 2, "platform/soc/usb1/1-1/1-1.2/1-1.2:1.0")
    (tmp_path / "class" / "sound" / "controlC0").mkdir()
    return tmp_path


def test_every_card_on_usb_has_a_place_and_others_have_none(sysfs: Path) -> None:
    assert places(sysfs) == {1: "1-1.3", 2: "1-1.2"}
    assert places(sysfs / "nothing here") == {}


def test_two_equal_microphones_are_told_apart_even_when_their_numbers_change(sysfs: Path) -> None:
    def listed(numbers: tuple[int, int]) -> list[DeviceInfo]:
        by_card = dict(zip(numbers, ("1-1.3", "1-1.2"), strict=True))
        names = [f"USB PnP Sound Device: Audio (hw:{number},0)" for number in numbers]
        return [
            DeviceInfo(name, "input", False, 1, index, place_of(name, by_card))
            for index, name in enumerate(names)
        ]

    before, after = listed((1, 2)), listed((2, 1))
    assert find_device(before, "usb:1-1.3", "input").name.endswith("(hw:1,0)")
    assert find_device(after, "usb:1-1.3", "input").name.endswith("(hw:2,0)")


def test_an_empty_place_is_named_with_what_is_plugged_in_elsewhere() -> None:
    mic = DeviceInfo("Blue (hw:1,0)", "input", False, 1, 0, "1-1.3")
    with pytest.raises(DeviceError, match=r"usb:1-1.4; there is usb:1-1.3 \(Blue"):
        find_device([mic], "usb:1-1.4", "input")
    plain = DeviceInfo("default", "input", True, 1, 0)
    with pytest.raises(DeviceError, match="no microphone on USB is found"):
        find_device([plain], "usb:1-1.4", "input")
