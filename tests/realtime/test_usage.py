"""What the answers of a day cost. No clock, no wire."""

from __future__ import annotations

import pytest

from rtaudio_daemon.protocol.codec import Json
from rtaudio_daemon.realtime.usage import Prices, UsageMeter

USAGE: Json = {
    "input_tokens": 150,
    "output_tokens": 100,
    "input_token_details": {
        "text_tokens": 50,
        "audio_tokens": 100,
        "cached_tokens": 60,
        "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 40},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 70},
}
PRICES = Prices(
    text_input=4, text_cached=0.4, text_output=24, audio_input=32, audio_cached=0.4, audio_output=64
)


def test_tokens_are_counted_by_kind_and_cost_what_the_table_says() -> None:
    ledger = UsageMeter(PRICES)
    spent = ledger.add_response(USAGE, day=1)
    assert (spent.text_input, spent.text_cached, spent.text_output) == (30, 20, 30)
    assert (spent.audio_input, spent.audio_cached, spent.audio_output) == (60, 40, 70)
    expected = (30 * 4 + 20 * 0.4 + 30 * 24 + 60 * 32 + 40 * 0.4 + 70 * 64) / 1e6
    assert ledger.cost_today(1) == pytest.approx(expected)


def test_a_new_day_begins_with_nothing_spent() -> None:
    ledger = UsageMeter(PRICES, daily_limit=0.01)
    while not ledger.exhausted(1):
        ledger.add_response(USAGE, day=1)
    assert ledger.cost_today(1) >= 0.01
    assert not ledger.exhausted(2)
    assert ledger.summary(2)["cost_today"] == 0
    assert ledger.summary(2)["cost_total"] >= 0.01


def test_a_clock_that_steps_back_and_forth_gives_nobody_a_second_budget() -> None:
    ledger = UsageMeter(PRICES, daily_limit=0.01)
    while not ledger.exhausted(5):
        ledger.add_response(USAGE, day=5)
    for day in (4, 5 - 365, 1, 6, 7, 4):
        assert not ledger.exhausted(day)
        ledger.add_response(USAGE, day=day)
    assert ledger.exhausted(5)
    assert ledger.summary(5)["cost_today"] >= 0.01
    after = UsageMeter(PRICES, daily_limit=0.01)
    after.restore(ledger.state())
    assert after.exhausted(5)
    assert after.summary(4) == ledger.summary(4)


def test_few_days_are_known() -> None:
    ledger = UsageMeter(PRICES)
    for day in range(1000):
        ledger.add_response(USAGE, day=day)
    assert len(ledger.state()["days"]) == 8
    assert ledger.cost_today(999) > 0


def test_without_a_limit_nothing_is_ever_used_up() -> None:
    ledger = UsageMeter(PRICES)
    for _ in range(100):
        ledger.add_response(USAGE, day=1)
    assert not ledger.exhausted(1)


def test_transcription_is_counted_in_seconds_or_tokens() -> None:
    ledger = UsageMeter(Prices(transcription_minute=0.006, text_output=10))
    ledger.add_transcription({"type": "duration", "seconds": 30.0}, 1)
    assert ledger.cost_today(1) == pytest.approx(0.003)
    ledger.add_transcription({"type": "tokens", "input_tokens": 5, "output_tokens": 100}, 1)
    assert ledger.cost_today(1) == pytest.approx(0.004)


@pytest.mark.parametrize(
    "usage", [{}, {"input_token_details": "many"}, {"input_tokens": -5}, {"output_tokens": 1e300}]
)
def test_a_strange_bill_is_worth_nothing(usage: Json) -> None:
    ledger = UsageMeter(Prices(text_input=1, text_output=1))
    ledger.add_response(usage, 1)
    assert ledger.cost_today(1) == 0
