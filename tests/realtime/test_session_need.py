"""Whether a session is needed."""

from __future__ import annotations

from datetime import datetime

import pytest

from rtaudio_daemon.realtime.options import SessionPolicy
from rtaudio_daemon.realtime.session_need import Recess, SessionNeed
from rtaudio_daemon.realtime.usage import Prices, UsageMeter

MORNING = datetime(2026, 11, 22, 8).timestamp()
EVENING = datetime(2026, 11, 22, 22).timestamp()
ON_SPEECH = SessionPolicy(hold="on_speech", idle_s=30)


def need(policy: SessionPolicy) -> tuple[SessionNeed, UsageMeter]:
    ledger = UsageMeter(Prices(text_output=1e6), daily_limit=policy.daily_limit)
    return SessionNeed(policy, ledger), ledger


def test_a_session_that_is_always_held_and_costs_what_it_may_knows_no_recess() -> None:
    always, _ = need(SessionPolicy())
    assert not always.over(1e9)
    assert always.recess(1e9, MORNING) is None


def test_held_on_speech_the_need_is_over_when_nobody_spoke_for_long() -> None:
    held, _ = need(ON_SPEECH)
    assert held.recess(0.0, MORNING) == Recess()
    held.arise(100.0)
    assert held.recess(129.9, MORNING) is None
    assert not held.asleep(129.9, MORNING)
    assert held.recess(130.0, MORNING) == Recess()
    assert held.asleep(130.0, MORNING)


@pytest.mark.parametrize(
    "policy", [SessionPolicy(daily_limit=3), SessionPolicy("on_speech", daily_limit=3)]
)
def test_a_used_up_budget_is_a_recess_until_midnight_whoever_speaks(policy: SessionPolicy) -> None:
    limited, ledger = need(policy)
    limited.arise(0.0)
    today = datetime.fromtimestamp(EVENING).toordinal()
    ledger.add_response({"output_tokens": 2}, today)
    assert limited.recess(0.0, EVENING) is None
    ledger.add_response({"output_tokens": 2}, today)
    recess = limited.recess(0.0, EVENING)
    assert recess is not None
    assert "the daily limit of 3 is used up (4.00 spent)" in str(recess.reason)
    assert recess.for_s == 2 * 3600 + 1
    assert not limited.asleep(1e9, EVENING), "speech would not wake it"
    assert limited.recess(0.0, EVENING + recess.for_s) is None
