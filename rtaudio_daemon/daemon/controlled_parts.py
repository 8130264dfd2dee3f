"""The interfaces of parts of the daemon that its controls use, and that may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Ringer(Protocol):
    """Rings."""

    def silence(self) -> bool:
        """Stop the ringing; return whether any was audible."""


class Reloader(Protocol):
    """Reads the configuration again."""

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again; return what changed. Raises ConfigError."""


class CallableTools(Protocol):
    """The tools, as far as they can be listed and called by hand."""

    def document(self) -> dict[str, Any]:
        """Return sources, number and cost, ready for JSON."""

    def listed(self) -> list[dict[str, Any]]:
        """Return every tool, ready for JSON."""

    async def call(self, name: str, arguments: str, *, confirmed: bool) -> str:
        """Call a tool; return its output as JSON."""


class BrokerView(Protocol):
    """The MQTT broker, if one is configured."""

    async def broadcast(self, said: str, text: str) -> None:
        """Let all other daemons say `text` under this id. Raises NotConnectedError."""

    def document(self) -> dict[str, Any]:
        """Return its state, ready for JSON."""

    def counts(self) -> dict[str, float]:
        """Return counters and gauges, by the names in `api.metrics.COUNTS`."""


class DuckingView(Protocol):
    """Lowers other programs."""

    def document(self) -> dict[str, object]:
        """Return in which way, and whether they are lowered now, ready for JSON."""


class ActionLog(Protocol):
    """The record of calls of tools."""

    def listed(self) -> Sequence[Mapping[str, Any]]:
        """Return the latest calls, newest first, ready for JSON."""

    async def clear(self) -> None:
        """Delete all. Raises NotNowError."""
