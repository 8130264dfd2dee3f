"""List prices of models, so that users need not copy figures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PRICED_ON = "2026-11-28"
"""The date of these prices, from developers.openai.com/api/docs/models."""

_LARGE = MappingProxyType(
    {
        "text_input": 4.0,
        "text_cached": 0.4,
        "text_output": 24.0,
        "audio_input": 32.0,
        "audio_cached": 0.4,
        "audio_output": 64.0,
        "image_input": 5.0,
    }
)
PRICE_TABLES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "gpt-realtime-2.1": _LARGE,
        "gpt-realtime-2.1-mini": MappingProxyType(
            {
                "text_input": 0.6,
                "text_cached": 0.06,
                "text_output": 2.4,
                "audio_input": 10.0,
                "audio_cached": 0.3,
                "audio_output": 20.0,
                "image_input": 0.8,
            }
        ),
        "gpt-realtime-2": _LARGE,
        "gpt-realtime-1.5": MappingProxyType({**_LARGE, "text_output": 16.0}),
    }
)
"""US dollars per million tokens, by model; the names are those of `realtime.budget.prices`."""
