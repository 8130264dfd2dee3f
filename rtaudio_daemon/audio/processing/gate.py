"""Which sound is sent to the service: speech, with a little before and after it.

While an answer is heard (and as long as its echo may be heard after it) speech must be louder than
the echo of the answer, and go on for longer; in half duplex it must also be more certain. What was
held back until then is sent first, so that no word is lost.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ...config import Gate as Settings
from .echo import Echo
from .enhancement import Enhancement
from .format import BYTES_PER_MS, FRAME_MS
from .postponed import PostponedFrames
from .vad import Engine, TurnSegmenter, TwoStageEngine, judge, stirs
from .wake_word import Attention, OwnWord
from .word_score import Spotted

ECHO_TAIL_MS = 300  # how long a room still holds the answer after its last sample at least
_LONGEST_TAIL_MS = 1_000  # and at most, where its echo is known
_HYSTERESIS = 0.15  # speech that has begun goes on at a lower threshold
_BARGE_IN_SLACK = 5 / 3  # three frames of five are enough
_SUSPICION = 0.4  # of the speech that interrupts
_REST_MS = 500  # quiet after which a turn that was too long may be followed by another
_PROOF_MS = 40  # of speech that follows an interruption, and is not explained by the answer either
_PROOF_WITHIN_MS = 500
_WORD_END_MS = 200  # of a wake word may follow when it is spotted; who goes on says more than that
_FLOWS_MS = 500  # of a turn after which nobody waits for its beginning any more
_OVERHEAR_EVERY_MS = 60_000  # judging what is not for us costs something in a loud room


class GateResult(NamedTuple):
    """What one frame led to: sound to send now (may be more than the frame), speech events.

    `cut`: the gate closed although somebody speaks; the service needs silence to end the turn.
    `aborted`: it closed, and what it has sent was nothing: the service must forget it. `called`: it
    was a wake word alone.
    `woken`: the wake word that was just heard.
    `overheard`: somebody speaks, but not to us, as no wake word was said (once a minute at most).
    """

    pcm_to_send: bytes
    started: bool
    stopped: bool
    probability: float
    cut: bool = False
    woken: Spotted | None = None
    aborted: bool = False
    called: bool = False
    overheard: bool = False


NOTHING = GateResult(b"", False, False, 0.0)
"""What comes of a frame that is judged later, if at all."""


class Gate:
    """Feed it every frame of the microphone, in order.

    With the engine `always` everything is sent and no speech is reported: the service finds it.
    (Even then, while an answer is heard, only what is louder than its echo.) With `local_turns`
    the end of speech as the gate sees it is the end of the turn.

    Who interrupts an answer goes on speaking for a moment. If nobody does, it was the answer
    itself, a noise or a wake word alone, and the turn is aborted.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        echo: Echo | None = None,
        attention: Attention | None = None,
        *,
        local_turns: bool = False,
    ) -> None:
        self._open = False
        self._open_ms = 0.0
        self._deaf_ms = 0.0  # for so long no speech without a wake word is reported
        self._rest_ms = 0.0
        self._ignored_ms = 0.0
        self._muted = False
        self.in_conversation = False
        """Whether it is anybody's turn, or an answer is awaited; set by the caller."""
        self.without_echo = b""
        """The newest frame as it was heard, but for the echo that was removed."""
        self._playing = False
        self._tail_ms = 0.0
        self._cut = False
        self._speech = False
        self._proof_ms = 0.0  # still needed
        self._proof_left_ms = 0.0
        self._called = False  # by a wake word, which needs no proof itself
        self._postponed = PostponedFrames()
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._usual = TurnSegmenter(0, 0, 0)
        self._barge_in = TurnSegmenter(0, 0, 0)
        self._echo = echo or Echo()
        self._attention = attention or Attention()
        self.enhancement = Enhancement()
        """What is done with sound before it is judged; set by the caller."""
        self._cleaned = b""  # the newest frame before that: how loud the rest of an echo is
        self._own_word = OwnWord()
        self._settings, self._engine = settings, engine
        self.adjust(settings, engine, local_turns=local_turns)

    def adjust(
        self,
        settings: Settings,
        engine: Engine,
        echo: Echo | None = None,
        attention: Attention | None = None,
        *,
        local_turns: bool = False,
    ) -> None:
        """Go on with other settings; what was heard so far is kept. None: as it was."""
        self._settle()
        self._settings = settings
        self._engine = engine
        self._echo = echo or self._echo
        self._attention = attention or self._attention
        # Where we end the turns, an answer to half of what is being said is stopped at once.
        self._closes_for_playing = not local_turns
        self._always = settings.engine == "always" and self._attention.always
        hangover_ms = settings.turn_end_ms if local_turns else settings.hangover_ms
        self._usual.adjust(settings.start_ms, settings.start_window_ms, hangover_ms)
        self._barge_in.adjust(
            settings.barge_in_ms, settings.barge_in_ms * _BARGE_IN_SLACK, hangover_ms
        )

    @property
    def open(self) -> bool:
        """Whether sound is sent right now."""
        if self._always:
            return not self._muted and (not self._guarded or self._barge_in.speaking)
        return self._open

    @property
    def unproven(self) -> bool:
        """Whether the gate is open for an interruption that may yet turn out to be nobody's."""
        return self._open and self._proof_ms > 0

    @property
    def called(self) -> bool:
        """Whether it was opened by a wake word over an answer."""
        return self._called

    @property
    def listens(self) -> bool:
        """Whether anybody is listened to without a button, now or after a wake word."""
        return self._attention.listens and self._settings.engine != "never"

    @property
    def hears(self) -> bool:
        """Whether somebody is speaking, in the gate's own judgement."""
        return self._open

    @property
    def flows(self) -> bool:
        """Whether somebody has spoken for a while, and speaks in the newest frame too.

        Nobody decides anything by such a frame, here or in the service, until a pause follows it.
        """
        judges = self._settings.engine != "always"
        return judges and self._speech and self._open_ms >= _FLOWS_MS and not self.unproven

    @property
    def pause_ms(self) -> float:
        """For how long nothing was said in the turn that is being said; 0 without one."""
        return self._usual.quiet_ms

    @property
    def doubts(self) -> bool:
        """Whether somebody may just have begun to speak, which is not certain yet."""
        return not self._open and self._usual.spoken_ms > 0

    @property
    def expects_turn(self) -> bool:
        """Whether a turn may just have begun, which is not certain yet."""
        return self.doubts and self._attention.paid

    @property
    def attends(self) -> bool:
        """Whether what is said now needs no wake word for a moment, although one is used."""
        return self._attention.spots and self._attention.paid

    @property
    def soft_dbfs(self) -> float | None:
        """Over an answer softer frames change nothing, so they may come late; None: all matter."""
        matters = self._open or not self._playing or not self._attention.paid
        if matters or self._echo.cancels or self.enhancement.enhancers:
            return None
        engine = self._engine
        return engine.quiet_below_dbfs if isinstance(engine, TwoStageEngine) else None

    @property
    def spares_pairs(self) -> bool:
        """Whether frames may come in pairs: nothing came of the first if it were speech.

        Or, where somebody speaks on and on, if it were none.
        """
        if self._always or self._echo.cancels or self._attention.spots:
            return False
        if self._open or not self._playing:
            return self.flows
        return self._barge_in.spoken_ms + FRAME_MS <= _SUSPICION * self._settings.barge_in_ms

    @property
    def echo(self) -> Echo:
        """What knows the echo of answers, and the mode in effect."""
        return self._echo

    @property
    def attention(self) -> Attention:
        """Whom it listens to."""
        return self._attention

    @property
    def muted(self) -> bool:
        """Whether everything is dropped."""
        return self._muted

    @property
    def suspicious(self) -> bool:
        """Whether somebody may be speaking over an answer, which is not certain yet."""
        if self._open or not self._guarded or not self._settings.barge_in:
            return False
        return self._barge_in.spoken_ms > _SUSPICION * self._settings.barge_in_ms

    @property
    def playing(self) -> bool:
        """Whether an answer is heard; set by the caller."""
        return self._playing

    @playing.setter
    def playing(self, playing: bool) -> None:
        begins = playing and not self._playing
        keeps_open = self._settings.barge_in and (
            self._echo.mode == "off"
            or not self._closes_for_playing
            or (self._speech and self._echo.mode != "half_duplex")
        )
        if begins and self._open and not keeps_open:
            # What goes on being said over the answer must prove itself anew; it loses nothing.
            # Where nothing may interrupt, it is over.
            self._close()
            self._cut = True
        if self._playing and not playing:
            self._tail_ms = _LONGEST_TAIL_MS
        self._playing = playing

    def played(self, pcm: bytes, skipped: int = 0) -> None:
        """Take note of what goes to the loudspeaker now, after `skipped` samples of silence."""
        self._echo.played(pcm, skipped)

    def forget_echo(self) -> None:
        """Another microphone or loudspeaker is in use from now on."""
        self._echo.forget()

    def ignore(self, ms: float) -> None:
        """The next `ms` of sound hold a sound of our own: they are silence to the service.

        With headphones (echo mode `off`) the microphone does not hear it.
        """
        if self._echo.mode != "off":
            self._ignored_ms = max(self._ignored_ms, ms)

    def pause(self) -> None:
        """No sound comes for a while; what was counted in sound is over when it comes again.

        So is the time in which no wake word is needed.
        """
        self._ignored_ms = self._rest_ms = 0.0
        self._attention.forget()

    def overhear(self) -> None:
        """Report the next speech that is not listened to, however soon it comes."""
        self._deaf_ms = 0.0

    def attend(self) -> None:
        """Somebody talks to us at the press of a button: what follows needs no wake word either."""
        self._attention.pay()

    def need_wake_word(self) -> None:
        """Listen to nobody without a wake word from now on, where one is used."""
        self._attention.forget()

    def bypass(self, pcm: bytes) -> bytes:
        """One frame as it may be sent without being judged, as while a button is held."""
        return bytes(len(pcm)) if self._ignoring(pcm) else self.enhancement.enhanced(pcm)

    def mute(self, muted: bool) -> bool:
        """Drop everything, or no longer. True if that cut off a turn (then it is aborted)."""
        aborted = muted and self._open
        self._muted = muted
        self._close()
        self._forget()
        self._cut = False
        return aborted

    def end_turn(self) -> bool:
        """The service says the turn is over: close, unless somebody speaks this very moment.

        True if the gate closed by this; the next result does not report `stopped` for it.
        """
        if not self._open or self._speech:
            return False
        self._close()
        return True

    def feed(self, pcm: bytes) -> GateResult:
        """Judge one frame of pcm and say what to send."""
        ms = len(pcm) / BYTES_PER_MS
        if self._tail_lingers and not self._echo.lasts():
            self._tail_ms = 0.0
        raw, self._cleaned = pcm, self._echo.clean(pcm)
        self.without_echo = self._cleaned
        pcm = self.enhancement.enhanced(self._cleaned)
        guarded = self._guarded
        self._tail_ms = max(0.0, self._tail_ms - ms)
        if self._muted:
            return GateResult(b"", False, False, 0.0)
        cut, self._cut = self._cut, False
        woken = None
        if self._attention.spots:
            self._own_word.advance(ms, answer=guarded and self._echo.mode != "off")
            engaged = self._open or self.in_conversation
            meant = self._open or not self._own_word.likely
            woken = self._attention.feed(pcm, engaged=engaged, meant=meant)
        ignored = self._ignoring(pcm)
        if ignored:
            raw = pcm = self._cleaned = bytes(len(pcm))
        listens = self._attention.paid or self._open
        doubts = self._attention.spots and self._own_word.looks
        self._deaf_ms = max(0.0, self._deaf_ms - ms)
        overhears = self._attention.spots and not guarded and self._deaf_ms == 0
        if not (listens or doubts or overhears):
            self._hold(pcm, guarded)
            return GateResult(b"", False, cut, 0.0, cut)
        if self._always:
            sent = self._feed_always(raw, pcm, guarded=guarded, ignored=ignored)
            return GateResult(sent, False, False, 0.0 if ignored else self._engine.probability(pcm))
        if woken and self._open and self._attention.corrects:
            self._close()  # it began between the two words
            return GateResult(b"", False, False, 0.0, woken=woken, aborted=True, called=True)
        if self._open:
            probability = 0.0 if ignored else self._engine.probability(pcm)
            return self._feed_open(raw, pcm, probability, woken)
        self._hold(pcm, guarded)
        spoken, probability = False, 0.0
        if not ignored:
            needed = stirs(self._engine, pcm)
            if guarded:
                self._echo.learn()
            if needed and guarded and self._may_postpone:
                likely = self._postponed.probability(
                    *(pcm, self._engine, self._echo, self._barge_in),
                    most_ms=_SUSPICION * self._settings.barge_in_ms,
                    sure=self._sure(True),
                )
                if likely is None:
                    return GateResult(b"", False, cut, 0.0, cut) if cut else NOTHING
                spoken, probability = likely >= self._sure(True), likely
            else:
                self._settle()
                spoken, probability = self._spoken(raw, pcm, guarded=guarded, needed=needed)
        if doubts:
            self._own_word.heard(spoken, ms, own=self._echo.recognized)
        if not listens:
            overheard = overhears and self._overhear(spoken, ms)
            return GateResult(b"", False, cut, 0.0, cut, overheard=overheard)
        if woken or ignored:
            self._close()  # neither the wake word nor what came before is a turn's beginning
        started = not ignored and self._listen(spoken, ms, guarded=guarded)
        if woken and self._playing:
            started = self._usual.speaking = True  # somebody's wake word always interrupts
            self._called = True
            self._proof_ms, self._proof_left_ms = _PROOF_MS, _PROOF_WITHIN_MS + _WORD_END_MS
        if started:
            self._open = True
            pcm = self._take_held()
        return GateResult(pcm if started else b"", started, cut, probability, cut, woken)

    @property
    def _guarded(self) -> bool:
        return self._playing or (self._tail_ms > 0 and self._echo.mode != "off")

    @property
    def _tail_lingers(self) -> bool:
        """Whether an answer has ended a while ago, but its echo may not have."""
        return 0 < self._tail_ms <= _LONGEST_TAIL_MS - ECHO_TAIL_MS and not self._playing

    @property
    def _may_interrupt(self) -> bool:
        """Whether what surpasses the echo is listened to; it interrupts nothing after an answer."""
        return self._settings.barge_in or self._tail_lingers

    def _word_end_ms(self, guarded: bool) -> int:
        """For so long after a wake word no speech counts: it may not have ended itself."""
        needed = self._settings.barge_in_ms if guarded else self._settings.start_ms
        return max(0, _WORD_END_MS - needed)

    def _ignoring(self, pcm: bytes) -> bool:
        ignored = self._ignored_ms > 0
        self._ignored_ms = max(0.0, self._ignored_ms - len(pcm) / BYTES_PER_MS)
        return ignored

    def _feed_always(self, raw: bytes, pcm: bytes, *, guarded: bool, ignored: bool) -> bytes:
        if not guarded:
            self._barge_in.reset()
            self._forget()
            return pcm
        listens = self._may_interrupt and not ignored
        loud = listens and self._surpasses(raw, True)
        started = self._interrupted(loud, len(pcm) / BYTES_PER_MS)
        if self._barge_in.speaking and not started:
            return pcm
        self._hold(pcm, guarded)
        return self._take_held() if started else b""

    def _feed_open(
        self, raw: bytes, pcm: bytes, probability: float, woken: Spotted | None
    ) -> GateResult:
        ms = len(pcm) / BYTES_PER_MS
        self._speech = probability >= self._settings.threshold - _HYSTERESIS
        stopped = self._usual.feed(self._speech, ms) == "stopped"
        if self._proof_ms > 0 and self._disproved(raw, ms, stopped=stopped):
            called = self._called
            if not called:
                self._echo.nobody_spoke()
            self._close()
            return GateResult(
                pcm, False, False, probability, woken=woken, aborted=True, called=called
            )
        self._open_ms += ms
        cut = not stopped and self._open_ms >= self._settings.max_turn_s * 1000
        if stopped or cut:
            self._rest_ms = _REST_MS if cut else 0.0
            self._close()
        return GateResult(pcm, False, stopped or cut, probability, cut, woken)

    def _disproved(self, raw: bytes, ms: float, *, stopped: bool) -> bool:
        if self._called:
            proves = self._speech and self._attention.since_word_ms > _WORD_END_MS
        else:
            proves = self._surpasses(raw, self._speech, learn=False)
        self._proof_ms -= ms if proves else 0.0
        self._proof_left_ms -= ms
        return self._proof_ms > 0 and (stopped or self._proof_left_ms <= 0)

    def _surpasses(self, raw: bytes, speech: bool, *, learn: bool = True) -> bool:
        """Whether this frame is somebody, and not the answer that is heard."""
        outspoken = self._echo.outspoken(raw, self._settings.barge_in_threshold, learn=learn)
        surpassed = self._echo.surpassed(self._cleaned, learn=learn)
        return (speech and surpassed) or outspoken

    @property
    def _may_postpone(self) -> bool:
        """Whether a frame over an answer may be judged later, as nothing comes of it alone."""
        return self._settings.barge_in and not self._attention.spots and self._echo.may_postpone

    def _settle(self) -> None:
        """Judge what was postponed."""
        self._postponed.settle(self._engine, self._echo, self._barge_in, sure=self._sure(True))

    def _sure(self, guarded: bool) -> float:
        if guarded and self._echo.mode == "half_duplex":
            return max(self._settings.threshold, self._settings.barge_in_threshold)
        return self._settings.threshold

    def _spoken(self, raw: bytes, pcm: bytes, *, guarded: bool, needed: bool) -> tuple[bool, float]:
        """Whether somebody speaks in this frame, while the gate is closed, and how likely that is.

        The engine is not asked unless it is `needed`, and where the answer explains the frame.
        """
        outspoken = guarded and self._echo.outspoken(raw, self._settings.barge_in_threshold)
        if guarded and needed:
            needed = self._echo.surpassed(self._cleaned)
        probability = judge(self._engine, pcm, needed=needed)
        return probability >= self._sure(guarded) or outspoken, probability

    def _listen(self, spoken: bool, ms: float, *, guarded: bool) -> bool:
        self._speech = spoken
        if self._attention.since_word_ms <= self._word_end_ms(guarded):
            return False
        if not guarded:
            self._barge_in.reset()
            if self._rest_ms > 0:
                self._rest_ms = _REST_MS if spoken else self._rest_ms - ms
                return False
            return self._usual.feed(spoken, ms) == "started"
        self._usual.reset()
        if not self._may_interrupt or not self._interrupted(spoken, ms):
            return False
        self._usual.speaking = True  # from here on, an ordinary turn
        self._proof_ms, self._proof_left_ms = _PROOF_MS, _PROOF_WITHIN_MS
        return True

    def _overhear(self, spoken: bool, ms: float) -> bool:
        """Whether speech has begun that is not listened to."""
        if self._usual.feed(spoken, ms) != "started":
            return False
        self._usual.reset()
        self._deaf_ms = _OVERHEAR_EVERY_MS
        return True

    def _interrupted(self, spoken: bool, ms: float) -> bool:
        """Whether somebody has spoken for long enough over an answer, and not it itself."""
        if self._barge_in.feed(spoken, ms) != "started":
            return False
        if self._echo.recognized():
            self._barge_in.reset()
            return False
        return True

    def _hold(self, pcm: bytes, guarded: bool) -> None:
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        held_ms = self._settings.pre_roll_ms
        if self._attention.since_word_ms < _WORD_END_MS + self._settings.start_window_ms:
            # Who goes on in one breath began so much earlier.
            held_ms += self._word_end_ms(guarded)
        limit = held_ms * BYTES_PER_MS + len(pcm)
        while self._held_bytes > limit:
            self._held_bytes -= len(self._held.popleft())

    def _take_held(self) -> bytes:
        held = b"".join(self._held)
        self._forget()
        return held

    def _forget(self) -> None:
        self._held.clear()
        self._held_bytes = 0

    def _close(self) -> None:
        self._settle()
        self._open = self._speech = self._called = False
        self._open_ms = self._proof_ms = 0.0
        self._usual.reset()
        self._barge_in.reset()
