"""Whatever happens to an answer, what the model remembers of it is what was heard of it.

A service, a loudspeaker and somebody who may be nobody, in any order. Every millisecond of sound
has a number of its own, and every tenth of a second a word, so that it is known what was heard.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.dialogue import outputs
from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.inputs import (
    ButtonPressed,
    ButtonReleased,
    ContinueRequested,
    Input,
    InterruptRequested,
    PlayRequested,
    SayRequested,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SpeechAborted,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import Output
from rtaudio_daemon.dialogue.settings import DialogueSettings
from rtaudio_daemon.dialogue.sound_parts import BYTES_PER_MS, SOUND
from rtaudio_daemon.notifications import (
    AudioPart,
    Heard,
    ModelStatus,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
)
from rtaudio_daemon.protocol import events as wire

from .talk import GATE_CLOSED, GATE_OPENED, IDLE, SECOND, SPEAKING, created, done

_FADE_MS = 10
_WORD_MS = 100
_PIECE_MS, _ANSWER_MS = 300, 1500
_ASKED_MOST = 4
_PATIENCE_S = 5.0  # the service is never silent for longer


@dataclass
class Item:
    """An answer in the service's conversation, whose sound is numbered from `first` on."""

    first: int
    generated_ms: int = 0
    kept_ms: int | None = None

    @property
    def words(self) -> str:
        return " ".join(f"w{self.first + at}" for at in range(0, self.generated_ms, _WORD_MS))

    @property
    def remembered_ms(self) -> int:
        return self.generated_ms if self.kept_ms is None else self.kept_ms


@dataclass
class Queued:
    """A part in the loudspeaker's queue: the numbers of its sound, and what fades in."""

    part: AudioPart
    numbers: list[int] = field(default_factory=list)
    fades: int = 0
    heard: int = 0
    ended: bool = False


