"""When other programs are softer, from moment to moment."""

from __future__ import annotations

import pytest

from rtaudio_daemon.audio.processing.ducking_times import AFTER_S, DuckingTimes, Facts

QUIET = Facts()
SPOKEN = Facts(in_conversation=True)


def softer_times(*moments: tuple[float, Facts]) -> list[float]:
    """When it changed, looking every 50 ms; each fact holds from its moment on."""
    times, changes, softer = DuckingTimes(), [], False
    for step in range(int(moments[-1][0] * 20) + 1):
        now = step / 20
        facts = [each for at, each in moments if at <= now][-1]
        if times.look(facts, now) != softer:
            softer = not softer
            changes.append(now)
    return changes


@pytest.mark.parametrize(
    "facts",
    [Facts(in_conversation=True), Facts(hears=True), Facts(attends=True), Facts(rings=True)],
)
def test_each_reason_is_enough_and_its_end_counts_a_moment_later(facts: Facts) -> None:
    assert softer_times((0, QUIET), (1, facts), (3, QUIET), (9, QUIET)) == [
        1,
        pytest.approx(3 - 0.05 + AFTER_S),
    ]


def test_it_does_not_pump_between_sentences_and_answers() -> None:
    """A pause shorter than the moment is none."""
    pauses = [(1 + each, QUIET if each % 2 else SPOKEN) for each in range(4)]
    short = [(1 + (at - 1) * 0.3, facts) for at, facts in pauses]
    assert softer_times((0, QUIET), *short, (9, QUIET)) == [
        1,
        pytest.approx(1.9 - 0.05 + AFTER_S),
    ]


def test_it_goes_on_over_the_time_in_which_no_wake_word_is_needed() -> None:
    story = [(1, Facts(hears=True)), (2, SPOKEN), (4, Facts(attends=True)), (10, SPOKEN)]
    assert softer_times((0, QUIET), *story, (12, QUIET), (20, QUIET))[0] == 1
    assert len(softer_times((0, QUIET), *story, (12, QUIET), (20, QUIET))) == 2


def test_nothing_is_softer_before_anything_happens() -> None:
    times = DuckingTimes()
    assert not times.look(QUIET, 0)
    assert not times.softer
