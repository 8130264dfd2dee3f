"""Sound cards that PortAudio does not list, as another program has them for itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from rtaudio_daemon.audio.worker.alsa_cards import closed_card, find_or_explain
from rtaudio_daemon.audio.worker.device_lookup import DeviceInfo, Direction
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.notifications import DeviceCode
from tests.audio.worker.fake_kernel import build
from tests.audio.worker.test_usb_paths import plug_in
from tests.stories.test_device_trouble import without_privileges

PULSE = [DeviceInfo("pulse", side, True, 32, 0) for side in ("input", "output")]
BUSY = "does not open now: does another program use it? (`fuser -v /dev/snd/*`)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The same, with the places of the two on USB."""
    build(tmp_path)
    plug_in(tmp_path / "sys", 1, "platform/soc/usb1/1-1/1-1.3/1-1.3:1.0")
    plug_in(tmp_path / "sys", 2, "platform/soc/usb1/1-1/1-1.2/1-1.2:1.0")
    return tmp_path


@pytest.mark.parametrize(
    "wanted",
    [
        "pnp",
        "USB PnP Sound Device: Audio (hw:1,0)",
        "USB PnP Sound Device: Audio",
        "hw:1,0",
        "usb:1-1.3",
    ],
)
def test_a_card_that_another_program_holds_is_not_said_to_be_missing(
    root: Path, wanted: str
) -> None:
    with pytest.raises(DeviceError) as told:
        find_or_explain(PULSE, wanted, "input", root)
    assert str(told.value).startswith("no microphone is ")
    assert str(told.value).endswith(f"; card 1 (USB PnP Sound Device) is there, but {BUSY}")


@pytest.mark.parametrize(
    ("wanted", "direction"),
    [
        ("Jabra", "input"),
        ("vc4-hdmi-0", "input"),
        ("0x825", "output"),
        ("USB PnP Sound Device: Audio (hw:2,0)", "input"),
        ("usb:1-1.4", "input"),
    ],
)
def test_what_the_kernel_does_not_know_either_is_just_missing(
    root: Path, wanted: str, direction: Direction
) -> None:
    with pytest.raises(DeviceError) as told:
        find_or_explain(PULSE, wanted, direction, root)
    assert "card" not in str(told.value)
    assert closed_card("pnp", "input", root / "a machine without sound") is None


def test_a_device_that_is_listed_is_found_and_no_card_is_asked_for(root: Path) -> None:
    assert find_or_explain(PULSE, "pulse", "input", root) is PULSE[0]


def test_a_card_that_only_others_may_use_is_told_with_the_remedy() -> None:
    with tempfile.TemporaryDirectory() as name:  # tmp_path is closed to other users
        root = Path(name)
        root.chmod(0o755)
        build(root)
        (root / "dev/snd/pcmC1D0c").touch(mode=0o000)
        with without_privileges():
            assert os.getuid() != 0
            told = closed_card("pnp", "input", root)
    assert told is not None
    assert str(told).startswith(
        "card 1 (USB PnP Sound Device) is there, but there is no permission"
    )
    assert told.code is DeviceCode.NO_PERMISSION
    assert "another program" not in str(told)
