"""Echo cancellers, and what takes their place where none is installed."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.engines.cancellers import LivekitCanceller, open_echo
from rtaudio_daemon.optional_packages import how_to_install
from tests.audio.processing.test_echo import FRAME, recording


def test_auto_cancels_where_that_is_possible() -> None:
    assert open_echo("auto").mode == "cancel"


def test_a_missing_package_is_named_and_half_duplex_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "livekit", None)
    echo = open_echo("cancel")
    assert echo.mode == "half_duplex"
    assert echo.note is not None
    assert how_to_install("livekit.rtc") in echo.note
    assert echo.note in caplog.text
    echo = open_echo("auto")
    assert (echo.mode, echo.note) == ("half_duplex", None), "nothing else was asked for"


def test_the_canceller_removes_an_echo_and_keeps_a_voice() -> None:
    canceller = LivekitCanceller()
    far = np.tile(recording("weather"), 2).astype("<i2")
    near = (far * 0.3).astype("<i2")
    left = []
    for at in range(0, len(far) - FRAME, FRAME):
        canceller.played(far[at : at + FRAME].tobytes())
        late = near[max(0, at - 1920) : at - 1920 + FRAME] if at >= 1920 else np.zeros(FRAME, "<i2")
        left.append(canceller.clean(late.tobytes()))
    rest = np.frombuffer(b"".join(left), dtype="<i2")[5 * 24_000 :].astype(np.float64)
    heard = near[5 * 24_000 : 5 * 24_000 + len(rest)].astype(np.float64)
    assert 10 * np.log10(np.mean(heard**2) / np.mean(rest**2)) > 25
