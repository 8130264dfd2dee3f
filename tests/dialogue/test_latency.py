"""The turn ledger: what a person waits for, in ms from the end of their speech."""

from __future__ import annotations

from typing import Any

from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.inputs import (
    ButtonPressed,
    ButtonReleased,
    CallAnswered,
    Input,
    InterruptRequested,
    LocalSpeechStarted,
    LocalSpeechStopped,
    SayRequested,
    SessionLost,
    SessionOpened,
    SpeechAborted,
)
from rtaudio_daemon.dialogue.latency import LatencyTracker
from rtaudio_daemon.notifications import (
    AudioPart,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    TurnFinished,
)
from rtaudio_daemon.protocol import events as wire

PART = AudioPart("resp_1", "item_1", 0)
SECOND = AudioPart("resp_2", "item_2", 0)


STARTED, STOPPED = wire.SpeechStarted("item_0"), wire.SpeechStopped("item_0")
CALL = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")
GATE_OPENED, GATE_CLOSED = LocalSpeechStarted(), LocalSpeechStopped()


def created(response_id: str) -> wire.Event:
    return wire.ResponseCreated(response_id, None, "conv_1")


def done(response_id: str, status: str) -> wire.Event:
    return wire.ResponseDone(response_id, status, "", None, (), {})


def told(
    *story: tuple[float, Input | None], ledger: Conversation | None = None
) -> list[TurnFinished]:
    """The turns that end in a story of (seconds, what happened); None is a voice."""
    ledger = ledger or opened()
    turns: list[Any] = []
    for now, happening in story:
        if happening is None:
            ledger.latency.voice(now, -30.0)
        else:
            turns += ledger.handle(happening, now)
    return [turn for turn in turns if isinstance(turn, TurnFinished)]


def opened() -> Conversation:
    conversation = Conversation()
    conversation.handle(SessionOpened(), 0.0)
    return conversation


ANSWER: tuple[tuple[float, Input], ...] = (
    (3.2, created("resp_1")),
    (3.3, wire.AudioDelta(PART, b"")),
    (3.4, PlaybackStarted()),
    (3.5, wire.AudioDelta(PART, b"")),
    (3.6, wire.AudioDone(PART)),
    (3.7, done("resp_1", "completed")),
    (5.0, PlaybackFinished()),
)


def test_a_spoken_turn_is_counted_from_the_last_moment_that_sounded_like_speech() -> None:
    turns = told(
        (1.0, GATE_OPENED),
        (1.2, STARTED),
        (2.4, None),
        (3.0, STOPPED),
        *ANSWER,
    )
    assert turns == [
        TurnFinished(
            "resp_1",
            "completed",
            {
                "speech_ms": 1400,
                "endpoint_ms": 600,
                "response_ms": 800,
                "first_audio_ms": 900,
                "first_sound_ms": 1000,
                "generated_ms": 1300,
                "last_sound_ms": 2600,
            },
        )
    ]


def test_where_only_the_service_listens_its_word_counts() -> None:
    (turn,) = told((1.0, None), (1.2, STARTED), (2.0, None),
                   (3.0, STOPPED), *ANSWER)  # fmt: skip
    assert turn.latencies["speech_ms"] == 1800
    assert turn.latencies["endpoint_ms"] == 0
    assert turn.latencies["first_sound_ms"] == 400


def test_noise_that_only_the_gate_took_for_speech_is_not_part_of_the_next_turn() -> None:
    (turn,) = told(
        (0.1, GATE_OPENED),
        (0.2, None),
        (0.9, GATE_CLOSED),
        (2.0, GATE_OPENED),
        (2.5, None),
        (3.0, STOPPED),
        *ANSWER,
    )
    assert turn.latencies["speech_ms"] == 500


def test_what_was_aborted_is_forgotten() -> None:
    (turn,) = told(
        (0.1, GATE_OPENED),
        (0.2, None),
        (0.5, SpeechAborted()),
        (2.9, STOPPED),
        *ANSWER,
    )
    assert turn.latencies["speech_ms"] == 0


def test_with_the_button_the_turn_ends_when_it_is_let_go() -> None:
    (turn,) = told((1.0, ButtonPressed()), (3.0, ButtonReleased()), *ANSWER)
    assert turn.latencies["speech_ms"] == 2000
    assert "endpoint_ms" not in turn.latencies
    assert turn.latencies["first_audio_ms"] == 300


def test_a_request_is_counted_from_itself_also_when_it_waited() -> None:
    (turn,) = told((1.0, SayRequested("hello")), *ANSWER)
    assert turn.latencies["response_ms"] == 2200
    assert "speech_ms" not in turn.latencies


