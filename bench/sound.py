"""Echo, interruptions and cost, measured on a sound card of software (PulseAudio null sinks).

    python bench/sound.py echo MODE [--answers N] [--interruptions N] [--strangers] [--no-loop]
    python bench/sound.py table
    python bench/sound.py cost [--seconds S] [--rounds N] [--only NAME]

`echo`: what the loudspeaker plays comes back to the microphone (80 ms, 0.3). First answers of eight
seconds are heard and nobody speaks: how often does the daemon interrupt itself? Then somebody says
"hello" over answers: how often is that noticed, how long after the first sample of the word is the
loudspeaker silent, and how wrong is `audio_end_ms`, compared to the recording?

`table`: the same for all modes, with words by people and voices that no threshold was chosen with
(thirty, of Debian's alsa-utils and asterisk-core-sounds-en-wav, -fr, -it, -ru), as rows for
docs/measurements.md. `system` uses PulseAudio's module-echo-cancel.

`cost`: CPU and memory, beside bare PyAudio in the same run: bench/sound_cost.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import sound_cost  # noqa: E402
from bench.computed_rooms import HELD_OUT_VOICES  # noqa: E402
from rtaudio_daemon import config  # noqa: E402
from rtaudio_daemon.audio.devices.wav_devices import read_wav  # noqa: E402
from rtaudio_daemon.simulator.model.reply import Reply, Turn  # noqa: E402
from rtaudio_daemon.simulator.server.simulator import Simulator  # noqa: E402
from tests.harness import KEY, Harness, Samples, find, samples, speech  # noqa: E402
from tests.sound_server import Recording, SoundServer, running_sound_server  # noqa: E402
from tests.waiting import until  # noqa: E402

RECORDINGS = ROOT / "rtaudio_daemon" / "recordings"
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


def answer(turn: Turn) -> Reply:
    """Eight seconds to what was written, hardly anything to what was said."""
    pcm = LONG.astype("<i2").tobytes()
    return Reply("A long story.", pcm if turn.text else speech("stop")[: RATE // 2])


@contextlib.asynccontextmanager
async def running_daemon(
    folder: Path, change: Callable[[config.Audio], config.Audio]
) -> AsyncIterator[Harness]:
    def with_devices(settings: config.Config) -> config.Config:
        audio = replace(settings.audio, input=config.Input(deaf_after_s=0), output=config.Output())
        return replace(settings, audio=change(audio))

    simulator = Simulator(api_key=KEY, reply=answer)
    async with Harness(folder, simulator=simulator, change=with_devices) as home:
        await home.until(lambda: sum(event["state"] == "ok" for event in home.named("device")) >= 2)
        await home.until(lambda: any(each["state"] == "open" for each in home.named("connection")))
        yield home


async def ask(home: Harness) -> None:
    """Let an answer begin."""
    for _ in range(10):
        await until(lambda: home.statuses[-1] == "idle")
        await home.post("/api/say", {"text": "speak", "mode": "prompt"})
        # A machine that is too busy loses its sound devices for a moment, and with them an answer.
        with contextlib.suppress(TimeoutError):
            await until(lambda: home.statuses[-1] == "speaking", 5)
            return
    raise SystemExit("no answer begins; is this machine too busy?")


@dataclass
class Outcome:
    """What came of answers and interruptions; times in ms."""

    own: int
    latencies: list[float]
    errors: list[float]
    reported: list[float]


async def echo(mode: str, answers: int, words: list[Path], loop: bool) -> Outcome:
    with running_sound_server() as server, tempfile.TemporaryDirectory() as name:
        if loop:
            server.echo()
        if mode == "system":
            server.cancel_echo()
        async with running_daemon(Path(name), lambda audio: replace(audio, echo=mode)) as home:
            for _ in range(answers):
                await ask(home)
                await until(lambda: home.statuses[-1] == "idle")
            own = len(home.named("interruption"))
            print(f"{mode}: {answers} answers of 8 s, {own} interrupted themselves", flush=True)
            latencies, errors, reported = [], [], []
            for number, word in enumerate(words):
                found = await interrupt(home, server, Path(name) / str(number), word)
                if found is not None:
                    latency, error, wrong = found
                    print(f"  {word.stem}: {latency:.0f} ms, {error:+.0f} ms, {wrong:+.0f} ms")
                    latencies.append(latency)
                    errors.append(error)
                    reported.append(wrong)
            outcome = Outcome(own, latencies, errors, reported)
            print(f"{mode}: {report(len(words), outcome)}", flush=True)
            return outcome


async def interrupt(
    home: Harness, server: SoundServer, path: Path, word: Path
) -> tuple[float, float, float] | None:
    """Say a word over an answer: ms to silence; errors of audio_end_ms and of latency_ms.

    None: not noticed.
    """
    before = len(home.named("interruption"))
    await until(lambda: home.statuses[-1] == "idle")
    speaker = Ear(server.record(path.with_suffix(".out")))
    microphone = Ear(server.record(path.with_suffix(".in"), "mic_in.monitor"))
    watching = asyncio.create_task(watch(speaker, microphone))
    await ask(home)
    await asyncio.sleep(2 + (before % 7) / 10)
    said_at = time.monotonic()
    server.say(word)
    with contextlib.suppress(TimeoutError):
        await until(lambda: len(home.named("interruption")) > before, 3)
    await asyncio.sleep(0.5)
    watching.cancel()
    played, heard = samples(speaker.recording.stop()), samples(microphone.recording.stop())
    await asyncio.sleep(1)
    if len(home.named("interruption")) == before:
        return None
    begin = int((said_at - microphone.begun_at) * RATE)
    spoken = begin + await asyncio.to_thread(first_sample, heard[begin : begin + 2 * RATE], word)
    began, _ = await asyncio.to_thread(find, LONG[: RATE // 2], played)
    length, holes = silenced_after(played[began:])
    underruns = home.app.controls.counts()["speaker_underruns"]
    print(f"  {holes / RATE * 1000:.0f} ms of holes, {underruns:.0f} underruns so far", flush=True)
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


def silenced_after(played: Samples) -> tuple[int, int]:
    """For how many samples the answer is there, in pieces of 5 ms; how many are missing in it.

    A hole that is shorter than 400 ms is no end: on a busy machine a sound server stutters.
    """
    size, there, missing, holes = RATE // 200, 0, 0, 0
    for at in range(0, min(len(played), len(LONG)) - size, size):
        wanted = float(np.linalg.norm(LONG[at : at + size]))
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
    words = []
    for path in found:
        word = samples(read_wav(path))
        words.append(
            folder / f"{path.parts[-3] if 'asterisk' in str(path) else 'alsa'}_{path.name}"
        )
        loud = (word * (9000 / np.abs(word).max())).astype("<i2").tobytes()
        with wave.open(str(words[-1]), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            wav.writeframes(loud)
    return words


async def table() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        words = strangers(Path(folder))
        for mode in ("half_duplex", "cancel", "system", "off"):
            loop = mode != "off"
            found = await echo(mode, 10 if loop else 0, words, loop)
            own = f"{found.own} of 10" if loop else "–"
            p50, p95 = np.percentile(found.latencies or [np.nan], (50, 95))
            off50, off95 = np.percentile(np.abs(found.errors or [np.nan]), (50, 95))
            said50, said95 = np.percentile(np.abs(found.reported or [np.nan]), (50, 95))
            rows.append(
                f"| `{mode}`{'' if loop else ' (no echo)'} | {own} | {len(found.latencies)} of "
                f"{len(words)} | {p50:.0f} / {p95:.0f} ms | {off50:.0f} / {off95:.0f} ms | "
                f"{said50:.0f} / {said95:.0f} ms |"
            )
    print("\n".join(rows))


def report(tried: int, found: Outcome) -> str:
    if not found.latencies:
        return f"0 of {tried} interruptions noticed"
    p50, p95 = np.percentile(found.latencies, (50, 95))
    off50, off95 = np.percentile(np.abs(found.errors), (50, 95))
    said50, said95 = np.percentile(np.abs(found.reported), (50, 95))
    return (
        f"{len(found.latencies)} of {tried} interruptions noticed; first sample to silence "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms; "
        f"audio_end_ms off by p50 {off50:.0f}, p95 {off95:.0f} ms; "
        f"latency_ms off by p50 {said50:.0f}, p95 {said95:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("echo")
    sub.add_argument("mode", choices=("auto", "cancel", "half_duplex", "system", "off"))
    sub.add_argument("--answers", type=int, default=10)
    sub.add_argument("--interruptions", type=int, default=10)
    sub.add_argument("--no-loop", action="store_true", help="the room has no echo")
    sub.add_argument("--strangers", action="store_true", help="say the words of `table`")
    commands.add_parser("table")
    sub = commands.add_parser("cost")
    sub.add_argument("--seconds", type=float, default=20)
    sub.add_argument("--rounds", type=int, default=1)
    sub.add_argument("--only", choices=sound_cost.VARIANTS)
    arguments = parser.parse_args()
    if arguments.command == "cost":
        sound_cost.cost(arguments.seconds, arguments.rounds, arguments.only, LONG)
    elif arguments.command == "table":
        asyncio.run(table())
    else:
        with tempfile.TemporaryDirectory() as folder:
            words = [RECORDINGS / "hello.wav"] * arguments.interruptions
            if arguments.strangers:
                words = strangers(Path(folder))
            asyncio.run(echo(arguments.mode, arguments.answers, words, not arguments.no_loop))


if __name__ == "__main__":
    main()
