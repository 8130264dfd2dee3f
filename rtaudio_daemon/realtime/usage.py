"""Adds up what the service charges: tokens by kind, and money by a table of prices.

A day is a number that changes at midnight; the caller determines it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens of each kind, and of a minute of transcription."""

    text_input: float = 0.0
    text_cached: float = 0.0
    text_output: float = 0.0
    audio_input: float = 0.0
    audio_cached: float = 0.0
    audio_output: float = 0.0
    image_input: float = 0.0
    transcription_minute: float = 0.0


@dataclass(slots=True)
class Tokens:
    """Tokens by kind (`_input` excludes the cached ones), and seconds of transcription."""

    text_input: int = 0
    text_cached: int = 0
    text_output: int = 0
    audio_input: int = 0
    audio_cached: int = 0
    audio_output: int = 0
    image_input: int = 0
    transcription_s: float = 0.0

    def add(self, other: Tokens) -> None:
        """Add `other` to the counts."""
        for each in fields(self):
            value = getattr(self, each.name) + getattr(other, each.name)
            setattr(self, each.name, value)

    def cost(self, prices: Prices) -> float:
        """Return the cost at these prices."""
        tokens: float = sum(
            getattr(self, name) * getattr(prices, name) for name in _KINDS if getattr(prices, name)
        )
        return tokens / 1e6 + self.transcription_s / 60 * prices.transcription_minute


_DAYS_MOST = 8
_KINDS = tuple(each.name for each in fields(Tokens) if each.name != "transcription_s")


class UsageListener(Protocol):
    """Stores what was spent."""

    def usage_changed(self) -> None:
        """Something has been counted."""


class UsageMeter:
    """Adds up what the service reports. `daily_limit`: money per day, 0 for no limit."""

    def __init__(self, prices: Prices | None = None, *, daily_limit: float = 0.0) -> None:
        self.prices = prices or Prices()
        self.daily_limit = daily_limit
        self.responses = 0
        self.total = Tokens()
        self.listener: UsageListener | None = None
        """Called whenever something has been counted."""
        self._days: dict[int, Tokens] = {}  # the day counted last is the last entry

    def add_response(self, usage: Mapping[str, Any], day: int) -> Tokens:
        """Count the ``usage`` of an answer; return what was counted."""
        spent = _response_tokens(usage)
        self.responses += 1
        self._add(spent, day)
        return spent

    def add_transcription(self, usage: Mapping[str, Any], day: int) -> Tokens:
        """Count the ``usage`` of a transcription: seconds, or tokens."""
        if usage.get("type") == "duration" or "seconds" in usage:
            spent = Tokens(transcription_s=_number(usage.get("seconds")))
        else:
            spent = _response_tokens(usage)
        self._add(spent, day)
        return spent

    def cost_today(self, day: int) -> float:
        """Money spent today."""
        return self.on(day).cost(self.prices)

    def on(self, day: int) -> Tokens:
        """Return the counts of `day`; several days are kept because clocks may be set back."""
        return self._days.get(day, Tokens())

    def exhausted(self, day: int) -> bool:
        """Return whether the daily limit is reached."""
        return 0 < self.daily_limit <= self.cost_today(day)

    def summary(self, day: int) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        today = self.on(day)
        return {
            "responses": self.responses,
            "cost_today": round(today.cost(self.prices), 6),
            "cost_total": round(self.total.cost(self.prices), 6),
            "daily_limit": self.daily_limit or None,
            "today": _plain(today),
            "total": _plain(self.total),
        }

    def state(self) -> dict[str, Any]:
        """Return all counts, ready for JSON and for `restore`."""
        days = {str(day): _plain(tokens) for day, tokens in self._days.items()}
        return {"responses": self.responses, "days": days, "total": _plain(self.total)}

    def restore(self, state: Any) -> None:
        """Continue from a `state`. Raises ValueError, and changes nothing, if it is invalid."""
        try:
            if "day" in state:  # a file of a version that kept only one day
                state = {**state, "days": {state["day"] or 0: state["today"]}}
            responses, total = state["responses"], _tokens(state["total"])
            days = {int(day): _tokens(tokens) for day, tokens in state["days"].items()}
        except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError("it is not what was written there") from error
        if not _is_count(responses):
            raise ValueError("it is not what was written there")
        self.responses, self.total = responses, total
        self._days = dict(list(days.items())[-_DAYS_MOST:])

    def _add(self, spent: Tokens, day: int) -> None:
        today = self._days[day] = self._days.pop(day, Tokens())
        today.add(spent)
        if len(self._days) > _DAYS_MOST:
            del self._days[next(iter(self._days))]
        self.total.add(spent)
        if self.listener is not None:
            self.listener.usage_changed()


def _response_tokens(usage: Mapping[str, Any]) -> Tokens:
    given = _object(usage.get("input_token_details"))
    cached = _object(given.get("cached_tokens_details"))
    made = _object(usage.get("output_token_details"))
    if not given and not made:  # only totals: assume the cheapest kind
        return Tokens(
            text_input=int(_number(usage.get("input_tokens"))),
            text_output=int(_number(usage.get("output_tokens"))),
        )
    text_cached, audio_cached, image_cached = (
        int(_number(cached.get(f"{kind}_tokens"))) for kind in ("text", "audio", "image")
    )
    if not cached:
        text_cached = int(_number(given.get("cached_tokens")))
    text, audio, image = (
        int(_number(given.get(f"{kind}_tokens"))) for kind in ("text", "audio", "image")
    )
    return Tokens(
        text_input=max(0, text - text_cached),
        text_cached=text_cached,
        text_output=int(_number(made.get("text_tokens"))),
        audio_input=max(0, audio - audio_cached),
        audio_cached=audio_cached,
        audio_output=int(_number(made.get("audio_tokens"))),
        image_input=max(0, image - image_cached),
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float:
    """Return a plausible number; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 1e12 else 0.0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _tokens(plain: Mapping[str, Any]) -> Tokens:
    tokens = Tokens(**{name: int(_number(plain[name])) for name in _KINDS})
    tokens.transcription_s = _number(plain["transcription_s"])
    return tokens


def _plain(tokens: Tokens) -> dict[str, float]:
    return {each.name: getattr(tokens, each.name) for each in fields(tokens)}
