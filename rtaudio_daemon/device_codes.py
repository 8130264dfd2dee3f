"""Why a microphone or a loudspeaker does not work, for programs.

The audio processes load this, so it loads nothing that takes memory.
"""

from __future__ import annotations

from enum import StrEnum


class DeviceCode(StrEnum):
    """Why a microphone or a loudspeaker does not work, or is not the wanted one."""

    LOST = "lost"
    """It broke off, or was pulled out."""
    NO_DEVICE = "no_device"
    """This machine has none in this direction."""
    NOT_FOUND = "not_found"
    """No device has the name that is configured."""
    AMBIGUOUS = "ambiguous"
    """Several devices have the name that is configured."""
    BUSY = "busy"
    """Another program has it for itself."""
    NO_PERMISSION = "no_permission"
    """The user may not open sound devices."""
    UNSUPPORTED = "unsupported"
    """It takes none of the sample rates and channel counts of the daemon."""
    NO_LIBRARY = "no_library"
    """PyAudio or PortAudio cannot be loaded."""
    STUCK = "stuck"
    """It does not open in time, or moves no sound."""
    MONITOR = "monitor"
    """The sound server gives the sound of the loudspeaker instead of a microphone's."""
    MOVED = "moved"
    """The sound server moved the stream to another device."""
    FILE = "file"
    """The WAV file that stands for it cannot be used."""
    SILENT = "silent"
    """It delivers digital silence."""
    OVERDRIVEN = "overdriven"
    """It is stuck at full scale."""
    NO_SPEECH = "no_speech"
    """It delivers sound, and for many hours no speech."""
    FALLBACK = "fallback"
    """The system's default is used while it is lost."""
    UNHEARD = "unheard"
    """It works, and the microphone does not hear it any more."""
    RETURNED = "returned"
    """It is there again, and takes over from the default."""
