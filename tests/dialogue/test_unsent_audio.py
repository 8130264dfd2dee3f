"""The sound of a turn that the service has made no item of, when its session goes."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.dialogue.unsent_audio import UnsentAudio
from tests.dialogue.events import committed, event, refusal

SECOND = bytes(48_000)
PCM = b"\x01\x02" * 100


def test_a_turn_that_the_service_noticed_is_kept_whole() -> None:
    turn = UnsentAudio()
    turn.hear(event("input_audio_buffer.speech_started"))
    for second in range(20):
        turn.sent(SECOND, float(second))
    turn.lost(20.0)
    assert b"".join(turn.resume(20.5)) == SECOND * 20


def test_sound_that_the_service_never_answered_is_kept_for_as_long_as_an_outage_may_last() -> None:
    turn = UnsentAudio()
    for second in range(20):
        turn.sent(SECOND, float(second))
    assert turn.seconds <= 12
    turn.lost(60.0)
    assert turn.resume(60.0) == [], "too old by now"


@pytest.mark.parametrize("name", ["committed", "cleared"])
def test_a_turn_that_is_safe_is_not_said_again(name: str) -> None:
    turn = UnsentAudio()
    turn.sent(SECOND, 0.0)
    turn.hear(event(f"input_audio_buffer.{name}"))
    turn.lost(1.0)
    assert turn.resume(1.0) == []


def test_where_no_item_is_announced_an_answer_says_that_the_turn_is_safe() -> None:
    turn = UnsentAudio()
    turn.sent(SECOND, 0.0)
    turn.hear(event("response.created"))
    assert turn.seconds == 1
    turn.hear(event("input_audio_buffer.speech_stopped"))
    turn.hear(event("response.created"))
    assert turn.seconds == 0


def test_of_two_questions_in_an_outage_the_older_one_is_dropped_whole() -> None:
    turn = UnsentAudio()
    for piece in range(40):
        turn.kept(b"\x01\x01", piece * 0.1)
    for piece in range(40):
        turn.kept(b"\x02\x02", 8.0 + piece * 0.1)
    assert b"".join(turn.resume(12.0)) == b"\x02\x02" * 40
    assert turn.dropped == 40


def test_what_was_sent_long_before_the_session_went_is_not_sent_again() -> None:
    turn = UnsentAudio(outage_s=10)
    turn.sent(b"\x01\x01", 0.0)
    turn.sent(b"\x02\x02", 9.0)
    turn.lost(15.0)
    assert turn.resume(15.0) == [b"\x02\x02"]


def test_a_turn_that_we_end_ourselves_is_kept_whole_when_its_session_goes() -> None:
    turn = UnsentAudio(outage_s=10)
    turn.by_hand = True
    for second in range(20):
        turn.sent(SECOND, float(second))
    turn.lost(20.0)
    assert b"".join(turn.resume(20.5)) == SECOND * 20


def test_a_turn_that_the_service_noticed_is_not_said_again_when_it_is_long_over() -> None:
    turn = UnsentAudio(outage_s=10)
    turn.hear(event("input_audio_buffer.speech_started"))
    turn.sent(SECOND, 0.0)
    turn.lost(15.0)
    assert turn.seconds == 0
    assert turn.resume(15.0) == []


def test_a_session_that_takes_over_hears_the_last_second_only() -> None:
    turn = UnsentAudio()
    for second in range(5):
        turn.sent(SECOND, float(second))
    assert b"".join(turn.renew(4.5)) == SECOND


def test_an_utterance_that_still_goes_on_is_sent_though_its_beginning_is_too_old() -> None:
    turn = UnsentAudio(outage_s=10)
    for piece in range(150):
        turn.kept(b"\x01\x01", piece * 0.1)
    assert len(b"".join(turn.resume(15.0))) == 2 * 100
    assert turn.dropped == 50


def test_an_utterance_that_is_over_and_whose_beginning_is_too_old_is_dropped_whole() -> None:
    turn = UnsentAudio(outage_s=10)
    for piece in range(40):
        turn.kept(b"\x01\x01", piece * 0.1)
    assert turn.resume(12.0) == []
    assert turn.dropped == 40


def test_the_sound_of_a_turn_that_became_an_item_can_be_fetched_once() -> None:
    turn = UnsentAudio()
    turn.sent(SECOND, 0.0)
    turn.hear(event("input_audio_buffer.committed"))
    assert turn.take_turn() == SECOND
    assert turn.take_turn() is None


def test_a_turn_that_we_end_is_fetched_at_once_and_the_next_one_stays() -> None:
    turn = UnsentAudio()
    turn.by_hand = True
    for second in range(20):
        turn.sent(SECOND, float(second))
    turn.commit("ours")
    assert turn.take_turn() == SECOND * 20
    turn.sent(PCM, 20.0)
    turn.hear(event("input_audio_buffer.committed"))
    assert turn.take_turn() is None
    turn.lost(20.0)
    assert turn.resume(20.0) == [PCM]


def test_a_turn_that_was_refused_does_not_hide_the_next_one() -> None:
    turn = UnsentAudio()
    turn.commit("ours")
    turn.take_turn()
    turn.hear(refusal("ours", "input_audio_buffer_commit_empty"))
    turn.sent(PCM, 0.0)
    turn.hear(event("input_audio_buffer.committed"))
    assert turn.take_turn() == PCM


@pytest.mark.parametrize("by_hand", [True, False])
def test_half_a_turn_is_no_question(by_hand: bool) -> None:
    turn = UnsentAudio()
    turn.by_hand = by_hand
    if not by_hand:
        turn.hear(event("input_audio_buffer.speech_started"))
    for second in range(40):
        turn.sent(SECOND, float(second))
    turn.commit("ours")
    assert turn.take_turn() == b""


def test_sound_that_is_kept_is_bounded() -> None:
    turn = UnsentAudio(outage_s=10, turn_s=30)
    for _ in range(100_000):
        turn.kept(bytes(960), 0.0)
    assert turn.seconds <= 40
    assert turn.dropped > 0


# ------------------------------------------------ commits and clears of ours


def test_another_error_than_that_of_our_commit_leaves_it_awaited() -> None:
    turn = UnsentAudio()
    turn.commit("ours")
    turn.sent(PCM, 0.0)
    turn.hear(refusal("another", "invalid_value"))
    turn.hear(committed())
    turn.lost(1.0)
    assert turn.resume(1.0) == [PCM], "what was committed was said before"


def test_the_late_answer_to_our_own_clear_does_not_eat_the_start_of_the_next_turn() -> None:
    turn = UnsentAudio()
    turn.sent(SECOND, 0.0)
    turn.clear("ours", in_session=True)
    turn.sent(PCM, 0.1)
    turn.hear(event("input_audio_buffer.cleared"))
    turn.lost(1.0)
    assert turn.resume(1.0) == [PCM]


def test_a_clear_that_was_refused_or_is_not_ours_forgets_what_was_said() -> None:
    turn = UnsentAudio()
    turn.clear("ours", in_session=True)
    turn.hear(refusal("ours", "invalid_value"))
    turn.sent(SECOND, 0.0)
    turn.hear(event("input_audio_buffer.cleared"))
    assert turn.seconds == 0


@pytest.mark.parametrize("between", [UnsentAudio.lost, UnsentAudio.renew])
def test_what_a_former_session_did_not_answer_is_not_awaited_of_the_next_one(between: Any) -> None:
    turn = UnsentAudio()
    turn.commit("ours")
    turn.clear("ours too", in_session=True)
    between(turn, 0.0)
    turn.take_turn()
    turn.sent(PCM, 1.0)
    turn.hear(committed())
    assert turn.take_turn() == PCM
    turn.sent(PCM, 2.0)
    turn.hear(event("input_audio_buffer.cleared"))
    assert turn.seconds == 0


def test_a_clear_without_a_session_awaits_nothing() -> None:
    turn = UnsentAudio()
    turn.kept(SECOND, 0.0)
    turn.clear("ours", in_session=False)
    turn.sent(PCM, 1.0)
    turn.hear(event("input_audio_buffer.cleared"))
    assert turn.seconds == 0


def test_while_a_button_is_held_sound_is_kept_as_long_as_the_button_waits() -> None:
    turn = UnsentAudio(outage_s=0)
    assert not turn.keeps
    turn.keep_for(10.0)
    assert turn.keeps
    for second in range(9):
        turn.kept(SECOND, float(second))
    assert b"".join(turn.resume(9.0)) == SECOND * 9
    assert not turn.keeps


def test_an_outage_may_last_longer_from_now_on() -> None:
    turn = UnsentAudio(outage_s=2.0)
    turn.outage_s = 30.0
    assert turn.outage_s == 30.0
    for second in range(20):
        turn.sent(SECOND, float(second))
    turn.lost(20.0)
    assert b"".join(turn.resume(20.0)) == SECOND * 20
