"""All errors, as one tree; the branch says what is at fault.

::

    RTAudioError
    ├── ConfigError          the configuration: one or more problems, each with file and line
    ├── DeviceError          a microphone or a loudspeaker
    ├── ServiceError         the realtime service said no, or broke the protocol
    │   └── HandshakeError   it refused the connection itself (HTTP status instead of a WebSocket)
    ├── NotConnectedError    a message could not be sent because no connection is open
    ├── NotNowError          the request cannot be fulfilled in the present state
    ├── NotFoundError        nothing has the given name
    └── WrongValueError      a given value is invalid

A class exists only because somebody catches it. Messages name the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence

from .device_codes import DeviceCode

NO_ANSWER = "no_answer"
"""The code of a `ServiceError` if the service accepts the connection but sends nothing."""


class RTAudioError(Exception):
    """Any error that this package raises on purpose."""


class ConfigError(RTAudioError):
    """The configuration is invalid; nothing of it was applied.

    ``problems`` has one line per mistake, each ``FILE:LINE: path.to.option: what, allowed``.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DeviceError(RTAudioError):
    """A microphone or loudspeaker cannot be opened, or broke while in use; ``code`` says why."""

    def __init__(self, message: str, *, code: DeviceCode = DeviceCode.LOST) -> None:
        super().__init__(message)
        self.code = code


class ServiceError(RTAudioError):
    """The realtime service refused something, or did not answer in time.

    ``code`` and ``type`` are the service's own words; ``code`` is `NO_ANSWER` if it sent nothing.
    """

    def __init__(self, message: str, *, code: str | None = None, type: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.type = type


class HandshakeError(ServiceError):
    """The service answered the connection attempt with an HTTP error.

    ``status`` is the HTTP status, ``retry_after_s`` its Retry-After header in seconds, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.retry_after_s = retry_after_s


class NotConnectedError(RTAudioError):
    """There is no open session to send this on."""


class NotNowError(RTAudioError):
    """The request cannot be fulfilled in the present state, such as talking while muted."""


class NotFoundError(RTAudioError):
    """Nothing has the given name."""


class WrongValueError(RTAudioError):
    """A given value is invalid; nothing was changed."""
