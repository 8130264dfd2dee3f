"""What processes the sound of the microphone: engine, echo, enhancement, wake words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .. import config
from ..audio.engines.cancellers import open_echo
from ..audio.engines.enhancers import open_enhancement
from ..audio.engines.vad_engines import ChosenEngine, open_engine
from ..audio.engines.wake_word_engines import open_attention
from ..audio.processing.echo import Echo
from ..audio.processing.enhancement import Enhancement
from ..audio.processing.wake_word import Attention
from ..notifications import SoundChanged
from .wake_words import attention_for


@dataclass(frozen=True)
class Hearing:
    """The processing in effect."""

    engine: ChosenEngine
    echo: Echo
    enhancement: Enhancement
    attention: Attention

    @classmethod
    def of(cls, audio: config.Audio) -> Self:
        """Create it for these settings, without wake words at first."""
        return cls(
            open_engine(audio.gate.engine),
            open_echo(audio.echo, audio.gate.engine),
            open_enhancement(audio.input),
            open_attention(audio.listen, audio.wake, ()),
        )

    async def adjusted(
        self, audio: config.Audio, applied: config.Audio, *, begins: bool
    ) -> Hearing:
        """Return it for these settings; parts whose settings equal `applied` are reused.

        `begins`: wake words are opened for the first time; `attention_for` says what that may
        raise.
        """
        engine, echo, attention = self.engine, self.echo, self.attention
        another_engine = audio.gate.engine != applied.gate.engine
        if another_engine:
            engine = open_engine(audio.gate.engine)
        if another_engine or audio.echo != applied.echo:
            echo = open_echo(audio.echo, audio.gate.engine)
        enhancement = self.enhancement
        if _enhancing(audio.input) != _enhancing(applied.input):
            enhancement = open_enhancement(audio.input)
        if begins or (audio.listen, audio.wake) != (applied.listen, applied.wake):
            attention = await attention_for(audio, begins=begins)
        return Hearing(engine, echo, enhancement, attention)

    def sound(self, ducking_note: str | None) -> SoundChanged:
        """Return a description; `ducking_note`: why other programs are not lowered, if so."""
        found = (
            self.engine.note,
            self.echo.note,
            *self.attention.notes,
            self.enhancement.note,
            ducking_note,
        )
        notes = tuple(note for note in found if note)
        return SoundChanged(self.echo.mode, self.engine.name, self.attention.listen, notes)


def _enhancing(microphone: config.Input) -> tuple[float, str, str]:
    return microphone.gain_db, microphone.auto_gain, microphone.noise_suppression
