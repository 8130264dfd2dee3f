"""How a conversation is held: what the service does by itself, and all time limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """Settings of one conversation. They may change between turns."""

    replies: bool = True
    """Whether the service answers turns without being asked."""
    interruption: Literal["service", "us", "nobody"] = "service"
    """What ends an answer when somebody speaks over it. "service": speech that the service
    reports. "us": only speech that our own gate confirms. "nobody": no speech (a button or a
    request always does)."""
    service_cancels: bool = True
    """Whether the service stops generating by itself when it hears speech (interruption
    "service" only; we cancel whatever we interrupt ourselves)."""
    resume: bool = False
    """Whether an interrupted answer resumes if nobody spoke (reported playback only). The
    service must not stop generating by itself."""
    certain_after_s: float = 0.7
    """Resume: seconds of speech, as the service hears it, after which somebody did speak."""
    truncation: Literal["service", "us", "nobody"] = "us"
    """Who shortens an interrupted item to the part that was heard."""
    local_turns: bool = False
    """Whether the end of speech in our own gate ends a turn; the service then detects none."""
    barge_in: bool = True
    """Local turns: whether somebody still speaking when an answer begins interrupts it."""
    playback: Literal["reported", "assumed"] = "reported"
    """Whether a loudspeaker reports its progress. Assumed: sound counts as playing from its
    first piece until `PlaybackFinished`."""
    outage_s: float = 10.0
    """How many seconds a question, or speech, waits for the next session."""
    button_patience_s: float = 10.0
    """How many seconds a push-to-talk turn waits for its session."""
    button_most_s: float = 60.0
    """How many seconds a button may be held; then it counts as released."""
    exchange_patience_s: float = 5.0
    """How many seconds speech waits for another session while one is in use."""
    reply_patience_s: float = 15.0
    """After how many seconds without a sign of an answer it is given up."""
    silence_patience_s: float = 15.0
    """After how many seconds without a further sign an answer that has begun is given up."""
    speech_patience_s: float = 15.0
    """After how many seconds without sent sound speech reported by the service is over."""
    calls_patience_s: float = 15.0
    """After how many seconds we stop waiting for the results of function calls."""
    call_rounds_most: int | None = None
    """How often in a row answers to results may call functions again; None: without limit."""
