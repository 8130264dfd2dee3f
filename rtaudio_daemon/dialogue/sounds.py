"""Sound files of programs, handed to the loudspeaker piece by piece in their turn.

A sound needs no session: it waits in the queue of the answers until nobody speaks and nothing is
played. It is not an answer: it has no words, no item and no latencies. After a stop, nothing more
is handed over.
"""

from __future__ import annotations

from itertools import count

from ..notifications import AudioPart
from .answer import Request
from .outputs import SpeakerCommand
from .playing import Playing
from .receipts import Receipts
from .sound_parts import BYTES_PER_MS, SOUND

_PIECE_S = 0.5
_PIECE_BYTES = int(_PIECE_S * 1000) * BYTES_PER_MS
_AHEAD = 4  # how many pieces the loudspeaker has in advance


class Sounds:
    """Plays one sound at a time through `playing`; what became of it goes to `receipts`."""

    def __init__(self, playing: Playing, receipts: Receipts) -> None:
        self._playing = playing
        self._receipts = receipts
        self._numbers = count(1)
        self._part = AudioPart("", SOUND, 0)
        self._rest = memoryview(b"")
        self._due_at = 0.0

    @property
    def incomplete(self) -> bool:
        """Whether more of a sound is to be handed over."""
        return bool(self._rest)

    @property
    def heard(self) -> bool:
        """Whether a sound is heard or about to be."""
        return self._playing.plays(self._part.response_id)

    @property
    def deadline(self) -> float | None:
        """When the next piece is due."""
        return self._due_at if self._rest else None

    def begin(self, request: Request, now: float) -> list[SpeakerCommand]:
        """Begin to play this sound."""
        self._part = AudioPart(f"rtaudio_sound_{next(self._numbers)}", SOUND, 0)
        self._receipts.begun(request.said, self._part.response_id)
        self._rest = memoryview(request.sound)
        self._due_at = now + _PIECE_S
        commands: list[SpeakerCommand] = []
        while self._rest and len(commands) < _AHEAD:
            commands += self._hand_over()
        return commands

    def feed(self, now: float) -> list[SpeakerCommand]:
        """Hand over the pieces that are due."""
        commands: list[SpeakerCommand] = []
        while self._rest and now >= self._due_at:
            self._due_at += _PIECE_S
            commands += self._hand_over()
        return commands

    def finish(self) -> list[SpeakerCommand]:
        """Hand over the rest: something else is to be played after this sound."""
        commands: list[SpeakerCommand] = []
        while self._rest:
            commands += self._hand_over()
        return commands

    def stop(self) -> None:
        """Drop the rest; the caller stops what the loudspeaker already has."""
        if self._rest:
            self._rest = memoryview(b"")
            self._receipts.generated(self._part.response_id, "cancelled", interrupted=True)

    def lost(self, response_id: str) -> None:
        """Drop the rest if the lost loudspeaker was playing our sound."""
        if response_id == self._part.response_id:
            self.stop()

    def _hand_over(self) -> list[SpeakerCommand]:
        piece, self._rest = bytes(self._rest[:_PIECE_BYTES]), self._rest[_PIECE_BYTES:]
        commands = self._playing.received(self._part, piece, in_session=False)
        if not self._rest:
            commands += self._playing.ended(self._part)
            self._receipts.generated(self._part.response_id, "completed", interrupted=False)
        return commands
