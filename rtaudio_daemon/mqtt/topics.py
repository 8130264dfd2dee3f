"""The topics of one daemon: BASE/ID/…"""

from __future__ import annotations

from dataclasses import dataclass

COMMANDS = ("microphone", "volume", "persona", "listen", "interrupt", "dismiss", "say", "prompt")
"""The commands that the daemon accepts, each at BASE/ID/NAME/set."""


@dataclass(frozen=True, slots=True)
class Topics:
    """`base` is the same for all daemons of a home, `id` differs."""

    base: str
    id: str

    @property
    def device(self) -> str:
        """The name of this daemon among all clients of the broker, and all devices."""
        return f"{self.base}-{self.id}"

    @property
    def wake(self) -> str:
        """Where the daemons of a home claim wake words."""
        return f"{self.base}/wake"

    @property
    def broadcast(self) -> str:
        """Texts that all daemons of a home speak."""
        return f"{self.base}/broadcast"

    @property
    def availability(self) -> str:
        """online or offline, retained."""
        return self._of("availability")

    @property
    def state(self) -> str:
        """The present state, as JSON, retained."""
        return self._of("state")

    @property
    def timers(self) -> str:
        """The timers, as JSON, retained."""
        return self._of("timers")

    @property
    def event(self) -> str:
        """Events, as JSON."""
        return self._of("event")

    @property
    def last_said(self) -> str:
        """The last words of the assistant, as JSON."""
        return self._of("last_said")

    @property
    def last_heard(self) -> str:
        """The last words of the user, as JSON."""
        return self._of("last_heard")

    def command(self, name: str) -> str:
        """Return the topic of this command."""
        return self._of(f"{name}/set")

    @property
    def commands(self) -> str:
        """A filter for all commands."""
        return self.command("+")

    def command_at(self, topic: str) -> str:
        """Return the name of the command with this topic; "" if it is none of ours."""
        before, after = self._of(""), "/set"
        if not (topic.startswith(before) and topic.endswith(after)):
            return ""
        return topic[len(before) : -len(after)]

    def _of(self, rest: str) -> str:
        return f"{self.base}/{self.id}/{rest}"
