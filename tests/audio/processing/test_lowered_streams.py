"""Which streams of other programs are lowered, and that each gets its volume back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtaudio_daemon.audio.processing.lowered_streams import (
    MOST,
    Lowered,
    Stream,
    factor,
    give_back,
    lower,
    record,
    restored,
    strangers,
    streams,
)

FULL, LOW = (65536, 65536), (30419, 30419)
TIMES = factor(-20)
RADIO = Stream(3, "radio", FULL)


def listed(index: Any = 3, value: Any = 65536, **properties: str) -> dict[str, Any]:
    channels = {"front-left": {"value": value}, "front-right": {"value": value}}
    names = {name.replace("__", "-").replace("_", "."): each for name, each in properties.items()}
    return {"index": index, "volume": channels, "properties": names}


def test_minus_20_db_is_a_volume_of_46_percent() -> None:
    assert round(65536 * TIMES) == 30419


def test_streams_are_known_by_what_the_sound_server_remembers_them_by() -> None:
    found = [
        listed(1, module__stream__restore_id="by-role:music", application_name="mpd"),
        listed(2, application_name="mpd", media_name="a song"),
        listed(3, media_name="a song"),
        listed(4),
    ]
    assert streams(found) == [
        Stream(1, "by-role:music", FULL),
        Stream(2, "mpd", FULL),
        Stream(3, "a song", FULL),
        Stream(4, "", FULL),
    ]


@pytest.mark.parametrize(
    "one",
    [
        listed(media_role="voice-assistant"),
        listed(media_role="phone"),
        listed(node_link__group="echo-cancel-1"),
        listed(index="three"),
        listed(value="loud"),
        listed(value=-1),
        listed(value=True),
        listed(value=1 << 40),
        {"index": 1, "volume": {"mono": 3}, "properties": {}},
        {"index": 1, "volume": {}, "properties": {}},
        {"index": 1, "volume": {str(each): {"value": 1} for each in range(33)}, "properties": {}},
        {"index": 1, "volume": [], "properties": {}},
        {"index": 1, "volume": {"mono": {"value": 3}}},
        {},
    ],
)
def test_ours_and_calls_and_nonsense_are_left_alone(one: dict[str, Any]) -> None:
    assert streams([one, listed(7)]) == [Stream(7, "", FULL)]


def test_what_is_lowered_is_given_back() -> None:
    kept, changes = lower([], [RADIO], TIMES)
    assert changes == {3: LOW}
    owed, given = give_back(kept, [Stream(3, "radio", LOW)])
    assert (owed, given) == ([], {3: Lowered("radio", FULL, LOW, 3)})


def test_lowering_twice_lowers_once() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    assert lower(kept, [Stream(3, "radio", LOW)], TIMES) == (kept, {})


def test_what_somebody_moved_meanwhile_stays_there() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    moved = [Stream(3, "radio", (50000, 50000))]
    assert lower(kept, moved, TIMES) == (kept, {})
    assert give_back(kept, moved) == ([], {})


def test_rounding_of_the_sound_server_is_no_hand() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    assert give_back(kept, [Stream(3, "radio", (30420, 30418))])[1]
    assert not give_back(kept, [Stream(3, "radio", (30419,))])[1], "another count of channels"


def test_what_has_ended_is_owed_until_it_comes_again() -> None:
    kept, _ = lower([], [RADIO, Stream(4, "film", FULL)], TIMES)
    owed, given = give_back(kept, [Stream(3, "radio", LOW)])
    assert [each.key for each in owed] == ["film"]
    assert list(given) == [3]
    assert give_back(owed, [Stream(9, "film", LOW)])[1][9].was == FULL


def test_the_next_song_begins_as_low_and_gets_what_the_one_before_had() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    kept, changes = lower(kept, [Stream(8, "radio", LOW)], TIMES)
    assert (kept, changes) == ([Lowered("radio", FULL, LOW, 8)], {})


def test_a_second_stream_beside_the_first_begins_as_low_and_both_get_all_back() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    both = [Stream(3, "radio", LOW), Stream(8, "radio", LOW)]
    kept, changes = lower(kept, both, TIMES)
    assert changes == {}
    owed, given = give_back(kept, both)
    assert (owed, {index: each.was for index, each in given.items()}) == ([], {3: FULL, 8: FULL})


def test_two_streams_of_a_program_get_each_its_own() -> None:
    quiet = Stream(4, "radio", (20000, 20000))
    kept, changes = lower([], [RADIO, quiet], TIMES)
    there = [Stream(index, "radio", low) for index, low in reversed(changes.items())]
    _, given = give_back(strangers(kept), there)
    assert {index: each.was for index, each in given.items()} == {3: FULL, 4: quiet.volume}


def test_after_another_loudness_was_set_it_is_counted_from_what_was() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    kept, changes = lower(strangers(kept), [Stream(1, "radio", LOW)], factor(-10))
    assert changes == {1: (round(65536 * factor(-10)),) * 2}
    assert [each.was for each in kept] == [FULL]


def test_a_restarted_sound_server_may_give_an_index_to_another() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    _, changes = lower(strangers(kept), [Stream(3, "film", FULL)], TIMES)
    assert changes == {3: LOW}


def test_the_file_holds_what_is_needed_and_no_more_than_a_bound() -> None:
    kept, _ = lower([], [RADIO], TIMES)
    found = json.loads(json.dumps(record(kept)))
    assert found == [{"key": "radio", "was": [65536, 65536], "low": [30419, 30419]}]
    assert restored(found) == strangers(kept)
    many, changes = lower([], [Stream(each, f"{each}", FULL) for each in range(MOST + 9)], TIMES)
    assert len(many) == len(restored(json.loads(json.dumps(record(many) * 2)))) == MOST
    assert set(changes) == {each.index for each in many}, "what is not noted is not lowered"


@pytest.mark.parametrize(
    "found",
    [
        {},
        [3],
        [{}],
        [{"key": 3, "was": [1], "low": [1]}],
        [{"key": "k" * 501, "was": [1], "low": [1]}],
        [{"key": "k", "was": [], "low": [1]}],
        [{"key": "k", "was": [1], "low": ["1"]}],
        [{"key": "k", "was": 5, "low": [1]}],
    ],
)
def test_a_file_of_nonsense_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"lowered volume"):
        restored(found)
