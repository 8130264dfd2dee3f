"""How an answer is cut into deltas."""

from __future__ import annotations

from rtaudio_daemon.simulator.model.pacing import pieces, spoken, written
from tests.simulator.caller import loud


def test_words_and_sound_come_out_of_the_plan_whole() -> None:
    text, pcm = "  one two\nthree four five six seven ", loud(3000)
    for steps in (list(spoken(text, pcm, "burst")), list(spoken(text, b"", "realtime"))):
        assert "".join(step.words for step in steps) == text
    steps = list(spoken(text, pcm, "burst"))
    assert b"".join(step.pcm for step in steps) == pcm
    assert steps[0].words
    assert "".join(step.words for step in written(text)) == text
    assert pieces("") == []


def test_more_words_than_sound_are_all_said() -> None:
    text = "word " * 50
    steps = list(spoken(text, loud(20), "burst"))
    assert "".join(step.words for step in steps) == text
