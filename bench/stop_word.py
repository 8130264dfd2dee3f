"""A word that stops what is heard, said over answers that come back as an echo.

    python -m bench.stop_word MODE [--word taught|alexa] [--sensitivity S] [--answers N] [--words N]

PulseAudio null sinks; what the loudspeaker plays comes back to the microphone (80 ms, 0.3). Nobody
is listened to but for the word that stops (`listen: push_to_talk`), so nothing else ends an answer.
First answers of eight seconds are heard and nobody speaks: how many are ended? Then the word is
said over answers, each time in another way: how many are ended, and how long after its last sample
is the loudspeaker silent? Both words are listened for in either case.

`taught`: "stop it now", taught by a voice of espeak-ng, which says it. `alexa`: one of the shipped
words, said by a dozen voices (espeak-ng, flite), in the place of a file `stop.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import wave
from dataclasses import replace
from itertools import islice, product
from pathlib import Path

import numpy as np
import soxr

from bench.sound_rig import LONG, RATE, Ear, Rig, first_sample, watch
from bench.wake_material import ENGLISH
from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines.taught_words import TaughtWords, embedder, material
from rtaudio_daemon.audio.engines.tflite import Library
from rtaudio_daemon.audio.processing.word_learning import learn
from rtaudio_daemon.audio.processing.word_recording import word_recording
from tests.harness import Samples, samples
from tests.sound_server import running_sound_server
from tests.waiting import until

TAUGHT = "stop it now"
LOUD = 9_000.0
"""The peak of a word; an answer reaches as much, and comes back with 0.3 of it."""
_TEACHING = ((150, 50), (140, 52), (170, 50), (155, 47))  # words a minute, pitch
_SAYING = tuple(product((135, 145, 160, 165, 175), (46, 48, 51, 53, 55, 49)))
_RATES = (0.9, 1.0, 1.1)


def said(text: str, speed: int, pitch: int, path: Path) -> Samples:
    command = ("espeak-ng", "-v", "en-gb", "-s", str(speed), "-p", str(pitch), "-w", str(path))
    subprocess.run((*command, text), check=True, timeout=30)
    return samples(read_wav(path))


def teach(folder: Path) -> None:
    """Learn `TAUGHT` as `daemon.py wake teach` does, from recordings with a little hiss."""
    chance, recordings = np.random.default_rng(1), []
    for speed, pitch in _TEACHING:
        word = said(TAUGHT, speed, pitch, folder / "taught.wav")
        sound = np.concatenate([np.zeros(RATE), word * (LOUD / np.abs(word).max()), np.zeros(RATE)])
        sound += chance.normal(0, 10, len(sound))
        recordings.append(word_recording(soxr.resample(sound / 32768, RATE, 16_000).astype("f4")))
    assert not any(each.fault for each in recordings)
    learned = learn(recordings, material(), embedder(Library()))
    TaughtWords().save(TAUGHT, recordings, learned)


def words(kind: str, count: int, folder: Path) -> list[Path]:
    """The word in so many ways, as files."""
    if kind == "taught":
        spoken = [said(TAUGHT, *way, folder / "said.wav") for way in islice(_SAYING, count)]
    else:
        ways = islice(product(_RATES, ENGLISH), count)
        spoken = [voice.say(kind, rate) for rate, voice in ways]
    paths = []
    for number, word in enumerate(spoken):
        paths.append(folder / f"word{number}.wav")
        with wave.open(str(paths[-1]), "wb") as file:
            file.setparams((1, 2, RATE, len(word), "NONE", ""))
            file.writeframes((word * (LOUD / np.abs(word).max())).astype("<i2").tobytes())
    return paths


async def stop(rig: Rig, name: str, word: Path) -> float | None:
    """Say the word over an answer: ms from its last sample to silence; None: not heard."""
    home, server, path = rig.home, rig.server, rig.folder / name
    await until(lambda: home.statuses[-1] == "idle")
    speaker = Ear(server.record(path.with_suffix(".out")))
    microphone = Ear(server.record(path.with_suffix(".in"), "mic_in.monitor"))
    watching = asyncio.create_task(watch(speaker, microphone))
    await rig.ask()
    before = len(home.statuses)
    await asyncio.sleep(2 + before % 7 / 10)
    assert len(home.statuses) == before, "it was stopped before"
    said_at = time.monotonic()
    server.say(word)
    spoken = samples(read_wav(word))
    loud = np.flatnonzero(np.abs(spoken) > 300)
    try:
        await until(lambda: len(home.statuses) > before, len(spoken) / RATE + 2)
    except TimeoutError:
        watching.cancel()
        await home.post("/api/interrupt")
        return None
    finally:
        await asyncio.sleep(0.6)
        watching.cancel()
        played, heard = samples(speaker.recording.stop()), samples(microphone.recording.stop())
    begin = int((said_at - microphone.begun_at) * RATE)
    first = begin + await asyncio.to_thread(first_sample, heard[begin : begin + 2 * RATE], word)
    silent_at = speaker.begun_at + int(np.flatnonzero(np.abs(played) > 300)[-1]) / RATE
    last = first + int(loud[-1] - loud[0])
    return (silent_at - (microphone.begun_at + last / RATE)) * 1000


async def measure(given: argparse.Namespace, folder: Path) -> None:
    stops = [config.WakeWord("alexa"), config.WakeWord(taught=TAUGHT)]
    stops = [replace(each, sensitivity=given.sensitivity, stop=True) for each in stops]

    def change(audio: config.Audio) -> config.Audio:
        wake = config.Wake(words=tuple(stops))
        return replace(audio, echo=given.mode, listen="push_to_talk", wake=wake)

    with running_sound_server() as server:
        server.echo()
        rig = Rig(server, folder)
        async with rig.running(change) as home:
            ended = 0
            for _ in range(given.answers):
                await rig.ask()
                began = time.monotonic()
                await until(lambda: home.statuses[-1] == "idle")
                ended += time.monotonic() - began < len(LONG) / RATE - 0.5
            late = []
            for number, path in enumerate(words(given.word, given.words, folder)):
                found = await stop(rig, f"try{number}", path)
                print(f"  {number}: {'missed' if found is None else f'{found:.0f} ms'}", flush=True)
                late += [] if found is None else [found]
    p50, p95 = np.percentile(late or [np.nan], (50, 95))
    print(
        f"| {given.word} | {given.sensitivity} | `{given.mode}` | {len(late)} of {given.words} | "
        f"{p50:.0f} / {p95:.0f} ms | {ended} of {given.answers} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=("half_duplex", "cancel"))
    parser.add_argument("--word", choices=("taught", "alexa"), default="taught")
    parser.add_argument("--sensitivity", choices=("low", "normal", "high"), default="normal")
    parser.add_argument("--answers", type=int, default=40)
    parser.add_argument("--words", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_STATE_HOME"] = str(Path(name) / "state")
        teach(Path(name))
        asyncio.run(measure(given, Path(name)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
