"""Push to talk, or mute, by one key: a USB button, a foot switch, a remote control.

    python examples/button.py /dev/input/by-id/usb-…-event-kbd         # hold the key to talk
    python examples/button.py /dev/input/event3 --mute --key 113       # press it to mute, or unmute

VOICE_URL (http://127.0.0.1:8770) and VOICE_TOKEN say where the daemon is. Without --key every key
of the device counts; the numbers are those of linux/input-event-codes.h (evtest shows them). The
user must be in the group input. Parsing is tested with recorded events; no device was tried.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import struct
from collections.abc import AsyncIterator

import aiohttp

INPUT_EVENT = struct.Struct("llHHi")  # struct input_event: seconds, microseconds, type, code, value
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
EVIOCGRAB = 0x40044590
AGAIN_S = 1.0


def key_changes(data: bytes, key: int | None = None) -> list[bool]:
    """Every press (True) and release (False) in whole events as the kernel writes them.

    A key that is held repeats itself, which is no press. Where the kernel had to drop events, the
    key counts as released: its release may be among them.
    """
    found = []
    for _, _, kind, code, value in INPUT_EVENT.iter_unpack(data):
        if kind == EV_SYN and code == SYN_DROPPED:
            found.append(False)
        elif kind == EV_KEY and value in (0, 1) and key in (None, code):
            found.append(value == 1)
    return found


async def pressed(path: str, key: int | None) -> AsyncIterator[bool]:
    """Presses and releases, for ever: a device that is pulled out is waited for."""
    missing = ""
    while True:
        try:
            device = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            why = f"{path}: {error.strerror}"
            if isinstance(error, PermissionError):
                why += "; is this user in the group input?"
            if missing != why:
                print(missing := why, flush=True)
            await asyncio.sleep(AGAIN_S)
            continue
        missing = ""
        with contextlib.suppress(OSError):
            fcntl.ioctl(device, EVIOCGRAB, 1)  # what it types goes nowhere else
        try:
            while data := await read(device):
                for change in key_changes(data, key):
                    yield change
        except OSError as error:
            print(f"{path}: {error.strerror}", flush=True)
        finally:
            os.close(device)
        yield False
        await asyncio.sleep(AGAIN_S)


async def read(device: int) -> bytes:
    """The next events."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(device, ready.set)
    try:
        await ready.wait()
        return os.read(device, 64 * INPUT_EVENT.size)
    finally:
        loop.remove_reader(device)


async def act(voice: aiohttp.ClientSession, down: bool, mute: bool) -> None:
    """Do what this press or release is for."""
    if not mute:
        await post(voice, "/api/listen/start" if down else "/api/listen/stop", {})
    elif down:
        async with voice.get("/api/status") as answer:
            answer.raise_for_status()
            muted = (await answer.json())["muted"]
        await post(voice, "/api/mute", {"muted": not muted})


async def post(voice: aiohttp.ClientSession, path: str, body: dict[str, bool]) -> None:
    async with voice.post(path, json=body) as answer:
        found = await answer.json()
        print(f"{path}: {found['error']['message'] if 'error' in found else 'done'}", flush=True)


async def main(path: str, key: int | None, mute: bool) -> None:
    token = os.environ.get("VOICE_TOKEN", "")
    async with aiohttp.ClientSession(
        base_url=os.environ.get("VOICE_URL", "http://127.0.0.1:8770"),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=aiohttp.ClientTimeout(total=5),
    ) as voice:
        held = False
        async for down in pressed(path, key):
            if down == held:
                continue
            held = down
            try:
                await act(voice, down, mute)
            except (aiohttp.ClientError, TimeoutError) as error:
                print(f"the daemon does not answer: {error or 'no answer in 5 s'}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Push to talk, or mute, by one key.")
    parser.add_argument("device", help="as in /dev/input/event3")
    parser.add_argument("--key", type=int, help="its number; else every key counts")
    parser.add_argument("--mute", action="store_true", help="mute and unmute, instead of talking")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.device, arguments.key, arguments.mute))
