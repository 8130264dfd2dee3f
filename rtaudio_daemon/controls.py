"""What other programs may do with the daemon and see of it, for the HTTP API and its like."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from .notifications import ConnectionState, DeviceState, ModelStatus, SoundChanged, TextSaid

HA_STATES: Mapping[ModelStatus, str] = {
    ModelStatus.IDLE: "idle",
    ModelStatus.LISTENING: "listening",
    ModelStatus.THINKING: "processing",
    ModelStatus.SPEAKING: "responding",
}
"""The status in the words that Home Assistant has for it."""

TeachingStep = Literal["record", "test", "cancel"]
"""Of teaching a wake word."""
SayMode = Literal["verbatim", "prompt"]
"""Speak the words as they stand, or let the model answer them."""

DUCKING_OFF: Mapping[str, Any] = {"way": "off", "active": False}
"""What `Snapshot.ducking` is where other programs are never made softer."""

NO_PERSONA: Mapping[str, Any] = {"name": "", "wanted": "", "names": []}
"""What `Snapshot.persona` is where there are none."""


@dataclass(frozen=True, slots=True)
class UsageStatus:
    """Tokens and money since the start; `daily_limit` None: no limit.

    `today` and `total`: tokens by kind, and `transcription_s` in seconds.
    """

    responses: int
    cost_today: float
    cost_total: float
    daily_limit: float | None
    today: Mapping[str, float]
    total: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The connection to the realtime service; `expires_at` in seconds since 1970.

    `asleep`: there is no session because nobody needs one; speech opens it.
    """

    state: ConnectionState
    profile: str
    session_id: str | None
    expires_at: float | None
    reconnects: int
    renewals: int
    last_error: str | None
    asleep: bool


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A microphone or loudspeaker; `reason` when it does not work, or is not the wanted one."""

    state: DeviceState
    device: str
    reason: str | None

    @property
    def is_missing(self) -> bool:
        """Whether one is configured and there is none: lost, or never found."""
        never_found = self.state is DeviceState.NONE and self.device != "none"
        return never_found or self.state is DeviceState.LOST


@dataclass(frozen=True, slots=True)
class MicrophoneStatus(DeviceStatus):
    """The microphone, and how loud its newest frame is."""

    level_dbfs: float


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """Whether sound leaves this machine now; `bytes` that have left it since the start.

    `today`: since midnight; `hours`: in each hour of today.
    """

    open: bool
    bytes: int
    today: int = 0
    hours: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state at one moment; `since` (of the status) in seconds since 1970.

    `tools`: sources with their state, how many tools there are and what they cost in tokens.
    `timers`: as `Controls.timers` gives them. `volume` from 0 to 1; `talking`: the button of push
    to talk is held. `daemon`: its `id` and `name` in the home. `mqtt`: the state of the broker.
    `chosen`: settings laid over the configuration. `ducking`: in which `way` other programs are
    made softer, and whether they are now (`active`).
    `wake_words`: each that is listened for, how often it was `heard`, and its `near_misses`.
    """

    usage: UsageStatus
    status: ModelStatus
    previous: ModelStatus
    since: float
    connection: ConnectionStatus
    microphone: MicrophoneStatus
    speaker: DeviceStatus
    sound: SoundChanged
    muted: bool
    talking: bool
    volume: float
    uplink: UplinkStatus
    version: str
    uptime_s: float
    tools: Mapping[str, Any] = field(default_factory=dict)
    timers: Sequence[Mapping[str, Any]] = ()
    daemon: Mapping[str, str] = field(default_factory=dict)
    mqtt: Mapping[str, Any] = field(default_factory=dict)
    ducking: Mapping[str, Any] = field(default_factory=lambda: DUCKING_OFF)
    chosen: Mapping[str, str | float] = field(default_factory=dict)
    persona: Mapping[str, Any] = field(default_factory=lambda: NO_PERSONA)
    wake_words: Sequence[Mapping[str, Any]] = ()

    @property
    def ha_state(self) -> str:
        """The status in Home Assistant's words."""
        return HA_STATES[self.status]

    def document(self) -> dict[str, Any]:
        """The state as `/api/status` shows it, ready for JSON: times are timestamps."""
        found = asdict(self)
        found["since"] = timestamp(self.since)
        found["ha_state"] = self.ha_state
        if self.connection.expires_at is not None:
            found["connection"]["expires_at"] = timestamp(self.connection.expires_at)
        return found


