"""A part of the daemon, and how far it runs with the newest settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from .. import config
from .reload import Change, differences


@dataclass
class Component:
    """`apply` brings the part into accord with settings; `applied` are those it runs with."""

    name: str
    apply: Callable[[config.Config], Awaitable[None]]
    applied: config.Config
    wanted: config.Config
    """The newest settings."""
    pending: tuple[Change, ...] = ()
    """What of this part is not as in `wanted`."""
    failure: str = ""
    """Why the newest settings could not be applied."""

    def want(self, settings: config.Config, pending: Sequence[Change]) -> None:
        """These are the newest settings; `pending` is what differs in them from `applied`."""
        self.wanted, self.pending = settings, tuple(pending)

    def runs_with(self, settings: config.Config) -> None:
        """The part has these settings now, which may not be the newest any more."""
        self.applied, self.failure = settings, ""
        if settings is self.wanted:
            self.pending = ()
        else:
            self.pending = tuple(differences({self.name: settings}, self.wanted))
