"""The function calls of an answer: collected until it is done, then given their results."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.dialogue.function_calls import RESULT_MOST, CallBatch, FunctionCalls
from rtaudio_daemon.protocol.events import Event, ResponseDone
from tests.dialogue.events import call, event

PATIENCE_S = 15.0


def finish(calls: FunctionCalls, said: Event, now: float = 0.0) -> CallBatch | None:
    assert isinstance(said, ResponseDone)
    return calls.done(said, now, patience_s=PATIENCE_S, origin=None)


def ended(response_id: str, status: str = "completed", output: Any = None) -> Event:
    return event("response.done", response={"id": response_id, "status": status, "output": output})


def one_call() -> FunctionCalls:
    """The function `weather` was called, and nobody has answered."""
    calls = FunctionCalls()
    item = {"type": "function_call", "call_id": "one", "name": "weather"}
    assert finish(calls, ended("r", output=[item])) is not None
    return calls


def test_calls_of_an_answer_that_was_cut_off_are_not_made() -> None:
    calls = FunctionCalls()
    for each in call(1, None, response_id="r"):
        calls.hear(each)
    assert finish(calls, ended("r", "cancelled")) is None
    assert not calls.open


@pytest.mark.parametrize("output", [None, [None], [{"type": "message"}]])
def test_an_answer_without_calls_waits_for_nothing(output: Any) -> None:
    calls = FunctionCalls()
    assert finish(calls, ended("r", output=output)) is None
    calls.hear(event("response.output_item.done", item=None))
    assert not calls.open


def test_calls_are_known_from_whichever_event_reports_them_and_answered_in_order() -> None:
    calls = FunctionCalls()
    calls.hear(event("response.function_call_arguments.done", response_id="r", call_id="one"))
    items = [{"type": "function_call", "call_id": each, "name": each} for each in ("one", "two")]
    nameless = {"type": "function_call", "name": "a call nobody could answer"}
    batch = finish(calls, ended("r", output=[*items, nameless]))
    assert batch is not None
    assert [each.name for each in batch.calls] == ["one", "two"]
    assert calls.answer("two", "2") is None
    assert calls.answer("one", "1") is batch
    assert [item["output"] for item in batch.items()] == ["1", "2"]
    assert calls.answer("one", "1") is None, "nobody waits for it any more"
    assert not calls.open


def test_when_somebody_has_spoken_since_the_results_ask_for_no_answer() -> None:
    calls = one_call()
    assert calls.calling
    calls.speech_started()
    assert calls.open
    assert not calls.calling
    batch = calls.answer("one", "1")
    assert batch is not None
    assert not batch.awaited


def test_when_silence_was_asked_for_the_results_ask_for_no_answer() -> None:
    calls = one_call()
    calls.silence()
    batch = calls.answer("one", "1")
    assert batch is not None
    assert not batch.awaited


def test_calls_of_answers_that_never_end_are_not_kept_for_ever() -> None:
    calls = FunctionCalls()
    for number in range(100):
        for each in call(number, None, response_id=f"r{number}"):
            calls.hear(each)
    assert finish(calls, ended("r0")) is None
    batch = finish(calls, ended("r99"))
    assert batch is not None
    assert len(batch.calls) == 1


def test_calls_that_nobody_answers_are_not_kept_for_ever() -> None:
    calls = FunctionCalls()
    for number in range(100):
        item = {"type": "function_call", "call_id": f"call_{number}", "name": "weather"}
        finish(calls, ended(f"r{number}", output=[item]))
    assert calls.answer("call_35", "late") is None
    assert calls.answer("call_36", "late") is not None


def test_a_result_is_waited_for_until_its_deadline_and_accepted_after_it() -> None:
    calls = one_call()
    assert calls.deadline == PATIENCE_S
    assert calls.expire(14.9) == []
    (given_up,) = calls.expire(15.0)
    assert calls.deadline is None
    assert not calls.open
    assert not calls.calling
    assert calls.expire(16.0) == [], "it is given up once"
    assert calls.answer("one", "1") is given_up
    assert not given_up.awaited


def test_a_call_that_nobody_waits_for_any_more_is_not_reported_at_its_deadline() -> None:
    calls = one_call()
    calls.speech_started()
    assert calls.expire(15.0) == []
    assert not calls.open


def test_a_session_that_does_not_know_the_call_is_given_it_with_its_result() -> None:
    calls = one_call()
    calls.session_gone()
    batch = calls.answer("one", "1")
    assert batch is not None
    made, result = batch.items()
    assert (made["type"], made["name"], made["arguments"]) == ("function_call", "weather", "{}")
    assert (result["call_id"], result["output"]) == ("one", "1")


def test_a_result_that_the_session_has_is_not_given_again_but_to_the_next_session() -> None:
    for lost, expected in ((False, []), (True, ["function_call", "function_call_output"])):
        calls = FunctionCalls()
        items = [{"type": "function_call", "call_id": each, "name": each} for each in "ab"]
        finish(calls, ended("r", output=items))
        calls.answer("a", "1", sent=True)
        if lost:
            calls.session_gone()
        batch = calls.answer("b", "2", sent=True)
        assert batch is not None
        assert [item["type"] for item in batch.items()][:2] == expected


def test_calls_that_were_being_written_are_gone_with_their_session() -> None:
    calls = FunctionCalls()
    for each in call(1, None, response_id="r"):
        calls.hear(each)
    calls.session_gone()
    assert finish(calls, ended("r")) is None


def test_a_call_that_is_repeated_to_a_session_is_not_made_again() -> None:
    calls = FunctionCalls()
    item = {"type": "function_call", "call_id": "past", "name": "light", "arguments": "{}"}
    calls.hear(event("conversation.item.created", item=item))
    assert finish(calls, ended("r")) is None


def test_what_one_event_leaves_out_takes_nothing_from_another() -> None:
    calls = FunctionCalls()
    empty = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""}
    calls.hear(event("conversation.item.created", item=empty))
    for each in call(1, None, response_id="r"):
        calls.hear(each)
    calls.hear(event("response.function_call_arguments.done", call_id="call_1"))
    batch = finish(calls, ended("r"))
    assert batch is not None
    assert [each.arguments for each in batch.calls] == ['{"day":1}']
    assert [each.response_id for each in batch.calls] == ["r"]


def test_a_result_that_is_too_long_is_cut_and_says_so() -> None:
    calls = one_call()
    batch = calls.answer("one", "x" * 1_000_000)
    assert batch is not None
    (item,) = batch.items()
    assert len(item["output"]) == RESULT_MOST
    assert item["output"].endswith("x\n[cut: these are the first characters of 1,000,000]")


def test_a_result_that_fits_is_sent_as_it_is() -> None:
    calls = one_call()
    batch = calls.answer("one", "x" * RESULT_MOST)
    assert batch is not None
    (item,) = batch.items()
    assert item["output"] == "x" * RESULT_MOST


def test_of_an_answer_with_calls_without_end_the_first_are_made() -> None:
    calls = FunctionCalls()
    for number in range(1000):
        for each in call(number, None, response_id="r"):
            calls.hear(each)
    batch = finish(calls, ended("r"))
    assert batch is not None
    assert [each.call_id for each in batch.calls] == [f"call_{number}" for number in range(64)]


def test_a_call_with_the_id_of_an_earlier_one_that_has_its_result_gets_its_own() -> None:
    """Some services count the calls of every answer from the beginning."""
    calls = FunctionCalls()
    items = [{"type": "function_call", "call_id": each, "name": each} for each in ("0", "1")]
    first, second = finish(calls, ended("r", output=items)), finish(calls, ended("s", output=items))
    assert calls.answer("0", "quick") is None
    assert calls.answer("0", "quick again") is None
    assert calls.answer("1", "slow") is first
    assert calls.answer("1", "slow again") is second
    assert first is not None
    assert second is not None
    assert (first.outputs["0"], second.outputs["0"]) == ("quick", "quick again")
    assert not calls.open
