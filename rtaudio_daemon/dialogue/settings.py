"""How a conversation is held: what the service does by itself, and how long to be patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """Settings of one conversation. They may change between turns."""

    replies: bool = True
    """Whether the service answers a turn without being asked."""
    interruption: Literal["service", "us", "nobody"] = "service"
    """Who ends an answer when somebody speaks over it: speech that the service reports; only
    speech that our own gate confirms; or nobody (a button and a request always do)."""
    service_cancels: bool = True
    """Whether the service stops generating by itself when it hears speech (interruption by the
    service only; whatever we interrupt ourselves is cancelled)."""
    resume: bool = False
    """Whether an answer that was interrupted plays on if that was nobody (reported playback only).
    The service must not stop generating by itself."""
    certain_after_s: float = 0.7
    """Resume: seconds of speech, as the service hears it, after which it is somebody."""
    truncation: Literal["service", "us", "nobody"] = "us"
    """Who shortens an interrupted item to what was heard."""
    local_turns: bool = False
    """Whether the end of speech in our own gate ends a turn; the service detects none then."""
    barge_in: bool = True
    """Local turns: whether somebody who is not done when an answer begins interrupts it."""
    playback: Literal["reported", "assumed"] = "reported"
    """Whether a loudspeaker reports how far it played. Assumed: from the first sound received
    until `PlaybackFinished`."""
    outage_s: float = 10.0
    """Seconds that a question, or what was said, waits for the next session."""
    button_patience_s: float = 10.0
    """Seconds that a turn by button waits for its session."""
    button_most_s: float = 60.0
    """Seconds after which a button that is still held counts as released."""
    exchange_patience_s: float = 5.0
    """Seconds that what is said waits for another session while there is one."""
    reply_patience_s: float = 15.0
    """Seconds without a sign of an answer after which it is given up."""
    silence_patience_s: float = 15.0
    """Seconds without a sign of an answer that has begun after which it is given up."""
    speech_patience_s: float = 15.0
    """Seconds without any sound sent after which speech that the service reported is over."""
    calls_patience_s: float = 15.0
    """Seconds after which the results of function calls are not waited for any more."""
    call_rounds_most: int | None = None
    """How often the answer to results may call functions again after somebody spoke."""
