"""`python -m rtaudio_daemon.audio.devices.give_back`: for `ExecStopPost=` of the service.

Restores other programs' volumes if a killed daemon left them lowered. This is quick, and a no-op if
nothing is lowered.
"""

from __future__ import annotations

from ...user_folders import state_folder


def main() -> None:
    """Restore the streams that exist; the others are left to the next daemon."""
    state = state_folder()
    if state is None:
        return
    from .lowered_volumes import LOWERED_FILE  # slow to import, and rarely needed

    path = state / LOWERED_FILE
    if path.exists():
        import asyncio

        from .lowered_volumes import LoweredVolumes, SoundServerError

        async def give_back() -> None:
            volumes = LoweredVolumes(path)
            await volumes.load()
            await volumes.give_back()

        try:
            asyncio.run(give_back())
        except SoundServerError as error:
            print(f"nothing was given back: {error}")


if __name__ == "__main__":
    main()
