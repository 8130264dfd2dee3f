"""rtaudio-daemon: a voice for a home.

The public names for Python developers; everything else is reached through the daemon. They are
imported on first use, so that the small audio processes do not load the network code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import VERSION

if TYPE_CHECKING:
    from .errors import (
        ConfigError,
        DeviceError,
        HandshakeError,
        NotConnectedError,
        RTAudioError,
        ServiceError,
    )
    from .events import ModelStatus
    from .realtime.client import DEFAULT_SESSION_CONFIG, AzureRealTimeAudio

__version__ = VERSION

__all__ = [
    "DEFAULT_SESSION_CONFIG",
    "AzureRealTimeAudio",
    "ConfigError",
    "DeviceError",
    "HandshakeError",
    "ModelStatus",
    "NotConnectedError",
    "RTAudioError",
    "ServiceError",
    "__version__",
]

_HOME = {
    "AzureRealTimeAudio": "realtime.client",
    "DEFAULT_SESSION_CONFIG": "realtime.client",
    "ModelStatus": "events",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)
