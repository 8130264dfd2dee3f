"""The events of one response, in order."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.simulator.model.response_events import ResponseEvents, ResponseRequest


class Sink:
    def emit(self, event: dict[str, Any]) -> None:
        raise AssertionError(event)


def test_without_an_open_item_nothing_is_sent() -> None:
    request = ResponseRequest({"modalities": ["audio"], "max_output_tokens": "inf"})
    events = ResponseEvents("r", Sink(), request)
    with pytest.raises(RuntimeError, match="no output item is open"):
        events.words("a")
