"""`python -m rtaudio_daemon.audio.devices.give_back`: for `ExecStopPost=` of the service.

Gives other programs back the volumes that a daemon which was killed has lowered; a moment's work,
and none where nothing is owed.
"""

from __future__ import annotations

from ...user_folders import state_folder


def main() -> None:
    """Give back what is owed and whose stream is there; the rest waits for the next daemon."""
    state = state_folder()
    if state is None:
        return
    from .lowered_volumes import LOWERED_FILE  # slow, and seldom needed

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
