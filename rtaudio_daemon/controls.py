"""What other programs can do with the daemon and see of it, for the HTTP API and others."""

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
"""The status in Home Assistant's words."""

TeachingStep = Literal["record", "test", "cancel"]
"""A step of teaching a wake word."""
SayMode = Literal["verbatim", "prompt"]
"""Speak the words verbatim, or let the model answer them."""

DUCKING_OFF: Mapping[str, Any] = {"way": "off", "active": False}
"""The value of `Snapshot.ducking` if other programs are never lowered."""

NO_PERSONA: Mapping[str, Any] = {"name": "", "wanted": "", "names": []}
"""The value of `Snapshot.persona` if there are none."""


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
    """A microphone or loudspeaker; `reason`: why it does not work, or is not the wanted one."""

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
    """The microphone, and the level of its newest frame."""

    level_dbfs: float


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """Whether sound leaves this machine now; `bytes` sent since the start.

    `today`: since midnight; `hours`: in each hour of today.
    """

    open: bool
    bytes: int
    today: int = 0
    hours: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state at one moment; `since` (of the status) in seconds since 1970.

    `tools`: sources with their state, the number of tools, and their cost in tokens. `timers`: as
    returned by `Controls.timers`. `volume` from 0 to 1; `talking`: the push-to-talk button is
    held. `daemon`: its `id` and `name` in the home. `mqtt`: the state of the broker. `chosen`:
    settings that override the configuration. `ducking`: in which `way` other programs are
    lowered, and whether they are now (`active`). `wake_words`: the words listened for, how often
    each was `heard`, and its `near_misses`.
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
        """Return the state for `/api/status`, ready for JSON: times are timestamps."""
        found = asdict(self)
        found["since"] = timestamp(self.since)
        found["ha_state"] = self.ha_state
        if self.connection.expires_at is not None:
            found["connection"]["expires_at"] = timestamp(self.connection.expires_at)
        return found


