"""The sound of the turn that is being spoken, for the case that its session goes.

Until the service has made an item of a turn its sound is kept here, together with what is said
while there is no session, so that the next one can hear it whole. What has become too old for that
is dropped: a question is not answered a minute late, and never by half. The sound of a turn that
became an item can be fetched, once: its answer is still to come.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

OUTAGE_S = 10.0
"""How old sound may be when it is sent after all."""
TURN_S = 30.0
"""How much of a turn is kept when its session goes in the middle of it."""
TAIL_S = 1.0
"""What the next session is given of the last moment, as somebody may just have begun to speak."""
_PAUSE_S = 0.5  # a longer gap between two pieces separates two utterances
_PIECE_BYTES = 48_000  # sound that is sent again travels in pieces of a second
_BYTES_PER_S = 48_000


class _Piece(NamedTuple):
    time: float
    pcm: bytes


class TurnSound:
    """Times are in seconds on any one clock. `dropped` counts pieces that nobody will hear."""

    def __init__(self, outage_s: float = OUTAGE_S, turn_s: float = TURN_S) -> None:
        self.dropped = 0
        self._outage_s = outage_s
        self._turn_s = turn_s
        self._most_bytes = int((turn_s + outage_s) * _BYTES_PER_S)
        self._pieces: deque[_Piece] = deque()
        self._bytes = 0
        self._noticed = False
        self._stopped = False
        self._cut_at: float | None = None
        self._whole = True
        self._taken: bytes | None = None
        self._by_hand = 0  # turns that we ended ourselves and the service has not told of

    @property
    def seconds(self) -> float:
        """How much is kept."""
        return self._bytes / _BYTES_PER_S

    def sent(self, pcm: bytes, now: float, *, by_hand: bool = False) -> None:
        """`pcm` goes out on a session. `by_hand`: we end the turns, so all of it is one."""
        pieces, in_turn = self._pieces, by_hand or self._noticed
        pieces.append(_Piece(now, pcm))
        self._bytes += len(pcm)
        oldest = now - (self._turn_s if in_turn else self._outage_s)
        while pieces and (pieces[0].time < oldest or self._bytes > self._most_bytes):
            self._pop()
            self._whole = self._whole and not in_turn

    def kept(self, pcm: bytes, now: float) -> None:
        """There is no session that `pcm` could go out on."""
        self._add(pcm, now)
        self._age(now)

    def heard(self, name: str) -> None:
        """The service sent an event of this (house) name."""
        if name == "input_audio_buffer.speech_started":
            self._noticed, self._stopped = True, False
        elif name == "input_audio_buffer.speech_stopped":
            self._stopped = True
        elif name == "input_audio_buffer.committed" and self._by_hand:
            self._by_hand -= 1
        elif name == "input_audio_buffer.committed":
            self._take()
        elif name == "input_audio_buffer.cleared":
            self.forget()
        elif name == "response.created" and self._stopped:
            self._take()  # not every service tells that it made an item
        elif name == "error":
            self._by_hand = 0  # whatever was refused, it may have been that

    def commit(self) -> None:
        """We end the turn: what is sent from now on is part of the next one."""
        self._take()
        self._by_hand += 1

    def fetch(self) -> bytes | None:
        """The sound of a turn that became an item, once; empty if it was not kept whole."""
        taken, self._taken = self._taken, None
        return taken

    def lost(self, now: float, *, by_hand: bool = False) -> None:
        """The session is gone; what it had not made a turn of begins to age now."""
        oldest, in_turn = now - self._outage_s, by_hand or self._noticed
        while self._pieces and not in_turn and self._pieces[0].time < oldest:
            self._pop()
        if self._pieces and self._pieces[-1].time < oldest:
            self.forget()
        self._pieces = deque(_Piece(now, piece.pcm) for piece in self._pieces)
        self._noticed = self._stopped = False
        self._by_hand = 0

    def tail(self, now: float) -> list[bytes]:
        """What a session that takes over in a quiet moment should hear."""
        while self._pieces and self._pieces[0].time < now - TAIL_S:
            self._pop()
        return self._joined()

    def resume(self, now: float) -> list[bytes]:
        """What the next session should hear first, in large pieces; it counts as sent."""
        self._age(now)
        self._drop_half_an_utterance(now)
        self._cut_at = None
        return self._joined()

    def forget(self) -> None:
        """What was said is safe, or does not count."""
        self._pieces.clear()
        self._bytes = 0
        self._noticed = self._stopped = False
        self._cut_at = None
        self._whole = True

    def _take(self) -> None:
        self._taken = b"".join(piece.pcm for piece in self._pieces) if self._whole else b""
        self.forget()

    def _add(self, pcm: bytes, now: float) -> None:
        self._pieces.append(_Piece(now, pcm))
        self._bytes += len(pcm)

    def _pop(self) -> _Piece:
        piece = self._pieces.popleft()
        self._bytes -= len(piece.pcm)
        return piece

    def _age(self, now: float) -> None:
        while self._pieces and (
            self._pieces[0].time < now - self._outage_s or self._bytes > self._most_bytes
        ):
            self._cut_at = self._pop().time
            self.dropped += 1

    def _drop_half_an_utterance(self, now: float) -> None:
        """An utterance whose beginning was dropped goes whole, unless it still goes on."""
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

    def _joined(self) -> list[bytes]:
        pcm = b"".join(piece.pcm for piece in self._pieces)
        return [pcm[at : at + _PIECE_BYTES] for at in range(0, len(pcm), _PIECE_BYTES)]
