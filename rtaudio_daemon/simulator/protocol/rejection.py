"""Refused client messages, and the ``error`` events that report them."""

from __future__ import annotations

from typing import Any

_LONGEST_MESSAGE = 500
_LONGEST_PARAM = 200


class Rejection(Exception):  # noqa: N818 - it becomes a message, it is not a fault
    """A client message that cannot be fulfilled; nothing of it was applied.

    ``code`` and ``param`` are the service's own words; the session remains usable.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        message = message[:_LONGEST_MESSAGE]  # it may quote what the client sent
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param[:_LONGEST_PARAM] if param else param
        self.type = type

    def event(self, event_id: str | None = None) -> dict[str, Any]:
        """Return the ``error`` event; `event_id` is that of the client message that caused it."""
        return {
            "type": "error",
            "error": {
                "type": self.type,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "event_id": event_id,
            },
        }


def missing(path: str) -> Rejection:
    """A required field is absent."""
    return Rejection(
        f"Missing required parameter: '{path}'.", code="missing_required_parameter", param=path
    )


def unknown(path: str) -> Rejection:
    """A field that this dialect does not have."""
    return Rejection(f"Unknown parameter: '{path}'.", code="unknown_parameter", param=path)


def invalid(path: str, words: str) -> Rejection:
    """A value that is not allowed; `words` say what is."""
    return Rejection(f"Invalid value for '{path}': {words}", code="invalid_value", param=path)
