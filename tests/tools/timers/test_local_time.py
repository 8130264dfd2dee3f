"""Times of day: what a clock on the wall shows, and when, also where it is put forward or back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.errors import WrongValueError
from rtaudio_daemon.tools.timers.local_time import first, following, local, moment_of, weekdays

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("Africa/Casablanca", "Pacific/Apia", "America/St_Johns", "Pacific/Chatham"),
]


def at(words: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(words).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("shown", "utc"),
    [
        ("2026-03-29T01:59", "2026-03-29T00:59"),
        ("2026-03-29T02:00", "2026-03-29T01:00"),  # left out: the clock shows 03:00
        ("2026-03-29T02:30:15", "2026-03-29T01:00"),
        ("2026-03-29T03:00", "2026-03-29T01:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # shown twice: the first time
        ("2026-10-25T03:00", "2026-10-25T02:00"),
        ("2026-07-01T07:00:30", "2026-07-01T05:00:30"),
    ],
)
def test_an_hour_left_out_is_its_end_and_a_double_one_is_its_first(shown: str, utc: str) -> None:
    wall = moment_of(datetime.fromisoformat(shown), BERLIN)
    assert datetime.fromtimestamp(wall, UTC) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_day_that_an_island_left_out_is_the_next_one() -> None:
    apia = ZoneInfo("Pacific/Apia")
    wall = moment_of(datetime(2011, 12, 30, 7), apia)
    assert local(wall, apia) == datetime(2011, 12, 31)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.sampled_from(ZONES).map(ZoneInfo)
)
def test_it_is_the_first_moment_at_which_the_clock_shows_that_or_more(
    shown: datetime, zone: ZoneInfo
) -> None:
    shown = shown.replace(microsecond=0)
    wall = moment_of(shown, zone)
    assert local(wall, zone) >= shown
    assert local(wall, zone) - shown <= timedelta(hours=1)
    assert local(wall - 1, zone) < shown
    if local(wall, zone) != shown:
        assert local(wall, zone).second == 0, "the next minute that exists"


NOW = at("2026-11-28T08:50:20")  # a Saturday


@pytest.mark.parametrize(
    ("words", "days", "shown"),
    [
        ("09:00", (), "2026-11-28T09:00"),
        ("9:00", (), "2026-11-28T09:00"),
        (" 08:50:21 ", (), "2026-11-28T08:50:21"),
        ("08:50", (), "2026-11-29T08:50"),
        ("07:30", (0, 1, 2, 3, 4), "2026-11-30T07:30"),
        ("08:50", (5,), "2026-12-05T08:50"),
        ("08:51", (5,), "2026-11-28T08:51"),
        ("2026-12-24T18:30", (), "2026-12-24T18:30"),
        ("2026-12-24 18:30:05", (), "2026-12-24T18:30:05"),
    ],
)
def test_the_next_time_of_day(words: str, days: tuple[int, ...], shown: str) -> None:
    assert first(words, days, NOW, BERLIN) == datetime.fromisoformat(shown)


@pytest.mark.parametrize(
    ("words", "days", "what"),
    [
        ("", (), "is no time"),
        ("24:00", (), "is no time"),
        ("7 pm", (), "is no time"),
        ("07:30Z", (), "is no time"),
        ("x" * 5000, (), "is no time"),
        ("2026-02-30T07:00", (), "is no date"),
        ("tomorrow 07:00", (), "is no date"),
        ("2026-11-28T08:50", (), "is over; it is 2026-11-28 08:50 now"),
        ("2028-01-01T00:00", (), "more than 366 days ahead"),
        ("2026-12-24T07:00", (1,), "leave out the date, or the days"),
    ],
)
def test_what_is_no_time_to_come_is_refused(words: str, days: tuple[int, ...], what: str) -> None:
    with pytest.raises(WrongValueError, match=what) as refused:
        first(words, days, NOW, BERLIN)
    assert len(str(refused.value)) < 120


def test_a_time_that_was_put_forward_past_now_is_over() -> None:
    with pytest.raises(WrongValueError, match="is over"):
        first("2026-10-25T02:10", (), at("2026-10-25T01:50") + 2 * 3600, BERLIN)


@given(
    st.integers(1_767_225_600, 1_830_297_600),
    st.sampled_from(ZONES).map(ZoneInfo),
    st.times().map(lambda each: each.replace(second=0, microsecond=0)),
    st.sets(st.integers(0, 6)).map(sorted),
)
def test_a_repeated_time_goes_on_for_ever_on_its_days(
    now: int, zone: ZoneInfo, clock: time, days: list[int]
) -> None:
    day = local(now, zone).date() - timedelta(days=1)
    shown = following(day, clock, days, now, zone)
    for _ in range(10):
        assert moment_of(shown, zone) > now
        assert not days or shown.weekday() in days
        later = following(shown.date(), clock, days, moment_of(shown, zone), zone)
        assert timedelta(0) < later - shown <= timedelta(days=7)
        now, shown = int(moment_of(shown, zone)), later


def test_days_are_numbers_in_the_order_of_the_week() -> None:
    assert weekdays(["sun", "mon", "mon"]) == (0, 6)
    assert weekdays([]) == ()
    with pytest.raises(WrongValueError, match=r"'Monday' is no day; known are mon, tue"):
        weekdays(["Monday"])
