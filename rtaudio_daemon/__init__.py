"""rtaudio-daemon: connects microphone and loudspeaker to a realtime voice service.

The public names for Python developers. Import them from here, because modules inside the package
may move. They load on first use, so that the audio processes do not load the network code.
"""

from __future__ import annotations

from .version import VERSION

TYPE_CHECKING = False
"""Replaces typing's: importing typing takes longest, and delays the handling of signals."""

if TYPE_CHECKING:
    from typing import Any

    from .dialogue.function_calls import FunctionCall
    from .errors import (
        ConfigError,
        DeviceError,
        HandshakeError,
        NotConnectedError,
        RTAudioError,
        ServiceError,
    )
    from .notifications import ConnectionChanged, ConnectionState, ModelStatus, ModelStatusEnum
    from .protocol.endpoint import Endpoint, endpoint
    from .protocol.session_format import SessionFacts
    from .realtime.client import DEFAULT_SESSION_CONFIG, AzureRealTimeAudio
    from .realtime.options import Counters, Policy, SessionPolicy, WebsocketOptions
    from .realtime.usage import Prices, UsageMeter
    from .realtime.usage_file import UsageFile
    from .tools.sources.decorator import tool
    from .tools.tool import ToolError

__version__ = VERSION

__all__ = [
    "DEFAULT_SESSION_CONFIG",
    "AzureRealTimeAudio",
    "ConfigError",
    "ConnectionChanged",
    "ConnectionState",
    "Counters",
    "DeviceError",
    "Endpoint",
    "FunctionCall",
    "HandshakeError",
    "ModelStatus",
    "ModelStatusEnum",
    "NotConnectedError",
    "Policy",
    "Prices",
    "RTAudioError",
    "ServiceError",
    "SessionFacts",
    "SessionPolicy",
    "ToolError",
    "UsageFile",
    "UsageMeter",
    "WebsocketOptions",
    "__version__",
    "endpoint",
    "tool",
]

_MODULES = {
    "AzureRealTimeAudio": "realtime.client",
    "ConnectionChanged": "notifications",
    "ConnectionState": "notifications",
    "Counters": "realtime.options",
    "DEFAULT_SESSION_CONFIG": "realtime.client",
    "Endpoint": "protocol.endpoint",
    "FunctionCall": "dialogue.function_calls",
    "ModelStatus": "notifications",
    "ModelStatusEnum": "notifications",
    "Policy": "realtime.options",
    "Prices": "realtime.usage",
    "SessionFacts": "protocol.session_format",
    "SessionPolicy": "realtime.options",
    "ToolError": "tools.tool",
    "UsageFile": "realtime.usage_file",
    "UsageMeter": "realtime.usage",
    "WebsocketOptions": "realtime.options",
    "endpoint": "protocol.endpoint",
    "tool": "tools.sources.decorator",
}
"""The module of each name; names missing here are errors, in `errors`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
