"""Whose turn it is: one state machine for the daemon and for the client class.

It takes events as input and returns what to do. It performs no I/O and reads no clock. A few facts,
each with one owner, determine the status, so that a contradictory status cannot exist::

    fact           true since                     until                              owner
    user speaking  speech started, button held    stopped, aborted, long silence     Turns
    requested      our request; a turn that the   created                            Answers
                   service answers by itself
    owed           the question was put           first sound or word, settled,      Answers
                                                  superseded, taken back, reported
    generating     created, or its first sound    done                               Answers
    calling        its calls are complete         every result is there, or overdue  FunctionCalls
    queued         sound was handed over          played or stopped                  Playing
    playing        its first sample was heard     finished or stopped                Playing

    asked          a program's question was put       answered, or given up             Asking

    listening if the user speaks, or if a program's question awaits its answer and nothing plays,
    else speaking if playing,
    else thinking if requested, owed, generating, calling, queued, a request waits or a turn waits
    for a session, else idle

Interruption. Speech over an answer ends it if `DialogueSettings.interruption` says so. Speech that
only our own gate hears ends an answer only once its sound is heard: before that, a cough would
leave the user without an answer. Late sound of an interrupted answer is dropped. When the
loudspeaker has reported how much was played, the item is truncated there, or deleted if nothing
was heard. With `DialogueSettings.resume`, the answer first only pauses. It resumes if nobody spoke,
and ends as soon as it is certain that somebody did.

Sessions come and go. Losing a session ends what lived in it: requests, answers under way, and turns
that the service heard. Sound that has arrived is played to its end. An owed question is put to the
next session, which first gets the history and then the sound that was kept. If no session opens in
time (`DialogueSettings.outage_s`), the question is reported as unanswered. A turn that ends while
there is no session waits equally long. Function calls outlive their session: their results go to
the session in use.

The next words may call for a session with other settings. Until that session is open, speech is
held back from the one in use; the new session takes over in the middle of a turn. If it cannot be
opened, the session in use gets what was held back.

A program's question. The turn that follows it is its answer, and the model does not answer that
turn. Other announcements wait meanwhile.

The rules for each input are in `rules/`, by subject; they share `rules/state.py`.

Push to talk. The button delimits the turn; the service detects no turns while the button is held or
while its turn waits for a session.
"""

from __future__ import annotations

from ..notifications import ModelStatus, PlaybackFinished, PlaybackStopped, StatusChanged
from ..protocol import events as wire
from . import inputs, outputs, reports
from .history import History
from .outputs import Output
from .rules.answering import AnswerRules
from .rules.playback import PlaybackRules
from .rules.programs import ProgramRules
from .rules.sessions import SessionRules
from .rules.speech import SpeechRules
from .rules.state import ConversationState
from .settings import DialogueSettings
from .unsent_audio import UnsentAudio

_ENDING = (
    wire.ResponseDone,
    PlaybackFinished,
    PlaybackStopped,
    inputs.SessionLost,
    inputs.SessionRenewed,
    inputs.TimePassed,
)


