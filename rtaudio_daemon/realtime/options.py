"""How to hold a session: websocket options, delays between attempts, and counters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from .. import config
from ..dialogue.unsent_audio import OUTAGE_S
from ..errors import HandshakeError, ServiceError
from ..protocol.error_codes import Severity, severity_of
from .connection import HEARTBEAT_S
from .usage import Prices

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
REFUSED_PAUSE_S = 60.0
"""The delay after a refusal that only a person can resolve (wrong key, unknown deployment …)."""
_LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class WebsocketOptions:
    """How to hold the connection; named as in the TypeScript original, in seconds."""

    reconnect_interval: float = FIRST_PAUSE_S
    """The first delay before reconnecting; it doubles up to 30 s."""
    heartbeat_interval: float | None = HEARTBEAT_S
    """How often a ping is sent; None or 0 for never."""
    heartbeat_message: str | Mapping[str, Any] | None = None
    """A message of your own to send at the same interval, in addition to the ping."""
    max_reconnect_attempts: int | None = None
    """How many attempts may fail in a row; None for any number."""
    should_reconnect: bool | Callable[[str], bool] = True
    """Whether to connect again; a function gets the reason why the connection ended."""
    protocols: str | tuple[str, ...] | list[str] = ()
    """WebSocket subprotocols to ask for."""
    connect_resend: bool = False
    """Keep up to 64 messages (not sound) while there is no connection and send them later."""
    outage_buffer: float = OUTAGE_S
    """How many seconds of sound to keep while there is no connection; 0 for none."""
    compress: bool = False
    """Offer to compress messages; audio does not get smaller, but costs CPU time."""

    @classmethod
    def of(cls, options: WebsocketOptions | Mapping[str, Any] | None) -> WebsocketOptions:
        """Make options from a mapping. Raises ValueError for an unknown name."""
        if isinstance(options, WebsocketOptions):
            return options
        names = [each.name for each in fields(cls)]
        unknown = sorted(set(options or {}) - set(names))
        if unknown:
            raise ValueError(f"websocket_options: unknown {unknown}; allowed: {', '.join(names)}")
        return cls(**(options or {}))

    def hopeful(self, error: ServiceError, failures: int) -> bool:
        """Return whether to try again after so many failures in a row."""
        wanted = self.should_reconnect
        if not (wanted(str(error)) if callable(wanted) else wanted):
            return False
        return self.max_reconnect_attempts is None or failures <= self.max_reconnect_attempts


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """When to hold a session, how much history it gets, and how much it may cost."""

    hold: Literal["always", "on_speech"] = "always"
    """on_speech: connect when there is something to send, and close after `idle_s`."""
    idle_s: float = 60.0
    """on_speech: seconds without a word after which the session is closed."""
    history_turns: int = 20
    """How many turns of the user a new session gets as history; 0 for none."""
    history_characters: int = 8000
    """How many characters of history a new session gets at most."""
    forget_after_s: float = 600.0
    """Seconds without a word after which the conversation is forgotten; 0 for never."""
    prices: Prices = field(default_factory=Prices)
    daily_limit: float = 0.0
    """How much money may be spent per day; 0 for no limit."""

    @classmethod
    def of(cls, settings: config.Realtime) -> Self:
        """Return the policy that the configuration section ``realtime`` describes."""
        prices = settings.budget.in_effect()
        return cls(
            hold="on_speech" if settings.hold == "on_speech" else "always",
            idle_s=settings.hold_idle_s,
            history_turns=settings.history.turns,
            history_characters=settings.history.characters,
            forget_after_s=settings.history.forget_after_s,
            prices=Prices(**{each.name: prices[each.name] for each in fields(Prices)}),
            daily_limit=settings.budget.daily_limit,
        )


Policy = SessionPolicy
"""The name of this class in the first version."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What went over the wire since the start. `bytes_up` and `frames_up` count audio only."""

    bytes_up: int = 0
    frames_up: int = 0
    dropped: int = 0
    """Pieces of sound not sent: no session for too long, or the network was too slow."""
    malformed: int = 0
    unknown: int = 0
    reconnects: int = 0
    """Sessions after the first that replaced a lost one."""
    renewals: int = 0
    """Sessions that replaced one that was about to expire."""
    late: int = 0
    """Pieces of answers that arrived after the answer had been interrupted, and were dropped."""
    repeated_errors: int = 0
    """Errors of the service that were not reported because the same code just had been."""


def pause_after(error: ServiceError, pauses: Iterator[float]) -> float:
    """Return how many seconds to wait before the next attempt."""
    pause = next(pauses)
    if is_final(error) and not _is_redirect(error):
        pause = REFUSED_PAUSE_S
    if isinstance(error, HandshakeError) and error.retry_after_s is not None:
        pause = max(pause, min(error.retry_after_s, _LONGEST_RETRY_AFTER_S))
    return pause


def may_hurry(error: ServiceError) -> bool:
    """Return whether the next attempt may come sooner because somebody waits for it."""
    asked_to_wait = isinstance(error, HandshakeError) and error.retry_after_s is not None
    return not is_final(error) and not asked_to_wait


def is_final(error: ServiceError) -> bool:
    """Return whether only a person can resolve this: our key, deployment or account was refused."""
    if isinstance(error, HandshakeError):
        if error.status in (400, 401, 403, 404) or _is_redirect(error):
            return True
        return error.status < 500 and _severity(error) is Severity.FATAL
    return _severity(error) is Severity.FATAL


def _is_redirect(error: ServiceError) -> bool:
    """Return whether it is a redirect, such as to the login page of a public network."""
    return isinstance(error, HandshakeError) and 300 <= error.status < 400


def _severity(error: ServiceError) -> Severity:
    return severity_of({"code": error.code, "type": error.type})
