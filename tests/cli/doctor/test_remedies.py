"""What the doctor advises for every reason why a device does not work."""

from __future__ import annotations

import pytest

from rtaudio_daemon.cli.doctor.remedies import Reasons, remedy_for
from rtaudio_daemon.notifications import DeviceChanged, DeviceCode, DeviceState


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (DeviceCode.BUSY, "end that program (is it the daemon itself?), or set OPTION: default"),
        (DeviceCode.UNSUPPORTED, "set OPTION: default"),
        (DeviceCode.NOT_FOUND, "correct OPTION; `daemon.py devices` lists what there is"),
        (DeviceCode.AMBIGUOUS, "correct OPTION; `daemon.py devices` lists what there is"),
        (DeviceCode.NO_PERMISSION, "do that, then run the doctor again"),
        (DeviceCode.NO_LIBRARY, "sudo apt install libportaudio2 portaudio19-dev"),
        (DeviceCode.MONITOR, "pactl set-default-source"),
        (DeviceCode.NO_DEVICE, "plug one in (`cat /proc/asound/cards` lists them), or set OPTION"),
        (DeviceCode.NO_DEVICE, "installed by `script/install --user`, without them by"),
        (DeviceCode.LOST, "does another program hold it?"),
        (None, "does another program hold it?"),
    ],
)
def test_each_code_has_its_remedy(code: DeviceCode | None, advice: str) -> None:
    assert advice in remedy_for(code, "OPTION")


async def test_the_last_reason_of_each_device_counts() -> None:
    reasons = Reasons()
    for code, why in ((DeviceCode.BUSY, "it is held"), (DeviceCode.NOT_FOUND, "it is gone")):
        reasons.device_changed(DeviceChanged("microphone", DeviceState.LOST, "desk", why, code))
    reasons.device_changed(DeviceChanged("microphone", DeviceState.OK, "desk"))
    assert reasons.of("microphone") == "it is gone"
    assert reasons.remedy("microphone", "audio.input.device").startswith("correct audio.input")
    assert reasons.of("speaker") == ""
    assert "another program" in reasons.remedy("speaker", "audio.output.device")
