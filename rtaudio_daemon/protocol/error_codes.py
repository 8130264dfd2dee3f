"""Classifies errors of the service by code, then by type, then by message."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """The severity of an error, which says who must act on it."""

    BENIGN = "benign"
    """Nobody: another event came first, or waiting resolves it."""
    CONFIGURATION = "configuration"
    """A person: a setting is wrong, or belongs to another dialect."""
    RETRY = "retry"
    """The daemon: the next attempt or the next connection may succeed."""
    FATAL = "fatal"
    """A person: nothing works with this key or account."""


_CODES = {
    Severity.BENIGN: """
        response_cancel_not_active conversation_already_has_active_response
        input_audio_buffer_commit_empty item_truncate_invalid_item_id
        item_delete_invalid_item_id item_retrieve_invalid_item_id""",
    Severity.CONFIGURATION: """
        unknown_parameter missing_required_parameter invalid_value invalid_type invalid_json
        invalid_event unknown_event integer_below_min_value item_create_duplicate_item_id
        cannot_update_voice deploymentnotfound model_not_found""",
    Severity.RETRY: """
        session_expired rate_limit_exceeded server_error internal_error service_unavailable
        session_limit_reached tokens requests rate_limit_error""",
    Severity.FATAL: """
        insufficient_quota credit_balance_exhausted billing_hard_limit_reached invalid_api_key
        account_deactivated entra_refused beta_api_shape_disabled
        authentication_error permission_error""",
}
_BY_CODE = {code: severity for severity, codes in _CODES.items() for code in codes.split()}
CODES = frozenset(_BY_CODE)
"""All known codes and types of errors."""
_WORDS = (
    ("cancellation failed: no active response", Severity.BENIGN),
    ("conversation already has an active response", Severity.BENIGN),
    ("error committing input audio buffer: buffer too small", Severity.BENIGN),
    ("only model output audio messages can be truncated", Severity.BENIGN),
    ("item with item_id not found", Severity.BENIGN),
    ("audio content of ", Severity.BENIGN),
    ("your session hit the maximum duration", Severity.RETRY),
    ("rate limit reached", Severity.RETRY),
    ("the server had an error", Severity.RETRY),
    ("unknown parameter", Severity.CONFIGURATION),
    ("missing required parameter", Severity.CONFIGURATION),
    ("incorrect api key", Severity.FATAL),
    ("you exceeded your current quota", Severity.FATAL),
)


def severity_of(error: Mapping[str, Any]) -> Severity:
    """Return the severity of an error object (``code``, ``type``, ``message``); default: RETRY."""
    code, kind = (str(error.get(key) or "").lower() for key in ("code", "type"))
    words = str(error.get("message") or "").lower()
    by_words = next((severity for start, severity in _WORDS if words.startswith(start)), None)
    # The service uses the same code for a late truncation and for a wrong setting.
    if by_words is Severity.BENIGN:
        return by_words
    for name in (code, kind):
        if name in _BY_CODE:
            return _BY_CODE[name]
    return by_words or Severity.RETRY
