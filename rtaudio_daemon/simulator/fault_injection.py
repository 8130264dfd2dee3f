"""Faults of the service as data: every kind, its options, and when it strikes.

A fault strikes when a server event is about to be sent (`on`: a pattern of names in either dialect;
from the `nth` such event of the connection on), some seconds into a connection (`at_s`), or on the
occasion it belongs to (`refuse`: a client connects; `fail`: an answer begins …). It strikes `times`
times over all connections; 0 means always.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from ..protocol.codec import canonical_name
from .protocol.rejection import Rejection, missing
from .protocol.validation import (
    Shape,
    anything,
    boolean,
    check,
    integer,
    number,
    one_of,
    or_null,
    text,
)

_BIG = 2**31
_SECONDS = number(0.0, 86_400.0)
_OCCASION: dict[str, Shape] = {"nth": integer(1, _BIG), "times": integer(0, _BIG)}
_EVENT: dict[str, Shape] = {**_OCCASION, "on": text}
_MOMENT: dict[str, Shape] = {**_EVENT, "at_s": _SECONDS}

HANDSHAKE: dict[str, dict[str, Shape]] = {
    "refuse": {
        "status": integer(400, 599),
        "code": text,
        "message": text,
        "retry_after_s": integer(0, 86_400),
    },
}
"""Faults of the handshake: an HTTP error instead of a connection."""

CONNECTION: dict[str, dict[str, Shape]] = {
    "drop": {},
    "stall": {"for_s": _SECONDS},
    "slow": {"delay_s": _SECONDS, "for_s": _SECONDS},
    "close": {"code": integer(1000, 4999), "reason": text},
    "expire": {},
}
"""Faults of the connection. They strike at once unless `on` or `at_s` is given."""

EVENTS: dict[str, dict[str, Shape]] = {
    "duplicate": {},
    "omit": {},
    "reorder": {},
    "malformed": {"text": text},
    "unknown_event": {"event": anything},
    "unknown_fields": {},
    "error": {"code": or_null(text), "message": text, "type": text},
}
"""Faults of single messages: each strikes the next event unless `on` names another."""

ANSWERS: dict[str, dict[str, Shape]] = {
    "fail": {
        "status": one_of("failed", "incomplete"),
        "code": text,
        "message": text,
        "reason": text,
        "error_event": boolean,
        "after_deltas": integer(0, _BIG),
    },
    "late_deltas": {"count": integer(0, 1000)},
    "transcription": {
        "mode": one_of("normal", "early", "late", "failed", "streamed", "never"),
        "delay_s": _SECONDS,
    },
}
"""Faults of the model: each strikes the next answer, interruption or transcription."""

KINDS: Mapping[str, dict[str, Shape]] = MappingProxyType(
    {**HANDSHAKE, **CONNECTION, **EVENTS, **ANSWERS}
)
"""All kinds of faults and their options."""

_REFUSALS = {
    400: ("BadRequest", "The request is not valid for this deployment."),
    401: ("401", "Access denied due to invalid subscription key or wrong API endpoint."),
    403: ("403", "Public access is disabled. Please configure private endpoint."),
    404: ("DeploymentNotFound", "The API deployment for this resource does not exist."),
    429: ("429", "Requests to this deployment have exceeded the rate limit. Please retry later."),
    503: ("ServiceUnavailable", "The service is temporarily unable to process your request."),
}
_UNKNOWN_EVENT = {"type": "simulator.unknown", "detail": {"unknown": ["to", "all"]}}
_UNKNOWN_FIELDS = {"simulator_unknown": {"nested": [1, None, "x"]}}
_NESTED = ("session", "response", "item", "part", "error")


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """A fault; create it with `fault_from`, which validates it."""

    kind: str
    on: str = ""
    nth: int = 1
    times: int = 1
    at_s: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def immediate(self) -> bool:
        """Whether it strikes at once, on every open connection."""
        return self.kind in CONNECTION and not self.on and self.at_s is None


def fault_from(data: Mapping[str, Any], path: str = "") -> InjectedFault:
    """Return the fault that `data` describes (``fault`` names its kind); raises `Rejection`."""
    where = f"{path}." if path else ""
    if "fault" not in data:
        raise missing(f"{where}fault")
    kind = data["fault"]
    one_of(*KINDS)(kind, f"{where}fault")
    allowed = _MOMENT if kind in CONNECTION else _EVENT if kind in EVENTS else _OCCASION
    check(dict(data), {"fault": anything, **allowed, **KINDS[kind]}, path)
    moment = {key: data[key] for key in _MOMENT if key in data}
    options = {key: value for key, value in data.items() if key not in ("fault", *_MOMENT)}
    if kind == "close" and options.get("code", 1011) in (1004, 1005, 1006, 1015):
        raise Rejection("This close code never travels; use fault drop.", param=f"{where}code")
    return InjectedFault(kind, **moment, options=MappingProxyType(options))


def rejection_of(fault: InjectedFault) -> tuple[int, str, str]:
    """Return HTTP status, error code and message of a `refuse` fault."""
    status = fault.options.get("status", 503)
    code, message = _REFUSALS.get(status, (str(status), "The request was refused."))
    return status, fault.options.get("code", code), fault.options.get("message", message)


class ArmedFault:
    """A fault waiting to strike. `left` is None if it strikes for ever."""

    def __init__(self, fault: InjectedFault) -> None:
        self.fault = fault
        self.left: int | None = fault.times or None
        self.occasions = 0

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.left == 0

    def strike(self) -> None:
        """Count one strike."""
        if self.left:
            self.left -= 1


class FaultInjector:
    """The armed faults of one simulator, oldest first."""

    def __init__(self, scripted: Iterable[InjectedFault] = ()) -> None:
        self._armed = [ArmedFault(fault) for fault in scripted]

    def __iter__(self) -> Iterator[ArmedFault]:
        return iter([armed for armed in self._armed if not armed.spent])

    def arm(self, fault: InjectedFault) -> ArmedFault:
        """Let `fault` strike at its moment."""
        self._armed = [*self, armed := ArmedFault(fault)]
        return armed

    def clear(self) -> None:
        """Disarm everything."""
        self._armed = []

    def take(self, kind: str) -> InjectedFault | None:
        """Return the fault that strikes on an occasion for `kind`, if any."""
        for armed in self:
            if armed.fault.kind == kind:
                armed.occasions += 1
                if armed.occasions >= armed.fault.nth:
                    armed.strike()
                    return armed.fault
        return None


class EventFaults:
    """The faults of one connection: counts its events and modifies them."""

    def __init__(self, faults: FaultInjector) -> None:
        self._faults = faults
        self._seen: dict[ArmedFault, int] = {}
        self._held: list[dict[str, Any]] = []

    def timed(self) -> list[ArmedFault]:
        """Return the faults that strike some seconds into the connection."""
        return [armed for armed in self._faults if armed.fault.at_s is not None]

    def strikes(self, event: Mapping[str, Any]) -> list[InjectedFault]:
        """Return the faults of the connection and of events that strike at `event`."""
        found = []
        for armed in self._faults:
            fault = armed.fault
            if fault.at_s is not None or fault.kind in HANDSHAKE or fault.kind in ANSWERS:
                continue
            if not _matches(fault.on or "*", event["type"]):
                continue
            self._seen[armed] = seen = self._seen.get(armed, 0) + 1
            if seen >= fault.nth:
                armed.strike()
                found.append(fault)
        return found

    def disturbed(
        self, event: dict[str, Any], faults: Iterable[InjectedFault]
    ) -> list[dict[str, Any] | str]:
        """Return what is sent instead of `event`: events, or text that is not JSON."""
        sent: list[dict[str, Any] | str] = [event]
        holds = False
        for fault in faults:
            if fault.kind == "omit":
                sent = []
            elif fault.kind == "duplicate":
                sent = [each for each in sent for _ in range(2)]
            elif fault.kind == "unknown_fields":
                sent = [_with_unknown_fields(each) for each in sent]
            elif fault.kind == "malformed":
                whole = json.dumps(event)
                sent = [fault.options.get("text", whole[: len(whole) // 2])]
            elif fault.kind == "unknown_event":
                sent = [
                    {"event_id": "event_x", **fault.options.get("event", _UNKNOWN_EVENT)},
                    *sent,
                ]
            elif fault.kind == "error":
                sent = [{"event_id": "event_x", **_error(fault)}, *sent]
            elif fault.kind == "reorder":
                holds = True
        if holds:
            self._held += [each for each in sent if isinstance(each, dict)]
            return []
        held, self._held = self._held, []
        return [*sent, *held]


def _matches(pattern: str, kind: str) -> bool:
    return fnmatchcase(kind, pattern) or fnmatchcase(canonical_name(kind), canonical_name(pattern))


def _error(fault: InjectedFault) -> dict[str, Any]:
    return Rejection(
        fault.options.get("message", "The server had an error while processing your request."),
        code=fault.options.get("code"),
        type=fault.options.get("type", "server_error"),
    ).event()


def _with_unknown_fields(event: dict[str, Any] | str) -> dict[str, Any] | str:
    if isinstance(event, str):
        return event
    changed = {**event, **_UNKNOWN_FIELDS}
    for key in _NESTED:
        if isinstance(event.get(key), dict):
            changed[key] = {**event[key], **_UNKNOWN_FIELDS}
    return changed
