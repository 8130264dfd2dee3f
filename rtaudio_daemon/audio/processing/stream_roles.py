"""The roles that distinguish our streams from those of other programs in a sound server.

A role is the property `media.role` of a stream. PipeWire renames PulseAudio's roles (`video`
becomes `Movie`) and has some of its own.
"""

from __future__ import annotations

OUR_ROLE = "voice-assistant"
"""The role of everything we play and record."""

MARKER_ROLE = "voice-assistant-active"
"""The role of a silent stream that makes the sound server lower the others."""

LOWERED_ROLES = ("music", "video", "game", "event", "animation", "production", "test")
"""The roles of streams that are lowered, besides streams without one. Excludes calls, screen
readers, and filters, which may carry our own sound."""

_PIPEWIRE_ROLES = ("movie", "multimedia", "notification")


def is_lowered(role: str) -> bool:
    """Return whether streams of this role are lowered; "": no role."""
    return role.lower() in ("", *LOWERED_ROLES, *_PIPEWIRE_ROLES)


def role_environment(pulse_properties: str = "") -> dict[str, str]:
    """Return the environment variables that give the streams of a process our role.

    `pulse_properties`: the present value of PULSE_PROP.
    """
    ours = f"media.role={OUR_ROLE}"
    return {
        "PULSE_PROP": f"{pulse_properties} {ours}".strip(),
        "PIPEWIRE_PROPS": f"{{ media.role = {OUR_ROLE} }}",
    }
