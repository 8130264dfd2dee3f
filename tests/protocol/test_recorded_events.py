"""Events of reports: what may be recorded, and that a report of others is read with care."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.protocol.recorded_events import FORMAT, KINDS, MOST, read, recorded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = sorted({name for each in KINDS.values() for name in each})


def document(*events: Any) -> dict[str, Any]:
    return {"format": FORMAT, "seconds": 5, "dropped": 0, "events": list(events)}


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("volume", {"level": 0.123456}, {"level": 0.123}),
        ("volume", {"level": float("nan")}, {}),
        ("volume", {"level": 1.5}, {}),
        ("volume", {"level": True}, {}),
        ("mute", {"muted": True, "why": "planted"}, {"muted": True}),
        ("mute", {"muted": "yes"}, {}),
        ("timer", {"phase": "ringing", "name": "planted"}, {"phase": "ringing"}),
        ("timer", {"phase": "planted"}, {"phase": "other"}),
        ("timer", {"phase": None}, {}),
        ("log", {"module": "rtaudio_daemon.daemon.app"}, {"module": "rtaudio_daemon.daemon.app"}),
        ("log", {"module": "planted", "line": 3}, {"module": "other", "line": 3}),
        ("log", {"module": 3}, {}),
        ("ignored", {"words": "planted"}, {}),
    ],
)
def test_only_what_is_listed_is_recorded(
    kind: str, values: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert recorded(kind, values) == expected


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_is_given_no_text_stays_but_words_of_ours(
    kind: str, values: dict[str, Any]
) -> None:
    found = recorded(kind, values)
    assert recorded(kind, found) == found
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for name, value in found.items():
        assert value == values[name] or value == "other" or isinstance(value, float)


def test_events_are_read_in_their_order() -> None:
    status = {"t": 0.5, "kind": "status", "status": "idle", "previous": "speaking", "more": "x"}
    ended = {"t": 2, "kind": "session", "session": 1, "phase": "ended", "code": 1001}
    assert read(document(status, ended)) == [
        {"t": 0.5, "kind": "status", "status": "idle", "previous": "speaking"},
        {"t": 2, "kind": "session", "session": 1, "phase": "ended", "code": 1001},
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "no list of events"),
        ({"format": 2, "events": []}, "no list of events in format 1"),
        ({"format": 1}, "events: expected a list of at most 2000"),
        ({"format": 1, "events": [{}] * (MOST + 1)}, "events: expected a list"),
        (document("status"), r"events\[0\]: expected an object"),
        (document({"kind": "mute"}), r"events\[0\].t: expected seconds"),
        (document({"t": 1e300, "kind": "mute"}), r"events\[0\].t: expected seconds"),
        (
            document({"t": 2, "kind": "mute"}, {"t": 1, "kind": "mute"}),
            r"events\[1\].t: expected seconds that never go back",
        ),
        (document({"t": 1, "kind": "planted"}), r"events\[0\].kind: there is no such kind"),
        (document({"t": 1, "kind": ["mute"]}), r"events\[0\].kind"),
        (document({"t": 10**400, "kind": "wake"}), r"events\[0\].t: expected seconds"),
        (document({"t": float("nan"), "kind": "wake"}), r"events\[0\].t: expected seconds"),
        (document({"t": 1, "kind": "received", "session": 1}), r"events\[0\].type: is missing"),
        (
            document({"t": 1, "kind": "session", "session": -1, "phase": "opened"}),
            r"events\[0\].session: is missing, or is not what it can be",
        ),
    ],
)
def test_what_is_no_list_of_events_is_refused_with_its_place(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(given)


@given(JSON | st.lists(JSON, max_size=3).map(lambda events: document(*events)))
def test_nothing_but_a_mistake_comes_of_odd_documents(given: Any) -> None:
    try:
        found = read(given)
    except ValueError:
        return
    assert all(each["kind"] in KINDS for each in found)
