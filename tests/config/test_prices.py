"""Price tables: by the name of a model, and one's own figures count instead."""

from __future__ import annotations

from dataclasses import fields

import pytest

from rtaudio_daemon.config import Prices, parse
from rtaudio_daemon.config.prices import PRICE_TABLES
from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.realtime.options import SessionPolicy


def policy(budget: str) -> SessionPolicy:
    return SessionPolicy.of(parse(f"realtime: {{budget: {budget}}}").realtime)


@pytest.mark.parametrize("model", PRICE_TABLES)
def test_a_table_has_every_price_that_is_charged_by_tokens(model: str) -> None:
    known = {each.name for each in fields(Prices)} - {"transcription_minute"}
    assert set(PRICE_TABLES[model]) == known
    prices = policy(f"{{price_table: {model}, daily_limit: 2}}").prices
    assert prices.audio_output == PRICE_TABLES[model]["audio_output"] > prices.audio_input > 0


def test_ones_own_figures_count_instead() -> None:
    own = "{audio_output: 50, transcription_minute: 0.006}"
    prices = policy(f"{{price_table: gpt-realtime-2.1, prices: {own}}}").prices
    assert (prices.audio_output, prices.transcription_minute) == (50, 0.006)
    assert (prices.audio_input, prices.text_output) == (32, 24)
    assert policy("{}").prices.audio_input == 0


def test_an_unknown_model_and_a_limit_without_prices_are_mistakes() -> None:
    with pytest.raises(ConfigError, match=r"expected gpt-realtime-2\.1 or gpt-realtime-2\.1-mini"):
        policy("{price_table: gpt-9}")
    with pytest.raises(ConfigError, match=r"needs realtime\.budget\.prices or price_table"):
        policy("{daily_limit: 2}")
