"""The messages of clients are checked, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.simulator.protocol.client_messages import check_message
from rtaudio_daemon.simulator.protocol.rejection import Rejection
from rtaudio_daemon.simulator.protocol.services import (
    AZURE,
)


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"metadata": {"a": 1}}, "response.metadata.a"),
        ({"metadata": {str(n): "" for n in range(17)}}, "response.metadata"),
        ({"max_output_tokens": 0}, "response.max_output_tokens"),
        ({"max_output_tokens": 5000}, "response.max_output_tokens"),
        ({"max_output_tokens": 1.5}, "response.max_output_tokens"),
        ({"conversation": "other"}, "response.conversation"),
    ],
)
def test_a_response_is_asked_for_within_bounds(response: dict[str, Any], param: str) -> None:
    with pytest.raises(Rejection) as refused:
        check_message({"type": "response.create", "response": response}, AZURE)
    assert refused.value.param == param
