"""Says "turn on the light" to the simulator, switches a light, and hears the confirmation.

Needs no key and no sound card; espeak-ng speaks, and pocketsphinx (optional) recognizes:

    python daemon.py simulate --scenario examples/scenarios/light.yaml
    python examples/light.py
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import soxr

from rtaudio_daemon import AzureRealTimeAudio, FunctionCall, RTAudioError

SET_LIGHT = {
    "type": "function",
    "name": "set_light",
    "description": "Switch the light on or off",
    "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}},
}


def spoken(text: str) -> bytes:
    """`text` as 24 kHz pcm, with a second of silence after it."""
    command = ["espeak-ng", "--stdout", text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    samples = np.frombuffer(wav[44 : len(wav) // 2 * 2], dtype="<i2")
    sound: bytes = soxr.resample(samples, 22_050, 24_000).astype("<i2").tobytes()
    return sound + bytes(48_000)


async def main(host_name: str, words: str) -> None:
    done = asyncio.Event()
    sound = bytearray()
    client = AzureRealTimeAudio(
        host_name=host_name,
        deployment="gpt-realtime-2.1",
        api_key="any",
        session_config={"tools": [SET_LIGHT], "turn_detection": {"type": "server_vad"}},
    )

    def call(calls: list[FunctionCall]) -> None:
        for each in calls:
            on = json.loads(each.arguments)["on"]
            print(f"the light is {'on' if on else 'off'} now")
            client.answer_function_call(each.call_id, "done")

    def finished(_event: dict[str, Any]) -> None:
        if sound:  # the answer that only calls the function has none
            done.set()

    client.on("function_calls", call)
    client.on("response.done", finished)
    client.on(
        "response.audio_transcript.done", lambda event: print(f"heard: {event['transcript']}")
    )
    client.on("response.audio.delta", lambda event: sound.extend(event["delta"].encode()))
    async with asyncio.timeout(30), client:
        print(f"said: {words}")
        pcm = spoken(words)
        for at in range(0, len(pcm), 4800):
            client.append_audio(pcm[at : at + 4800])
        await done.wait()
    print(f"{len(sound) * 3 // 4 / 48_000:.1f} s of spoken answer")


if __name__ == "__main__":
    said = " ".join(sys.argv[1:]) or "Turn on the light."
    try:
        asyncio.run(main(os.environ.get("AZURE_HOST", "ws://127.0.0.1:8771"), said))
    except RTAudioError as error:
        sys.exit(str(error))
