"""A question of a program: what ends each of its phases, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest

from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.dialogue.asking import WORDS_MOST, fitting
from rtaudio_daemon.dialogue.inputs import (
    AskRequested,
    ButtonPressed,
    ButtonReleased,
    CancelRequested,
    Input,
    InterruptRequested,
    MicrophoneClosed,
    OfferedAnswer,
    SayRequested,
    SessionAwaited,
    SessionLost,
    SessionRenewed,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    CallsRequested,
    CancelResponse,
    CreateResponse,
    ListenWithoutWakeWord,
    Output,
    PauseReplies,
    QuestionClosed,
    ResumeReplies,
)
from rtaudio_daemon.notifications import (
    AudioPart,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    Transcript,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

from .talk import (
    GATE_CLOSED,
    GATE_OPENED,
    IDLE,
    LISTENING,
    PART,
    SECOND,
    STARTED,
    STOPPED,
    THINKING,
    Talk,
    created,
    done,
    opened,
)

YES, NO = OfferedAnswer("yes", ("Yes", "open it")), OfferedAnswer("no", ("No, thanks.",))
QUESTION = AskRequested("ask_1", "Shall I open?", (YES, NO), timeout_s=20)
BEGUN: Sequence[Input] = (created("resp_1", SAY_METADATA), wire.AudioDelta(PART, SECOND))
PLAYED: Sequence[Input] = (
    wire.AudioDone(PART),
    done("resp_1", "completed"),
    PlaybackStarted(),
    PlaybackFinished(),
)
COMMITTED = wire.InputCommitted("item_0")
TURN: Sequence[Input] = (STARTED, STOPPED, COMMITTED)
READS = created("resp_2", {"rtaudio": "ask"})


def listening(**options: object) -> Talk:
    """The question was heard, and its answer is awaited."""
    talk = opened(**options)
    talk.tell(QUESTION, *BEGUN, *PLAYED)
    assert talk.status is LISTENING
    return talk


def transcribing() -> Talk:
    talk = opened()
    asked = AskRequested("ask_1", QUESTION.text, QUESTION.answers, transcribed=True)
    talk.tell(asked, *BEGUN, *PLAYED, *TURN)
    return talk


def reported(text: object, answer: object = "", *, status: str = "completed") -> Input:
    """The model has said what was answered."""
    arguments = json.dumps({"text": text, "answer": answer})
    return made(arguments, status=status)


def made(arguments: str, *, name: str = "report_answer", status: str = "completed") -> Input:
    call = wire.Item("item_c", "call", arguments, False, "completed", "call_1", name)
    return wire.ResponseDone("resp_2", status, "", None, (call,), {})


def closed(steps: Iterable[Output]) -> list[QuestionClosed]:
    return [step for step in steps if isinstance(step, QuestionClosed)]


def wanted(steps: Iterable[Output]) -> list[CreateResponse]:
    return [step for step in steps if isinstance(step, CreateResponse)]


def test_the_question_is_spoken_and_the_turn_after_it_is_its_answer() -> None:
    talk = opened()
    assert [step.settings for step in wanted(talk.tell(QUESTION))]
    assert PauseReplies() in talk.tell(BEGUN[0])
    assert ListenWithoutWakeWord(True) in talk.tell(*BEGUN[1:], *PLAYED)
    (request,) = wanted(talk.tell(*TURN))
    assert request.settings is not None
    assert request.settings["conversation"] == "none"
    assert "input" not in request.settings, "the model hears what was said last"
    assert talk.status is THINKING
    assert wanted(talk.tell(READS)) == []
    steps = talk.tell(reported("Open it, please", "yes"))
    assert steps == [
        ResumeReplies(),
        ListenWithoutWakeWord(False),
        QuestionClosed("ask_1", "answered", "Open it, please", "yes"),
    ]
    assert talk.status is IDLE
    assert talk.mind.quiet
    assert talk.deadline is None


def test_nothing_else_is_answered_or_said_meanwhile() -> None:
    talk = listening()
    assert not talk.mind.quiet
    assert wanted(talk.tell(SayRequested("Dinner!", "verbatim", said="said_1"))) == []
    assert wanted(talk.tell(*TURN)) != []
    talk.tell(READS, reported("Yes"))
    steps = talk.tell(TimePassed())
    assert talk.mind.asking is False
    assert [step.settings for step in wanted(steps)] or talk.status is THINKING


def test_an_answer_of_the_service_s_own_is_cancelled() -> None:
    talk = listening()
    talk.tell(*TURN)
    assert CancelResponse("resp_9") in talk.tell(created("resp_9"))
    assert closed(talk.tell(done("resp_9", "cancelled"), READS, reported("Yes")))
    assert talk.status is IDLE


@pytest.mark.parametrize(
    ("text", "answer", "words", "chosen"),
    [
        ("YES!", "", "YES!", "yes"),
        ("no thanks", "yes", "no thanks", "no"),
        ("Why not?", "yes", "Why not?", "yes"),
        ("Who is it?", "", "Who is it?", None),
        ("Who is it?", "perhaps", "Who is it?", None),
        ("Who is it?", 7, "Who is it?", None),
        ("x" * 5000, "", "x" * WORDS_MOST, None),
        ("Half \ud83d a sign", "", "Half ? a sign", None),
    ],
)
def test_offered_sentences_decide_and_then_the_model(
    text: str, answer: object, words: str, chosen: str | None
) -> None:
    talk = listening()
    steps = talk.tell(*TURN, READS, reported(text, answer))
    assert closed(steps) == [QuestionClosed("ask_1", "answered", words, chosen)]


@pytest.mark.parametrize(
    "nothing",
    [
        reported("  "),
        reported(None),
        reported("Yes", "yes", status="cancelled"),
        made("[]"),
        made("{"),
        made('{"text": "Yes"}', name="weather"),
        done("resp_2", "failed"),
    ],
)
def test_without_words_it_goes_on_listening(nothing: Input) -> None:
    talk = listening()
    assert closed(talk.tell(*TURN, READS, nothing)) == []
    assert talk.status is LISTENING
    assert closed(talk.tell(*TURN, READS, reported("Yes")))


def test_without_words_and_without_time_it_is_over() -> None:
    talk = listening()
    talk.now += 19.5
    talk.tell(*TURN, READS)
    talk.now += 10
    (over,) = closed(talk.tell(reported("")))
    assert (over.outcome, over.reason) == ("no_answer", "what was answered could not be understood")


def test_a_transcript_is_the_answer() -> None:
    talk = transcribing()
    assert talk.status is THINKING
    assert closed(talk.tell(wire.UserTranscript("item_9", "No, thanks", {}))) == []
    steps = talk.tell(wire.UserTranscript("item_0", " Open it! ", {}))
    assert closed(steps) == [QuestionClosed("ask_1", "answered", "Open it!", "yes")]
    assert wanted(steps) == []


def test_what_a_transcript_means_is_asked_of_the_model() -> None:
    talk = transcribing()
    (request,) = wanted(talk.tell(wire.UserTranscript("item_0", "Go ahead", {})))
    assert request.settings is not None
    assert request.settings["input"][0]["content"][0]["text"] == "Go ahead"
    steps = talk.tell(READS, reported("Something else", "yes"))
    assert closed(steps) == [QuestionClosed("ask_1", "answered", "Go ahead", "yes")]


def test_a_transcript_without_offered_answers_asks_nobody() -> None:
    talk = opened()
    talk.tell(AskRequested("ask_1", "Who are you?", transcribed=True), *BEGUN, *PLAYED, *TURN)
    steps = talk.tell(wire.UserTranscript("item_0", "The postman", {}))
    assert closed(steps) == [QuestionClosed("ask_1", "answered", "The postman", None)]


def test_an_empty_transcript_is_no_answer() -> None:
    talk = transcribing()
    assert closed(talk.tell(wire.UserTranscript("item_0", " ", {}))) == []
    assert talk.status is LISTENING


FAILED = wire.UserTranscriptFailed(
    "item_0", wire.ServiceErrorReported("failed", "", "No.", "", Severity.RETRY)
)


def test_a_transcription_that_fails_or_does_not_come_is_made_up_for() -> None:
    talk = transcribing()
    assert wanted(talk.tell(FAILED)) != []
    assert wanted(talk.tell(FAILED, wire.UserTranscript("item_0", "Yes", {}))) == []
    assert closed(talk.tell(READS, reported("No, thanks")))[0].answer == "no"

    talk = transcribing()
    talk.now += 5
    assert wanted(talk.tell(TimePassed())) != []
    assert talk.tell(FAILED) != []
    talk.now += 30
    (over,) = closed(talk.tell(TimePassed()))
    assert over.outcome == "no_answer"


def test_words_that_are_known_are_the_answer_also_without_the_model() -> None:
    talk = transcribing()
    talk.tell(wire.UserTranscript("item_0", "Go ahead", {}))
    talk.now += 30
    (over,) = closed(talk.tell(TimePassed()))
    assert (over.outcome, over.text, over.answer) == ("answered", "Go ahead", None)


@pytest.mark.parametrize("words", ["", "Go ahead"])
def test_a_service_that_refuses_to_say_what_was_meant(words: str) -> None:
    talk = transcribing()
    if words:
        talk.tell(wire.UserTranscript("item_0", words, {}))
    else:
        talk.tell(FAILED)
    no = wire.ServiceErrorReported("no", "", "No.", "rtaudio_response_2", Severity.RETRY)
    (over,) = closed(talk.tell(no))
    assert (over.outcome, over.text) == ("answered" if words else "no_answer", words)


def test_silence_is_no_answer() -> None:
    talk = listening()
    assert talk.deadline == pytest.approx(talk.now + 20)
    talk.now += 20
    (over,) = closed(talk.tell(TimePassed()))
    assert over == QuestionClosed("ask_1", "no_answer", reason="nobody answered in 20 s")


def test_who_has_begun_to_speak_may_finish() -> None:
    talk = listening()
    talk.now += 19
    talk.tell(STARTED)
    talk.now += 10
    assert closed(talk.tell(TimePassed())) == []
    assert closed(talk.tell(STOPPED, TimePassed())) == []
    assert wanted(talk.tell(COMMITTED)) != []


def test_speech_that_becomes_no_turn_ends_it_a_moment_later() -> None:
    talk = listening()
    talk.now += 19
    talk.tell(STARTED, STOPPED)
    talk.now += 4
    assert closed(talk.tell(TimePassed()))


def test_the_silence_that_a_service_reports_as_a_turn_is_none() -> None:
    talk = listening()
    talk.tell(wire.InputTimedOut("item_0"), COMMITTED)
    assert talk.status is not THINKING or talk.mind.asking
    assert talk.mind.asking


def test_who_speaks_over_the_question_answers_it() -> None:
    talk = opened()
    talk.tell(QUESTION, *BEGUN, PlaybackStarted())
    assert ListenWithoutWakeWord(True) in talk.tell(STARTED)
    talk.tell(PlaybackStopped((Heard(PART, 400),), 50), done("resp_1", "cancelled"))
    assert closed(talk.tell(STOPPED, COMMITTED, READS, reported("Yes")))[0].answer == "yes"


def test_our_own_gate_and_a_button_end_turns_too() -> None:
    for begins, ends in ((GATE_OPENED, GATE_CLOSED), (ButtonPressed(), ButtonReleased())):
        talk = listening(local_turns=True, replies=False, interruption="us")
        assert wanted(talk.tell(begins, ends)) == []
        assert talk.status is THINKING
        assert wanted(talk.tell(COMMITTED)) != []
        assert closed(talk.tell(READS, reported("Yes")))


def test_a_button_over_the_question_answers_it() -> None:
    talk = opened()
    talk.tell(QUESTION, *BEGUN, PlaybackStarted(), ButtonPressed())
    talk.tell(PlaybackStopped((Heard(PART, 400),), 50), done("resp_1", "cancelled"))
    assert wanted(talk.tell(ButtonReleased(), COMMITTED)) != []


@pytest.mark.parametrize(
    ("happens", "outcome", "reason"),
    [
        (InterruptRequested(), "interrupted", "silence was asked for"),
        (MicrophoneClosed("muted"), "interrupted", "muted"),
        (
            SayRequested("Fire!", "verbatim", urgent=True),
            "interrupted",
            "something more urgent was to be said",
        ),
        (SessionLost("gone"), "no_answer", "the connection was lost"),
        (SessionRenewed(), "no_answer", "the connection was exchanged"),
        (AskRequested("ask_2", "And now?"), "interrupted", "another question was asked"),
    ],
)
def test_what_ends_a_question(happens: Input, outcome: str, reason: str) -> None:
    talk = listening()
    (over,) = closed(talk.tell(happens))
    assert (over.ask, over.outcome, over.reason) == ("ask_1", outcome, reason)


def test_a_question_that_waits_is_dropped_with_what_waits() -> None:
    talk = opened()
    talk.tell(STARTED, QUESTION)
    assert closed(talk.tell(MicrophoneClosed("muted")))
    assert wanted(talk.tell(STOPPED, wire.InputCleared(), TimePassed())) == []


def test_what_is_urgent_goes_before_a_question_that_waits() -> None:
    talk = opened()
    talk.tell(STARTED, QUESTION)
    assert closed(talk.tell(SayRequested("Fire!", "verbatim", urgent=True))) == []
    assert talk.mind.asking


@pytest.mark.parametrize(
    ("happens", "outcome", "reason"),
    [
        ([created("resp_1", SAY_METADATA), done("resp_1", "failed")], "no_answer", "not speak"),
        ([*BEGUN, PlaybackStopped((), 0, "unplugged")], "no_answer", "not be played"),
        ([BEGUN[0], CancelRequested("resp_1")], "interrupted", "interrupted"),
    ],
)
def test_a_question_that_nobody_hears_is_closed(
    happens: list[Input], outcome: str, reason: str
) -> None:
    talk = opened()
    (over,) = closed(talk.tell(QUESTION, *happens, done("resp_1", "cancelled")))
    assert over.outcome == outcome
    assert reason in over.reason


def test_without_a_connection_nothing_is_asked() -> None:
    talk = Talk()
    (over,) = closed(talk.tell(SessionAwaited(False, "refused"), QUESTION))
    assert over.reason == "the question was dropped before it was spoken"


def test_what_is_said_may_be_followed_without_a_wake_word() -> None:
    talk = opened()
    wish = SayRequested("Hello!", "verbatim", said="said_1", listen=True, instructions="Be kind.")
    steps = talk.tell(wish, *BEGUN)
    assert ListenWithoutWakeWord(True) not in steps
    assert ListenWithoutWakeWord(True) in talk.tell(*PLAYED)
    assert "Be kind." in str(steps)

    talk = opened()
    assert ListenWithoutWakeWord(True) not in talk.tell(wish, SessionLost("gone"))


def test_what_fits_does_not_depend_on_form() -> None:
    answers = (OfferedAnswer("a", ("Café, s'il vous plaît!",)), OfferedAnswer("b"))
    assert fitting("cafe sil vous plait", answers) == "a"
    assert fitting("Thé", answers) is None
    assert fitting("?!", (OfferedAnswer("c", ("…",)),)) is None


ENDS = [
    InterruptRequested(),
    MicrophoneClosed("muted"),
    SayRequested("Fire!", "verbatim", urgent=True),
    AskRequested("ask_2", "And now?"),
]


@pytest.mark.parametrize("end", ENDS)
def test_what_the_model_reports_of_a_question_that_is_over_is_nothing_to_carry_out(
    end: Input,
) -> None:
    talk = listening()
    talk.tell(*TURN, READS, end)
    steps = talk.tell(wire.TextDone(AudioPart("resp_2", "item_c", 0), "Yes!"), reported("Yes"))
    for each in steps:
        assert not isinstance(each, CallsRequested | QuestionClosed | Transcript), each


def test_a_refusal_concerns_its_own_question_only() -> None:
    talk = listening()
    talk.tell(*TURN, AskRequested("ask_2", "And now?"))
    no = wire.ServiceErrorReported("no", "", "No.", "rtaudio_response_2", Severity.RETRY)
    assert closed(talk.tell(no)) == []


def test_nobody_is_asked_any_more_what_was_answered_when_the_question_is_over() -> None:
    talk = transcribing()
    talk.tell(created("resp_9"), FAILED, MicrophoneClosed("muted"))
    assert wanted(talk.tell(done("resp_9", "cancelled"))) == []
    assert talk.status is IDLE


@pytest.mark.parametrize(
    "more", [(COMMITTED,), (STARTED, STOPPED, wire.InputCommitted("item_7")), (STARTED, STOPPED)]
)
def test_what_is_said_before_the_answer_is_known_is_waited_for_by_nobody(
    more: Sequence[Input],
) -> None:
    talk = listening()
    talk.tell(*TURN, *more)
    assert closed(talk.tell(READS, reported("Yes")))
    assert talk.status is IDLE
    assert talk.deadline is None


def test_a_second_turn_of_our_own_gate_is_part_of_the_answer_too() -> None:
    talk = listening(local_turns=True, replies=False, interruption="us")
    talk.tell(GATE_OPENED, GATE_CLOSED, COMMITTED)
    steps = talk.tell(GATE_OPENED, GATE_CLOSED, wire.InputCommitted("item_1"))
    assert wanted(steps) == []
    assert closed(talk.tell(READS, reported("Yes")))[0].answer == "yes"
    assert talk.status is IDLE
    assert wanted(talk.tell(GATE_OPENED, GATE_CLOSED)) != []


def test_speech_without_end_is_no_answer() -> None:
    talk = listening()
    talk.tell(GATE_OPENED)
    talk.now += 70
    assert closed(talk.tell(TimePassed())) == []
    talk.now += 15
    (over,) = closed(talk.tell(TimePassed()))
    assert over.reason == "somebody speaks, and does not come to an end"


def unlocks(talk: Talk) -> bool:
    """Whether the call of an answer that ends now is carried out."""
    call = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "unlock")
    steps = talk.tell(wire.ResponseDone("resp_9", "completed", "", None, (call,), {}))
    return any(isinstance(step, CallsRequested) for step in steps)


def test_what_an_answer_that_nobody_wanted_calls_is_not_carried_out() -> None:
    talk = listening()
    talk.tell(*TURN, created("resp_9"))
    assert not unlocks(talk)

    for begins in ([], [created("resp_9")]):
        talk = opened()
        talk.tell(*TURN, InterruptRequested(), *begins)
        assert not unlocks(talk)
