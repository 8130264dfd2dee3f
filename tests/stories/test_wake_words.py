"""Wake words by files of others: one that cannot be used leaves the rest as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyopen_wakeword

from rtaudio_daemon import config
from rtaudio_daemon.config import WakeWord
from tests.harness import Harness, speech
from tests.stories.test_listening import spoken

JARVIS = Path(pyopen_wakeword.__file__).parent / "models" / "hey_jarvis.tflite"


def listening_for(*words: WakeWord) -> Callable[[config.Config], config.Config]:
    def change(settings: config.Config) -> config.Config:
        wake = config.Wake(words=words, follow_up_s=4)
        return replace(settings, audio=replace(settings.audio, listen="wake_word", wake=wake))

    return change


async def test_a_word_of_a_file_wakes_by_its_name_and_a_broken_one_is_left_out(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "nora.tflite"
    broken.write_bytes(b"<html>")
    words = (WakeWord(file=str(JARVIS), name="jarvis"), WakeWord(file=str(broken)))
    said = [(2000, spoken(tmp_path, "hey jarvis, what time is it")), (3000, b"")]
    async with Harness(tmp_path, said, change=listening_for(*words)) as harness:
        status = await harness.status()
        (note,) = status["sound"]["notes"]
        assert note.startswith(f"audio.wake.words, a word is left out: nora: {broken} is no model")
        await harness.turns(1)
        (event,) = harness.named("wake")
        assert event["word"] == "jarvis"
        assert 0.5 < event["score"] <= 1
        (counted,) = (await harness.status())["wake_words"]
        assert counted == {"word": "jarvis", "heard": 1, "near_misses": 0}


async def test_a_file_that_is_refused_at_a_reload_changes_nothing(tmp_path: Path) -> None:
    said = [(1500, b""), (1500, spoken(tmp_path, "alexa, what time is it")), (3000, b"")]
    async with Harness(tmp_path, said, change=listening_for(WakeWord("alexa"))) as harness:
        await harness.until(lambda: harness.named("connection"))
        harness.edit = listening_for(WakeWord("alexa"), WakeWord(file=str(tmp_path / "no.tflite")))
        _, report = await harness.post("/api/reload")
        (failed,) = report["changed"]
        assert (failed["option"], failed["state"]) == ("audio.wake.words", "failed")
        assert failed["reason"].startswith(f"no: cannot read {tmp_path}/no.tflite")
        assert [each["word"] for each in (await harness.status())["wake_words"]] == ["alexa"]
        await harness.turns(1)
        assert [each["word"] for each in harness.named("wake")] == ["alexa"]


async def test_where_no_word_can_be_spotted_only_the_button_is_listened_to(tmp_path: Path) -> None:
    words = (WakeWord(file=str(tmp_path / "no.tflite")),)
    said = [(1500, speech("hello")), (1000, b"")]
    async with Harness(tmp_path, said, change=listening_for(*words)) as harness:
        await harness.until(lambda: harness.named("connection"))
        sound = (await harness.status())["sound"]
        assert sound["listen"] == "push_to_talk"
        assert sound["notes"][0].startswith("audio.listen is wake_word, but nothing except push")