def test_what_was_interrupted_says_so() -> None:
    story = [(3.0, STOPPED), *ANSWER[:5], (3.65, PlaybackStopped())]
    assert told(*story) == [], "its generation is not over"
    late: list[tuple[float, Input | None]]
    late = [(3.68, wire.AudioDelta(PART, b"")), (3.7, done("resp_1", "cancelled"))]
    (turn,) = told(*story, *late)
    assert turn.status == "interrupted"
    assert turn.latencies["last_sound_ms"] == 650


def test_a_pause_in_the_sound_is_not_its_end() -> None:
    (turn,) = told(
        (3.0, STOPPED),
        *ANSWER[:5],
        (3.61, PlaybackFinished()),
        (3.65, wire.AudioDelta(PART, b"")),
        (3.7, PlaybackStarted()),
        (4.0, done("resp_1", "completed")),
        (5.0, PlaybackFinished()),
    )
    assert turn.latencies["first_sound_ms"] == 400
    assert turn.latencies["last_sound_ms"] == 2000


def test_an_answer_that_calls_a_function_is_over_when_it_was_generated_and_the_wait_goes_on() -> (
    None
):
    first, second = told(
        (3.0, STOPPED),
        (3.1, created("resp_2")),
        (3.15, wire.ResponseDone("resp_2", "completed", "", None, (CALL,), {})),
        (3.17, CallAnswered("call_1", "sunny")),
        *ANSWER,
    )
    assert (first.response_id, first.latencies["generated_ms"]) == ("resp_2", 150)
    assert "first_audio_ms" not in first.latencies
    assert (second.response_id, second.latencies["first_audio_ms"]) == ("resp_1", 300)


def test_an_answer_without_sound_takes_nothing_from_the_next_request() -> None:
    """As after a cough that the model has nothing to say to."""
    _cough, first = told(
        (3.0, STOPPED),
        (3.1, created("resp_2")),
        (3.15, done("resp_2", "completed")),
        (60.0, SayRequested("one")),
        (60.01, created("resp_3")),
        (60.02, done("resp_3", "completed")),
    )
    assert first.latencies["response_ms"] == 10


SOUND = bytes(48 * 1000)  # a second
IN_ONE_GO: tuple[tuple[float, Input], ...] = (
    (1.0, SayRequested("one")),
    (1.1, SayRequested("two")),
    (3.2, created("resp_1")),
    (3.3, wire.AudioDelta(PART, SOUND)),
    (3.4, PlaybackStarted()),
    (3.5, wire.AudioDelta(PART, SOUND)),
    (3.7, done("resp_1", "completed")),
    (4.0, wire.AudioDelta(SECOND, SOUND)),
    (4.1, done("resp_2", "completed")),
)


def test_two_answers_in_one_go_have_each_their_beginning_and_their_end() -> None:
    first, second = told(*IN_ONE_GO, (6.4, PlaybackFinished()))
    assert first.latencies["first_sound_ms"] == 2400
    assert first.latencies["last_sound_ms"] == 4400
    assert second.latencies["first_sound_ms"] == 4300
    assert second.latencies["last_sound_ms"] == 5300
    assert second.latencies["response_ms"] == 2900


def test_of_two_answers_only_the_one_that_was_cut_off_is_interrupted() -> None:
    first, second = told(*IN_ONE_GO, (5.6, PlaybackStopped((Heard(SECOND, 200),))))
    assert (first.status, second.status) == ("completed", "interrupted")
    assert first.latencies["last_sound_ms"] == 4400
    assert second.latencies["first_sound_ms"] == 4300
    assert second.latencies["last_sound_ms"] == 4500


def test_an_answer_that_was_cut_off_before_it_was_heard_has_no_sound() -> None:
    first, second = told(*IN_ONE_GO, (4.6, PlaybackStopped((Heard(PART, 1200), Heard(SECOND, 0)))))
    assert (first.status, second.status) == ("interrupted", "interrupted")
    assert first.latencies["first_sound_ms"] == 2400
    assert first.latencies["last_sound_ms"] == 3600
    assert "first_sound_ms" not in second.latencies
    assert "last_sound_ms" not in second.latencies


def test_an_answer_that_found_no_loudspeaker_has_no_sound() -> None:
    (turn,) = told(
        (3.0, STOPPED),
        (3.2, created("resp_1")),
        (3.3, wire.AudioDelta(PART, SOUND)),
        (3.31, PlaybackStopped((Heard(PART, 0),), lost="gone")),
        (3.4, done("resp_1", "cancelled")),
    )
    assert turn.latencies["first_audio_ms"] == 300
    assert "first_sound_ms" not in turn.latencies
    assert "last_sound_ms" not in turn.latencies


