"""The roles by which a sound server knows our streams from those of other programs.

A role is the property `media.role` of a stream. PipeWire writes PulseAudio's roles in its own way
(`video` as `Movie`), and has some of its own.
"""

from __future__ import annotations

OUR_ROLE = "voice-assistant"
"""That of everything we play and record."""

MARKER_ROLE = "voice-assistant-active"
"""That of a silent stream which makes the sound server lower the others."""

LOWERED_ROLES = ("music", "video", "game", "event", "animation", "production", "test")
"""The roles of streams that are lowered, besides streams without one: no calls, no screen
readers, and no filters, which may carry our own sound."""

_PIPEWIRE_ROLES = ("movie", "multimedia", "notification")


def is_lowered(role: str) -> bool:
    """Whether streams of this role are lowered; empty: it has none."""
    return role.lower() in ("", *LOWERED_ROLES, *_PIPEWIRE_ROLES)


def role_environment(pulse_properties: str = "") -> dict[str, str]:
    """What in the environment of a process gives its streams our role.

    `pulse_properties`: what PULSE_PROP says so far.
    """
    ours = f"media.role={OUR_ROLE}"
    return {
        "PULSE_PROP": f"{pulse_properties} {ours}".strip(),
        "PIPEWIRE_PROPS": f"{{ media.role = {OUR_ROLE} }}",
    }
