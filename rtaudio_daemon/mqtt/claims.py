"""Decides which of several daemons answers a wake word that more than one of them heard.

Each daemon claims the word at the broker. All see the claims in the same order, including their
own: the first one wins. Claims are numbered by round; one that loses has no effect. Times are in
seconds, on any local clock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import inf

from ..protocol import bounds

LIMIT_S = 0.3
"""How long to wait for our own claim to come back; then the broker counts as away."""
HELD_S = 2.0
"""How long the winner owns a word: a daemon that hears it later heard the same utterance."""
COURTESY_S = 0.08
"""How much later all but the last winner claim: people may still be talking to that one."""
REMEMBERED_S = 30.0
"""How long the last winner has this advantage."""
ROUND_MOST = 2**53
WORDS_MOST = 16
"""How many wake words are remembered; then the one said longest ago is forgotten."""
_BYTES_MOST = 2048
_NAME_MOST = 200


@dataclass(frozen=True, slots=True)
class Claim:
    """`sender` wants to answer `word`, in round `n` of that word (1 to `ROUND_MOST`)."""

    sender: str
    n: int
    word: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again after this time, or when a claim arrives."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Decided:
    """`winner` owns the word; None: nobody else is known to answer, so we do."""

    winner: str | None


@dataclass(frozen=True, slots=True)
class _Round:
    n: int
    winner: str
    won_at: float


@dataclass(slots=True)
class _Pending:
    """A word that we heard and that nobody owns yet."""

    word: str
    claim_at: float
    ends_at: float
    claimed: bool = False
    before: _Round | None = None
    """The last round known to us when we made our claim."""


class Claims:
    """The knowledge of the daemon `me`: pass it every claim in the broker's order, with `heard`.

    When it hears a wake word itself, call `begin`, then `step` until that returns `Decided`.
    """

    def __init__(self, me: str) -> None:
        self.limit_s = LIMIT_S
        """How long to wait for our own claim."""
        self._me = me
        self._rounds: dict[str, _Round] = {}
        self._pending: _Pending | None = None

    def heard(self, claim: Claim, now: float) -> None:
        """Note a claim delivered by the broker, which may be our own."""
        known = self._rounds.get(claim.word)
        n = claim.n
        if known is not None and not _follows(n, known.n):
            if now - known.won_at <= HELD_S:
                return
            n = _next(known.n)  # a new daemon does not know the number of the round yet
        self._rounds.pop(claim.word, None)
        self._rounds[claim.word] = _Round(n, claim.sender, now)
        if len(self._rounds) > WORDS_MOST:
            del self._rounds[next(iter(self._rounds))]

    def begin(self, word: str, now: float, *, able: bool = True) -> None:
        """Note that we hear this word now. If not `able` to answer, make no claim."""
        known = self._rounds.get(word)
        ours = known is None or known.winner == self._me or now - known.won_at > REMEMBERED_S
        claim_at = now + (0.0 if ours else COURTESY_S) if able else inf
        self._pending = _Pending(word, claim_at, now + self.limit_s)

    def step(self, now: float) -> Claim | Wait | Decided:
        """Return what to do now about the word begun last; a claim must be published."""
        pending = self._pending
        if pending is None:
            return Decided(None)
        winner = self._winner(pending, now)
        if winner is None and now < min(pending.claim_at, pending.ends_at):
            return Wait(min(pending.claim_at, pending.ends_at) - now)
        if winner is None and not pending.claimed and pending.claim_at < inf:
            known = pending.before = self._rounds.get(pending.word)
            pending.claimed, pending.ends_at = True, now + self.limit_s
            return Claim(self._me, _next(known.n) if known else 1, pending.word)
        if winner is None and now < pending.ends_at:
            return Wait(pending.ends_at - now)
        self._pending = None
        return Decided(winner)

    def _winner(self, pending: _Pending, now: float) -> str | None:
        known = self._rounds.get(pending.word)
        if known is None:
            return None
        if pending.claimed:
            return known.winner if known is not pending.before else None
        return known.winner if known.winner != self._me and now - known.won_at <= HELD_S else None


def _next(n: int) -> int:
    """Return the round after round `n`; the first round follows the last."""
    return n % ROUND_MOST + 1


def _follows(n: int, known: int) -> bool:
    """Return whether round `n` comes after round `known`, as seen from there.

    A round far ahead counts as past, so that a number made up by a stranger is never final.
    """
    return 0 < (n - known) % ROUND_MOST < ROUND_MOST // 2


def written(claim: Claim) -> str:
    """Encode the claim as JSON."""
    return json.dumps({"from": claim.sender, "n": claim.n, "word": claim.word})


def read(payload: bytes) -> Claim | None:
    """Decode a claim from JSON; None if it is none."""
    if len(payload) > _BYTES_MOST:
        return None
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    sender, n, word = found.get("from"), found.get("n"), found.get("word")
    named = all(isinstance(each, str) and 0 < len(each) <= _NAME_MOST for each in (sender, word))
    if not named or type(n) is not int or not 1 <= n <= ROUND_MOST:
        return None
    return Claim(bounds.printable(str(sender)), n, str(word))
