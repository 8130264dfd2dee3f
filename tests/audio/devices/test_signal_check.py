"""A microphone that delivers what no room sounds like."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.devices.signal_check import OVERDRIVEN, SILENT, Deaf, SignalCheck
from rtaudio_daemon.audio.processing.format import FRAME_BYTES, Resampler
from rtaudio_daemon.notifications import DeviceCode

SILENCE = bytes(960)
STUCK = np.full(480, 1234, dtype="<i2").tobytes()
CLIPPED = (np.sign(np.sin(np.arange(480))) * 32767).astype("<i2").tobytes()
ROOM = np.random.default_rng(1).normal(0, 3, 480).astype("<i2").tobytes()
SHOUT = np.clip(np.random.default_rng(1).normal(0, 16_000, 480), -32768, 32767)


@pytest.mark.parametrize(
    ("frame", "deaf"), [(SILENCE, SILENT), (STUCK, SILENT), (CLIPPED, OVERDRIVEN)]
)
def test_impossible_sound_that_lasts_means_deaf(frame: bytes, deaf: Deaf) -> None:
    signal_check = SignalCheck(after_s=4)
    assert [signal_check.feed(frame) for _ in range(199)] == [None] * 199
    assert signal_check.feed(frame) == deaf
    assert signal_check.feed(ROOM) is None


@pytest.mark.parametrize("rate", [48_000, 44_100, 16_000])
def test_digital_silence_is_known_after_a_resampler_made_noise_of_it(rate: int) -> None:
    pcm = Resampler(rate, 24_000).feed(bytes(rate * 2 * 5))
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES, FRAME_BYTES)]
    signal_check = SignalCheck(after_s=4)
    assert [signal_check.feed(frame) for frame in frames][-1] == SILENT


def test_a_quiet_room_and_a_loud_one_are_possible() -> None:
    signal_check = SignalCheck(after_s=4)
    loud = SHOUT.astype("<i2").tobytes()
    assert not any(signal_check.feed(frame) for _ in range(1000) for frame in (ROOM, loud))


def test_a_new_stream_has_its_own_chance() -> None:
    signal_check = SignalCheck(after_s=1)
    assert [signal_check.feed(SILENCE) for _ in range(50)][-1]
    signal_check.start_again()
    assert signal_check.feed(SILENCE) is None


def test_it_can_be_switched_off() -> None:
    assert not any(SignalCheck(after_s=0).feed(SILENCE) for _ in range(1000))


def test_hours_without_a_voice_are_suspicious_when_so_configured() -> None:
    signal_check = SignalCheck(without_speech_h=0.01)  # 36 s
    assert not any(signal_check.feed(ROOM) for _ in range(1799))
    signal_check.speech_noticed()
    assert not any(signal_check.feed(ROOM) for _ in range(1799))
    assert signal_check.feed(ROOM) == Deaf(DeviceCode.NO_SPEECH, "nobody was heard for 0.01 h")


def test_a_microphone_that_was_switched_off_for_hours_is_well_with_its_first_sound() -> None:
    signal_check = SignalCheck(after_s=4, without_speech_h=0.01)
    assert [signal_check.feed(SILENCE) for _ in range(3600)][-1] == SILENT
    assert signal_check.feed(ROOM) is None
