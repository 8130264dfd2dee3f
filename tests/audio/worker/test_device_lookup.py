"""Which device a name in the configuration means."""

import pytest

from rtaudio_daemon.audio.worker.device_lookup import DeviceInfo, Direction, find_device
from rtaudio_daemon.errors import DeviceError


def device(name: str, direction: Direction = "input", *, default: bool = False) -> DeviceInfo:
    return DeviceInfo(name, direction, default, 1, 0)


THERE = [
    device("USB PnP Sound Device: Audio (hw:1,0)"),
    device("USB Camera: Audio (hw:2,0)", default=True),
    device("pulse"),
    device("pulse monitor"),
    device("USB PnP Sound Device: Audio (hw:1,0)", "output"),
    device("bcm2835 Headphones (hw:0,0)", "output"),
]


@pytest.mark.parametrize(
    ("wanted", "direction", "name"),
    [
        ("default", "input", "USB Camera: Audio (hw:2,0)"),
        ("default", "output", "USB PnP Sound Device: Audio (hw:1,0)"),
        ("usb pnp", "input", "USB PnP Sound Device: Audio (hw:1,0)"),
        ("Pulse", "input", "pulse"),
        ("headphones", "output", "bcm2835 Headphones (hw:0,0)"),
    ],
)
def test_a_name_or_a_part_of_one_is_enough(wanted: str, direction: Direction, name: str) -> None:
    assert find_device(THERE, wanted, direction).name == name


def test_two_devices_of_the_very_same_name_are_as_good_as_one() -> None:
    twins = [device("Twin"), device("Twin")]
    assert find_device(twins, "twin", "input") is twins[0]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("usb", r"'usb' names several microphones.*Camera.*, 'USB PnP"),
        ("pulsé", r"no microphone is called 'pulsé'; did you mean 'pulse'"),
        ("Jabra", r"no microphone is called 'Jabra'; there is 'USB Camera"),
    ],
)
def test_what_fits_none_or_several_is_explained(wanted: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        find_device(THERE, wanted, "input")


def test_without_devices_there_is_nothing_to_find() -> None:
    with pytest.raises(DeviceError, match="there is no loudspeaker"):
        find_device([device("pulse")], "default", "output")


def test_a_long_list_is_shortened() -> None:
    many = [device(f"card {number}") for number in range(20)]
    with pytest.raises(DeviceError, match="and 12 more"):
        find_device(many, "zzz", "input")
