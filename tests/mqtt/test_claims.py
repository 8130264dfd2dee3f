"""The rule by which one of several daemons answers, at any order and delay."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.mqtt import claims
from rtaudio_daemon.mqtt.claims import Claim, Claims, Decided, Wait

WORD = "okay_nabu"
ROUND_TRIP_S = 0.25
LONGEST_S = claims.LIMIT_S + claims.COURTESY_S + 0.001
NAMES = ("bath", "hall", "kitchen", "study")


@dataclass
class Daemon:
    """`delays`: of each message there and back; `answered`: when it came to answer."""

    name: str
    delays: Callable[[], tuple[float, float]]
    claims: Claims = field(init=False)
    answered: list[float] = field(default_factory=list)
    yielded: list[str] = field(default_factory=list)
    wonders: bool = False
    arrives: dict[str, float] = field(default_factory=dict)
    """When the last message came, there and here; the next one cannot come before it."""

    def __post_init__(self) -> None:
        self.start(0.0)

    def start(self, _now: float) -> None:
        """Know nothing of what was before."""
        self.claims = Claims(self.name)


class Home:
    """Daemons at one broker, which may hang. Messages of one connection keep their order."""

    def __init__(self, daemons: list[Daemon], *, hangs: bool = False) -> None:
        self.daemons = daemons
        self.hangs = hangs
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count()

    def at(self, time: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._due, (time, next(self._numbers), what))

    def wake(self, daemon: Daemon, time: float, *, able: bool = True) -> None:
        def begin(now: float) -> None:
            daemon.claims.begin(WORD, now, able=able)
            daemon.wonders = True
            self._go_on(daemon, now)

        self.at(time, begin)

    def run(self) -> None:
        while self._due:
            now, _, what = heapq.heappop(self._due)
            what(now)

    def _go_on(self, daemon: Daemon, now: float) -> None:
        step = daemon.claims.step(now)
        if isinstance(step, Claim):
            self._send(daemon, step, now)
            self._go_on(daemon, now)
        elif isinstance(step, Wait):
            assert step.seconds > 0
            self.at(now + step.seconds + 1e-9, partial(self._look, daemon))
        else:
            daemon.wonders = False
            if step.winner in (None, daemon.name):
                daemon.answered.append(now)
            else:
                daemon.yielded.append(str(step.winner))

    def _look(self, daemon: Daemon, now: float) -> None:
        if daemon.wonders:
            self._go_on(daemon, now)

    def _send(self, daemon: Daemon, claim: Claim, now: float) -> None:
        if self.hangs:
            return
        there, _ = daemon.delays()
        arrives = daemon.arrives["there"] = max(now + there, daemon.arrives.get("there", 0.0))
        self.at(arrives, lambda time: self._deliver(claim, time))

    def _deliver(self, claim: Claim, now: float) -> None:
        for each in self.daemons:
            _, back = each.delays()
            arrives = each.arrives["here"] = max(now + back, each.arrives.get("here", 0.0))
            self.at(arrives, partial(self._hear, each, claim))

    def _hear(self, daemon: Daemon, claim: Claim, now: float) -> None:
        daemon.claims.heard(claim, now)
        self._look(daemon, now)


@st.composite
def homes(draw: st.DrawFn, *, hangs: bool = False) -> Home:
    names = NAMES[: draw(st.integers(2, 4))]
    found = []
    for name in names:
        there = draw(st.floats(0, ROUND_TRIP_S - 0.001))
        rest = ROUND_TRIP_S - 0.001 - there
        trips = st.tuples(st.floats(0, there), st.floats(0, rest))
        drawn = draw(st.lists(trips, min_size=1, max_size=8))
        found.append(Daemon(name, itertools.cycle(drawn).__next__))
    return Home(found, hangs=hangs)


rounds = st.lists(st.lists(st.floats(0, 1.2), min_size=4, max_size=4), min_size=1, max_size=4)


def play(
    home: Home,
    heard_after: list[list[float]],
    deaf: int | None = None,
    unable: int | None = None,
    new: int | None = None,
) -> list[list[str]]:
    """Say the word again and again; who answered each time.

    Which of them is muted, is not able to answer, starts anew each time.
    """
    for number, delays in enumerate(heard_after):
        for index, (each, delay) in enumerate(zip(home.daemons, delays, strict=False)):
            if index == new:
                home.at(10.0 * number - 1, each.start)
            if index != deaf:
                home.wake(each, 10.0 * number + delay, able=index != unable)
    home.run()
    return [
        [each.name for each in home.daemons for time in each.answered if time // 10 == number]
        for number in range(len(heard_after))
    ]


@settings(max_examples=60)
@given(homes(), rounds)
def test_exactly_one_answers_whatever_the_order_and_the_delay(
    home: Home, heard_after: list[list[float]]
) -> None:
    answered = play(home, heard_after)
    assert [len(each) for each in answered] == [1] * len(heard_after)
    for each in home.daemons:
        assert len(each.answered) + len(each.yielded) == len(heard_after)


@settings(max_examples=60)
@given(homes(), rounds, st.integers(0, 1))
def test_where_one_is_muted_another_one_answers(
    home: Home, heard_after: list[list[float]], deaf: int
) -> None:
    answered = play(home, heard_after, deaf)
    assert [len(each) for each in answered] == [1] * len(heard_after)
    assert home.daemons[deaf].answered == []


@settings(max_examples=60)
@given(homes(hangs=True), rounds)
def test_where_the_broker_hangs_everybody_answers_in_time(
    home: Home, heard_after: list[list[float]]
) -> None:
    answered = play(home, heard_after)
    assert [len(each) for each in answered] == [len(home.daemons)] * len(heard_after)
    for each in home.daemons:
        assert max(time % 10 for time in each.answered) <= 1.2 + LONGEST_S


@settings(max_examples=60)
@given(homes(), rounds, st.integers(0, 1))
def test_who_has_just_started_shares_the_order_of_the_others(
    home: Home, heard_after: list[list[float]], new: int
) -> None:
    answered = play(home, heard_after, new=new)
    assert [len(each) for each in answered] == [1] * len(heard_after)


@settings(max_examples=25)
@given(
    homes(), st.lists(st.lists(st.floats(0, 0.01), min_size=4, max_size=4), min_size=1, max_size=3)
)
def test_who_cannot_answer_leaves_it_to_the_others(
    home: Home, heard_after: list[list[float]]
) -> None:
    for each in home.daemons:
        each.delays = lambda: (0.01, 0.01)
    answered = play(home, heard_after, unable=0)
    assert [len(each) for each in answered] == [1] * len(heard_after)
    assert home.daemons[0].answered == []


def test_alone_one_answers_when_its_own_claim_comes_back() -> None:
    mine = Claims("bath")
    mine.begin(WORD, 5.0)
    claim = mine.step(5.0)
    assert claim == Claim("bath", 1, WORD)
    assert mine.step(5.0) == Wait(5.0 + claims.LIMIT_S - 5.0)
    mine.heard(Claim("bath", 1, WORD), 5.01)
    assert mine.step(5.01) == Decided("bath")
    assert mine.step(5.02) == Decided(None), "nothing is open any more"


def test_who_knows_the_winner_gives_way_at_once_and_after_a_while_claims_again() -> None:
    mine = Claims("bath")
    mine.heard(Claim("hall", 1, WORD), 0.0)
    mine.begin(WORD, claims.HELD_S)
    assert mine.step(claims.HELD_S) == Decided("hall")
    mine.begin("alexa", claims.HELD_S)
    assert mine.step(claims.HELD_S) == Claim("bath", 1, "alexa")
    later = claims.HELD_S + 0.1
    mine.begin(WORD, later)
    assert mine.step(later) == Wait(later + claims.COURTESY_S - later), "the hall goes first"
    assert mine.step(later + claims.COURTESY_S) == Claim("bath", 2, WORD)
    mine.begin(WORD, claims.REMEMBERED_S + 1)
    assert mine.step(claims.REMEMBERED_S + 1) == Claim("bath", 2, WORD)


def test_the_winner_of_before_goes_first_and_competes_for_a_new_round() -> None:
    mine = Claims("bath")
    mine.heard(Claim("bath", 1, WORD), 0.0)
    mine.begin(WORD, 1.9)
    assert mine.step(1.9) == Claim("bath", 2, WORD)
    mine.heard(Claim("hall", 2, WORD), 2.0)  # by its clock the first round was over
    assert mine.step(2.0) == Decided("hall")


def test_who_cannot_answer_waits_and_is_left_alone_with_it() -> None:
    mine = Claims("bath")
    mine.begin(WORD, 0.0, able=False)
    assert mine.step(0.0) == Wait(claims.LIMIT_S)
    assert mine.step(claims.LIMIT_S) == Decided(None)


def test_a_claim_that_loses_counts_for_nothing() -> None:
    mine = Claims("bath")
    mine.heard(Claim("hall", 1, WORD), 0.0)
    mine.heard(Claim("study", 1, WORD), 1.0)
    mine.begin(WORD, 2.5)
    mine.step(2.5)
    assert mine.step(2.5 + claims.COURTESY_S) == Claim("bath", 2, WORD), "2 s after the winner's"


def test_who_has_just_come_wins_a_new_round_with_an_old_number() -> None:
    mine = Claims("bath")
    mine.heard(Claim("hall", 5, WORD), 0.0)
    mine.heard(Claim("study", 1, WORD), 40.0)
    mine.begin(WORD, 80.0)
    assert mine.step(80.0) == Claim("bath", 7, WORD)


def test_only_the_last_words_are_remembered() -> None:
    mine = Claims("bath")
    for number in range(claims.WORDS_MOST + 1):
        mine.heard(Claim("hall", 7, f"word {number}"), 0.0)
    mine.begin("word 0", 0.1)
    assert mine.step(0.1) == Claim("bath", 1, "word 0")
    mine.begin("word 1", 0.1)
    assert mine.step(0.1) == Decided("hall")


def test_the_last_round_is_followed_by_the_first() -> None:
    mine = Claims("bath")
    mine.heard(Claim("hall", claims.ROUND_MOST, WORD), 0.0)
    mine.begin(WORD, 40.0)
    claim = mine.step(40.0)
    assert claim == Claim("bath", 1, WORD)
    mine.heard(Claim("bath", 1, WORD), 40.0)
    assert mine.step(40.0) == Decided("bath")


@pytest.mark.parametrize("made_up", [claims.ROUND_MOST, claims.ROUND_MOST - 1, 2**52, 7])
def test_a_number_that_a_stranger_makes_up_settles_no_later_word(made_up: int) -> None:
    bath, hall = Claims("bath"), Claims("hall")
    both = (bath, hall)
    for each in both:
        each.heard(Claim("stranger", made_up, WORD), 0.0)
    for number in range(1, 6):
        now = 40.0 * number
        found = []
        for each in both:
            each.begin(WORD, now)
            claim = each.step(now)
            assert isinstance(claim, Claim)
            assert 1 <= claim.n <= claims.ROUND_MOST, "else nobody would read it"
            assert isinstance(each.step(now), Wait), "nobody has answered this one yet"
            found.append(claim)
        for claim in found:
            for each in both:
                each.heard(claim, now + 0.01)
        assert [each.step(now + 0.02) for each in both] == [Decided("bath")] * 2


@settings(max_examples=25)
@given(st.text(min_size=1, max_size=20), st.integers(1, claims.ROUND_MOST))
def test_a_claim_that_is_written_is_read(word: str, n: int) -> None:
    claim = Claim("bath", n, word)
    assert claims.read(claims.written(claim).encode()) == claim


@settings(max_examples=25)
@given(st.binary() | st.text().map(str.encode))
def test_reading_never_fails(payload: bytes) -> None:
    assert claims.read(payload) is None or payload.startswith(b"{")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"[" * 1000,
        b"[1]",
        b'{"from": "a", "n": 1}',
        b'{"from": "a", "n": true, "word": "b"}',
        b'{"from": "a", "n": 1.5, "word": "b"}',
        b'{"from": "a", "n": 0, "word": "b"}',
        b'{"from": "a", "n": 9007199254740993, "word": "b"}',
        b'{"from": "", "n": 1, "word": "b"}',
        b'{"from": 4, "n": 1, "word": "b"}',
        b'{"from": "a", "n": 1, "word": "' + b"b" * 201 + b'"}',
        b'{"from": "a", "n": 1, "word": "b", "more": "' + b"b" * 3000 + b'"}',
    ],
)
def test_what_is_no_claim_counts_for_nothing(payload: bytes) -> None:
    assert claims.read(payload) is None
