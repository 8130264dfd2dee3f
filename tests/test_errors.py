"""What an error says besides its sentence."""

from __future__ import annotations

from rtaudio_daemon.errors import HandshakeError, ServiceError


def test_a_refused_connection_is_an_error_of_the_service_with_status_and_patience() -> None:
    error = HandshakeError("too many", status=429, code="rate_limit_exceeded", retry_after_s=5.0)
    assert isinstance(error, ServiceError)
    assert (str(error), error.code, error.type) == ("too many", "rate_limit_exceeded", None)
    assert (error.status, error.retry_after_s) == (429, 5.0)
