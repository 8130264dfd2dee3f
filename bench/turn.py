"""From the end of speech to the first sound of the answer, by one recording of both ends.

    python -m bench.turn [--turns N] [--quiet S] [--silence MS]

One null sink has two channels: the daemon's microphone hears the right one, into which somebody
speaks, and its loudspeaker plays into the left one. So a single recorder has the last sample of a
word and the first sample of the answer on one clock. Words are digits of Debian's
asterisk-core-sounds-en-wav and -fr, -it, -ru (0.3 to 1 s), with a hard end; the answer has a hard
beginning. `--quiet`: seconds without anything before each word; from ten on devices are cheap.

Of the whole wait, the service's part is the sound that it wants to hear after the last sample of
the word (the simulator's turn detector adds to `--silence` the tail of its model), and the time
from the message that brings the last of it to the first message with sound of the answer. The rest
is ours.
`error` is `first_sound_ms` of the `turn` event against the recording.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import tempfile
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, Samples, find, samples, speech
from tests.sound_server import SoundServer, running_sound_server
from tests.waiting import until

RATE = 24_000
VOICES = Path("/usr/share/asterisk/sounds")
SINK = "module-null-sink rate=48000 channels=2 norewinds=1 sink_name=room"
LEFT = "module-remap-sink sink_name=left master=room channels=1 channel_map=mono "
LEFT += "master_channel_map=front-left remix=no"
_FAINT_DB = 25.0  # softer than the word: the end of a recording, not of the word
_LOUD = 300  # what an answer has, and the silence before it has not


@dataclass(frozen=True)
class Measured:
    """One turn; times in ms."""

    word: str
    total: float
    service: float
    error: float
    speech_error: float

    @property
    def ours(self) -> float:
        """What is not the service's."""
        return self.total - self.service


