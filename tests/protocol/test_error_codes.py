"""How serious an error is."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.protocol.error_codes import Severity, severity_of


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        ({}, Severity.RETRY),
        ({"code": "Invalid_API_Key"}, Severity.FATAL),
        ({"code": None, "type": "rate_limit_error"}, Severity.RETRY),
        ({"code": "new", "message": "Unknown parameter: x"}, Severity.CONFIGURATION),
        (
            {"code": "invalid_value", "message": "Audio content of 5ms is already shorter"},
            Severity.BENIGN,
        ),
        ({"code": {"a": 1}, "type": 5, "message": ["x"]}, Severity.RETRY),
    ],
)
def test_an_error_is_judged_by_its_code_then_its_type_then_its_words(
    error: dict[str, Any], severity: Severity
) -> None:
    assert severity_of(error) is severity