class World:
    """All of it. What happens is named by a method without an underscore."""

    def __init__(self, options: DialogueSettings) -> None:
        self.mind = Conversation(options)
        self.now = 0.0
        self.items: dict[str, Item] = {}
        self.users: set[str] = set()
        self.deleted: set[str] = set()
        self.texts: list[str] = []
        self.heard: dict[str, list[int]] = {}
        self.rests: list[int] = []
        self.ever_heard: set[int] = set()
        self._answering: tuple[AudioPart, Item] | None = None
        self._asked = 0
        self._aside: list[dict[str, Any]] = []
        self._counter = self._number = 0
        self._user = ""
        self._queue: list[Queued] = []
        self._reports: list[PlaybackStopped] = []
        self._sounds = False
        self.lost = True
        self.opened()

    # ------------------------------------------------------------------ the service

    def generates(self) -> None:
        while self._aside:
            self._number += 1
            self._tell(created(f"resp_{self._number}", self._aside.pop()))
            self._tell(done(f"resp_{self._number}", "completed"))
        if self._answering is None and self._asked:
            self._asked -= 1
            self._number += 1
            part = AudioPart(f"resp_{self._number}", f"item_{self._number}", 0)
            self._answering = part, Item(self._counter)
            self.items[part.item_id] = self._answering[1]
            self._counter += _ANSWER_MS
            self._tell(created(part.response_id))
        if self._answering is None:
            return
        part, item = self._answering
        if item.generated_ms < _ANSWER_MS:
            begin = item.first + item.generated_ms
            item.generated_ms += _PIECE_MS
            pcm = b"".join(struct.pack("<h", ms) * 24 for ms in range(begin, begin + _PIECE_MS))
            self._tell(wire.AudioDelta(part, pcm, len(pcm)))
        else:
            self._end_answer("completed")

    def _end_answer(self, status: str) -> None:
        assert self._answering is not None
        (part, item), self._answering = self._answering, None
        if item.generated_ms:
            self._tell(wire.TextDone(part, item.words, spoken=True), wire.AudioDone(part))
        self._tell(done(part.response_id, status))

    def asks(self) -> None:
        """Somebody asks, and has the floor alone."""
        if not self.lost and self.mind.status is IDLE:
            self.speech_begins()
            self.speech_ends()
            self.words()

    def speech_begins(self) -> None:
        if not self.lost and self._asked < _ASKED_MOST:
            self._number += 1
            self._user = f"user_{self._number}"
            self._tell(wire.SpeechStarted(self._user))

    def speech_ends(self) -> None:
        if not self.lost and self._user and self._user not in self.users:
            self.users.add(self._user)
            self._tell(wire.SpeechStopped(self._user), wire.InputCommitted(self._user))
            self._asked += 1

    def words(self) -> None:
        self._transcribe("and then?")

    def no_words(self) -> None:
        self._transcribe("…")

    def _transcribe(self, words: str) -> None:
        if not self.lost and self._user in self.users:
            self._tell(wire.UserTranscript(self._user, words, {}))
            self._user = ""

    def loses_the_line(self) -> None:
        if not self.lost:
            self.lost = True
            self._leave()
            self._tell(SessionLost("the line is cut"))

    def opened(self) -> None:
        self.reports()  # which comes sooner
        if self.lost:
            self.lost = False
            self._tell(SessionOpened())

    def renewed(self) -> None:
        self.reports()
        if not self.lost:
            self._leave()
            self._tell(SessionRenewed())

    def _leave(self) -> None:
        self.items, self.users, self._user = {}, set(), ""
        self.heard, self.texts = {}, []
        self._answering, self._asked, self._aside = None, 0, []

    # -------------------------------------------------------------- the loudspeaker

    def plays(self) -> None:
        """A tenth of a second."""
        self.reports()
        for _ in range(100):
            while self._queue and self._queue[0].heard == len(self._queue[0].numbers):
                if not self._queue[0].ended:
                    return  # it runs dry
                self._queue.pop(0)
            if not self._queue:
                break
            if not self._sounds:
                self._sounds = True
                self._tell(PlaybackStarted())
            if not self._queue:
                return  # it was stopped
            self._hear(self._queue[0])
        if self._sounds and not self._queue:
            self._sounds = False
            self._tell(PlaybackFinished())

    def _hear(self, queued: Queued) -> None:
        number, ours = queued.numbers[queued.heard], queued.part.item_id.startswith("rtaudio_")
        queued.heard += 1
        if queued.heard > queued.fades and queued.part.item_id != SOUND:
            self.ever_heard.add(number // _WORD_MS)
            numbers = self.rests if ours else self.heard.setdefault(queued.part.item_id, [])
            if queued.heard == queued.fades + 1 and queued.fades and numbers and not ours:
                assert abs(number - numbers[-1] - 1) <= 1, "it goes on where it stopped"
            numbers.append(number)

    def reports(self) -> None:
        while self._reports:
            self._tell(self._reports.pop(0))

    def is_unplugged(self) -> None:
        if self._queue:
            self._stop("it was unplugged")
            self.reports()

    def _stop(self, lost: str | None = None) -> None:
        heard = [Heard(each.part, each.heard, each.heard * 24) for each in self._queue]
        self._queue.clear()
        self._sounds = False
        self._reports.append(PlaybackStopped(tuple(heard), 20, lost))

    def _play(self, part: AudioPart, pcm: bytes) -> None:
        queued = next((each for each in self._queue if each.part == part), None)
        if queued is None:
            queued = Queued(part)
            self._queue.append(queued)
            again = part.item_id in self.heard or part.item_id.startswith("rtaudio_rest")
            queued.fades = _FADE_MS + 1 if again else 0
        each_ms = range(0, len(pcm) - 1, BYTES_PER_MS)
        queued.numbers += [struct.unpack_from("<h", pcm, at)[0] for at in each_ms]

    # ------------------------------------------------------------------- everybody else

    def gate_opens(self) -> None:
        self._tell(GATE_OPENED)

    def gate_closes(self) -> None:
        self._tell(GATE_CLOSED)

    def nobody(self) -> None:
        self._tell(SpeechAborted(nobody=True))

    def muted(self) -> None:
        self._tell(SpeechAborted())

    def silence(self) -> None:
        self._tell(InterruptRequested())

    def go_on(self) -> None:
        self._tell(ContinueRequested())

    def urgent(self) -> None:
        if self._asked < _ASKED_MOST and not self.mind._state.answers.queue:
            self._tell(SayRequested("The bell rings.", urgent=True))

    def sound_file(self) -> None:
        self._tell(PlayRequested(bytes(200 * BYTES_PER_MS)))

    def button(self) -> None:
        self._tell(ButtonPressed())
        self.mind.unsent.sent(SECOND, self.now)
        self._tell(ButtonReleased(answer=False))

    def time(self) -> None:
        deadline, busy = self.mind.deadline, self._answering or self._asked or self._aside
        if deadline is not None and not (busy and deadline - self.now > _PATIENCE_S):
            self.now = max(self.now, deadline)
            self._tell(TimePassed())

    # ---------------------------------------------------------------------- carried out

    def _tell(self, *happenings: Input) -> None:
        for happening in happenings:
            self.now += 0.05
            for step in self.mind.handle(happening, self.now):
                self._carry_out(step)
        self._check()

    def _carry_out(self, step: Output) -> None:
        match step:
            case outputs.Play(part, pcm):
                self._play(part, pcm)
            case outputs.EndPlay(part):
                for each in self._queue:
                    each.ended = each.ended or each.part == part
            case outputs.StopPlayback():
                self._stop()
            case outputs.TruncateItem(item_id, _, end_ms):
                item = self.items[item_id]
                assert end_ms <= item.generated_ms
                item.kept_ms = end_ms
            case outputs.DeleteItem(item_id):
                assert item_id in self.items or item_id in self.users, "it is in this session"
                self.deleted.add(item_id)
            case outputs.CancelResponse(response_id):
                if self._answering and response_id == self._answering[0].response_id:
                    self._end_answer("cancelled")
            case outputs.CreateItem(item) if not self.lost and item.get("role") == "assistant":
                text = item["content"][0]["text"]
                if "id" not in item:
                    self.texts.append(text)
                elif not (self._queue or self._reports):  # else that is still to be heard
                    for word in numbers_in(text):
                        assert word // _WORD_MS in self.ever_heard, "the next session knows it"
            case outputs.CreateResponse(None):
                self._asked += 1
            case outputs.CreateResponse(options) if options:
                self._aside.append(options["metadata"])

    def _check(self) -> None:
        state = self.mind._state
        if self.mind.status is SPEAKING:
            assert self._sounds or self._reports
        if self._sounds and not (self._reports or state.turns.speaking):
            assert self.mind.status in (SPEAKING, ModelStatus.LISTENING)
        assert not state.playing.paused or state.turns.speaking

    def end(self) -> None:
        """Everybody falls silent, and what is under way comes to its end."""
        self.opened()
        for last in (self.gate_closes, self.speech_ends, self.words, self.time, self.time):
            last()
        for _ in range(200):
            self.generates()
            self.plays()
            if self.mind.status is IDLE:
                break
        for _ in range(8):
            self.time()
            self.plays()

    def check_memory(self) -> None:
        """The model remembers what was heard, and no more."""
        assert self.mind.status is IDLE
        assert not self._queue
        for item_id, item in self.items.items():
            heard = self.heard.get(item_id, [])
            heard_ms = heard[-1] - item.first + 1 if heard else 0
            if item_id in self.deleted:
                assert heard_ms <= 1
            elif item.generated_ms:
                assert abs(item.remembered_ms - heard_ms) <= _FADE_MS + 1
        for word in [word for text in self.texts for word in numbers_in(text)]:
            heard_about = [ms for ms in self.rests if abs(ms - word) <= 2 * _WORD_MS]
            assert heard_about, "what the model learns of a rest was heard"


def numbers_in(text: str) -> list[int]:
    return [int(word[1:]) for word in text.split() if word != "…"]


_HAPPENINGS: list[Callable[[World], None]] = [
    World.asks,
    World.generates,
    World.generates,
    World.plays,
    World.plays,
    World.reports,
    World.gate_opens,
    World.gate_closes,
    World.speech_begins,
    World.speech_ends,
    World.words,
    World.no_words,
    World.nobody,
    World.time,
    World.go_on,
    World.silence,
    World.muted,
    World.urgent,
    World.sound_file,
    World.button,
    World.is_unplugged,
    World.loses_the_line,
    World.opened,
    World.renewed,
]
_OPTIONS: dict[str, Any] = {"resume": True, "service_cancels": False}


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(_HAPPENINGS), max_size=50),
    st.sampled_from(["service", "us"]),
)
def test_the_model_remembers_what_was_heard(
    happenings: list[Callable[[World], None]], interruption: Any
) -> None:
    world = World(DialogueSettings(interruption=interruption, **_OPTIONS))
    for happening in (World.asks, World.generates, World.plays, *happenings):
        happening(world)
    world.end()
    world.check_memory()