class Conversation:
    """One conversation, over all of its sessions.

    Sound that is sent goes into `unsent` directly, and moments of voice go into `latency`: both are
    too frequent for `handle`.
    """

    def __init__(
        self,
        settings: DialogueSettings | None = None,
        history: History | None = None,
        unsent: UnsentAudio | None = None,
    ) -> None:
        settings = settings or DialogueSettings()
        self.history = history or History()
        self.unsent = unsent or UnsentAudio(settings.outage_s)
        self._state = state = ConversationState(settings, self.history, self.unsent)
        self.latency = state.latency
        self.late = 0
        """Pieces of answers that arrived after their interruption, since the start."""
        self._status = ModelStatus.IDLE
        self._speech, self._answering = SpeechRules(state), AnswerRules(state)
        groups = (PlaybackRules(state), SessionRules(state), ProgramRules(state))
        self._rules = self._speech.rules | self._answering.rules
        for group in groups:
            self._rules |= group.rules
        self._rules |= {
            inputs.SettingsChanged: lambda event: self._adjust(event.settings),
            inputs.TimePassed: self._on_time_passed,
        }

    # ----------------------------------------------------------------- facts

    @property
    def settings(self) -> DialogueSettings:
        """The settings of the conversation."""
        return self._state.settings

    @property
    def status(self) -> ModelStatus:
        """The status, which says whose turn it is."""
        return self._status

    @property
    def held(self) -> bool:
        """Whether a button is held."""
        return self._state.turns.held

    @property
    def button_waits(self) -> bool:
        """Whether a push-to-talk turn is being kept, or waits, for the next session."""
        return self._state.turns.kept_by_button

    @property
    def owes_receipt(self) -> bool:
        """Whether a program still expects the receipt of a text."""
        return self._state.receipts.owed

    @property
    def full(self) -> bool:
        """Whether the queue of requests is full."""
        return self._state.answers.queue.full

    @property
    def asking(self) -> bool:
        """Whether a program's question is still unanswered."""
        return self._state.asking.active

    @property
    def quiet(self) -> bool:
        """Whether another session can take over unnoticed."""
        state = self._state
        user, answers = state.turns, state.answers
        answering = answers.busy or answers.owed or state.calls.open or state.playing.queued
        waits = user.kept or state.turn_held_back
        return not (user.speaking or waits or answering or self.asking)

    @property
    def holds_back(self) -> bool:
        """Whether speech waits for a session other than the one in use."""
        return self._state.holds_back

    @property
    def turn_held_back(self) -> bool:
        """Whether something was said that is being held back."""
        return self._state.turn_held_back

    @property
    def plays_on(self) -> bool:
        """Whether the loudspeaker has sound that is not yet played to its end."""
        return self._state.playing.queued

    @property
    def can_continue(self) -> bool:
        """Whether the rest of an interrupted answer is kept."""
        return self._state.rest.deadline is not None

    @property
    def holds_turn(self) -> bool:
        """Whether enough sound for a turn was sent or kept, and no turn was made of it yet."""
        return self._state.holds_turn

    @property
    def deadline(self) -> float | None:
        """When to handle `TimePassed`, on the clock of `now`; None if nothing is awaited."""
        state = self._state
        times = (
            state.turns.deadline(self.unsent.sent_at),
            state.answers.deadline(in_session=state.in_session),
            state.calls.deadline,
            state.sounds.deadline,
            state.asking.deadline(speaking=bool(state.turns.speaking)),
            state.held_back_until,
            state.certain_at,
            state.rest.deadline,
        )
        return min((time for time in times if time is not None), default=None)

    def handle(self, event: inputs.Input, now: float) -> list[Output]:
        """Handle an input that came at `now` (seconds); return what to do, in order."""
        state = self._state
        state.now, state.out = now, []
        if isinstance(event, wire.Event):
            if not state.in_session:
                return []
            self._hear(event)
        else:
            self._rules[type(event)](event)
        self._go_on()
        self._close_receipts()
        state.answers.replies_paused = state.asking.refuses_replies
        self._deduce_status()
        if isinstance(event, _ENDING):
            state.do(*self.latency.over())
        return state.out

    def _go_on(self) -> None:
        """Play or request what is next in the queue."""
        state = self._state
        if state.playing.paused and not state.turns.speaking:
            state.do(*state.playing.resume(), *state.asking.goes_on())  # nobody spoke
        silence = not (state.turns.speaking or state.asking.listening)
        if not state.playing.queued:
            sound = state.answers.next_sound(silence=silence)
            state.do(*(state.sounds.begin(sound, state.now) if sound else []))
        state.do(*state.sounds.feed(state.now))
        if state.in_session and not (state.sounds.incomplete or state.turn_held_back):
            state.do(*state.answers.next(state.now, silence=silence))

    def _close_receipts(self) -> None:
        state = self._state
        for receipt, listen in state.receipts.over(self._says):
            state.do(receipt, *state.asking.spoken(receipt.id, receipt.outcome, state.now))
            if listen:
                state.do(outputs.ListenWithoutWakeWord(True))

    def _says(self, said: str, answers: list[str]) -> bool:
        """Return whether any request, call or sound of the text with this id is under way."""
        state = self._state
        if state.answers.says(said) or state.calls.says(said):
            return True
        return any(state.answers.get(each) or state.playing.plays(each) for each in answers)

    def is_late(self, event: wire.Event) -> bool:
        """Return whether the event belongs to an interrupted answer, which nobody wants to hear."""
        match event:
            case wire.AudioDelta(part) | wire.TextDelta(part):
                late = self._state.answers.is_late(part.response_id)
                self.late += late
                return late
        return False

    def _hear(self, event: wire.Event) -> None:
        """Handle an event of the service."""
        state = self._state
        answers, event = state.answers, state.answers.named(event)
        if isinstance(event, wire.AudioDelta):  # by far the most frequent
            self._rules[wire.AudioDelta](event)
            self.history.hear(event, state.now, outside=answers.is_outside(event))
            return
        self.unsent.hear(event)
        state.note_turn()
        outside = answers.is_outside(event)
        rule = self._rules.get(type(event))
        if rule is not None:
            rule(event)
        self.history.hear(event, state.now, outside=outside or answers.is_outside(event))
        state.calls.hear(event)

    def _adjust(self, settings: DialogueSettings) -> None:
        state = self._state
        state.settings = settings
        state.turns.settings = state.answers.settings = settings
        self.unsent.outage_s = settings.outage_s
        state.playing.pauses = settings.resume

    def _on_time_passed(self, _event: inputs.TimePassed) -> None:
        state = self._state
        turns, answers, now = state.turns, state.answers, state.now
        if state.held_back_until is not None and now >= state.held_back_until:
            state.let_go()
        if state.certain_at is not None and now >= state.certain_at:
            state.end_pause()
        state.rest.expire(now)
        if turns.held_too_long(now):
            self._speech.release_button()
        if turns.kept_too_long(now) and turns.kept_by_button:
            state.give_up_kept(reports.not_connected(state.why_away))
        elif turns.kept_too_long(now):
            why = "there was no connection for too long"
            state.give_up_kept(reports.not_answered(why))
        if answers.hoped_too_long(now):
            state.give_up_owed("the connection was lost for too long")
        if turns.silent_for_long(now, self.unsent.sent_at):
            state.end_service_speech()
        if answers.queue.waited_too_long(now):
            state.drop_what_is_to_be_said("there was no connection for too long")
        state.do(*state.asking.expire(now, speaking=bool(turns.speaking)))
        if state.in_session:
            self._answering.give_up_silent_answers()
        for batch in state.calls.expire(now):
            state.do(reports.not_answered(batch.overdue))

    def _deduce_status(self) -> None:
        state = self._state
        answers, turns = state.answers, state.turns
        if turns.speaking or (state.asking.listening and not state.playing.playing):
            status = ModelStatus.LISTENING
        elif state.playing.playing:
            status = ModelStatus.SPEAKING
        elif (
            answers.pending
            or turns.kept
            or state.turn_held_back
            or state.calls.calling
            or state.playing.queued
            or state.asking.understanding
        ):
            status = ModelStatus.THINKING
        else:
            status = ModelStatus.IDLE
        if status is not self._status:
            state.do(StatusChanged(status, self._status))
            self._status = status
