"""An echo is expected in every band of frequencies, and so is who is louder than it."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.echo import Echo
from rtaudio_daemon.audio.processing.expected_echo import (
    EVERYWHERE,
    NOWHERE,
    SILENCE,
    Coupling,
    ExpectedEcho,
    bins,
    levels,
)

TIME = np.arange(480) / 24_000


def tone(hz: float, level: float) -> bytes:
    return (level * np.sin(2 * np.pi * hz * TIME)).astype("<i2").tobytes()


def both(one: bytes, other: bytes) -> bytes:
    sound: bytes = (np.frombuffer(one, "<i2") + np.frombuffer(other, "<i2")).tobytes()
    return sound


def test_the_loudness_of_a_tone_is_in_its_band_and_in_all() -> None:
    found = levels(tone(1000, 10_000))
    assert int(np.argmax(found[:-1])) == 3, "725 to 1125 Hz"
    assert found[3] == pytest.approx(20 * np.log10(10_000 / 32_768) - 3.01, abs=0.1)
    assert found[-1] == pytest.approx(found[3], abs=0.1)
    assert np.all(levels(b"") == SILENCE)


def test_of_a_longer_sound_the_loudest_frame_counts() -> None:
    loud = tone(1000, 10_000)
    assert np.allclose(levels(bytes(960) + loud + bytes(100)), levels(loud))


def test_the_spectrum_is_divided_among_the_bands() -> None:
    third = NOWHERE.copy()
    third[2] = True
    hz = np.fft.rfftfreq(3840, 1 / 24_000)[bins(third, 3840)]
    assert (hz[0], hz[-1]) == (475, 718.75)
    assert np.fft.rfftfreq(3840, 1 / 24_000)[bins(EVERYWHERE, 3840)][0] == 125


def test_who_is_louder_in_one_band_only_surpasses_the_echo() -> None:
    echo, answer = Echo("half_duplex"), both(tone(400, 8000), tone(2000, 800))
    for number in range(60):
        sounds = number % 10 < 6
        echo.played(answer if sounds else bytes(960))
        heard = both(tone(400, 2400), tone(2000, 240)) if sounds else bytes(960)
        assert not echo.surpassed(echo.clean(heard))
    echo.played(answer)
    assert echo.surpassed(echo.clean(both(tone(400, 2400), tone(2000, 900))))


def test_an_answer_that_ends_with_a_click_at_the_edge_of_a_frame_is_nobody() -> None:
    echo, time = Echo("half_duplex"), np.arange(60 * 480) / 24_000
    answer = sum(100 * np.sin(2 * np.pi * hz * time) for hz in (1400, 2000, 3000, 4300, 6000))
    answer = (answer + 8000 * np.sin(2 * np.pi * 400.3125 * time)).astype("<i2")
    answer[40 * 480 :] = 0
    assert abs(answer[40 * 480 - 1]) > 7500, "a click"
    heard = (np.concatenate([np.zeros(240), answer[:-240]]) * 0.3).astype("<i2")
    for at in range(0, len(answer), 480):
        echo.played(answer[at : at + 480].tobytes())
        assert not echo.surpassed(echo.clean(heard[at : at + 480].tobytes()))
    echo.played(answer[:480].tobytes())
    assert echo.surpassed(echo.clean(both(heard[480:960].tobytes(), tone(3000, 900))))


def test_long_after_an_answer_a_frame_is_measured_by_itself() -> None:
    echo = Echo("half_duplex")
    for _ in range(60):
        echo.played(tone(400, 8000))
        echo.surpassed(echo.clean(tone(400, 800)))
    for _ in range(100):
        echo.clean(bytes(960))
    assert not echo.surpassed(echo.clean(bytes(960)), learn=False)
    assert echo.surpassed(echo.clean(tone(400, 8000)), learn=False)
    echo.clean(tone(400, 8000))
    echo.postpone()
    assert echo.postponed() == [True]


def test_where_nothing_was_played_nothing_is_known() -> None:
    coupling, expected = Coupling(), ExpectedEcho()
    played, heard = levels(tone(400, 8000)), levels(tone(400, 800))
    for number in range(100):
        expected.advance(played if number % 4 else SILENCE, heard if number % 4 else SILENCE)
        expected.learn(coupling, heard)
    assert coupling.bands is not None
    assert coupling.overall_db == pytest.approx(-20, abs=0.5)
    assert np.isinf(coupling.bands[7])
    louder = expected.louder(coupling, levels(tone(400, 8000)), 6)
    assert louder[1]
    assert not louder[7]


def test_a_steady_noise_is_nobody() -> None:
    expected, coupling = ExpectedEcho(), Coupling()
    noise = levels(tone(400, 1000))
    for _ in range(100):
        expected.advance(levels(tone(400, 8000)), noise)
        expected.learn(coupling, noise)
    for _ in range(60):
        expected.advance(SILENCE, noise)
    assert not expected.audible
    assert not expected.louder(coupling, noise, 6).any(), "the echo has died away, the noise not"
    assert expected.louder(coupling, levels(tone(400, 8000)), 6).any()


def test_an_echo_lasts_until_it_is_as_soft_as_the_noise() -> None:
    echo, loud, noise = Echo("half_duplex"), tone(1000, 8000), tone(1000, 20)

    def hear(played: bytes, heard: bytes) -> None:
        echo.played(played)
        echo.surpassed(echo.clean(heard))

    assert not echo.lasts(), "nothing was played"
    for _ in range(14):
        hear(loud, tone(1000, 800))
    assert not echo.lasts(), "nothing is known of it"
    for number in range(140):
        hear(*((loud, tone(1000, 800)) if number % 20 < 10 else (bytes(960), noise)))
    hear(loud, tone(1000, 800))
    after = 0
    while echo.lasts():
        hear(bytes(960), noise)
        after += 1
    assert 15 < after < 50


class Silent:
    """A canceller that takes away everything."""

    def played(self, pcm: bytes) -> None:
        pass

    def clean(self, pcm: bytes) -> bytes:
        return bytes(len(pcm))


def test_an_echo_that_is_cancelled_lasts_as_long_as_the_microphone_hears_it() -> None:
    echo, loud = Echo("cancel", Silent()), tone(1000, 8000)
    for number in range(40):
        echo.played(loud if number % 20 < 15 else bytes(960))
        echo.surpassed(echo.clean(tone(1000, 800) if number % 20 < 15 else bytes(960)))
    assert echo.coupling_db is not None
    assert echo.coupling_db < -70, "nothing is left of it"
    assert echo.lasts()
    for _ in range(100):
        echo.played(bytes(960))
        echo.clean(bytes(960))
    assert not echo.lasts()
