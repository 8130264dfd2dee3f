"""A conversation with the built-in service, printed in plain words.

Without sound devices, recordings speak: somebody says hello, asks a question, and interrupts the
answer; then it repeats.
"""

from __future__ import annotations

import asyncio
import tempfile
import wave
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from .. import config
from ..audio.devices.open import Devices, list_devices
from ..audio.devices.protocols import DeviceListener, Microphone
from ..audio.devices.wav_devices import WavMicrophone, read_wav
from ..audio.processing.format import BYTES_PER_MS, SAMPLE_RATE
from ..daemon.app import App
from ..notifications import (
    DeviceChanged,
    ErrorReported,
    Interruption,
    ModelStatus,
    Notification,
    StatusChanged,
    Transcript,
    UplinkChanged,
)

# The recorded user: silence before (ms), and what is said then. The last entry
# interrupts the answer to the one before.
_EVENING = ((1500, "hello"), (5500, "weather"), (3500, "stop"), (6500, None))

_WORDS = {
    ModelStatus.IDLE: "waiting for somebody to speak",
    ModelStatus.LISTENING: "listening",
    ModelStatus.THINKING: "thinking",
    ModelStatus.SPEAKING: "speaking",
}


def _print(line: str) -> None:
    print(line, flush=True)


class Demo:
    """`recorded`: do not use sound devices; `turns`: end after this many answers (0 = never)."""

    def __init__(
        self,
        *,
        port: int,
        recorded: bool = False,
        turns: int = 0,
        record: str | None = None,
        scenario: str = "",
    ) -> None:
        self._port = port
        self._recorded = recorded
        self._turns = turns
        self._record = record
        self._scenario = scenario
        self._answers = 0
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Talk until `stop` is set or enough answers were given."""
        self._stop = stop
        devices = [] if self._recorded else await list_devices()
        directions = {device.direction for device in devices}
        recorded = "input" not in directions
        with tempfile.TemporaryDirectory(prefix="rtaudio-demo-") as folder:
            evening = Path(folder) / "evening.wav"
            if recorded:
                _write_evening(evening)
            app = App(
                self._settings(has_speaker="output" in directions),
                devices=_RecordedDevices(evening) if recorded else None,
            )
            app.notifications.on("notification", self._hear)
            await app.run(stop, on_ready=lambda: self._welcome(app, recorded))

    def _settings(self, *, has_speaker: bool) -> config.Config:
        settings = config.Config()
        output = "default" if has_speaker else "none"
        if self._record:
            output = f"wav:{self._record}"
        audio = replace(settings.audio, output=replace(settings.audio.output, device=output))
        http = replace(settings.http, port=self._port, publish_transcripts=True)
        built_in = replace(settings.realtime.simulator, scenario=self._scenario)
        realtime = replace(settings.realtime, simulator=built_in)
        return replace(
            settings,
            logger=config.Logger(default="warning"),
            realtime=realtime,
            audio=audio,
            http=http,
        )

    def _welcome(self, app: App, recorded: bool) -> None:
        _print(f"The built-in service is running; the daemon answers at {app.address}")
        _print(
            f"Open that address in a browser; or follow it with: curl -N {app.address}/api/events"
        )
        if recorded:
            _print("No microphone is used: a recorded person speaks. Ctrl-C ends it.")
        else:
            _print("Say something, and hear it said back. Ctrl-C ends it.")

    def _hear(self, notification: Notification) -> None:
        match notification:
            case StatusChanged(status, previous):
                _print(f"[{status:9}] {_WORDS[status]}")
                if previous is ModelStatus.SPEAKING:
                    self._answers += 1
                    if self._turns and self._answers >= self._turns:
                        self._stop.set()
            case Transcript(role="user", text=text):
                _print(f"            the person said: {text}")
            case Transcript(role="assistant", text=text):
                _print(f"            the assistant says: {text}")
            case Interruption(audio_end_ms=audio_end_ms, latency_ms=latency_ms):
                _print(
                    f"            interrupted after {audio_end_ms / 1000:.1f} s of the answer; "
                    f"silent {latency_ms} ms later"
                )
            case UplinkChanged(is_open, sent):
                state = "opens" if is_open else "closes"
                _print(f"            the gate {state} ({sent} bytes so far)")
            case DeviceChanged(direction, state, device, reason):
                _print(f"            {direction}: {device} ({reason or state})")
            case ErrorReported(message=message):
                _print(f"            something went wrong: {message}")


class _RecordedDevices(Devices):
    """Devices with a recorded person in place of the microphone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open_microphone(self, _settings: config.Input, listener: DeviceListener) -> Microphone:
        """Return the recording, repeated for ever."""
        return WavMicrophone(self._path, listener, repeat=True)


def _write_evening(path: Path) -> None:
    recordings = files("rtaudio_daemon") / "recordings"
    with wave.open(str(path), "wb") as evening:
        evening.setnchannels(1)
        evening.setsampwidth(2)
        evening.setframerate(SAMPLE_RATE)
        for silence_ms, said in _EVENING:
            evening.writeframes(bytes(silence_ms * BYTES_PER_MS))
            if said is not None:
                evening.writeframes(read_wav(Path(str(recordings / f"{said}.wav"))))
