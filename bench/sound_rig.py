"""A daemon on a sound card of software, its answers of eight seconds, and who talks over them.

For bench/sound.py; needs PulseAudio (tests/sound_server.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.computed_rooms import HELD_OUT_VOICES
from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, Samples, find, samples, speech, write_wav
from tests.sound_server import Recording, SoundServer
from tests.waiting import until

RATE = 24_000


def without_pauses(sound: Samples) -> Samples:
    """The sound without its silent stretches, so that silence means that it was stopped."""
    frames = sound[: len(sound) // 480 * 480].reshape(-1, 480)
    kept: Samples = np.concatenate([frame for frame in frames if np.abs(frame).max() > 600])
    return kept


LONG = np.resize(
    without_pauses(np.concatenate([samples(speech("weather")), samples(speech("hello"))])), 8 * RATE
)


@dataclass
class Ear:
    """A recording, and when (s, monotonic) its samples were there."""

    recording: Recording
    begun_at: float = float("inf")

    def look(self) -> None:
        """Remember how far the recording is by now."""
        now = time.monotonic()
        self.begun_at = min(self.begun_at, now - len(self.recording.so_far()) / 2 / RATE)


async def watch(*ears: Ear) -> None:
    while True:
        for ear in ears:
            ear.look()
        await asyncio.sleep(0.003)


@dataclass
class Rig:
    """A daemon, its sound card, and what it answers to what was written."""

    server: SoundServer
    folder: Path
    answer: Samples = field(default_factory=lambda: LONG)
    home: Harness = field(init=False)

    @contextlib.asynccontextmanager
    async def running(
        self, change: Callable[[config.Audio], config.Audio]
    ) -> AsyncIterator[Harness]:
        """Start the daemon, and wait until it is connected and has its devices."""

        def with_devices(settings: config.Config) -> config.Config:
            audio = replace(
                settings.audio, input=config.Input(deaf_after_s=0), output=config.Output()
            )
            return replace(settings, audio=change(audio))

        simulator = Simulator(api_key=KEY, reply=self._reply)
        async with Harness(self.folder, simulator=simulator, change=with_devices) as home:
            self.home = home
            await home.until_it_can_talk()
            yield home

    def _reply(self, turn: Turn) -> Reply:
        """Hardly anything to what was said."""
        if turn.text:
            return Reply("A long story.", self.answer.astype("<i2").tobytes())
        return Reply("A long story.", speech("stop")[: RATE // 2])

    async def ask(self) -> None:
        """Let an answer begin."""
        for _ in range(10):
            await until(lambda: self.home.statuses[-1] == "idle")
            await self.home.post("/api/say", {"text": "speak", "mode": "prompt"})
            # A machine that is too busy loses its devices for a moment, and with them an answer.
            with contextlib.suppress(TimeoutError):
                await until(lambda: self.home.statuses[-1] == "speaking", 5)
                return
        raise SystemExit("no answer begins; is this machine too busy?")

    async def interrupt(self, name: str, word: Path) -> tuple[float, float, float] | None:
        """Say a word over an answer: ms to silence; errors of audio_end_ms and of latency_ms.

        None: not noticed. The answer must have no pauses.
        """
        home, path = self.home, self.folder / name
        before = len(home.named("interruption"))
        await until(lambda: home.statuses[-1] == "idle")
        speaker = Ear(self.server.record(path.with_suffix(".out")))
        microphone = Ear(self.server.record(path.with_suffix(".in"), "mic_in.monitor"))
        watching = asyncio.create_task(watch(speaker, microphone))
        await self.ask()
        await asyncio.sleep(2 + (before % 7) / 10)
        said_at = time.monotonic()
        self.server.say(word)
        with contextlib.suppress(TimeoutError):
            await until(lambda: len(home.named("interruption")) > before, 3)
        await asyncio.sleep(0.5)
        watching.cancel()
        played, heard = samples(speaker.recording.stop()), samples(microphone.recording.stop())
        await asyncio.sleep(1)
        if len(home.named("interruption")) == before:
            return None
        begin = int((said_at - microphone.begun_at) * RATE)
        spoken = begin + await asyncio.to_thread(
            first_sample, heard[begin : begin + 2 * RATE], word
        )
        began, _ = await asyncio.to_thread(find, self.answer[: RATE // 2], played)
        length, holes = silenced_after(self.answer, played[began:])
        if holes:
            print(f"  {holes / RATE * 1000:.0f} ms of holes", flush=True)
        end = began + length
        silent_at = speaker.begun_at + end / RATE
        latency = silent_at - (microphone.begun_at + spoken / RATE)
        reported = home.named("interruption")[before]
        decided_at = next(
            time
            for time, (name, data) in zip(home.times, home.events, strict=True)
            if time > said_at and name == "status" and data["status"] == "listening"
        )
        return (
            latency * 1000,
            reported["audio_end_ms"] - (end - began) / (RATE / 1000),
            reported["latency_ms"] - (silent_at - decided_at) * 1000,
        )


def first_sample(heard: Samples, path: Path) -> int:
    """Where the word begins in a recording that also holds the echo of the answer."""
    word = samples(read_wav(path))
    # Differences weigh the high tones, where two voices are least alike.
    at, _ = find(np.diff(word[: RATE // 2], 2), np.diff(heard, 2))
    return at + int(np.flatnonzero(np.abs(word) > 300)[0])


def silenced_after(answer: Samples, played: Samples) -> tuple[int, int]:
    """For how many samples the answer is there, in pieces of 5 ms; how many are missing in it.

    A hole that is shorter than 400 ms is no end: on a busy machine a sound server stutters.
    """
    size, there, missing, holes = RATE // 200, 0, 0, 0
    for at in range(0, min(len(played), len(answer)) - size, size):
        wanted = float(np.linalg.norm(answer[at : at + size]))
        if float(np.linalg.norm(played[at : at + size])) >= 0.25 * max(wanted, 300.0):
            there, missing, holes = at + size, 0, holes + missing
        elif wanted >= 300:
            missing += size
        if missing >= RATE * 2 // 5:
            break
    return there, holes


def strangers(folder: Path) -> list[Path]:
    """Words by people, none of which a threshold was chosen with, as loud as the answers."""
    share = Path("/usr/share")
    found = sorted((share / "sounds/alsa").glob("[FRS]*.wav"))[:6]
    for voice in (share / "asterisk/sounds" / name for name in HELD_OUT_VOICES):
        found += sorted((voice / "digits").glob("[0-9].wav"))[:6]
    if len(found) < 30:
        raise SystemExit("needs Debian's alsa-utils and asterisk-core-sounds-{en,fr,it,ru}-wav")
    return [
        write_wav(
            folder / f"{path.parts[-3] if 'asterisk' in str(path) else 'alsa'}_{path.name}",
            (word := samples(read_wav(path))) * (9000 / np.abs(word).max()),
        )
        for path in found
    ]


def pauses(home: Harness) -> Iterator[float]:
    """When (s, monotonic) answers were stopped or paused because somebody seemed to speak."""
    before = ""
    for when, (name, data) in zip(home.times, home.events, strict=True):
        if name == "status":
            if before == "speaking" and data["status"] == "listening":
                yield when
            before = data["status"]
