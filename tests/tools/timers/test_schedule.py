"""Timers, alarms and reminders as time passes, is set, or stands still."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.errors import NotFoundError, NotNowError, RTAudioError, WrongValueError
from rtaudio_daemon.tools.timers.schedule import (
    LATE_MOST_S,
    MOST,
    RINGS_MOST_S,
    SNOOZE_S,
    Happened,
    Schedule,
    Wish,
)
from rtaudio_daemon.tools.timers.timer import Kind, State, Timer
from tests.tools.timers.clocks import Clocks, at

TIMER, ALARM, REMINDER = Kind.TIMER, Kind.ALARM, Kind.REMINDER
PASTA = Wish(seconds=300, name="Pasta")


def phases(happened: list[Happened]) -> list[tuple[str, str]]:
    return [(each.timer.name, each.phase) for each in happened]


def restarted(schedule: Schedule, clocks: Clocks, boot: str = "") -> Schedule:
    """The schedule of the next process, from what this one wrote."""
    written = json.dumps(schedule.record(boot or clocks.boot))
    after = Schedule()
    after.restore(json.loads(written), clocks.boot, clocks.now)
    return after


# ------------------------------------------------------------------------ in seconds


def test_a_timer_rings_when_its_seconds_have_passed_and_is_dismissed() -> None:
    clocks, schedule = Clocks(), Schedule()
    pasta = schedule.set(TIMER, PASTA, clocks.now)
    assert (pasta.id, pasta.state, pasta.length) == ("1", State.RUNNING, 300)
    assert schedule.wait_s(clocks.now) == 300
    assert schedule.tick(clocks.go_on(299.9)) == []
    assert phases(schedule.tick(clocks.go_on(0.1))) == [("Pasta", "ringing")]
    assert schedule.tick(clocks.go_on(1)) == [], "once"
    assert [each.name for each in schedule.ringing] == ["Pasta"]
    assert [each.id for each in schedule.dismiss(clocks.now)] == ["1"]
    assert schedule.dismiss(clocks.now) == [], "twice does nothing"
    assert schedule.timers(clocks.now) == []
    assert schedule.wait_s(clocks.now) is None


@pytest.mark.parametrize("step_s", [-7200, -61, 61, 7200, 86_400 * 365])
def test_a_step_of_the_clock_moves_no_timer(step_s: float) -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.go_on(100)
    assert schedule.tick(clocks.step(step_s)) == []
    (pasta,) = schedule.timers(clocks.now)
    assert pasta.left_s(clocks.now) == pytest.approx(200)
    assert pasta.ends_at == pytest.approx(clocks.wall + 200), "the time that is shown follows"
    assert schedule.tick(clocks.go_on(199)) == []
    assert phases(schedule.tick(clocks.go_on(1))) == [("Pasta", "ringing")]


def test_the_elapsed_clock_counts_over_a_restart_of_the_daemon_too() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.go_on(100)
    clocks.step(-7200)
    after = restarted(schedule, clocks)
    assert after.tick(clocks.go_on(199)) == []
    assert phases(after.tick(clocks.go_on(1))) == [("Pasta", "ringing")]


def test_after_a_power_cut_the_clock_on_the_wall_counts() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.go_on(100)
    clocks.start_anew(off_s=60)
    after = restarted(schedule, clocks, "first")
    assert after.timers(clocks.now)[0].left_s(clocks.now) == pytest.approx(140)
    assert after.tick(clocks.go_on(139)) == []
    assert phases(after.tick(clocks.go_on(1))) == [("Pasta", "ringing")]


@pytest.mark.parametrize(
    ("off_s", "phase"), [(LATE_MOST_S, "ringing"), (LATE_MOST_S + 1, "missed")]
)
def test_what_ended_while_it_was_off_rings_at_once_or_is_missed(off_s: float, phase: str) -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.start_anew(off_s=300 + off_s)
    after = restarted(schedule, clocks, "first")
    assert phases(after.tick(clocks.now)) == [("Pasta", phase)]
    assert [each.name for each in after.missed] == ["Pasta"] * (phase == "missed")


def test_a_machine_without_a_clock_battery_finds_out_late_that_a_timer_has_ended() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.start_anew(off_s=400, clock_stood=True)
    after = restarted(schedule, clocks, "first")
    assert after.tick(clocks.go_on(20)) == []
    assert phases(after.tick(clocks.step(400))) == [("Pasta", "ringing")], "the network said so"


def test_a_clock_that_nobody_puts_right_delays_a_timer_by_its_own_length_at_most() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.start_anew(off_s=-86_400)
    after = restarted(schedule, clocks, "first")
    assert after.wait_s(clocks.now) == 300
    assert after.tick(clocks.go_on(299)) == []
    assert phases(after.tick(clocks.go_on(1))) == [("Pasta", "ringing")]


def test_a_timer_ends_while_the_machine_sleeps() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.set(TIMER, Wish(seconds=3000, name="Bread"), clocks.now)
    assert phases(schedule.tick(clocks.go_on(3600))) == [("Pasta", "missed"), ("Bread", "ringing")]


def test_what_rings_at_a_restart_rings_on() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.tick(clocks.go_on(300))
    clocks.go_on(30)
    assert phases(restarted(schedule, clocks).tick(clocks.now)) == [("Pasta", "ringing")]
    clocks.start_anew(off_s=3600)
    assert phases(restarted(schedule, clocks, "first").tick(clocks.now)) == [("Pasta", "missed")]


def test_it_rings_for_a_quarter_of_an_hour_and_is_missed_then() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.tick(clocks.go_on(300))
    assert schedule.wait_s(clocks.now) == RINGS_MOST_S
    assert schedule.tick(clocks.go_on(RINGS_MOST_S - 1)) == []
    assert phases(schedule.tick(clocks.go_on(1))) == [("Pasta", "missed")]
    (missed,) = schedule.missed
    schedule.forget_missed([missed])
    assert schedule.missed == []


def test_pause_and_resume() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.go_on(100)
    schedule.change("pasta", Wish(paused=True), clocks.now)
    schedule.change("pasta", Wish(paused=True), clocks.now)
    assert schedule.wait_s(clocks.now) is None
    assert schedule.tick(clocks.go_on(5000)) == []
    after = restarted(schedule, clocks)
    (paused,) = after.timers(clocks.now)
    assert (paused.state, paused.left_s(clocks.now)) == (State.PAUSED, 200)
    after.change("pasta", Wish(paused=False), clocks.now)
    after.change("pasta", Wish(paused=False), clocks.now)
    assert after.wait_s(clocks.now) == 200


@pytest.mark.parametrize("paused", [False, True])
def test_more_time_and_less(paused: bool) -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.go_on(100)
    if paused:
        schedule.change("pasta", Wish(paused=True), clocks.now)
    changed = schedule.change("pasta", Wish(more_s=60), clocks.now)
    assert (changed.left_s(clocks.now), changed.length) == (260, 360)
    changed = schedule.change("pasta", Wish(more_s=-200), clocks.now)
    assert (changed.left_s(clocks.now), changed.length) == (60, 160)
    assert (changed.state is State.PAUSED) is paused
    with pytest.raises(WrongValueError, match="what is left then: expected 1 s to 7 days"):
        schedule.change("pasta", Wish(more_s=-60), clocks.now)
    changed = schedule.change("pasta", Wish(seconds=600, name=" Egg\n noodles "), clocks.now)
    assert (changed.name, changed.left_s(clocks.now)) == ("Egg noodles", 600)
    assert changed.state is State.RUNNING


def test_more_time_for_what_rings() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.tick(clocks.go_on(300))
    schedule.change("pasta", Wish(more_s=120), clocks.now)
    assert (schedule.ringing, schedule.wait_s(clocks.now)) == ([], 120)


# -------------------------------------------------------------------- by time of day


def test_an_alarm_rings_at_its_time_of_day_and_is_gone() -> None:
    clocks, schedule = Clocks(), Schedule()
    alarm = schedule.set(ALARM, Wish(at="07:00"), clocks.now)
    assert alarm.ends_at == at("2026-11-29T07:00")
    assert phases(schedule.tick(clocks.until("2026-11-29T07:00"))) == [("", "ringing")]
    schedule.dismiss(clocks.now)
    assert schedule.timers(clocks.now) == []


def test_an_alarm_that_repeats_rings_on_its_days_also_through_daylight_saving() -> None:
    clocks, schedule = Clocks(), Schedule()
    clocks.until("2027-03-26T12:00")  # Friday before the clocks are put forward
    schedule.set(ALARM, Wish(at="02:30", days=["sat", "sun", "mon"]), clocks.now)
    rung: list[float] = []
    while len(rung) < 4:
        wait_s = schedule.wait_s(clocks.now)
        assert wait_s is not None
        rung += [each.timer.ends_at for each in schedule.tick(clocks.go_on(wait_s))]
        clocks.go_on(20)
        schedule.dismiss(clocks.now)
    days = ["2027-03-27T02:30", "2027-03-28T03:00", "2027-03-29T02:30", "2027-04-03T02:30"]
    assert rung == [at(day) for day in days]


def test_an_alarm_in_the_double_hour_rings_once() -> None:
    clocks, schedule = Clocks(), Schedule()
    clocks.until("2026-10-24T22:00")
    schedule.set(ALARM, Wish(at="02:30", days=["sun"]), clocks.now)
    assert len(schedule.tick(clocks.go_on(4.5 * 3600))) == 1
    schedule.dismiss(clocks.now)
    assert schedule.tick(clocks.go_on(3600)) == [], "the second half past two"
    assert schedule.timers(clocks.now)[0].ends_at == at("2026-11-01T02:30")


def test_an_alarm_follows_the_clock_when_it_is_set() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(ALARM, Wish(at="09:00", name="tea"), clocks.now)
    assert schedule.tick(clocks.step(-3600)) == []
    assert schedule.wait_s(clocks.now) == 4500
    assert phases(schedule.tick(clocks.step(4500 + 600))) == [("tea", "ringing")]
    schedule.set(ALARM, Wish(at="10:00", name="cake"), clocks.now)
    assert phases(schedule.tick(clocks.step(3 * 3600))) == [("cake", "missed")]


def test_an_alarm_follows_the_clock_to_another_zone() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(ALARM, Wish(at="12:00"), clocks.now)
    schedule.set(TIMER, PASTA, clocks.now)
    clocks.zone = ZoneInfo("America/New_York")
    assert schedule.tick(clocks.now) == []
    pasta, alarm = schedule.timers(clocks.now)
    assert alarm.ends_at == at("2026-11-28T12:00", clocks.zone)
    assert pasta.left_s(clocks.now) == 300


def test_one_that_repeats_was_missed_once_however_long_it_was_off() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(ALARM, Wish(at="07:00", days=["mon", "wed"], name="work"), clocks.now)
    clocks.start_anew(off_s=30 * 86_400)
    after = restarted(schedule, clocks, "first")
    assert phases(after.tick(clocks.now)) == [("work", "missed")]
    assert after.tick(clocks.now) == []
    assert after.missed[0].ends_at == at("2026-11-30T07:00")
    assert after.timers(clocks.now)[0].ends_at == at("2026-12-30T07:00")


def test_an_alarm_can_be_switched_off_and_on_again() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(ALARM, Wish(at="07:00", days=["sun", "mon"], name="work"), clocks.now)
    schedule.set(ALARM, Wish(at="07:00", name="once"), clocks.now)
    for name in ("work", "once"):
        schedule.change(name, Wish(paused=True), clocks.now)
    assert schedule.change("once", Wish(paused=False), clocks.now).state is State.RUNNING
    schedule.change("once", Wish(paused=True), clocks.now)
    clocks.until("2026-11-29T08:00")
    assert schedule.tick(clocks.now) == []
    work = schedule.change("work", Wish(paused=False), clocks.now)
    assert work.ends_at == at("2026-11-30T07:00")
    with pytest.raises(WrongValueError, match="its time is over"):
        schedule.change("once", Wish(paused=False), clocks.now)


def test_another_time_of_day_and_other_days() -> None:
    clocks, schedule = Clocks(), Schedule()
    alarm = schedule.set(ALARM, Wish(at="07:00", days=["mon"]), clocks.now)
    changed = schedule.change(alarm.id, Wish(days=["tue"]), clocks.now)
    assert changed.ends_at == at("2026-12-01T07:00")
    changed = schedule.change(alarm.id, Wish(at="06:30"), clocks.now)
    assert (changed.ends_at, changed.days) == (at("2026-12-01T06:30"), (1,))
    changed = schedule.change(alarm.id, Wish(at="2026-12-24T06:30"), clocks.now)
    assert (changed.ends_at, changed.days) == (at("2026-12-24T06:30"), ())
    changed = schedule.change(alarm.id, Wish(at="05:00", days=[]), clocks.now)
    assert (changed.ends_at, changed.days) == (at("2026-11-29T05:00"), ())
    changed = schedule.change(alarm.id, Wish(seconds=60), clocks.now)
    assert (changed.at, changed.left_s(clocks.now)) == (None, 60)
    changed = schedule.change(alarm.id, Wish(at="05:00"), clocks.now)
    assert (changed.due, changed.length) == (None, 0)


# ---------------------------------------------------------------------------- snooze


def test_what_rings_is_snoozed_and_rings_again() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(ALARM, Wish(at="09:00", name="up"), clocks.now)
    schedule.tick(clocks.until("2026-11-28T09:00:05"))
    (snoozed,) = schedule.snooze(clocks.now)
    assert (snoozed.state, snoozed.left_s(clocks.now)) == (State.RUNNING, SNOOZE_S)
    assert phases(schedule.tick(clocks.go_on(SNOOZE_S))) == [("up", "ringing")]


def test_what_was_just_dismissed_can_be_snoozed_once() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.tick(clocks.go_on(300))
    schedule.dismiss(clocks.now)
    clocks.go_on(8)
    (snoozed,) = schedule.snooze(clocks.now, 120)
    assert (snoozed.id, schedule.wait_s(clocks.now)) == ("1", 120)
    assert schedule.snooze(clocks.now) == []


def test_what_was_dismissed_long_ago_or_has_another_name_is_not_snoozed() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.tick(clocks.go_on(300))
    assert schedule.snooze(clocks.now, which="rice") == []
    schedule.dismiss(clocks.now)
    assert schedule.snooze(clocks.go_on(301)) == []


@pytest.mark.parametrize("dismissed", [False, True])
@pytest.mark.parametrize("snooze_s", [600, 3 * 86_400])
def test_one_that_repeats_goes_on_after_a_snooze(dismissed: bool, snooze_s: float) -> None:
    clocks, schedule = Clocks(), Schedule()
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    schedule.set(ALARM, Wish(at="09:00", days=days, name="up"), clocks.now)
    schedule.tick(clocks.until("2026-11-28T09:00"))
    if dismissed:
        schedule.dismiss(clocks.now)
    schedule.snooze(clocks.now, snooze_s)
    after = restarted(schedule, clocks)
    assert phases(after.tick(clocks.go_on(snooze_s))) == [("up", "ringing")]
    after.dismiss(clocks.now)
    (alarm,) = after.timers(clocks.now)
    assert alarm.ends_at == at(f"2026-{'11-29' if snooze_s == 600 else '12-02'}T09:00")


def test_a_snooze_over_a_power_cut_does_not_end_early() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, Wish(seconds=60), clocks.now)
    schedule.tick(clocks.go_on(60))
    schedule.snooze(clocks.now, 600)
    clocks.start_anew(off_s=30)
    assert restarted(schedule, clocks, "first").wait_s(clocks.now) == 570


def test_no_snooze_where_all_places_are_taken() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.tick(clocks.go_on(300))
    schedule.dismiss(clocks.now)
    for _ in range(MOST):
        schedule.set(TIMER, PASTA, clocks.now)
    with pytest.raises(NotNowError, match="32 are set already"):
        schedule.snooze(clocks.now)


# ------------------------------------------------------------------- names and limits


@pytest.fixture
def kitchen() -> tuple[Schedule, Clocks]:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, Wish(seconds=300, name="Crème brûlée"), clocks.now)
    schedule.set(TIMER, Wish(seconds=400, name="Cremeschnitte"), clocks.now)
    schedule.set(TIMER, Wish(seconds=480), clocks.now)
    schedule.set(ALARM, Wish(at="07:00", days=["mon"]), clocks.now)
    schedule.set(REMINDER, Wish(seconds=900, text="Take out the bins"), clocks.now)
    return schedule, clocks


@pytest.mark.parametrize(
    ("which", "found"),
    [
        ("crème brûlée", "1"),
        ("CREME BRULEE!", "1"),
        ("creme b", "1"),
        ("cremes", "2"),
        ("8 minutes", "3"),
        ("07:00", "4"),
        ("take out", "5"),
        ("5", "5"),
    ],
)
def test_a_name_is_found_without_case_and_accents_and_by_its_beginning(
    kitchen: tuple[Schedule, Clocks], which: str, found: str
) -> None:
    schedule, clocks = kitchen
    assert schedule.find(which, clocks.now).id == found


def test_several_that_fit_are_listed(kitchen: tuple[Schedule, Clocks]) -> None:
    schedule, clocks = kitchen
    with pytest.raises(NotNowError) as refused:
        schedule.cancel("creme", clocks.now)
    assert str(refused.value) == (
        "2 fit, say which: timer Crème brûlée: 5 minutes left, until 08:50 (id 1); "
        "timer Cremeschnitte: 6 minutes 40 seconds left, until 08:51 (id 2)"
    )
    schedule.set(TIMER, Wish(seconds=100, name="cremeschnitte"), clocks.now)
    with pytest.raises(NotNowError, match="2 fit"):
        schedule.find("Cremeschnitte", clocks.now)


def test_without_a_name_the_only_one_of_its_kind_is_meant(kitchen: tuple[Schedule, Clocks]) -> None:
    schedule, clocks = kitchen
    assert schedule.cancel("", clocks.now, [ALARM]).id == "4"
    with pytest.raises(NotFoundError, match=r"^there is none: nothing is set$"):
        schedule.cancel("", clocks.now, [ALARM])
    with pytest.raises(NotFoundError, match=r"^nothing is called 'soup': timer Crème"):
        schedule.cancel("soup", clocks.now)


def test_words_are_one_line_that_a_file_can_hold() -> None:
    clocks, schedule = Clocks(), Schedule()
    wish = Wish(seconds=5, name=" a\tb\n\ud800 c\x07", text="caf\u00e9 \ud83d")
    timer = schedule.set(REMINDER, wish, clocks.now)
    assert (timer.name, timer.text) == ("a b c", "caf\u00e9")
    assert [each.name for each in restarted(schedule, clocks).timers(clocks.now)] == ["a b c"]
    with pytest.raises(WrongValueError, match="needs the words"):
        schedule.change("a b", Wish(text="\ud83d"), clocks.now)


def test_the_33rd_is_refused() -> None:
    clocks, schedule = Clocks(), Schedule()
    for _ in range(MOST):
        schedule.set(TIMER, PASTA, clocks.now)
    with pytest.raises(NotNowError, match="32 are set already, no more fit; cancel one first"):
        schedule.set(TIMER, PASTA, clocks.now)
    schedule.cancel("1", clocks.now)
    schedule.set(TIMER, PASTA, clocks.now)


@pytest.mark.parametrize(
    ("kind", "wish", "what"),
    [
        (TIMER, Wish(), "give either seconds or at"),
        (TIMER, Wish(seconds=5, at="07:00"), "give either seconds or at"),
        (TIMER, Wish(seconds=0.5), "1 s to 7 days"),
        (TIMER, Wish(seconds=604_801), "1 s to 7 days"),
        (TIMER, Wish(seconds=float("nan")), "1 s to 7 days"),
        (TIMER, Wish(seconds=float("inf")), "1 s to 7 days"),
        (TIMER, Wish(seconds=10**400), "1 s to 7 days"),
        (TIMER, Wish(seconds=5, days=["mon"]), "they need a time of day"),
        (ALARM, Wish(at="25:00"), "is no time"),
        (ALARM, Wish(at="07:00", days=["moonday"]), "is no day"),
        (REMINDER, Wish(seconds=5, text="  "), "needs the words to remind of"),
        (REMINDER, Wish(seconds=5), "needs the words to remind of"),
        (REMINDER, Wish(seconds=5, text="x" * 501), "text: at most 500"),
        (TIMER, Wish(seconds=5, name="x" * 61), "name: at most 60"),
    ],
)
def test_a_wrong_wish_sets_nothing(kind: Kind, wish: Wish, what: str) -> None:
    clocks, schedule = Clocks(), Schedule()
    with pytest.raises(WrongValueError, match=what):
        schedule.set(kind, wish, clocks.now)
    assert schedule.timers(clocks.now) == []


@pytest.mark.parametrize(
    ("wish", "what"),
    [
        (Wish(seconds=5, more_s=5), "give one of"),
        (Wish(at="07:00", more_s=5), "give one of"),
        (Wish(days=["mon"]), "they need a time of day"),
        (Wish(at=""), "is no time"),
        (Wish(seconds=0), "1 s to 7 days"),
    ],
)
def test_a_wrong_change_changes_nothing(wish: Wish, what: str) -> None:
    clocks, schedule = Clocks(), Schedule()
    pasta = schedule.set(TIMER, PASTA, clocks.now)
    with pytest.raises(WrongValueError, match=what):
        schedule.change("pasta", wish, clocks.now)
    assert schedule.timers(clocks.now) == [pasta]


def test_an_alarm_has_no_seconds_to_add_to() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(ALARM, Wish(at="07:00"), clocks.now)
    with pytest.raises(WrongValueError, match="it ends at a time of day"):
        schedule.change("", Wish(more_s=60), clocks.now)


# --------------------------------------------------------------------------- on disk


def whole() -> dict[str, Any]:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, PASTA, clocks.now)
    schedule.set(ALARM, Wish(at="07:00", days=["mon"]), clocks.now)
    schedule.tick(clocks.go_on(2000))
    schedule.set(TIMER, PASTA, clocks.now)
    found: dict[str, Any] = json.loads(json.dumps(schedule.record(clocks.boot)))
    assert (len(found["timers"]), len(found["missed"])) == (2, 1)
    return found


def test_what_was_written_is_there_again() -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.restore(whole(), clocks.boot, clocks.now)
    assert json.loads(json.dumps(schedule.record(clocks.boot))) == whole()


def broken(**fields: Any) -> Callable[[dict[str, Any]], object]:
    def change(record: dict[str, Any]) -> object:
        record["timers"][0] |= fields
        return record

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda record: None,
        lambda record: [record],
        lambda record: record | {"timers": {}},
        lambda record: record | {"missed": None},
        lambda record: record | {"timers": record["timers"] * 17},
        lambda record: record | {"timers": ["pasta"]},
        lambda record: record | {"newest": True},
        lambda record: record | {"newest": -1},
        broken(id=7),
        broken(kind="egg"),
        broken(state=None),
        broken(name="x" * 61),
        broken(name="\ud800"),
        broken(created="today"),
        broken(created=True),
        broken(ends_at=float("nan")),
        broken(ends_at=10**400),
        broken(length=-1),
        broken(left=1e9),
        broken(days="mon"),
        broken(days=[7]),
        broken(at=7),
        broken(at="soon"),
        broken(at="0001-01-01T00:00"),
        broken(at=None, due=None),
        broken(due="soon"),
    ],
)
def test_what_is_broken_is_refused_whole(change: Callable[[dict[str, Any]], object]) -> None:
    clocks, schedule = Clocks(), Schedule()
    pasta = schedule.set(TIMER, PASTA, clocks.now)
    with pytest.raises(ValueError):
        schedule.restore(change(whole()), clocks.boot, clocks.now)
    assert schedule.timers(clocks.now) == [pasta]


# ------------------------------------------------------------------------- whatever comes

SECONDS = st.floats(0, 2e6)
WISHES = st.builds(
    Wish,
    seconds=st.none() | SECONDS,
    more_s=st.none() | st.floats(-2e6, 2e6),
    at=st.sampled_from([None, None, "07:00", "02:30", "2026-12-01T10:00", "later"]),
    days=st.sampled_from([None, None, [], ["mon"], ["sat", "sun"]]),
    name=st.sampled_from([None, "pasta", "PÄSTA", "rice"]),
    text=st.sampled_from([None, "bins"]),
    paused=st.sampled_from([None, None, True, False]),
)
DEEDS = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(list(Kind)), WISHES),
    st.tuples(st.just("change"), st.sampled_from(["", "1", "2", "pasta", "rice"]), WISHES),
    st.tuples(st.just("cancel"), st.sampled_from(["", "1", "2", "pasta"]), st.none()),
    st.tuples(st.just("dismiss"), st.none(), st.none()),
    st.tuples(st.just("snooze"), st.floats(0, 1e6), st.none()),
    st.tuples(st.just("wait"), st.floats(0, 1e5), st.none()),
    st.tuples(st.just("step"), st.floats(-1e5, 1e5), st.none()),
    st.tuples(st.just("restart"), st.none(), st.none()),
    st.tuples(st.just("cut"), st.floats(0, 1e5), st.none()),
)


@settings(max_examples=300)
@given(st.lists(DEEDS, max_size=40), st.sampled_from(["Europe/Berlin", "Pacific/Apia", "UTC"]))
def test_whatever_comes_none_is_lost_and_none_rings_late(
    deeds: list[tuple[str, Any, Any]], zone: str
) -> None:
    clocks, schedule = Clocks(zone=ZoneInfo(zone)), Schedule()
    for kind, what, wish in deeds:
        try:
            schedule = done(kind, what, wish, schedule, clocks)
        except RTAudioError:
            pass
        before = {each.id for each in schedule.timers(clocks.now)}
        happened = schedule.tick(clocks.now)
        after = {each.id for each in schedule.timers(clocks.now)}
        gone = before - after
        assert gone <= {each.timer.id for each in happened if each.phase == "missed"}
        assert schedule.tick(clocks.now) == [], "everything at once"
        assert len(schedule.timers(clocks.now)) <= MOST
        for timer in schedule.timers(clocks.now):
            check(timer, clocks)


def done(kind: str, what: Any, wish: Any, schedule: Schedule, clocks: Clocks) -> Schedule:
    now = clocks.now
    match kind:
        case "set":
            schedule.set(what, wish, now)
        case "change":
            schedule.change(what, wish, now)
        case "cancel":
            schedule.cancel(what, now)
        case "dismiss":
            schedule.dismiss(now)
        case "snooze":
            schedule.snooze(now, what)
        case "wait":
            clocks.go_on(what)
        case "step":
            clocks.step(what)
        case "restart":
            return restarted(schedule, clocks)
        case "cut":
            boot = clocks.boot
            clocks.start_anew(what)
            return restarted(schedule, clocks, boot)
    return schedule


def check(timer: Timer, clocks: Clocks) -> None:
    """What holds for every timer at any time."""
    left_s = timer.left_s(clocks.now)
    assert left_s >= 0
    if timer.state is State.RUNNING:
        assert left_s > 0, "else it rings"
        assert timer.at is not None or left_s <= 604_800
        assert timer.late_s(clocks.now) < 0
    assert not timer.days or timer.at is not None


@settings(max_examples=200)
@given(
    st.floats(1, 604_800),
    st.lists(st.tuples(st.floats(0.1, 5000), st.floats(-1e6, 1e6)), max_size=20),
)
def test_however_the_clock_is_set_a_timer_ends_when_its_seconds_have_passed(
    length: float, steps: list[tuple[float, float]]
) -> None:
    clocks, schedule = Clocks(), Schedule()
    schedule.set(TIMER, Wish(seconds=length), clocks.now)
    ends = clocks.elapsed + length
    for passes, step in steps:
        wait_s = min(passes, schedule.wait_s(clocks.now) or passes)
        happened = schedule.tick(clocks.go_on(wait_s))
        assert bool(happened) == (clocks.elapsed >= ends)
        if happened:
            return
        assert schedule.tick(clocks.step(step)) == []
    (timer,) = schedule.timers(clocks.now)
    assert timer.left_s(clocks.now) == pytest.approx(ends - clocks.elapsed)


def test_ids_are_not_used_again() -> None:
    clocks, schedule, numbers = Clocks(), Schedule(), count(1)
    for _ in range(3):
        timer = schedule.set(TIMER, PASTA, clocks.now)
        assert timer.id == str(next(numbers))
        schedule.cancel(timer.id, clocks.now)
        schedule = restarted(schedule, clocks)
