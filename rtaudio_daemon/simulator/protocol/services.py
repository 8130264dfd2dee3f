"""The real services that a connection can imitate: their differences, as data."""

from __future__ import annotations

from dataclasses import dataclass

from ...protocol.codec import Dialect


@dataclass(frozen=True, slots=True)
class SimulatedService:
    """One address of a real service.

    `parameter`: the query parameter that names the model; `needs_version`: whether the query must
    (True), must not (False) or may (None) carry an api-version; `reports_limits`: sends
    ``rate_limits.updated``; `rich`: Voice Live, with its voice objects and further settings.
    """

    name: str
    path: str
    dialect: Dialect
    parameter: str = "model"
    needs_version: bool | None = None
    reports_limits: bool = False
    rich: bool = False


AZURE = SimulatedService("azure", "/openai/v1/realtime", "ga", needs_version=False)
AZURE_PREVIEW = SimulatedService(
    "azure-preview", "/openai/realtime", "preview", "deployment", needs_version=True
)
OPENAI = SimulatedService("openai", "/v1/realtime", "ga", reports_limits=True)
VOICE_LIVE = SimulatedService(
    "azure-voice-live", "/voice-live/realtime", "preview", needs_version=True, rich=True
)
SERVICES = (AZURE, AZURE_PREVIEW, OPENAI, VOICE_LIVE)
