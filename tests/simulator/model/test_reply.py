"""What is answered without a scenario."""

from __future__ import annotations

import json

import pytest

from rtaudio_daemon.simulator.model.reply import ASK, Turn, default_reply
from tests.simulator.caller import loud


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (Turn(1, text="hello"), "hello"),
        (Turn(1, heard=loud(1500)), "speech of 1.5 s"),
        (Turn(1, text="21 degrees", function_output=True), "The answer is 21 degrees."),
        (Turn(1, text="exactly this", say=True), "exactly this"),
        (Turn(1), "I am listening."),
    ],
)
def test_without_a_reply_function_it_says_back_what_it_was_told(turn: Turn, words: str) -> None:
    assert default_reply(turn).text == words


@pytest.mark.parametrize(
    ("words", "meant"), [("Well, OPEN it.", "yes"), ("No!", "no"), ("What?", "")]
)
def test_who_shall_report_an_answer_reports_the_one_that_was_said(words: str, meant: str) -> None:
    offered = json.dumps({"answers": {"yes": ["open it"], "no": []}})
    instructions = f"Report what is said.\n{offered}"
    turn = Turn(
        1,
        text=words,
        instructions=instructions,
        metadata={"rtaudio": ASK},
        tools=({"name": "report"},),
    )
    (call,) = default_reply(turn).calls
    assert (call.name, json.loads(call.arguments)) == ("report", {"text": words, "answer": meant})
