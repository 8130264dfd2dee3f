"""Say a WAV file (24 kHz, mono, 16 bit) to the service and count what it answers.

AZURE_HOST=RESOURCE.openai.azure.com AZURE_DEPLOYMENT=gpt-realtime-2.1 AZURE_KEY=… \
    python examples/talk.py hello.wav
"""

import asyncio
import base64
import logging
import os
import sys
import wave

from rtaudio_daemon import AzureRealTimeAudio, RTAudioError


async def main(path: str) -> None:
    done, answer = asyncio.Event(), bytearray()
    client = AzureRealTimeAudio(
        host_name=os.environ["AZURE_HOST"],
        deployment=os.environ["AZURE_DEPLOYMENT"],
        api_key=os.environ["AZURE_KEY"],
    )
    client.on("status_changed", lambda status, previous: print(f"{previous} -> {status}"))
    client.on("response.audio.delta", lambda event: answer.extend(base64.b64decode(event["delta"])))
    client.on("response.done", lambda event: done.set())
    async with client:
        with wave.open(path) as recording:
            client.append_audio(recording.readframes(recording.getnframes()))
        client.append_audio(bytes(48_000))  # a second of silence: the turn is over
        await done.wait()
    print(f"{len(answer)} bytes of answer")


if len(sys.argv) != 2:
    sys.exit(__doc__)
logging.basicConfig(level=logging.ERROR)  # the last error is printed below
try:
    asyncio.run(main(sys.argv[1]))
except KeyError as name:
    sys.exit(f"set {name.args[0]}, as in: {__doc__}")
except (RTAudioError, OSError) as error:
    sys.exit(str(error))
