"""What reminders say: a sound that was made when they were set, or what stands in for it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.clips import at_volume, plausible, trimmed
from rtaudio_daemon.audio.processing.earcons import ring
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, Samples, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
TEXT = "Take out the bins, please"
SPOKEN = speech("stop")
VOLUME = config.Timers().volume
CLIP = samples(at_volume(trimmed(SPOKEN), VOLUME))


class Voice:
    """Speaks what it is given; `says` is what it says instead, one after the other."""

    def __init__(self, *says: str) -> None:
        self.says = list(says)
        self.asked: list[str] = []

    def __call__(self, turn: Turn) -> Reply:
        self.asked.append(turn.text)
        if turn.say:
            return Reply(self.says.pop(0) if self.says else turn.text, SPOKEN)
        return Reply("Yes.", speech("hello"))


async def reminder(harness: Harness, seconds: float, text: str = TEXT) -> None:
    body = {"kind": "reminder", "seconds": seconds, "text": text}
    assert (await harness.post("/api/timers", body))[0] == 200


async def rung(harness: Harness, seconds: float = 8) -> None:
    await harness.until(lambda: "ringing" in [e["phase"] for e in harness.named("timer")])
    await asyncio.sleep(seconds)
    await harness.post("/api/timers/dismiss")


def spoken_at(heard: Samples) -> float | None:
    """When (s) the words are spoken in what was heard, if they are."""
    at, alike = find(CLIP, heard)
    return at / 24_000 if alike > 0.98 else None


@both_dialects
async def test_its_words_are_spoken_after_the_first_ring_though_there_is_no_session_any_more(
    tmp_path: Path, dialect: Dialect
) -> None:
    voice = Voice()
    async with Harness(tmp_path, reply=voice, dialect=dialect, state=tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await reminder(harness, 10)
        await asyncio.sleep(8)
        assert harness.statuses == ["idle"], "nobody hears how it is recorded"
        assert harness.named("transcript") == []
        harness.simulator.fault("refuse", status=503, times=100)
        harness.simulator.fault("drop")
        await rung(harness)
        await asyncio.sleep(5)
    assert voice.asked == [TEXT], "once, and it is not said by the model again"
    heard = harness.heard()
    first, alike = find(samples(ring(VOLUME)), heard)
    assert alike > 0.98
    at = spoken_at(heard)
    assert at is not None
    assert at - first / 24_000 == pytest.approx(1, abs=0.05)
    assert np.abs(heard[: first - 100]).max() < 60, "nothing was heard before"


async def test_the_sound_outlives_a_restart_and_goes_when_the_reminder_is_gone(
    tmp_path: Path,
) -> None:
    voice, clips = Voice(), tmp_path / "clips"
    async with Harness(tmp_path, reply=voice, state=tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await reminder(harness, 60)
        await asyncio.sleep(5)
    (kept,) = clips.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    (clips / "of nobody.wav").write_bytes(b"")
    async with Harness(tmp_path, reply=voice, state=tmp_path) as harness:
        await rung(harness)
        await asyncio.sleep(2)
    assert voice.asked == [TEXT]
    assert spoken_at(harness.heard()) is not None
    assert list(clips.iterdir()) == []


async def test_other_words_are_refused_and_asked_for_again(tmp_path: Path) -> None:
    voice = Voice("Of course! Take out the bins, please. Anything else?", "Take out")
    async with Harness(tmp_path, reply=voice) as harness:
        await harness.until(lambda: harness.named("connection"))
        await reminder(harness, 30)
        await rung(harness)
    assert voice.asked == [TEXT] * 3
    assert spoken_at(harness.heard()) is not None


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
async def test_after_three_tries_another_voice_speaks(tmp_path: Path) -> None:
    voice = Voice("No.", "Never.", "Why?")
    async with Harness(tmp_path, reply=voice) as harness:
        await harness.until(lambda: harness.named("connection"))
        await reminder(harness, 30)
        await rung(harness)
        assert len(voice.asked) == 3
    heard = harness.heard()
    assert spoken_at(heard) is None
    first, _ = find(samples(ring(VOLUME)), heard)
    words = heard[first + 24_000 + 1200 :][:24_000]
    assert np.sqrt(np.mean(words**2)) > 1000, "somebody speaks there"


async def test_a_session_that_comes_late_takes_the_place_of_the_other_voice(tmp_path: Path) -> None:
    voice = Voice()
    async with Harness(tmp_path, reply=voice) as harness:
        await harness.until(lambda: harness.named("connection"))
        harness.simulator.fault("refuse", status=503, times=5)
        harness.simulator.fault("drop")
        await asyncio.sleep(0.1)
        await reminder(harness, 80)
        await asyncio.sleep(25)
        assert voice.asked == []
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        await asyncio.sleep(10)
        assert voice.asked == [TEXT]
        await harness.post("/api/mute")
        await rung(harness)
    assert spoken_at(harness.heard()) is not None


async def test_two_with_the_same_words_share_one_sound(tmp_path: Path) -> None:
    voice = Voice()
    async with Harness(tmp_path, reply=voice) as harness:
        await harness.until(lambda: harness.named("connection"))
        await reminder(harness, 20)
        await reminder(harness, 30)
        await asyncio.sleep(10)
    assert voice.asked == [TEXT]


# ------------------------------------------------------------------------ the sound


def test_words_are_kept_without_the_silence_around_them_and_equally_loud() -> None:
    soft = (samples(SPOKEN) / 20).astype("<i2").tobytes()
    padded = trimmed(bytes(96_000) + soft + bytes(96_000))
    assert len(padded) < len(SPOKEN) + 2 * 4800
    assert np.abs(samples(padded)).max() == pytest.approx(32_000, abs=2), "as loud as it can be"
    tone = np.sin(np.arange(24_000) / 9) * 3000
    loud = samples(trimmed(tone.astype("<i2").tobytes()))
    assert np.sqrt(np.mean(loud**2)) == pytest.approx(0.16 * 32_768, rel=0.01)
    assert trimmed(b"") == trimmed(bytes(4801)) == b""


def test_a_sound_that_is_too_short_or_too_long_for_its_words_is_not_theirs() -> None:
    second = bytes(48_000)
    assert plausible(second, "Feed the cat")
    assert not plausible(second, "Feed the cat " * 10)
    assert not plausible(second * 10, "Feed the cat")