class Controls(Protocol):
    """What other programs may do with the daemon, and see of it."""

    @property
    def level_dbfs(self) -> float:
        """How loud the newest frame of the microphone is."""

    def snapshot(self) -> Snapshot:
        """The whole state now."""

    def counts(self) -> Mapping[str, float]:
        """Counters since the start and gauges, by the names in `api.metrics.COUNTS`."""

    def recorded_events(self) -> Mapping[str, Any]:
        """What happened in the last hour, for reports: numbers and words of fixed lists only."""

    def say(
        self,
        text: str,
        mode: SayMode,
        *,
        urgent: bool = False,
        remember: bool = False,
        said: str | None = None,
        chime: bool = False,
        listen: bool = False,
        instructions: str = "",
    ) -> str:
        """Let `text` be spoken or answered, after what waits already; `urgent`: at once.

        `remember`: the model will know that it said a verbatim text. `said`: the id under which
        `TextSaid` reports what became of it; within ten minutes the same id is said once. `chime`:
        with a short sound before it. `listen`: when it was said, an answer needs no wake word.
        `instructions`: what the model should know with it. Returns the id, a new one if none was
        given. Raises NotConnectedError while nobody could speak, and NotNowError when nobody could
        hear it or too much is waiting.
        """

    def broadcast(self, text: str) -> Awaitable[Mapping[str, Any]]:
        """Let `text` be spoken here, after a chime, and by all daemons at the same broker.

        Returns `id`: under which `TextSaid` reports what became of it here, None if it is not
        spoken here; `sent`: whether the broker has it; `reason`: why not, in words. Raises the
        errors of `say` if neither can be done.
        """

    def play(
        self, source: Mapping[str, str], *, urgent: bool = False, said: str | None = None
    ) -> Awaitable[str]:
        """Play the sound file at `source["url"]`, or `source["file"]`, in the same queue.

        It needs no session. `urgent`, `said` and the id that is returned are as those of `say`.
        Raises WrongValueError and NotFoundError when it cannot be played, and NotNowError when
        nobody could hear it, its host does not answer, or too much is waiting.
        """

    def wake_words(self) -> Mapping[str, Any]:
        """The wake words that were taught here, as `GET /api/wake` answers."""

    def teach_wake_word(self, name: str, step: TeachingStep) -> Awaitable[Mapping[str, Any]]:
        """One step of teaching the word `name`, as `POST /api/wake/teach` answers.

        It listens for some seconds, and nobody else hears that. Raises NotNowError while muted,
        while somebody speaks, where the package is missing and while another step is taken;
        NotFoundError for a test of a word that was not taught; DeviceError without a microphone.
        """

    def forget_wake_word(self, name: str) -> None:
        """Remove a word that was taught, with its recordings. Raises NotFoundError."""

    def measure_echo(self) -> Awaitable[Mapping[str, Any]]:
        """Play a chirp and listen for it, as `POST /api/measure_echo` answers.

        Raises NotNowError while somebody speaks, while muted, and where a device is missing.
        """

    def test_sound(self) -> str:
        """Play the chime in the same queue; returns its id. Raises NotNowError as `play` does."""

    async def said(self, said: str, limit_s: float) -> TextSaid | None:
        """What became of the text with this id, waiting for it; None: not known in time."""

    def ask(
        self,
        question: str,
        answers: Sequence[Mapping[str, Any]],
        *,
        timeout_s: float,
        chime: bool,
    ) -> Awaitable[Mapping[str, Any]]:
        """Ask people something, and wait for the answer as `POST /api/ask` returns it.

        `answers`: objects with `id` and, if wanted, `sentences`. Raises NotNowError while nobody
        could be heard or another question is asked, and the errors of `say`.
        """

    def interrupt(self) -> None:
        """Be silent now."""

    def mute(self, muted: bool) -> None:
        """Close the microphone or open it again; muting forgets what is being said."""

    def listen(self, on: bool) -> None:
        """Push to talk begins (whatever is being said is cut off) or ends, and is answered.

        It may begin while the session is asleep, or is being made for the first time: what is said
        is kept for it. Raises NotConnectedError or NotNowError when it cannot begin.
        """

    def attend(self) -> bool:
        """Listen to what is said next without a wake word; whether speech alone begins a turn here.

        If not, as with push to talk, nothing is done: `listen` is needed. Raises NotNowError while
        muted, and DeviceError without a microphone.
        """

    def yield_to(self, other: str, word: str) -> bool:
        """Leave the wake word that was just heard to the daemon `other`; whether we do.

        What was said since is forgotten, and without a sound. A button that is held, and a question
        that awaits its answer here, go on.
        """

    def choose_persona(self, name: str) -> None:
        """Let this persona answer from the next quiet moment on; "": the session as it stands.

        Raises NotFoundError.
        """

    def set_volume(self, level: float) -> None:
        """Play at `level` (0 to 1)."""

    def timers(self) -> Mapping[str, Any]:
        """`timers`: all timers, alarms and reminders, the next to end first; `missed` ones."""

    def set_timer(self, wish: Mapping[str, Any]) -> Awaitable[Mapping[str, Any]]:
        """Begin one as a body of `POST /api/timers` wishes it; returns it.

        Raises WrongValueError, and NotNowError where no more fit.
        """

    def change_timer(self, which: str, wish: Mapping[str, Any]) -> Awaitable[Mapping[str, Any]]:
        """Change the one of this id or name, as a body of `PATCH /api/timers/ID` wishes it.

        Raises WrongValueError, NotFoundError, and NotNowError where the name fits several.
        """

    def cancel_timer(self, which: str) -> Awaitable[Mapping[str, Any]]:
        """Remove the one of this id or name; returns it. Raises NotFoundError and NotNowError."""

    def dismiss(self) -> Awaitable[None]:
        """Let nothing ring any more; it need not."""

    def snooze(self, seconds: float | None = None) -> Awaitable[None]:
        """Let what rings, or has just been dismissed, ring again later. Raises WrongValueError."""

    def devices(self) -> Awaitable[Sequence[Mapping[str, Any]]]:
        """All microphones and loudspeakers, with the names that the configuration takes.

        Raises DeviceError if they cannot be listed.
        """

    def tools(self) -> dict[str, Any]:
        """What the model may call, ready for JSON.

        As `Snapshot.tools`, with `list`: each tool's name, description, parameters, source, and
        whether it only reads and needs a spoken yes.
        """

    def call_tool(
        self, name: str, arguments: Mapping[str, Any], *, confirmed: bool
    ) -> Awaitable[dict[str, Any]]:
        """Call a tool by hand; returns its one output, `result` or `error`.

        `confirmed`: a person has said yes to this call; what the rules deny stays denied.
        """

    def actions(self) -> Sequence[Mapping[str, Any]]:
        """What became of the last calls of tools, the newest first, ready for JSON.

        With what was asked, the arguments and the result, which not everybody may see.
        """

    def forget_actions(self) -> Awaitable[None]:
        """Forget the last calls of tools. Raises NotNowError if they stay on the disk."""

    def notes(self) -> Sequence[Mapping[str, Any]]:
        """What people asked to be remembered, the oldest first: `id`, `text`, `noted`."""

    def forget_note(self, note_id: str) -> Awaitable[None]:
        """Remove a note for good. Raises NotFoundError, and NotNowError if it cannot be written."""

    def settings(self) -> Awaitable[Sequence[Mapping[str, Any]]]:
        """The few settings that can be chosen while it runs, as `GET /api/settings` shows them."""

    def choose(self, values: Mapping[str, str | float]) -> Awaitable[None]:
        """Lay these settings over the configuration, and apply them, also after a restart.

        Raises WrongValueError, ConfigError, and NotNowError where they cannot be kept; then nothing
        changes.
        """

    def choose_nothing(self) -> Awaitable[None]:
        """Apply the configuration as it stands. Raises NotNowError and ConfigError."""

    def reload(self) -> Awaitable[dict[str, Any]]:
        """Read the configuration again; returns what changed. Raises ConfigError."""


def timestamp(unix_s: float) -> str:
    """Seconds since 1970 as `2026-11-22T08:00:00.000Z`."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