def words(count: int) -> Iterator[tuple[str, Samples]]:
    """Digits by four people in turn, each ending with its last loud sample."""
    found = [
        sorted((each / "digits").glob("[0-9].wav")) for each in sorted(VOICES.glob("*_[fm]_*"))
    ]
    if not found:
        raise SystemExit("needs Debian's asterisk-core-sounds-{en,fr,it,ru}-wav")
    for number in range(count):
        voice = found[number % len(found)]
        path = voice[number // len(found) * 3 % len(voice)]
        yield f"{path.parts[-3]}/{path.stem}", hard_ended(samples(read_wav(path)))


def hard_ended(sound: Samples) -> Samples:
    """The word without what is faint before and after it, as loud as a voice nearby."""
    size = RATE // 200
    pieces = sound[: len(sound) // size * size].reshape(-1, size)
    levels = 10 * np.log10(np.mean(pieces**2, axis=1) + 1e-9)
    loud = np.flatnonzero(levels > levels.max() - _FAINT_DB)
    word = sound[loud[0] * size : (loud[-1] + 1) * size]
    return np.asarray(word * (9000 / np.abs(word).max()), dtype=np.float64)


def answer(_: Turn) -> Reply:
    """A second that begins at once."""
    sound = samples(speech("weather"))
    begin = int(np.flatnonzero(np.abs(sound) > 3000)[0])
    return Reply("Fine.", sound[begin : begin + RATE].astype("<i2").tobytes())


@asynccontextmanager
async def daemon(folder: Path, silence_ms: int) -> AsyncIterator[Harness]:
    def change(settings: config.Config) -> config.Config:
        session = settings.realtime.session
        detection = replace(session.turn_detection, silence_duration_ms=silence_ms)
        audio = replace(
            settings.audio,
            input=config.Input(deaf_after_s=0, channel="right"),
            output=config.Output(),
            echo="off",
        )
        realtime = replace(settings.realtime, session=replace(session, turn_detection=detection))
        return replace(settings, audio=audio, realtime=realtime)

    simulator = Simulator(
        api_key=KEY, reply=answer, think_s=0.0, record=folder / "wire", keep_sound=True
    )
    async with Harness(folder, simulator=simulator, change=change) as home:
        await home.until_it_can_talk()
        yield home


async def measure(turns: int, quiet_s: float, silence_ms: int) -> list[Measured]:
    with running_sound_server() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module in (SINK, LEFT):
            server.ask("load-module", *module.split())
        server.ask("set-default-sink", "left")
        server.ask("set-default-source", "room.monitor")
        recording = folder / "room.raw"
        recorder = server.record(recording, "room.monitor", channels=2)
        said, spans = [], []
        async with daemon(folder, silence_ms) as home:
            for title, word in words(turns):
                await asyncio.sleep(quiet_s)
                begin = recording.stat().st_size // 4
                turn = await say(server, home, folder / "word.wav", word)
                if turn is None:
                    print(f"  {title}: not answered")
                    continue
                said.append((title, word, turn))
                spans.append(slice(begin, recording.stat().st_size // 4))
        room = np.frombuffer(recorder.stop(), dtype="<i2").reshape(-1, 2).astype(np.float64)
        wire = Wire(folder / "wire")
        return [
            row
            for (title, word, turn), span in zip(said, spans, strict=True)
            if (row := judge(title, word, turn, room[span], wire))
        ]


async def say(
    server: SoundServer, home: Harness, path: Path, word: Samples
) -> dict[str, float] | None:
    """Say it into the microphone; the `turn` event of its answer."""
    both = np.zeros((len(word) + RATE // 5, 2))
    both[: len(word), 1] = word
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(both.astype("<i2").tobytes())
    before = len(home.named("turn"))
    server.say(path, "room")
    try:
        await until(lambda: len(home.named("turn")) > before, 8, every=0.02)
    except TimeoutError:
        return None
    return home.named("turn")[before]


class Wire:
    """What the service received and sent, with times in ms."""

    def __init__(self, path: Path) -> None:
        self.turns: list[tuple[float, int, float]] = []  # heard at, up to, and answered at
        sound, at, heard, answered = bytearray(), 0.0, (0.0, 0), True
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            message = entry.get("message") or {}
            if message.get("type") == "input_audio_buffer.append":
                sound += base64.b64decode(message["audio"])
                at = entry["t"] * 1000
            elif message.get("type") == "input_audio_buffer.speech_stopped":
                heard = (at, len(sound) // 2)
                answered = False
            elif message.get("type") == "response.output_audio.delta" and not answered:
                self.turns.append((*heard, entry["t"] * 1000))
                answered = True
        self.heard = samples(bytes(sound))
        self._from = 0

    def service_ms(self, word: Samples) -> float:
        """What the service needs from the last sample of this word to the first of its answer."""
        ahead = self.heard[self._from : self._from + 6 * RATE]
        at, _ = find(word, ahead)
        end = self._from = self._from + at + len(word)
        came_at, heard_to, sent_at = next(each for each in self.turns if each[1] > end)
        return (heard_to - end) / RATE * 1000 + sent_at - came_at


def judge(
    title: str, word: Samples, turn: dict[str, float], room: Samples, wire: Wire
) -> Measured | None:
    """Both ends in the recording, against what the event says."""
    at, likeness = find(word, room[:, 1])
    end = at + len(word)
    loud = np.flatnonzero(np.abs(room[end:, 0]) > _LOUD)
    if likeness < 0.9 or not len(loud):
        print(f"  {title}: not found in the recording ({likeness:.2f})")
        return None
    total = float(loud[0]) / RATE * 1000
    found = Measured(
        title,
        total,
        wire.service_ms(word),
        turn["first_sound_ms"] - total,
        turn["speech_ms"] - len(word) / RATE * 1000,
    )
    print(
        f"  {title} ({len(word) / RATE:.2f} s): {found.total:.0f} = {found.service:.0f} + "
        f"{found.ours:.0f} ms; first_sound_ms {found.error:+.0f}, speech_ms "
        f"{found.speech_error:+.0f}",
        flush=True,
    )
    return found


def row(quiet_s: float, silence_ms: int, found: list[Measured]) -> str:
    """A row for docs/measurements.md."""

    def percentiles(values: list[float]) -> str:
        return " / ".join(f"{each:.0f}" for each in np.percentile(values, (50, 95)))

    errors = [each.error for each in found]
    return (
        f"| {silence_ms} | {quiet_s:g} s | {len(found)} | "
        f"{percentiles([each.total for each in found])} | "
        f"{percentiles([each.service for each in found])} | "
        f"{percentiles([each.ours for each in found])} | "
        f"{np.median(errors):+.0f} ({min(errors):+.0f} to {max(errors):+.0f}) |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="From the end of speech to the first sound.")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--quiet", type=float, default=3.0)
    parser.add_argument("--silence", type=int, default=200)
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.turns, arguments.quiet, arguments.silence))
    if not found:
        sys.exit("no turn could be measured")
    print(row(arguments.quiet, arguments.silence, found))


if __name__ == "__main__":
    main()
