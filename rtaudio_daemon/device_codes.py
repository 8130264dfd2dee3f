"""Codes for why a microphone or a loudspeaker does not work.

The audio processes import this, so it must not import anything that takes memory.
"""

from __future__ import annotations

from enum import StrEnum


class DeviceCode(StrEnum):
    """Why a microphone or a loudspeaker does not work, or is not the wanted one."""

    LOST = "lost"
    """It failed, or was unplugged."""
    NO_DEVICE = "no_device"
    """This machine has none in this direction."""
    NOT_FOUND = "not_found"
    """No device has the name that is configured."""
    AMBIGUOUS = "ambiguous"
    """Several devices have the name that is configured."""
    BUSY = "busy"
    """Another program uses it exclusively."""
    NO_PERMISSION = "no_permission"
    """The user may not open sound devices."""
    UNSUPPORTED = "unsupported"
    """It accepts none of the daemon's sample rates and channel counts."""
    NO_LIBRARY = "no_library"
    """PyAudio or PortAudio cannot be loaded."""
    STUCK = "stuck"
    """It does not open in time, or transports no sound."""
    MONITOR = "monitor"
    """The sound server delivers the loudspeaker's sound instead of a microphone's."""
    MOVED = "moved"
    """The sound server moved the stream to another device."""
    FILE = "file"
    """The WAV file used in its place is unusable."""
    SILENT = "silent"
    """It delivers digital silence."""
    OVERDRIVEN = "overdriven"
    """It is stuck at full scale."""
    NO_SPEECH = "no_speech"
    """It delivers sound, but no speech for many hours."""
    FALLBACK = "fallback"
    """The system's default is used while it is lost."""
    UNHEARD = "unheard"
    """It works, but the microphone no longer hears it."""
    RETURNED = "returned"
    """It is back, and takes over from the default."""
