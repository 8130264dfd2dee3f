"""The devices are quick while somebody has the floor, and cheap when the house is quiet."""

from __future__ import annotations

import asyncio

from rtaudio_daemon.audio.devices.wav_devices import SilentMicrophone, SilentSpeaker
from rtaudio_daemon.daemon.power_saving import RELAXED_AFTER_S, PowerSaving
from tests.audio.device_log import DeviceLog


class Ear(SilentMicrophone):
    """A microphone that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(DeviceLog())
        self.asked: list[bool] = []

    def attend(self, closely: bool) -> None:
        self.asked.append(closely)


async def test_devices_are_cheap_some_seconds_after_the_last_turn() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    power_saving.floor_is_free(True)
    await asyncio.sleep(RELAXED_AFTER_S - 0.1)
    assert ear.asked == [True]
    await asyncio.sleep(0.2)
    assert ear.asked == [True, False]
    power_saving.floor_is_free(False)
    assert ear.asked == [True, False, True]
    await asyncio.sleep(60)
    assert ear.asked == [True, False, True]


async def test_a_turn_meanwhile_puts_it_off() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    for _ in range(5):
        power_saving.floor_is_free(True)
        await asyncio.sleep(RELAXED_AFTER_S / 2)
        power_saving.floor_is_free(False)
    assert ear.asked == [True]


async def test_a_device_that_comes_later_is_told_how_it_stands() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("speaker", SilentSpeaker(DeviceLog()))
    power_saving.floor_is_free(True)
    await asyncio.sleep(RELAXED_AFTER_S + 0.1)
    power_saving.use("microphone", ear)
    assert ear.asked == [False]


async def test_after_close_nothing_changes_any_more() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    power_saving.floor_is_free(True)
    power_saving.close()
    await asyncio.sleep(RELAXED_AFTER_S + 0.1)
    assert ear.asked == [True]


async def test_who_is_called_is_quick_for_a_while_and_says_whether_it_is_already() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    assert power_saving.stir()
    assert ear.asked == [True], "as it never was free, it stays so"
    power_saving.floor_is_free(True)
    await asyncio.sleep(RELAXED_AFTER_S - 1)
    assert power_saving.stir()
    await asyncio.sleep(RELAXED_AFTER_S - 1)
    assert ear.asked == [True]
    await asyncio.sleep(2)
    assert not power_saving.stir()
    assert ear.asked == [True, False, True]
    await asyncio.sleep(1)
    assert power_saving.stir()
    await asyncio.sleep(RELAXED_AFTER_S + 1)
    assert ear.asked == [True, False, True, False]
