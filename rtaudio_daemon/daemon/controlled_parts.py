"""The parts of the daemon that its controls reach, which may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Ringer(Protocol):
    """Rings."""

    def silence(self) -> bool:
        """Somebody wants it to stop; whether anything can be heard to ring."""


class Reloader(Protocol):
    """Who knows where the configuration is."""

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again; returns what changed. Raises ConfigError."""


class CallableTools(Protocol):
    """The tools, as far as they can be seen and called by hand."""

    def document(self) -> dict[str, Any]:
        """Sources, number and cost, ready for JSON."""

    def listed(self) -> list[dict[str, Any]]:
        """Every tool, ready for JSON."""

    async def call(self, name: str, arguments: str, *, confirmed: bool) -> str:
        """Call a tool; returns its output as JSON."""


class BrokerView(Protocol):
    """The MQTT broker, if one is configured."""

    async def broadcast(self, said: str, text: str) -> None:
        """Let all other daemons say `text` under this id. Raises NotConnectedError."""

    def document(self) -> dict[str, Any]:
        """Its state, ready for JSON."""

    def counts(self) -> dict[str, float]:
        """Counters and gauges, by the names in `api.metrics.COUNTS`."""


class DuckingView(Protocol):
    """Makes other programs softer."""

    def document(self) -> dict[str, object]:
        """In which way, and whether they are softer now, ready for JSON."""


class ActionLog(Protocol):
    """What became of the calls of tools."""

    def listed(self) -> Sequence[Mapping[str, Any]]:
        """The newest ones, the newest first, ready for JSON."""

    async def clear(self) -> None:
        """Forget all. Raises NotNowError."""
