"""Sound that has not become a turn yet, kept in case its session is lost.

The sound of a turn is kept here until the service has made an item of it, together with speech
while there is no session, so that the next session can hear it whole. Sound that is too old is
dropped: a question must not be answered a minute late, or only in part. The sound of a turn that
became an item can be taken once: its answer is still to come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from ..protocol.events import (
    Event,
    InputCleared,
    InputCommitted,
    ResponseCreated,
    ServiceErrorReported,
    SpeechStarted,
    SpeechStopped,
)

OUTAGE_S = 10.0
"""How old sound may be when it is sent late, in seconds."""
TURN_S = 30.0
"""How many seconds of a turn are kept if its session is lost in the middle of it."""
TAIL_S = 1.0
"""How many last seconds a new session gets: somebody may just have begun to speak."""
_PAUSE_S = 0.5  # a longer gap between two pieces separates two utterances
_PIECE_BYTES = 48_000  # repeated sound is sent in pieces of one second
_BYTES_PER_S = 48_000
_REMEMBERED = 64  # commits and clears that the service has not confirmed


class _Piece(NamedTuple):
    time: float
    pcm: bytes
    held: bool = False


class UnsentAudio:
    """Times are seconds on the caller's clock. `dropped` counts pieces that nobody will hear."""

    def __init__(self, outage_s: float = OUTAGE_S, turn_s: float = TURN_S) -> None:
        self.dropped = 0
        self.by_hand = False
        """Whether we end the turns, not the service."""
        self.sent_at = float("-inf")
        """When sound was last sent."""
        self._turn_s = turn_s
        self._outage_s = outage_s
        self._patience_s = 0.0
        self._limit()
        self._pieces: deque[_Piece] = deque()
        self._bytes = 0
        self._noticed = False
        self._stopped = False
        self._cut_at: float | None = None
        self._whole = True
        self._taken: bytes | None = None
        self._commits: deque[str] = deque(maxlen=_REMEMBERED)
        self._clears: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def seconds(self) -> float:
        """How many seconds are kept."""
        return self._bytes / _BYTES_PER_S

    @property
    def held_seconds(self) -> float:
        """How many seconds are held back."""
        return sum(len(piece.pcm) for piece in self._pieces if piece.held) / _BYTES_PER_S

    @property
    def keeps(self) -> bool:
        """Whether sound is kept while there is no session."""
        return self._age_most_s > 0

    @property
    def outage_s(self) -> float:
        """How old sound may be when it is sent late, in seconds."""
        return self._outage_s

    @outage_s.setter
    def outage_s(self, seconds: float) -> None:
        self._outage_s = seconds
        self._limit()

    # ------------------------------------------------------------- what we do

    def sent(self, pcm: bytes, now: float) -> None:
        """Note that `pcm` was sent to the session."""
        pieces, in_turn = self._pieces, self.by_hand or self._noticed
        pieces.append(_Piece(now, pcm))
        self._bytes += len(pcm)
        self.sent_at = now
        oldest = now - (self._turn_s if in_turn else self._outage_s)
        while pieces and (pieces[0].time < oldest or self._bytes > self._most_bytes):
            self._pop()
            self._whole = self._whole and not in_turn

    def kept(self, pcm: bytes, now: float) -> None:
        """Keep `pcm`: there is no session to send it to."""
        self._pieces.append(_Piece(now, pcm))
        self._bytes += len(pcm)
        self._age(now)

    def held_back(self, pcm: bytes, now: float) -> None:
        """Hold back `pcm` for a session that is being opened beside the one in use."""
        self._pieces.append(_Piece(now, pcm, held=True))
        self._bytes += len(pcm)

    def let_go(self) -> list[bytes]:
        """Return what was held back, in large pieces, for the session in use; it counts as sent."""
        held = [piece.pcm for piece in self._pieces if piece.held]
        self._pieces = deque(_Piece(piece.time, piece.pcm) for piece in self._pieces)
        return _joined(held)

    def keep_for(self, seconds: float) -> None:
        """Keep speech from now on for so long, until a session opens or `forget` is called."""
        self._patience_s = seconds
        self._limit()

    def commit(self, event_id: str) -> None:
        """Note that we end the turn: sound sent from now on belongs to the next one."""
        self._take()
        self._commits.append(event_id)

    def clear(self, event_id: str, *, in_session: bool) -> None:
        """Discard what was said, here and (in a session) in the service's buffer."""
        self.forget()
        if in_session:
            self._clears.append(event_id)

    def take_turn(self) -> bytes | None:
        """Return the sound of a turn that became an item, once; empty if not kept whole."""
        taken, self._taken = self._taken, None
        return taken

    def forget(self) -> None:
        """Forget the sound: it has become an item, or does not count."""
        self._pieces.clear()
        self._bytes = 0
        self._noticed = self._stopped = False
        self._cut_at = None
        self._whole = True
        self.keep_for(0.0)

    # ------------------------------------------------- what the service says

    def hear(self, event: Event) -> None:
        """Note what the service reports about the sound that it holds."""
        match event:
            case SpeechStarted():
                self._noticed, self._stopped = True, False
            case SpeechStopped():
                self._stopped = True
            case InputCommitted() if self._commits:
                self._commits.popleft()
            case InputCommitted():
                self._take()
            case InputCleared() if self._clears:
                self._clears.popleft()  # our request: speech since then is not affected
            case InputCleared():
                self.forget()
            case ResponseCreated() if self._stopped:
                self._take()  # not every service reports that it made an item
            case ServiceErrorReported(event_id=event_id):
                self._refused(event_id)

    def _refused(self, event_id: str) -> None:
        for ours in (self._commits, self._clears):
            if event_id in ours:
                ours.remove(event_id)

    # ---------------------------------------------------------------- sessions

    def lost(self, now: float) -> None:
        """Note that the session is gone; sound that is no turn yet begins to age now."""
        oldest, in_turn = now - self._outage_s, self.by_hand or self._noticed
        while self._pieces and not in_turn and self._pieces[0].time < oldest:
            self._pop()
        if self._pieces and self._pieces[-1].time < oldest:
            self.forget()
        self._pieces = deque(_Piece(now, piece.pcm) for piece in self._pieces)
        self._noticed = self._stopped = False
        self._commits.clear()
        self._clears.clear()

    def renew(self, now: float) -> list[bytes]:
        """Return what a session that takes over should hear: the last moment.

        If sound was held back for it, that sound and the utterance that led up to it.
        """
        self._commits.clear()
        self._clears.clear()
        oldest = now - TAIL_S
        held = next((n for n, piece in enumerate(self._pieces) if piece.held), None)
        if held is not None:
            self._noticed = self._stopped = False  # that was the previous session
            pieces = list(self._pieces)[: held + 1]
            oldest = pieces.pop().time
            while pieces and oldest - pieces[-1].time < _PAUSE_S:
                oldest = pieces.pop().time
        while self._pieces and self._pieces[0].time < oldest:
            self._pop()
        self._pieces = deque(_Piece(piece.time, piece.pcm) for piece in self._pieces)
        return _joined(piece.pcm for piece in self._pieces)

    def resume(self, now: float) -> list[bytes]:
        """Return what the next session should hear first, in large pieces; it counts as sent."""
        self._age(now)
        self._drop_half_an_utterance(now)
        self._cut_at = None
        self.keep_for(0.0)
        return _joined(piece.pcm for piece in self._pieces)

    # ----------------------------------------------------------------- private

    def _limit(self) -> None:
        """Compute the limits of what is kept; they are needed too often to compute each time."""
        self._age_most_s = max(self._outage_s, self._patience_s)
        self._most_bytes = int((self._turn_s + self._age_most_s) * _BYTES_PER_S)

    def _take(self) -> None:
        self._taken = b"".join(piece.pcm for piece in self._pieces) if self._whole else b""
        self.forget()

    def _pop(self) -> _Piece:
        piece = self._pieces.popleft()
        self._bytes -= len(piece.pcm)
        return piece

    def _age(self, now: float) -> None:
        while self._pieces and (
            self._pieces[0].time < now - self._age_most_s or self._bytes > self._most_bytes
        ):
            self._cut_at = self._pop().time
            self.dropped += 1

    def _drop_half_an_utterance(self, now: float) -> None:
        """Drop the rest of an utterance whose beginning was dropped, unless it still goes on."""
        last = self._cut_at
        if last is None:
            return
        rest = 0
        for piece in self._pieces:
            if piece.time - last >= _PAUSE_S:
                break
            last, rest = piece.time, rest + 1
        else:
            if now - last < _PAUSE_S:
                return
        for _ in range(rest):
            self._pop()
        self.dropped += rest


def _joined(pieces: Iterable[bytes]) -> list[bytes]:
    pcm = b"".join(pieces)
    return [pcm[at : at + _PIECE_BYTES] for at in range(0, len(pcm), _PIECE_BYTES)]
