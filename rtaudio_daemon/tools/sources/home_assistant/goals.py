"""A state that an action asks for, and whether a thing has it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from ....notifications import AsAsked
from .states import State, number_of

_HUE_SLACK = 10.0
_SATURATION_SLACK = 12.0


@dataclass(frozen=True, slots=True)
class Between:
    """An attribute that should be between `low` and `high`."""

    attribute: str
    low: float
    high: float = inf

    def holds(self, state: State) -> bool:
        """Return whether it is."""
        number = state.number(self.attribute)
        return number is not None and self.low <= number <= self.high


@dataclass(frozen=True, slots=True)
class Equal:
    """An attribute that should have this value."""

    attribute: str
    value: Any

    def holds(self, state: State) -> bool:
        """Return whether it has; the case of texts is ignored."""
        return bool(_folded(state.attributes.get(self.attribute)) == _folded(self.value))


@dataclass(frozen=True, slots=True)
class Colour:
    """The colour of a lamp: `hue` in degrees, `saturation` in percent."""

    hue: float
    saturation: float

    def holds(self, state: State) -> bool:
        """Return whether the lamp has that colour, within the accuracy of lamps."""
        return self._is_within(state, _HUE_SLACK, _SATURATION_SLACK)

    def is_near(self, state: State) -> bool:
        """Return whether the colour is similar, so that a better lamp might match it."""
        return self._is_within(state, 3 * _HUE_SLACK, 3 * _SATURATION_SLACK)

    def _is_within(self, state: State, hue_slack: float, saturation_slack: float) -> bool:
        given = state.attributes.get("hs_color")
        numbers = [number_of(each) for each in given] if isinstance(given, list | tuple) else []
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            return False
        hue, saturation = numbers[0], numbers[1]
        apart = abs((hue - self.hue + 180) % 360 - 180)
        is_pale = self.saturation <= _SATURATION_SLACK  # the hue of white is irrelevant
        return abs(saturation - self.saturation) <= saturation_slack and (
            is_pale or apart <= hue_slack
        )


@dataclass(frozen=True, slots=True)
class Goal:
    """The state that an action asks for.

    `states`: one of these; empty: any not in `never`. `number`: the state is a number within
    this range. `on_the_way`: intermediate states. `whole`: whether everything that was asked for
    is visible in it.
    """

    states: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    number: tuple[float, float] | None = None
    attributes: tuple[Between | Equal | Colour, ...] = ()
    on_the_way: frozenset[str] = frozenset()
    takes_time: bool = False
    whole: bool = True

    def judge(self, state: State) -> AsAsked:
        """Return whether `state` is what was asked for.

        `unknown` if Home Assistant only assumes the state, if it is intermediate, or if not all
        that was asked for can be observed.
        """
        if state.state == "unavailable":
            return "no"
        if state.state == "unknown" or state.attributes.get("assumed_state") is True:
            return "unknown"
        if self._reached(state):
            return "yes" if self.whole else "unknown"
        is_open = self.takes_time or state.state in self.on_the_way or self._is_near(state)
        return "unknown" if is_open else "no"

    def may_come(self, state: State) -> bool:
        """Return whether a later state may still match although this one does not."""
        return not self._reached(state) and state.attributes.get("assumed_state") is not True

    def _reached(self, state: State) -> bool:
        return self._has_state(state) and all(each.holds(state) for each in self.attributes)

    def _is_near(self, state: State) -> bool:
        """Return whether only the shade of a colour differs."""
        return self._has_state(state) and all(
            each.holds(state) or (isinstance(each, Colour) and each.is_near(state))
            for each in self.attributes
        )

    def _has_state(self, state: State) -> bool:
        found = state.state.casefold()
        if (self.states and found not in self.states) or found in self.never:
            return False
        if self.number is not None:
            number = number_of(state.state)
            if number is None or not self.number[0] <= number <= self.number[1]:
                return False
        return True


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
