"""The settings of sound: devices, what counts as speech, short sounds."""

from __future__ import annotations

from dataclasses import dataclass

from .checks import (
    boolean,
    choice,
    device,
    integer,
    number,
    option,
    section,
    several,
    text,
)
from .wake_sections import Wake

_PLAY_HOST = r"([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"


@dataclass(frozen=True)
class Device:
    """A microphone or a loudspeaker."""

    device: str = option(
        "default", "name of the device; the command `devices` lists them", device()
    )
    fallback: str = option(
        "none",
        "device to use while this one is lost: none, or the system's default",
        choice("none", "default"),
    )


@dataclass(frozen=True)
class Input(Device):
    """The microphone."""

    channel: str = option(
        "left",
        "channel of a microphone with two channels",
        choice("left", "right", "mix"),
    )
    gain_db: float = option(
        0.0,
        "make the microphone louder if its own capture level goes no higher",
        number(-30, 40),
        "dB",
    )
    auto_gain: str = option(
        "off",
        "make every voice about equally loud, near or far (an optional package: livekit)",
        choice("off", "on"),
    )
    noise_suppression: str = option(
        "off",
        "make steady noise such as mains hum and fans softer (an optional package: livekit); for "
        "voices nearby",
        choice("off", "on"),
    )
    deaf_after_s: int = option(
        4,
        "report the microphone as deaf after this much digital silence or full scale; 0 = never",
        integer(0, 3600),
    )
    deaf_without_speech_h: int = option(
        0,
        "report the microphone as deaf after this many hours without detected speech (with or "
        "without a wake word; not with listen: push_to_talk); 0 = never",
        integer(0, 1000),
    )


@dataclass(frozen=True)
class Output(Device):
    """The loudspeaker."""

    volume: float = option(1.0, "loudness", number(0, 1))


@dataclass(frozen=True)
class Gate:
    """Which sound is sent to the service: only speech, with a little before and after it."""

    engine: str = option(
        "silero",
        "voice activity detection: a small model (silero), simple statistics (webrtc, an optional "
        "package), loudness (level), none (always); never = send sound only while the "
        "push-to-talk button is held",
        choice("silero", "webrtc", "level", "always", "never"),
    )
    threshold: float = option(0.5, "certainty from which a frame counts as speech", number(0, 1))
    start_ms: int = option(
        64, "speech needed within start_window_ms to open the gate", integer(0, 5_000), "ms"
    )
    start_window_ms: int = option(
        130, "period in which start_ms of speech must occur", integer(0, 10_000), "ms"
    )
    pre_roll_ms: int = option(
        320, "sound sent from before the gate opened", integer(0, 5_000), "ms"
    )
    hangover_ms: int = option(
        1200,
        "close the gate after this much silence, but never before the service can end the turn "
        "(silence_duration_ms + 300, longer for semantic_vad); with turn_detection none, "
        "turn_end_ms counts instead",
        integer(0, 30_000),
        "ms",
    )
    turn_end_ms: int = option(
        600, "turn_detection none: silence that ends a turn", integer(100, 10_000), "ms"
    )
    max_turn_s: int = option(120, "longest turn; then the gate closes", integer(5, 3_600), "s")
    barge_in: bool = option(True, "speech interrupts an answer", boolean())
    barge_in_threshold: float = option(
        0.7,
        "like threshold, while an answer plays: in half duplex, and with cancel for the sound "
        "before the echo is removed",
        number(0, 1),
    )
    barge_in_ms: int = option(60, "speech needed to interrupt an answer", integer(0, 5_000), "ms")
    resume: bool = option(
        True,
        "an answer that nobody interrupted (a cough, a noise) resumes where it stopped",
        boolean(),
    )
    duck: bool = option(
        False, "play an answer softly while somebody may be speaking over it", boolean()
    )

    @property
    def resumes(self) -> bool:
        """Whether answers can be interrupted, and resume if nobody spoke."""
        return self.resume and self.barge_in


@dataclass(frozen=True)
class Earcons:
    """Short sounds that report changes. The gate ignores the microphone while one is heard."""

    listening: str = option(
        "wake_word",
        "the wake word was heard and a pause follows; always = also when the button is pressed "
        "(then speak after the sound)",
        choice("wake_word", "always", "never"),
    )
    done: bool = option(False, "your turn is over, an answer follows", boolean())
    working: bool = option(True, "a tool takes longer than two seconds", boolean())
    muted: bool = option(True, "the microphone was muted or unmuted", boolean())
    error: bool = option(
        True, "an answer failed, or there is no service while somebody waits", boolean()
    )
    connected: bool = option(False, "the service is connected, or connected again", boolean())
    chime: str = option(
        "",
        "your own sound file for `chime: true` of /api/say, 10 s at most; empty = two notes",
        text(),
    )
    volume: float = option(0.4, "loudness, relative to the answers", number(0, 1))


@dataclass(frozen=True)
class Play:
    """Which sound files other programs may make the daemon play (/api/play)."""

    hosts: tuple[str, ...] = option(
        (),
        "hosts whose files it may fetch, such as homeassistant.local:8123; without a port, 80 and "
        "443",
        several(text(_PLAY_HOST, "a host, with its port if that is another than 80 and 443")),
    )
    folder: str = option("", "folder whose files it may play; empty = none", text())


@dataclass(frozen=True)
class Audio:
    """Microphone, loudspeaker, and the gate between the microphone and the service."""

    input: Input = section(Input, "the microphone")
    output: Output = section(Output, "the loudspeaker")
    gate: Gate = section(Gate, "which sound is sent to the service")
    listen: str = option(
        "open",
        "when to listen: always (open), after a wake word (an optional package), or only while the "
        "push-to-talk button is held",
        choice("open", "wake_word", "push_to_talk"),
    )
    wake: Wake = section(Wake, "with listen: wake_word")
    earcons: Earcons = section(Earcons, "short sounds that report changes")
    play: Play = section(Play, "which sound files other programs may let it play")
    echo: str = option(
        "auto",
        "how to keep the loudspeaker out of the microphone; auto = cancel if livekit is "
        "installed, else half_duplex; system = a device that cancels echo; off = headphones",
        choice("auto", "system", "cancel", "half_duplex", "off"),
    )
    duck: str = option(
        "off",
        "sound of other programs while somebody talks with the daemon, it speaks or a timer "
        "rings: softer (auto; needs PipeWire or PulseAudio), or unchanged (off)",
        choice("off", "auto"),
    )
    duck_db: float = option(
        -20.0,
        "how much softer (with WirePlumber's roles, its own setting counts)",
        number(-60, -3),
        "dB",
    )
