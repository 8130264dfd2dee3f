"""Whatever happens to a conversation, some things always hold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.inputs import (
    AnswerDropped,
    AnswerRequested,
    AskRequested,
    AudioCleared,
    AudioCommitted,
    ButtonPressed,
    ButtonReleased,
    CallAnswered,
    CallsTakeLong,
    CancelRequested,
    ContinueRequested,
    Input,
    InterruptRequested,
    MicrophoneClosed,
    OfferedAnswer,
    PlayRequested,
    SayRequested,
    SessionAwaited,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SoundHeldBack,
    SoundLetGo,
    SpeechAborted,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    AnswerGivenUp,
    CancelResponse,
    CommitAudio,
    CreateResponse,
    DeleteItem,
    Output,
    Play,
    QuestionClosed,
    TruncateItem,
)
from rtaudio_daemon.dialogue.settings import DialogueSettings
from rtaudio_daemon.notifications import (
    AudioPart,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    StatusChanged,
    TextSaid,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

from .talk import (
    GATE_CLOSED,
    GATE_OPENED,
    IDLE,
    SECOND,
    STARTED,
    STOPPED,
    THINKING,
    created,
    done,
)

_IDS = st.sampled_from(["resp_1", "resp_2", "resp_3", ""])
_PARTS = st.builds(AudioPart, _IDS, st.sampled_from(["item_1", "item_2"]), st.integers(0, 1))
_HEARD = st.lists(st.builds(Heard, _PARTS, st.integers(-5, 2000)), max_size=3).map(tuple)
_STATUSES = st.sampled_from(["completed", "cancelled", "failed", "incomplete"])
_CALL = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")
_HAPPENINGS: st.SearchStrategy[Input] = st.one_of(
    st.sampled_from(
        [
            STARTED,
            STOPPED,
            GATE_OPENED,
            GATE_CLOSED,
            SpeechAborted(),
            ButtonPressed(),
            ButtonReleased(),
            ButtonReleased(answer=False),
            InterruptRequested(),
            ContinueRequested(),
            SpeechAborted(nobody=True),
            TimePassed(),
            SessionOpened(),
            SessionRenewed(),
            SoundHeldBack(),
            SoundLetGo(),
            SessionLost("gone"),
            SessionLost("closed", closing=True),
            SessionAwaited(False, "refused"),
            PlaybackStarted(),
            PlaybackFinished(),
            wire.InputCleared(),
            wire.InputTimedOut("item_0"),
            CallAnswered("call_1", "sunny"),
            CallAnswered("call_1", "sunny", sent=True),
            CallAnswered("call_1", "sunny", silent=True),
            CallsTakeLong(("call_1",), "still running"),
            AnswerRequested(),
            AnswerRequested({"conversation": "none"}, outside=True),
            CancelRequested(),
            CancelRequested("resp_2"),
            AudioCommitted(),
            AudioCleared(),
            AnswerDropped(),
            MicrophoneClosed("muted"),
            wire.UserTranscript("item_0", "yes", {}),
            wire.UserTranscript("item_0", "  ", {}),
            wire.UserTranscript("item_0", "perhaps", {}),
        ]
    ),
    st.builds(wire.InputCommitted, st.sampled_from(["item_0", ""])),
    st.builds(created, _IDS, st.sampled_from([None, SAY_METADATA, {"rtaudio": "ask"}])),
    st.builds(wire.AudioDelta, _PARTS, st.binary(max_size=200)),
    st.builds(wire.AudioDone, _PARTS),
    st.builds(wire.TextDelta, _PARTS),
    st.builds(wire.TextDone, _PARTS, st.just("words")),
    st.builds(done, _IDS, _STATUSES),
    st.builds(
        wire.ResponseDone, _IDS, _STATUSES, st.just(""), st.none(), st.just((_CALL,)), st.just({})
    ),
    st.builds(PlaybackStopped, _HEARD, lost=st.sampled_from([None, "gone"])),
    st.builds(
        wire.ServiceErrorReported,
        st.sampled_from(["conversation_already_has_active_response", "invalid_value"]),
        st.just(""),
        st.just("No."),
        st.sampled_from(["", "rtaudio_response_1", "rtaudio_commit_1", "rtaudio_response_2"]),
        st.sampled_from(Severity),
    ),
    st.builds(
        SayRequested,
        st.just("hello"),
        st.sampled_from(["verbatim", "prompt"]),
        st.booleans(),
        st.booleans(),
        said=st.sampled_from(["", "said_1", "said_2"]),
        chime=st.sampled_from([b"", bytes(480)]),
    ),
    st.builds(
        PlayRequested,
        st.sampled_from([bytes(480), bytes(48_000 * 4)]),
        st.booleans(),
        st.sampled_from(["", "said_1", "said_2"]),
    ),
    st.builds(
        AskRequested,
        st.sampled_from(["ask_1", "ask_2"]),
        st.just("Really?"),
        st.sampled_from([(), (OfferedAnswer("yes", ("yes",)),)]),
        st.just(4.0),
        st.booleans(),
    ),
)
_SETTINGS = st.builds(
    DialogueSettings,
    replies=st.booleans(),
    interruption=st.sampled_from(["service", "us", "nobody"]),
    service_cancels=st.booleans(),
    truncation=st.sampled_from(["service", "us", "nobody"]),
    local_turns=st.booleans(),
    barge_in=st.booleans(),
    playback=st.sampled_from(["reported", "assumed"]),
    outage_s=st.sampled_from([0.0, 5.0]),
    resume=st.booleans(),
)


@settings(max_examples=600)
@given(st.lists(_HAPPENINGS, max_size=60), _SETTINGS)
@example([ButtonPressed(), SessionRenewed()], DialogueSettings())
def test_whatever_happens_nothing_raises_and_patience_ends_in_idle(
    happenings: list[Input], options: DialogueSettings
) -> None:
    mind, now, said, asked = Conversation(options), 0.0, set[str](), list[str]()
    for happening in happenings:
        before = mind.status
        say_what_is_held_back(mind, happening, now)
        if isinstance(happening, SayRequested | PlayRequested) and happening.said:
            said.add(happening.said)
        if isinstance(happening, AskRequested):
            said.add(happening.ask)
            asked.append(happening.ask)
        steps = mind.handle(happening, now)
        for receipt in [step for step in steps if isinstance(step, TextSaid)]:
            said.remove(receipt.id)  # each has one
        for closed in [step for step in steps if isinstance(step, QuestionClosed)]:
            asked.remove(closed.ask)
        assert len(asked) <= 1
        assert mind.asking == bool(asked)
        changes = [step for step in steps if isinstance(step, StatusChanged)]
        assert len(changes) <= 1
        assert mind.status == (changes[0].status if changes else before)
        for step in steps:
            if isinstance(step, TruncateItem):
                assert step.audio_end_ms >= 0
        if mind.status is THINKING and not mind._state.playing.queued:
            assert mind.deadline is not None, "nobody thinks for ever"
        if mind._state.playing.paused:
            assert mind._state.turns.speaking, "nobody waits for one who does not speak"
        if isinstance(happening, TimePassed):
            assert mind.deadline is None or mind.deadline > now
        now += 0.5
    # Whoever speaks falls silent, the loudspeaker plays what it has, and nothing else comes.
    ending: list[Output] = []
    for last in (GATE_CLOSED, ButtonReleased(), PlaybackStopped(), SessionAwaited(False, "gone")):
        ending += mind.handle(last, now)
    for _ in range(40):
        if mind.deadline is not None:
            now = max(now, mind.deadline)
            ending += mind.handle(TimePassed(), now)
        ending += mind.handle(PlaybackFinished(), now)
    assert sorted(said) == sorted(step.id for step in ending if isinstance(step, TextSaid))
    assert asked == [step.ask for step in ending if isinstance(step, QuestionClosed)]
    assert mind.status is IDLE
    assert mind.deadline is None


def say_what_is_held_back(mind: Conversation, happening: Input, now: float) -> None:
    if happening == GATE_OPENED and mind.holds_back:
        mind.unsent.held_back(SECOND, now)


_ENDS_ASKING = (
    wire.ResponseCreated,
    wire.ResponseDone,
    wire.AudioDelta,
    wire.TextDelta,
    wire.ServiceErrorReported,
    SessionLost,
    SessionRenewed,
    TimePassed,
)


@settings(max_examples=400)
@given(st.lists(_HAPPENINGS, max_size=60), _SETTINGS)
def test_one_answer_inside_the_conversation_is_asked_for_at_a_time(
    happenings: list[Input], options: DialogueSettings
) -> None:
    mind = Conversation(options)
    unanswered = False
    for now, happening in enumerate([SessionOpened(), *happenings]):
        if isinstance(happening, _ENDS_ASKING):
            unanswered = False
        for step in mind.handle(happening, float(now)):
            if isinstance(step, CreateResponse):
                outside = (step.settings or {}).get("conversation") == "none"
                alone = isinstance(happening, AnswerRequested) and happening.outside
                assert alone or not unanswered
                unanswered = unanswered or not (outside and alone)


# ------------------------------------------------------- every question ends

_ANSWERED = (wire.AudioDelta, wire.TextDelta, wire.ResponseDone)
_SUPERSEDED = (wire.SpeechStarted, ButtonPressed)
_TAKEN_BACK = (InterruptRequested, CancelRequested, AnswerDropped, SpeechAborted)


class Witness:
    """Follows the questions of a conversation, and the names that its sessions know.

    Each session has ids of its own: what happens in the third is named `resp_1@3`.
    """

    def __init__(self, options: DialogueSettings) -> None:
        self.mind = Conversation(options)
        self.now = 0.0
        self._session = 0
        self._played: list[AudioPart] = []

    @property
    def asks(self) -> bool:
        """Whether a question is open: put, or kept for a session."""
        return self.mind._state.answers.owed or self.mind._state.turns.kept

    def tell(self, happening: Input) -> None:
        """Let it happen, and check what is done about it."""
        if isinstance(happening, SessionOpened) == self.mind._state.in_session and isinstance(
            happening, SessionOpened | SessionRenewed
        ):
            return  # a session is opened where there is none, and renewed where there is one
        if isinstance(happening, SessionOpened | SessionRenewed):
            self._session += 1
        happening = self._named(happening)
        say_what_is_held_back(self.mind, happening, self.now)
        held_back = self.mind.turn_held_back
        asked, pending = self.asks, self.mind.status is not IDLE or not self.mind.quiet
        steps = self.mind.handle(happening, self.now)
        reports = [step for step in steps if isinstance(step, AnswerGivenUp)]
        if asked and not self.asks and not reports:
            self._check_end(happening, held_back=held_back)
        if reports and not isinstance(happening, SessionLost):
            assert pending, "what nobody waited for is not reported"
        assert len(reports) <= 2
        if isinstance(happening, SessionOpened) and CommitAudio() in steps:
            assert not self.mind._state.answers.queue.asks, "a turn is asked for once"
            assert [step for step in steps if isinstance(step, CreateResponse)] != [] or (
                self.mind.status is not IDLE
            )
        self._check_names(happening, steps)
        self.now += 0.5

    def _check_end(self, happening: Input, *, held_back: bool) -> None:
        """A question is over that was not reported: who ended it?"""
        if isinstance(happening, SessionLost):
            assert happening.closing
        elif isinstance(happening, ButtonReleased):
            assert not happening.answer
        elif isinstance(happening, SessionRenewed):
            assert held_back, "only by another question"
        else:
            assert isinstance(happening, _ANSWERED + _SUPERSEDED + _TAKEN_BACK), happening

    def _check_names(self, happening: Input, steps: list[Output]) -> None:
        if isinstance(happening, CancelRequested):
            return  # by its user, who may name what they like
        for step in steps:
            match step:
                case CancelResponse(str(name)) | DeleteItem(name) | TruncateItem(name):
                    assert name == "" or name.endswith(f"@{self._session}"), step
                case Play(part):
                    self._played.append(part)

    def _own(self, name: str) -> str:
        return f"{name}@{self._session}" if name else ""

    def _own_part(self, part: AudioPart) -> AudioPart:
        return replace(
            part, response_id=self._own(part.response_id), item_id=self._own(part.item_id)
        )

    def _named(self, happening: Input) -> Input:
        match happening:
            case wire.AudioDelta(part) | wire.AudioDone(part) | wire.TextDelta(part):
                return replace(happening, part=self._own_part(part))
            case wire.TextDone(part):
                return replace(happening, part=self._own_part(part))
            case wire.ResponseCreated(name) | wire.ResponseDone(name):
                return replace(happening, response_id=self._own(name))
            case wire.InputCommitted(name) | wire.SpeechStarted(name) | wire.InputTimedOut(name):
                return replace(happening, item_id=self._own(name))
            case PlaybackStopped(heard):
                played, self._played = self._played, []
                heard_ms = {each.part.item_id: each.heard_ms for each in heard}
                named = [(part, part.item_id.partition("@")[0]) for part in dict.fromkeys(played)]
                parts = [Heard(part, heard_ms[name]) for part, name in named if name in heard_ms]
                return replace(happening, heard=tuple(parts))
        return happening


@settings(max_examples=600)
@given(st.lists(_HAPPENINGS, max_size=80), _SETTINGS)
def test_every_question_ends_and_no_session_hears_of_anothers_names(
    happenings: list[Input], options: DialogueSettings
) -> None:
    witness = Witness(options)
    witness.tell(SessionOpened())
    for happening in happenings:
        witness.tell(happening)
    for last in (GATE_CLOSED, ButtonReleased(), PlaybackStopped(), SessionAwaited(False, "gone")):
        witness.tell(last)
    for _ in range(40):
        if witness.mind.deadline is not None:
            witness.now = max(witness.now, witness.mind.deadline)
            witness.tell(TimePassed())
        witness.tell(PlaybackFinished())
    assert not witness.asks
