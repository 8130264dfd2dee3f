"""The devices are quick while they are needed, and cheap when the room is quiet."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rtaudio_daemon.audio.devices.wav_devices import SilentMicrophone, SilentSpeaker
from rtaudio_daemon.daemon.power_saving import RELAXED_AFTER_S, UNHEARD_AFTER_S, PowerSaving
from rtaudio_daemon.notifications import ModelStatus
from tests.audio.device_log import DeviceLog
from tests.harness import Harness, speech

IDLE, LISTENING = ModelStatus.IDLE, ModelStatus.LISTENING
THINKING, SPEAKING = ModelStatus.THINKING, ModelStatus.SPEAKING


class Ear(SilentMicrophone):
    """A microphone that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(DeviceLog())
        self.asked: list[bool] = []

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        if self.asked[-1:] != [closely]:
            self.asked.append(closely)


class Mouth(SilentSpeaker):
    """A loudspeaker that remembers what it was asked for: whether quick, whether taken."""

    def __init__(self) -> None:
        super().__init__(DeviceLog())
        self.asked: list[tuple[bool, bool]] = []
        self.changed_at = 0.0

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        self.asked.append((closely, taken))
        self.changed_at = asyncio.get_running_loop().time()


async def resting() -> tuple[PowerSaving, Ear, Mouth]:
    """Devices in a quiet room."""
    ear, mouth, power_saving = Ear(), Mouth(), PowerSaving()
    power_saving.use("microphone", ear)
    power_saving.use("speaker", mouth)
    power_saving.status_changed(IDLE)
    await asyncio.sleep(RELAXED_AFTER_S + 0.1)
    assert (ear.asked, mouth.asked) == (
        [True, False],
        [(True, True), (True, False), (False, False)],
    )
    ear.asked.clear()
    mouth.asked.clear()
    return power_saving, ear, mouth


async def test_devices_are_cheap_some_seconds_after_the_last_turn() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    power_saving.status_changed(IDLE)
    await asyncio.sleep(RELAXED_AFTER_S - 0.1)
    assert ear.asked == [True]
    await asyncio.sleep(0.2)
    assert ear.asked == [True, False]
    power_saving.status_changed(LISTENING)
    assert ear.asked == [True, False, True]
    await asyncio.sleep(60)
    assert ear.asked == [True, False, True]


async def test_a_turn_meanwhile_puts_it_off() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    for _ in range(5):
        power_saving.status_changed(IDLE)
        await asyncio.sleep(RELAXED_AFTER_S / 2)
        power_saving.status_changed(LISTENING)
    assert ear.asked == [True]


async def test_a_device_that_comes_later_gets_to_know_how_it_stands() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("speaker", SilentSpeaker(DeviceLog()))
    power_saving.status_changed(IDLE)
    await asyncio.sleep(RELAXED_AFTER_S + 0.1)
    power_saving.use("microphone", ear)
    assert ear.asked == [False]


async def test_after_close_nothing_changes_any_more() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    power_saving.status_changed(IDLE)
    power_saving.close()
    await asyncio.sleep(RELAXED_AFTER_S + 0.1)
    assert ear.asked == [True]


async def test_who_is_called_is_quick_for_a_while_and_says_whether_it_is_already() -> None:
    ear, power_saving = Ear(), PowerSaving()
    power_saving.use("microphone", ear)
    assert power_saving.stir()
    assert ear.asked == [True], "as it never was free, it stays so"
    power_saving.status_changed(IDLE)
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


async def test_the_loudspeaker_stays_cheap_while_somebody_speaks_and_is_quick_for_the_answer() -> (
    None
):
    power_saving, ear, mouth = await resting()
    power_saving.speech_changed(True)
    power_saving.status_changed(LISTENING)
    await asyncio.sleep(30)
    assert ear.asked == [True]
    assert mouth.asked == [(False, True)], "cheap, but no device is exchanged now"
    power_saving.speech_changed(False)
    assert mouth.asked == [(False, True), (True, True)], "a pause: an answer may come soon"
    power_saving.status_changed(THINKING)
    power_saving.status_changed(SPEAKING)
    assert mouth.asked == [(False, True), (True, True)]


async def test_the_loudspeaker_is_quick_at_the_latest_when_an_answer_is_awaited() -> None:
    power_saving, _, mouth = await resting()
    power_saving.speech_changed(True)
    power_saving.status_changed(LISTENING)
    power_saving.status_changed(THINKING)
    assert mouth.asked == [(False, True), (True, True)]
    await asyncio.sleep(60)
    assert mouth.asked == [(False, True), (True, True)]


async def test_the_loudspeaker_is_quick_where_nobody_here_can_hear_a_pause() -> None:
    power_saving, _, mouth = await resting()
    power_saving.status_changed(LISTENING)
    assert mouth.asked == [(True, True)]


async def test_who_speaks_for_long_lets_the_loudspeaker_be_cheap_again() -> None:
    power_saving, _, mouth = await resting()
    power_saving.status_changed(SPEAKING)
    power_saving.speech_changed(True)
    power_saving.status_changed(LISTENING)
    await asyncio.sleep(UNHEARD_AFTER_S - 0.1)
    power_saving.speech_changed(False)
    power_saving.speech_changed(True)
    await asyncio.sleep(UNHEARD_AFTER_S - 0.1)
    assert mouth.asked == [(True, True)], "short sentences leave it alone"
    await asyncio.sleep(0.2)
    assert mouth.asked == [(True, True), (False, True)]
    power_saving.status_changed(IDLE)
    assert mouth.asked == [(True, True), (False, True), (False, False)]
    await asyncio.sleep(60)
    assert mouth.asked == [(True, True), (False, True), (False, False)]


async def test_a_short_sound_while_somebody_speaks_makes_the_loudspeaker_quick_for_a_while() -> (
    None
):
    power_saving, _, mouth = await resting()
    power_saving.speech_changed(True)
    power_saving.status_changed(LISTENING)
    await asyncio.sleep(5)
    assert not power_saving.stir()
    assert mouth.asked == [(False, True), (True, True)]
    await asyncio.sleep(UNHEARD_AFTER_S + 0.1)
    assert mouth.asked == [(False, True), (True, True), (False, True)]


async def test_in_a_turn_the_loudspeaker_is_quick_before_the_service_ends_it(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(15_000, speech("weather"))]) as home:
        mouth = Mouth()
        home.app.assistant._power_saving.use("speaker", mouth)
        await home.until(lambda: "listening" in home.statuses)
        assert mouth.asked[-1] == (False, True)
        await home.until(lambda: "thinking" in home.statuses)
        assert mouth.asked[-1] == (True, True)
        thinking_at = home.time_of("thinking")
        assert mouth.changed_at < thinking_at - 0.1


async def test_the_microphone_is_quick_before_it_is_certain_that_somebody_speaks(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(14_000, speech("hello"))]) as home:
        await home.until_it_can_talk()
        ear, mouth = Ear(), Mouth()
        power_saving = home.app.assistant._power_saving
        power_saving.use("microphone", ear)
        power_saving.use("speaker", mouth)
        await asyncio.sleep(RELAXED_AFTER_S + 1)
        assert (ear.asked, mouth.asked[-1]) == ([True, False], (False, False))
        gate = home.app.assistant.microphone_input.gate
        while not ear.asked[-1]:
            await asyncio.sleep(0.01)
        assert not gate.open
        assert mouth.asked[-1] == (False, False), "nothing will be played soon"
        await home.until(lambda: "listening" in home.statuses)