def test_a_lost_connection_ends_what_was_under_way() -> None:
    story = [(1.0, SayRequested("x")), *ANSWER[:4], (3.55, SessionLost("gone"))]
    assert told(*story) == [], "what had arrived is still played"
    (turn,) = told(*story, (3.6, PlaybackFinished()))
    assert turn.status == "lost"


def test_requests_that_were_called_off_are_not_counted_from() -> None:
    called_off: list[tuple[float, Input | None]] = [
        (1.0, SayRequested("x")),
        (2.0, InterruptRequested()),
        (2.1, created("resp_2")),
    ]
    (turn,) = told(*called_off, (2.2, done("resp_2", "cancelled")), *ANSWER)
    assert turn.latencies["response_ms"] == 0


def test_strange_stories_are_survived() -> None:
    assert told((1.0, PlaybackStarted()), (2.0, done("resp_9", "completed"))) == []
    ledger = opened()
    for number in range(100):
        told((float(number), created(f"resp_{number}")), ledger=ledger)
    assert len(ledger.latency._answers) == 16


def test_a_turn_by_button_lasts_as_long_as_it_is_held_whatever_was_said_before() -> None:
    (turn,) = told(
        (0.2, STARTED),
        (1.0, ButtonPressed()),
        (1.2, STOPPED),
        (3.0, ButtonReleased()),
        *ANSWER,
    )
    assert turn.latencies["speech_ms"] == 2000


def test_speech_that_began_before_the_button_was_pressed_is_no_other_turn() -> None:
    story: list[tuple[float, Input | None]] = [
        (1.0, ButtonPressed()),
        (1.1, STARTED),
        (3.0, ButtonReleased()),
        (3.2, created("resp_1")),
        (3.5, wire.AudioDelta(PART, b"\0" * 480)),
        (3.6, PlaybackStarted()),
        (4.0, wire.AudioDone(PART)),
        (4.0, done("resp_1", "completed")),
        (5.0, PlaybackFinished()),
    ]
    (turn,) = told(*story)
    assert turn.latencies["response_ms"] == 200


def test_the_sound_of_an_answer_that_is_forgotten_is_not_measured() -> None:
    tracker = LatencyTracker()
    tracker.received(PART, b"\0" * 480, 1.0)
    assert tracker.finished("resp_1", "completed", 2.0) is None
    assert tracker.over() == []


def spoken(*voices: tuple[float, float], gate_at: float, ended_at: float) -> dict[str, int]:
    """The latencies of a turn in which these frames (seconds, dBFS) sound like speech."""
    conversation = opened()
    for at, level_dbfs in voices:
        if at <= gate_at:
            conversation.latency.voice(at, level_dbfs)
    conversation.handle(GATE_OPENED, gate_at)
    for at, level_dbfs in voices:
        if at > gate_at:
            conversation.latency.voice(at, level_dbfs)
    (turn,) = told((ended_at, STOPPED), *ANSWER, ledger=conversation)
    return turn.latencies


def test_what_a_detector_still_takes_for_speech_is_not_speech_when_it_has_faded() -> None:
    word = [(1.0, -40.0), (1.02, -25.0), (1.1, -22.0), (1.5, -30.0), (1.6, -51.0)]
    tail = [(1.62, -53.0), (1.7, -70.0)]
    latencies = spoken(*word, *tail, gate_at=1.15, ended_at=2.2)
    assert latencies["endpoint_ms"] == 600
    assert latencies["speech_ms"] == 620, "from the first sample of the first frame"


def test_a_word_that_is_over_when_the_gate_opens_counts_whole() -> None:
    word = [(1.0, -25.0), (1.02, -22.0), (1.04, -30.0)]
    tail = [(1.1, -70.0), (1.2, -70.0)]
    latencies = spoken(*word, *tail, gate_at=1.1, ended_at=1.6)
    assert (latencies["speech_ms"], latencies["endpoint_ms"]) == (60, 560)


def test_a_word_begins_anew_after_a_pause_before_the_gate_opens() -> None:
    latencies = spoken((0.5, -22.0), (1.0, -30.0), (1.3, -30.0), gate_at=1.1, ended_at=2.0)
    assert (latencies["speech_ms"], latencies["endpoint_ms"]) == (320, 700)


def test_what_was_long_ago_is_not_part_of_what_opens_the_gate() -> None:
    latencies = spoken((0.1, -22.0), gate_at=1.5, ended_at=2.0)
    assert (latencies["speech_ms"], latencies["endpoint_ms"]) == (500, 0)