class Controls(Protocol):
    """What other programs can do with the daemon, and see of it."""

    @property
    def level_dbfs(self) -> float:
        """The level of the microphone's newest frame."""

    def snapshot(self) -> Snapshot:
        """Return the present state."""

    def counts(self) -> Mapping[str, float]:
        """Return counters since the start and gauges, by the names in `api.metrics.COUNTS`."""

    def recorded_events(self) -> Mapping[str, Any]:
        """Return the events of the last hour for reports: numbers and words of fixed lists."""

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
        `TextSaid` reports the outcome; within ten minutes, texts with the same id are said once.
        `chime`: play a short sound first. `listen`: afterwards, an answer needs no wake word.
        `instructions`: what the model should know in addition. Returns the id, a new one if none
        was given. Raises NotConnectedError if nobody could speak, and NotNowError if nobody could
        hear it or too much is waiting.
        """

    def broadcast(self, text: str) -> Awaitable[Mapping[str, Any]]:
        """Let `text` be spoken here, after a chime, and by all daemons at the same broker.

        Returns `id`: under which `TextSaid` reports the outcome here, None if it is not spoken
        here; `sent`: whether the broker has it; `reason`: why not, in words. Raises the errors of
        `say` if neither is possible.
        """

    def play(
        self, source: Mapping[str, str], *, urgent: bool = False, said: str | None = None
    ) -> Awaitable[str]:
        """Play the sound file at `source["url"]`, or `source["file"]`, in the same queue.

        It needs no session. `urgent`, `said` and the returned id are as for `say`. Raises
        WrongValueError and NotFoundError if the file cannot be played, and NotNowError if nobody
        could hear it, its host does not answer, or too much is waiting.
        """

    def wake_words(self) -> Mapping[str, Any]:
        """Return the taught wake words, for `GET /api/wake`."""

    def teach_wake_word(self, name: str, step: TeachingStep) -> Awaitable[Mapping[str, Any]]:
        """Carry out one step of teaching the word `name`, for `POST /api/wake/teach`.

        It listens for some seconds, and nothing else gets that sound. Raises NotNowError while
        muted, while somebody speaks, if the package is missing and during another step;
        NotFoundError for a test of a word that was not taught; DeviceError without a microphone.
        """

    def forget_wake_word(self, name: str) -> None:
        """Remove a taught word, with its recordings. Raises NotFoundError."""

    def measure_echo(self) -> Awaitable[Mapping[str, Any]]:
        """Play a chirp and listen for it, for `POST /api/measure_echo`.

        Raises NotNowError while somebody speaks, while muted, and if a device is missing.
        """

    def test_sound(self) -> str:
        """Play the chime in the same queue; return its id. Raises NotNowError like `play`."""

    async def said(self, said: str, limit_s: float) -> TextSaid | None:
        """Wait for the outcome of the text with this id; None: not known in time."""

    def ask(
        self,
        question: str,
        answers: Sequence[Mapping[str, Any]],
        *,
        timeout_s: float,
        chime: bool,
    ) -> Awaitable[Mapping[str, Any]]:
        """Ask people something, and wait for the answer, for `POST /api/ask`.

        `answers`: objects with `id` and optionally `sentences`. Raises NotNowError if nobody could
        be heard or another question is open, and the errors of `say`.
        """

    def interrupt(self) -> None:
        """Fall silent now."""

    def mute(self, muted: bool) -> None:
        """Close the microphone or open it again; muting discards what is being said."""

    def listen(self, on: bool) -> None:
        """Begin push to talk (this cuts off what is being said), or end it and have it answered.

        It may begin while the session is asleep or being opened for the first time: speech is kept
        for it. Raises NotConnectedError or NotNowError if it cannot begin.
        """

    def attend(self) -> bool:
        """Let the next words need no wake word; return whether speech alone begins a turn.

        If not, as with push to talk, nothing happens: use `listen`. Raises NotNowError while
        muted, and DeviceError without a microphone.
        """

    def yield_to(self, other: str, word: str) -> bool:
        """Leave the last wake word to the daemon `other`; return whether we do.

        What was said since is discarded silently. A button that is held, and a question that
        awaits its answer here, are not affected.
        """

    def choose_persona(self, name: str) -> None:
        """Let this persona answer from the next quiet moment on; "": no persona.

        Raises NotFoundError.
        """

    def set_volume(self, level: float) -> None:
        """Play at `level` (0 to 1)."""

    def timers(self) -> Mapping[str, Any]:
        """Return `timers`: all timers, alarms and reminders, next to end first; and `missed`."""

    def set_timer(self, wish: Mapping[str, Any]) -> Awaitable[Mapping[str, Any]]:
        """Create a timer as a body of `POST /api/timers` describes it; return it.

        Raises WrongValueError, and NotNowError if there are too many.
        """

    def change_timer(self, which: str, wish: Mapping[str, Any]) -> Awaitable[Mapping[str, Any]]:
        """Change the timer with this id or name as a body of `PATCH /api/timers/ID` says.

        Raises WrongValueError, NotFoundError, and NotNowError if the name matches several.
        """

    def cancel_timer(self, which: str) -> Awaitable[Mapping[str, Any]]:
        """Remove the timer with this id or name; return it. Raises NotFoundError, NotNowError."""

    def dismiss(self) -> Awaitable[None]:
        """Stop all ringing, if there is any."""

    def snooze(self, seconds: float | None = None) -> Awaitable[None]:
        """Let timers that ring, or were just dismissed, ring later. Raises WrongValueError."""

    def devices(self) -> Awaitable[Sequence[Mapping[str, Any]]]:
        """Return all microphones and loudspeakers, with names valid in the configuration.

        Raises DeviceError if they cannot be listed.
        """

    def tools(self) -> dict[str, Any]:
        """Return what the model may call, ready for JSON.

        Like `Snapshot.tools`, with `list`: each tool's name, description, parameters, source, and
        whether it only reads and needs a spoken yes.
        """

    def call_tool(
        self, name: str, arguments: Mapping[str, Any], *, confirmed: bool
    ) -> Awaitable[dict[str, Any]]:
        """Call a tool by hand; return its one output, `result` or `error`.

        `confirmed`: a person has said yes to this call; calls that the rules deny remain denied.
        """

    def actions(self) -> Sequence[Mapping[str, Any]]:
        """Return the last calls of tools, newest first, ready for JSON.

        Includes the question, arguments and result, which not everybody may see.
        """

    def forget_actions(self) -> Awaitable[None]:
        """Delete the record of calls. Raises NotNowError if it remains on disk."""

    def notes(self) -> Sequence[Mapping[str, Any]]:
        """Return what people wanted remembered, oldest first: `id`, `text`, `noted`."""

    def forget_note(self, note_id: str) -> Awaitable[None]:
        """Delete a note. Raises NotFoundError, and NotNowError if that cannot be stored."""

    def settings(self) -> Awaitable[Sequence[Mapping[str, Any]]]:
        """Return the few settings that can be chosen at run time, for `GET /api/settings`."""

    def choose(self, values: Mapping[str, str | float]) -> Awaitable[None]:
        """Override the configuration with these settings, also after a restart, and apply them.

        Raises WrongValueError, ConfigError, and NotNowError if they cannot be stored; then nothing
        changes.
        """

    def choose_nothing(self) -> Awaitable[None]:
        """Remove all choices and apply the configuration. Raises NotNowError and ConfigError."""

    def reload(self) -> Awaitable[dict[str, Any]]:
        """Read the configuration again; return what changed. Raises ConfigError."""


def timestamp(unix_s: float) -> str:
    """Return seconds since 1970 as `2026-11-22T08:00:00.000Z`."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
