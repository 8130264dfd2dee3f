"""The fields that services send and nobody documents."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.simulator.protocol.services import (
    AZURE,
    AZURE_PREVIEW,
    OPENAI,
    SimulatedService,
)
from rtaudio_daemon.simulator.protocol.undocumented import with_undocumented_fields


@pytest.mark.parametrize(
    ("model", "service", "event", "added"),
    [
        ("gpt-realtime-2", AZURE, {"type": "x", "item": {"role": "assistant"}}, "phase"),
        ("gpt-realtime", AZURE, {"type": "x", "item": {"role": "assistant"}}, None),
        ("gpt-realtime-2", AZURE, {"type": "x", "item": {"role": "user"}}, None),
        ("gpt-realtime-2", AZURE, {"type": "x"}, None),
        ("gpt-realtime", AZURE, {"type": "response.content_part.added", "part": {}}, "content"),
        ("gpt-realtime", OPENAI, {"type": "response.content_part.added", "part": {}}, None),
        ("gpt-realtime", OPENAI, {"type": "response.output_text.delta"}, "obfuscation"),
        ("gpt-realtime", AZURE_PREVIEW, {"type": "response.text.delta"}, None),
    ],
)
def test_extras_are_those_of_the_service(
    model: str, service: SimulatedService, event: dict[str, Any], added: str | None
) -> None:
    before = {"event_id": "e", "delta": "abc", **event}
    after = with_undocumented_fields(before, service, model)
    new = {*after, *after.get("item", {})} - {*before, *before.get("item", {})}
    assert new == ({added} if added else set())
