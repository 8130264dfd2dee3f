"""Timers in words."""

from __future__ import annotations

import pytest

from rtaudio_daemon.tools.timers.schedule import Schedule, Wish
from rtaudio_daemon.tools.timers.timer import Kind
from rtaudio_daemon.tools.timers.words import clock_time, duration, label, same_words, sentence
from tests.tools.timers.clocks import Clocks, at


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (0.2, "1 second"),
        (1.04, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "1 minute 1 second"),
        (3599, "59 minutes 59 seconds"),
        (3600, "1 hour"),
        (3601, "1 hour 1 minute"),
        (7500, "2 hours 5 minutes"),
        (86_399, "24 hours"),
        (86_401, "1 day 1 hour"),
        (604_800, "7 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("2026-11-28T23:59", "23:59"),
        ("2026-11-28T00:00", "00:00"),
        ("2026-11-29T07:00", "tomorrow 07:00"),
        ("2026-11-27T07:00", "yesterday 07:00"),
        ("2026-12-01T07:00", "Tuesday 07:00"),
        ("2026-12-05T07:00", "2026-12-05 07:00"),
        ("2026-11-20T07:00", "2026-11-20 07:00"),
    ],
)
def test_times_of_day(when: str, words: str) -> None:
    assert clock_time(at(when), Clocks().now) == words


def test_a_sentence_for_every_kind_and_state() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(Kind.TIMER, Wish(seconds=90), clocks.now)
    schedule.set(Kind.TIMER, Wish(seconds=300, name="pasta"), clocks.now)
    schedule.set(Kind.ALARM, Wish(at="07:00", days=["mon", "sun"]), clocks.now)
    schedule.set(Kind.ALARM, Wish(at="06:00"), clocks.now)
    schedule.set(Kind.REMINDER, Wish(at="2026-12-24T18:30", text="Presents " * 9), clocks.now)
    schedule.change("pasta", Wish(paused=True), clocks.now)
    schedule.change("06:00", Wish(paused=True), clocks.now)
    schedule.tick(clocks.go_on(100))
    found = {each.id: each for each in schedule.timers(clocks.now)}
    assert [sentence(found[str(number)], clocks.now) for number in range(1, 6)] == [
        "timer 1 minute 30 seconds: rings now",
        "timer pasta: paused, 5 minutes left",
        "alarm 07:00: 22 hours 14 minutes left, until tomorrow 07:00, every mon sun",
        "alarm 06:00: paused",
        f"reminder {('Presents ' * 9)[:40]}: 26 days 10 hours left, until 2026-12-24 18:30",
    ]
    assert len(label(found["5"])) == 40


@pytest.mark.parametrize(
    ("text", "spoken", "same"),
    [
        ("Take out the bins!", "take out the bins", True),
        ("Müll rausbringen, Öl kaufen", "Mull rausbringen, öl kaufen.", True),
        ("Pill at 5 pm", "Pill at five pm.", True),
        ("Call 0171 234", "Call zero one seven one, two three four", True),
        ("Take out the bins", "Of course! Take out the bins. Anything else?", False),
        ("Take out the bins", "Take out", False),
        ("Take out the bins", "", False),
        ("a b c d e f g h i j", "a b c d e f g h i", True),
        ("5", "five", True),
    ],
)
def test_a_transcript_is_held_against_the_text(text: str, spoken: str, same: bool) -> None:
    assert same_words(text, spoken) is same
